"""Checkpoints: stored, kept, handed on, dropped; and what a training reports again after one."""

from __future__ import annotations

import errno
import hashlib
import os
from typing import Any

import pytest
from django.test import TestCase
from rest_framework.response import Response
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.deployments import storage, transitions
from backend.deployments.models import Artifact, Checkpoint, EpochRecord, TrainingResult
from backend.deployments.plans import training_plan
from backend.deployments.services import restart_result
from backend.events.models import Event
from backend.runs import transitions as runs
from kafkaml.artifacts import checkpoint_name
from kafkaml.wire.checkpoint import WindowEnd
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.report import EpochEvent, Finish, WindowEvent
from kafkaml.wire.training import TrainingPlan

pytestmark = pytest.mark.django_db

LOST = Failure(category=FailureCategory.LOST, cause="the worker vanished")


class Worker:
    """One attempt, over the job API."""

    def __init__(self, result: TrainingResult, attempt: int = 1) -> None:
        self.attempt = attempt
        self.url = f"/api/jobs/training/{result.pk}/"
        self.client = APIClient(headers={"host": "localhost"})
        token = builders.job_header("training", result.pk, attempt)["authorization"]
        self.client.credentials(HTTP_AUTHORIZATION=token)

    def upload(self, name: str, content: bytes) -> Response:
        headers = {
            "X-Content-SHA256": hashlib.sha256(content).hexdigest(),
            "Content-Range": f"bytes 0-{len(content) - 1}/{len(content)}",
        }
        url = f"{self.url}artifacts/{name}/?attempt={self.attempt}"
        return self.client.generic("PUT", url, content, content_type="application/octet-stream", headers=headers)

    def announce(self, step: int, content: bytes, **changes: Any) -> Response:
        checkpoint = {
            "attempt": self.attempt,
            "name": checkpoint_name(step),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "step": step,
            "records": 100 * step,
            "positions": {"digits": {"0": 100 * step}},
            **changes,
        }
        return self.client.post(f"{self.url}checkpoint/", {"attempt": self.attempt, "checkpoint": checkpoint})

    def save(self, step: int) -> bytes:
        content = f"state {step} of attempt {self.attempt}".encode()
        with TestCase.captureOnCommitCallbacks(execute=True):
            assert self.upload(checkpoint_name(step), content).status_code == 201
            assert self.announce(step, content).status_code == 200
        return content

    def plan(self) -> TrainingPlan:
        return TrainingPlan.model_validate(self.client.get(self.url, {"attempt": self.attempt}).json())

    def fetch(self, name: str) -> Response:
        return self.client.get(f"{self.url}artifacts/{name}/", {"attempt": self.attempt})


def learn(result: TrainingResult, attempt: int, *epochs: int) -> None:
    events = [
        EpochEvent(
            type="epoch", seq=epoch, data=EpochMetrics(epoch=epoch, seconds=attempt, training={"loss": 1 / epoch})
        )
        for epoch in epochs
    ]
    transitions.store_events(result.pk, attempt, events)


def begin(result: TrainingResult, attempt: int, step: int) -> None:
    end = WindowEnd(step=step, positions={"digits": {"0": 100 * step, "1": 7}})
    transitions.store_events(result.pk, attempt, [WindowEvent(type="window", seq=step, data=end)])


def lose(result: TrainingResult, attempt: int) -> None:
    """Let an attempt die, and the next one begin."""
    with TestCase.captureOnCommitCallbacks(execute=True):
        result.refresh_from_db()
        assert runs.mark_failed(TrainingResult, result.pk, attempt, LOST, retry_at=runs.next_retry(LOST, result.tries))
        assert runs.register_attempt(TrainingResult, result.pk)
        assert runs.mark_launched(TrainingResult, result.pk, attempt + 1)


def files(result: TrainingResult) -> set[bytes]:
    folder = storage.environment().artifacts_dir / str(result.pk)
    return {path.read_bytes() for path in folder.glob("a*/*")}


def test_the_next_attempt_goes_on_where_the_last_checkpoint_is() -> None:
    result = builders.make_launched()
    worker = Worker(result)
    assert worker.plan().checkpoint is None
    worker.save(1)
    content = worker.save(2)
    lose(result, 1)
    plan = Worker(result, 2).plan()
    assert plan.checkpoint is not None
    assert (plan.checkpoint.attempt, plan.checkpoint.step, plan.checkpoint.records) == (1, 2, 200)
    assert plan.checkpoint.positions == {"digits": {"0": 200}}
    answer = Worker(result, 2).fetch(plan.checkpoint.name)
    assert b"".join(answer.streaming_content) == content
    assert worker.fetch(plan.checkpoint.name).status_code == 409


def test_a_window_that_was_begun_ends_there_for_the_next_attempt_too() -> None:
    result = builders.make_launched()
    begin(result, 1, 1)
    first = Worker(result)
    assert first.plan().begun == WindowEnd(step=1, positions={"digits": {"0": 100, "1": 7}})
    first.save(1)
    # It was kept, so that it is not learnt again.
    assert first.plan().begun is None
    begin(result, 1, 2)
    lose(result, 1)
    plan = Worker(result, 2).plan()
    assert plan.checkpoint is not None
    assert plan.begun is not None
    assert (plan.checkpoint.step, plan.begun.step) == (1, 2)
    # No event is published, because it is not news yet.
    assert not Event.objects.filter(payload__epochs=[]).exists()
    transitions.mark_finished(result.pk, Finish(attempt=2, outcome=builders.outcome()))
    result.refresh_from_db()
    restart_result(result, actor=SYSTEM)
    assert Worker(result, 3).plan().begun is None


def test_what_was_reported_after_the_checkpoint_is_reported_once_in_all() -> None:
    result = builders.make_launched()
    learn(result, 1, 1, 2, 3)
    Worker(result).save(2)
    lose(result, 1)
    result.refresh_from_db()
    assert result.metrics["epoch"] == 2
    assert result.history["best_training"]["loss"] == {"value": 0.5, "epoch": 2}
    assert result.history["curve"]["epochs"] == [1, 2]
    learn(result, 2, 3, 4)
    seconds = EpochRecord.objects.values_list("epoch", "document__seconds")
    assert list(seconds) == [(1, 1), (2, 1), (3, 2), (4, 2)]


def test_without_a_checkpoint_it_starts_again() -> None:
    result = builders.make_launched()
    learn(result, 1, 1, 2)
    lose(result, 1)
    result.refresh_from_db()
    assert (result.metrics, result.history, result.epochs.count()) == (None, None, 0)


def test_the_newest_two_are_kept_of_whichever_attempt() -> None:
    result = builders.make_launched()
    Worker(result).save(1)
    second = Worker(result).save(2)
    # Uploaded by an attempt that died before it reported that; and the beginning of a file that never came whole.
    assert Worker(result).upload(checkpoint_name(3), b"never reported").status_code == 201
    (storage.path_of(Artifact.objects.first()).parent / ".part-abc").write_bytes(b"half")
    lose(result, 1)
    third = Worker(result, 2).save(3)
    assert [checkpoint.step for checkpoint in Checkpoint.objects.all()] == [2, 3]
    assert files(result) == {second, third}
    assert Artifact.objects.count() == 2


def test_a_full_disk_here_is_said_and_leaves_the_checkpoint_before(monkeypatch: pytest.MonkeyPatch) -> None:
    result = builders.make_launched()
    worker = Worker(result)
    first = worker.save(1)

    def no_room(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", no_room)
        answer = worker.upload(checkpoint_name(2), b"state 2 of attempt 1")
    assert (answer.status_code, answer.json()["hint"]) == (
        503,
        "free disk space; the upload goes on where it stopped",
    )
    assert "No space left on device" in answer.json()["detail"]
    assert worker.announce(2, b"state 2 of attempt 1").status_code == 422
    assert worker.plan().checkpoint.step == 1  # type: ignore[union-attr]
    assert first in files(result)
    second = worker.save(2)
    assert files(result) == {first, second}


def test_a_checkpoint_reported_again_is_the_same_one() -> None:
    result = builders.make_launched()
    worker = Worker(result)
    worker.save(1)
    content = worker.save(2)
    for step in (2, 1):
        assert worker.announce(step, content).status_code == 200
    assert [checkpoint.step for checkpoint in Checkpoint.objects.all()] == [1, 2]


@pytest.mark.parametrize(
    "changes",
    [{"sha256": "0" * 64}, {"size": 1}, {"attempt": 2}, {"name": "checkpoint-9.zip"}, {"name": "model.keras"}],
)
def test_a_checkpoint_whose_file_is_another_is_refused(changes: dict[str, Any]) -> None:
    result = builders.make_launched()
    worker = Worker(result)
    assert worker.upload(checkpoint_name(1), b"state").status_code == 201
    assert worker.upload("model.keras", b"state").status_code == 201
    answer = worker.announce(1, b"state", **changes)
    assert answer.status_code == 422
    assert not Checkpoint.objects.exists()


def test_an_attempt_that_is_over_saves_nothing() -> None:
    result = builders.make_launched()
    worker = Worker(result)
    worker.save(1)
    lose(result, 1)
    assert worker.announce(2, b"state").status_code == 409
    assert Worker(result, 2).plan().checkpoint.step == 1  # type: ignore[union-attr]


def test_progress_forgives_the_failures_before() -> None:
    result = builders.make_launched()
    for attempt in range(1, 12):
        Worker(result, attempt).save(attempt)
        lose(result, attempt)
    result.refresh_from_db()
    assert (result.attempt, result.state) == (12, "waiting")


def test_a_lost_file_gives_way_to_the_one_before() -> None:
    result = builders.make_launched()
    Worker(result).save(1)
    Worker(result).save(2)
    learn(result, 1, 1, 2)
    first, second = (storage.path_of(checkpoint.artifact) for checkpoint in Checkpoint.objects.all())
    second.unlink()
    lose(result, 1)
    assert Worker(result, 2).plan().checkpoint.step == 1  # type: ignore[union-attr]
    assert list(EpochRecord.objects.values_list("epoch", flat=True)) == [1]
    first.unlink()
    lose(result, 2)
    assert Worker(result, 3).plan().checkpoint is None
    assert not EpochRecord.objects.exists()


def test_checkpoints_are_not_part_of_the_trained_model(viewer: APIClient) -> None:
    result = builders.make_launched()
    worker = Worker(result)
    worker.save(7)
    shown = viewer.get(f"/api/results/{result.pk}/").json()
    assert shown["artifacts"] == []
    assert (shown["checkpoint"]["step"], shown["checkpoint"]["records"]) == (7, 700)
    assert viewer.get(f"/api/results/{result.pk}/artifacts/{checkpoint_name(7)}/").status_code == 404
    assert not AuditEntry.objects.filter(action="upload").exists()


def test_the_trained_model_has_its_space_next_to_the_checkpoints(configure: Any) -> None:
    configure(max_run_artifact_bytes=10)
    result = builders.make_launched()
    worker = Worker(result)
    assert worker.upload(checkpoint_name(1), b"12345678").status_code == 201
    assert worker.upload("model.keras", b"12345678").status_code == 201
    answer = worker.upload(checkpoint_name(2), b"1234")
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("the checkpoint has 4 bytes, and this attempt has stored 8:")


@pytest.mark.parametrize(("mode", "kept"), [("classic", 0), ("incremental", 1)])
def test_at_the_end_only_a_stream_without_end_may_go_on(mode: str, kept: int) -> None:
    result = builders.make_launched()
    content = Worker(result).save(5)
    lose(result, 1)
    type(result.deployment).objects.update(mode=mode)
    with TestCase.captureOnCommitCallbacks(execute=True):
        assert transitions.mark_finished(result.pk, Finish(attempt=2, outcome=builders.outcome()))
    assert Checkpoint.objects.count() == kept
    assert files(result) == ({content} if kept else set())


def test_a_user_starts_again_or_goes_on(editor: APIClient) -> None:
    result = builders.make_launched()
    learn(result, 1, 1, 2)
    Worker(result).save(2)
    restart = f"/api/results/{result.pk}/restart/"
    runs.mark_stopped(TrainingResult, result.pk)
    other = builders.make_stream()
    (error,) = editor.post(restart, {"resume": True, "stream": other.pk}).json()["errors"]
    assert error["field"] == "stream"
    type(result.model).objects.update(code="model = 2")
    answer = editor.post(restart, {"resume": True})
    assert (answer.status_code, answer.json()["code"]) == (202, "model = 1")
    assert [epoch["epoch"] for epoch in answer.json()["epochs"]] == [1, 2]
    assert training_plan(TrainingResult.objects.get()).checkpoint.step == 2  # type: ignore[union-attr]
    runs.mark_stopped(TrainingResult, result.pk)
    with TestCase.captureOnCommitCallbacks(execute=True):
        answer = editor.post(restart, {})
    assert (answer.json()["code"], answer.json()["epochs"], answer.json()["checkpoint"]) == ("model = 2", [], None)
    assert files(result) == set()
    runs.mark_stopped(TrainingResult, result.pk)
    (error,) = editor.post(restart, {"resume": True}).json()["errors"]
    assert (error["field"], error["hint"]) == ("resume", "without resume it trains from the beginning")

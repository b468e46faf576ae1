"""The last day of an inference as the API shows it, and what was answered since it was started last."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.deployments.models import ResultVersion
from backend.events.models import Event
from backend.inferences import transitions
from backend.inferences.history import steps_of
from backend.inferences.models import SILENT_AFTER, Inference, ReplicaStats, ServingMinute
from backend.inferences.plans import classes_of
from backend.runs import transitions as runs
from kafkaml.wire.report import Stats

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def minute(number: int, **values: Any) -> ServingMinute:
    return ServingMinute(at=NOON + timedelta(minutes=number), **{"attempt": 1, "revision": 0, **values})


def test_minutes_are_summed_up_to_steps_and_silence_is_a_gap() -> None:
    rows = [
        minute(0, predicted=60, dead_lettered=1, lag=5, p50_ms=2.0, p99_ms=9.0),
        # The same minute in which another version took over.
        minute(0, predicted=30, revision=1, restarts=1, p50_ms=3.0),
        minute(7, predicted=600, attempt=2, revision=1, sent_up=4, lag=None),
        minute(20, predicted=15, attempt=2, revision=1),
    ]
    now = NOON + timedelta(minutes=20, seconds=30)
    fine = steps_of(rows, step_minutes=1, now=now)
    assert [(shown_minute["at"] - NOON).total_seconds() / 60 for shown_minute in fine] == [0, 7, 20]
    first, _, newest = fine
    assert (first["predicted"], first["revision"], first["restarts"], first["rate"]) == (90, 1, 1, 1.5)
    assert (first["lag"], first["p50_ms"], first["p99_ms"]) == (5, 3.0, 9.0)
    # Of the minute that goes on, half is over.
    assert newest["rate"] == 0.5
    coarse = steps_of(rows, step_minutes=10, now=now)
    assert [(shown_minute["at"] - NOON).total_seconds() / 60 for shown_minute in coarse] == [0, 20]
    assert (coarse[0]["predicted"], coarse[0]["attempt"], coarse[0]["lag"], coarse[0]["rate"]) == (690, 2, 5, 1.15)


def test_confidence_is_the_mean_of_all_answers_that_have_one(db: None, viewer: APIClient) -> None:
    made = builders.make_inference(replicas=2)
    first = runs.register_attempt(Inference, made.pk)
    assert first is not None

    def reported(replica: int, predicted: int, answers: int, total: float) -> None:
        words = {"attempt": first.attempt, "state": "running", "run": f"run {replica}", "replica": replica}
        sure = {"answers": answers, "total": total} if answers else None
        transitions.store_stats(made.pk, Stats(**words, predicted=predicted, confidence=sure))

    def shown() -> float | None:
        (step,) = viewer.get(f"/api/inferences/{made.pk}/history/", {"step": 60}).json()["steps"]
        confidence: float | None = step["confidence"]
        return confidence

    # A replica from before confidence was kept, or one that answers numbers.
    reported(0, 10, 0, 0.0)
    assert shown() is None
    reported(1, 300, 300, 270.0)
    # Repeated, as after a lost answer, so nothing counts twice.
    reported(1, 300, 300, 270.0)
    assert shown() == 0.9
    reported(0, 110, 100, 50.0)
    assert shown() == 0.8
    reported(1, 400, 400, 330.0)
    assert shown() == round((50 + 330) / 500, 6)


@pytest.mark.parametrize(
    ("outcome", "classes"),
    [
        ({"labels": ["a", "b", "c"]}, 3),
        ({"labels": [], "baseline": {"kind": "median"}}, 0),
        ({"labels": []}, None),
        ({}, None),
        ({"exit": {"scores": "logits", "classes": 10}}, 10),
        ({"exit": {"scores": "values", "classes": 1}, "labels": []}, 0),
    ],
)
def test_the_training_tells_of_how_many_classes_a_model_chooses(outcome: dict[str, Any], classes: int | None) -> None:
    assert classes_of(ResultVersion(outcome=outcome)) == classes


def test_a_report_that_changes_nothing_is_quiet(db: None) -> None:
    made = builders.make_inference(replicas=2)
    first = runs.register_attempt(Inference, made.pk)
    assert first is not None

    def quiet(replica: int, **said: Any) -> bool:
        words = {"attempt": first.attempt, "state": "running", "run": f"run {replica}", "replica": replica}
        transitions.store_stats(made.pk, Stats(**words | said))
        reported = Event.objects.filter(topic="inferences", payload__has_key="stats").latest("id").payload
        assert reported["replica"] == replica
        return bool(reported["quiet"])

    assert [quiet(0), quiet(1), quiet(0), quiet(1)] == [False, False, True, True]
    assert [quiet(0, predicted=5), quiet(0, predicted=5), quiet(1)] == [False, True, True]
    # That another fell silent is what a page shows, and nobody else tells it.
    stats = ReplicaStats.objects.filter(inference=made, replica=1)
    stats.update(updated_at=timezone.now() - SILENT_AFTER - timedelta(seconds=1))
    assert not quiet(0, predicted=5)
    assert stats.get().report.state == "silent"
    stats.update(updated_at=timezone.now() - timedelta(hours=1))
    assert quiet(0, predicted=5)


def test_history_and_counts_of_the_attempt_outlive_a_new_start(db: None, viewer: APIClient) -> None:
    made = builders.make_inference()
    path = f"/api/inferences/{made.pk}/"
    first = runs.register_attempt(Inference, made.pk)
    assert first is not None
    said = {"attempt": first.attempt, "replica": 0, "state": "running", "run": "a"}
    transitions.store_stats(made.pk, Stats(**said, predicted=300, dead_lettered=2))
    shown = viewer.get(path).json()
    assert (shown["stats"]["predicted"], shown["attempt_counts"]["predicted"]) == (300, 300)

    again = runs.register_attempt(Inference, made.pk)
    assert again is not None
    transitions.store_stats(made.pk, Stats(**said | {"attempt": again.attempt, "run": "b"}, predicted=7))
    shown = viewer.get(path).json()
    assert (shown["stats"]["predicted"], shown["attempt_counts"]["predicted"]) == (307, 7)
    assert (shown["stats"]["dead_lettered"], shown["attempt_counts"]["dead_lettered"]) == (2, 0)

    reported = viewer.get(f"{path}history/", {"step": 60}).json()
    assert reported["step_minutes"] == 60
    assert sum(step["predicted"] for step in reported["steps"]) == 307
    assert reported["steps"][-1]["attempt"] == again.attempt
    refused = viewer.get(f"{path}history/", {"step": 61})
    assert refused.status_code == 400


def test_a_replica_of_a_stopped_inference_runs_no_more(db: None, viewer: APIClient) -> None:
    made = builders.make_inference()
    first = runs.register_attempt(Inference, made.pk)
    assert first is not None
    said = Stats(attempt=first.attempt, replica=0, state="running", rate=9.0, predicted=1)
    transitions.store_stats(made.pk, said)
    # Killed, so that it could not say it.
    assert runs.mark_stopped(Inference, made.pk, first.attempt)
    (replica,) = viewer.get(f"/api/inferences/{made.pk}/").json()["replica_stats"]
    assert (replica["state"], replica["rate"]) == ("stopped", 0.0)

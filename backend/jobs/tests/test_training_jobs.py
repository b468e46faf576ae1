"""What a training worker does with the job API, and what it must not be able to do."""

from __future__ import annotations

import hashlib
import math

import orjson
import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api import job_tokens
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.deployments import deleting, storage
from backend.deployments.models import Artifact, EpochRecord, TrainingResult
from backend.deployments.plans import training_plan
from backend.events.models import Event
from backend.launchers.names import RunKind
from backend.runs import transitions as runs
from kafkaml.artifacts import checkpoint_name
from kafkaml.sdk.types import TrainingResult as TrainingResultOfSdk
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.training import TrainingPlan
from tests.small_disk import SmallDisk

pytestmark = pytest.mark.django_db


def worker(result: TrainingResult, attempt: int = 1) -> APIClient:
    client = APIClient(headers={"host": "localhost"})
    client.credentials(HTTP_AUTHORIZATION=builders.job_header("training", result.pk, attempt)["authorization"])
    return client


def url(result: TrainingResult, action: str = "") -> str:
    return f"/api/jobs/training/{result.pk}/" + (f"{action}/" if action else "")


def epoch_event(seq: int, epoch: int, loss: float | None = 0.5) -> dict[str, object]:
    data = {"epoch": epoch, "seconds": 1.0, "training": {"loss": loss}, "validation": {}}
    return {"seq": seq, "type": "epoch", "data": data}


def test_plan_is_what_the_worker_reads() -> None:
    model = builders.make_model(framework="pytorch", code="class Net: ...", imports="import torch")
    deployment = builders.make_deployment(
        model, arguments={"pytorch": {"fit": "max_epochs=3"}, "tensorflow": {"fit": "epochs=9"}}, batch_size=64, seed=7
    )
    builders.make_stream(deployment.pk)
    result = deployment.results.get()
    runs.register_attempt(TrainingResult, result.pk)
    answer = worker(result).get(url(result), {"attempt": 1})
    assert answer.status_code == 200
    plan = TrainingPlan.model_validate(answer.json())
    assert (plan.result_id, plan.framework, plan.batch_size, plan.seed) == (result.pk, "pytorch", 64, 7)
    assert plan.fit_arguments == {"max_epochs": 3}
    assert plan.code == "class Net: ..."
    assert str(plan.stream.ranges[0]) == "digits:0:0:100"


@pytest.mark.parametrize(
    ("chosen", "fit", "decided"),
    [
        (None, "epochs=3", "content"),
        (None, "epochs=3, shuffle=True", "content"),
        (None, "epochs=3, shuffle=False", "time"),
        ("content", "shuffle=False", "content"),
        ("time", "epochs=3", "time"),
    ],
)
def test_the_split_is_by_time_where_it_is_asked_for_or_nothing_is_shuffled(
    chosen: str | None, fit: str, decided: str
) -> None:
    deployment = builders.make_deployment(split=chosen, arguments={"tensorflow": {"fit": fit}}, targets="features")
    builders.make_stream(deployment.pk)
    plan = training_plan(deployment.results.select_related("deployment", "model", "stream").get())
    assert (plan.split, plan.targets) == (decided, "features")
    assert TrainingPlan.model_validate(plan.to_json()) == plan


def test_events_sent_twice_count_once() -> None:
    result = builders.make_launched()
    body = {"attempt": 1, "events": [{"seq": 0, "type": "running", "data": {}}, epoch_event(1, 1), epoch_event(2, 2)]}
    for _ in range(2):
        assert worker(result).post(url(result, "events"), body).status_code == 200
    result.refresh_from_db()
    assert result.state == "running"
    assert (result.metrics["epoch"], result.metrics["training"]) == (2, {"loss": 0.5})
    assert list(EpochRecord.objects.values_list("epoch", flat=True)) == [1, 2]
    assert sum(len(event.payload.get("epochs", [])) for event in Event.objects.filter(topic="results")) == 2


def test_a_diverged_loss_is_kept_as_no_number() -> None:
    result = builders.make_launched()
    answer = worker(result).post(url(result, "events"), {"attempt": 1, "events": [epoch_event(0, 1, None)]})
    assert answer.status_code == 200
    assert EpochRecord.objects.get().document["training"] == {"loss": None}


def test_numbers_that_are_not_finite_travel_to_the_reader_as_null() -> None:
    result = builders.make_launched()
    # As the worker writes them: NaN and infinity are null.
    events = [
        {
            "seq": 0,
            "type": "progress",
            "data": {"epoch": 1, "epochs": 1, "batch": 1, "batches": 2, "metrics": {"loss": None}},
        },
        epoch_event(1, 1, None),
    ]
    assert worker(result).post(url(result, "events"), {"attempt": 1, "events": events}).status_code == 200
    done = builders.outcome(test_metrics={"loss": float("inf")}, onnx_max_difference=None)
    body = orjson.dumps({"attempt": 1, "outcome": done.to_json()})
    answer = worker(result).post(url(result, "finish"), data=body, content_type="application/json")
    assert answer.status_code == 200
    reader = APIClient(headers={"host": "localhost"})
    reader.force_authenticate(builders.make_user())
    shown = TrainingResultOfSdk.model_validate_json(reader.get(f"/api/results/{result.pk}/").content)
    numbers = [shown.epochs[0].training["loss"], shown.test_metrics["loss"]]
    assert all(map(math.isnan, numbers))
    (row,) = orjson.loads(reader.get("/api/results/").content)["results"]
    assert row["metrics"]["training"] == {"loss": None}
    events_of_pages = [event.payload for event in Event.objects.filter(topic="results")]
    assert b"NaN" not in orjson.dumps(events_of_pages)


def test_a_failure_keeps_what_was_found_before() -> None:
    result = builders.make_launched()
    failure = Failure(category=FailureCategory.USER_CODE, cause="cannot be saved")
    done = builders.outcome(artifacts={}, confusion_matrix=[[1, 0], [0, 1]], labels=["cat", "dog"])
    body = {"attempt": 1, "failure": failure.to_json(), "outcome": done.to_json()}
    assert worker(result).post(url(result, "fail"), body).status_code == 200
    result.refresh_from_db()
    assert result.state == "failed"
    assert result.outcome["test_metrics"] == done.test_metrics
    assert result.confusion_matrix == {"matrix": [[1, 0], [0, 1]], "labels": ["cat", "dog"]}


def test_malformed_events_name_their_field() -> None:
    result = builders.make_launched()
    body = {"attempt": 1, "events": [{"seq": -1, "type": "epoch", "data": {"epoch": "x"}}]}
    answer = worker(result).post(url(result, "events"), body)
    assert answer.status_code == 400
    assert "events.0.epoch.seq" in {error["field"] for error in answer.json()["errors"]}


def test_an_older_attempt_is_refused_everywhere() -> None:
    result = builders.make_launched()
    lost = Failure(category=FailureCategory.LOST, cause="vanished")
    runs.mark_failed(TrainingResult, result.pk, 1, lost, retry_at=runs.next_retry(lost, 1))
    runs.register_attempt(TrainingResult, result.pk)
    old = worker(result, 1)
    sha256 = hashlib.sha256(b"x").hexdigest()
    upload = {"X-Content-SHA256": sha256, "Content-Range": "bytes 0-0/1"}
    answers = [
        old.get(url(result), {"attempt": 1}),
        old.post(url(result, "events"), {"attempt": 1, "events": [epoch_event(0, 1)]}),
        old.post(url(result, "finish"), {"attempt": 1, "outcome": builders.outcome().to_json()}),
        old.post(url(result, "fail"), {"attempt": 1, "failure": lost.to_json()}),
        old.generic("PUT", url(result, "artifacts/model.keras") + "?attempt=1", b"x", headers=upload),
        old.post("/api/jobs/token/"),
    ]
    assert [answer.status_code for answer in answers] == [409] * 6
    assert not EpochRecord.objects.exists()
    assert TrainingResult.objects.get().state == "waiting"


def test_an_old_token_cannot_speak_for_the_new_attempt() -> None:
    result = builders.make_launched()
    runs.mark_failed(
        TrainingResult,
        result.pk,
        1,
        Failure(category=FailureCategory.LOST, cause="x"),
        retry_at=runs.next_retry(Failure(category=FailureCategory.LOST, cause="x"), 1),
    )
    runs.register_attempt(TrainingResult, result.pk)
    answer = worker(result, 1).post(url(result, "events"), {"attempt": 2, "events": []})
    assert answer.status_code == 403


def test_tokens_open_their_own_run_only() -> None:
    results = [builders.make_launched() for _ in range(4)]
    for holder in results:
        for target in results:
            status = worker(holder).get(url(target), {"attempt": 1}).status_code
            assert status == (200 if holder == target else 403)


def test_a_run_that_was_deleted_is_gone() -> None:
    result = builders.make_launched()
    client = worker(result)
    runs.mark_stopped(TrainingResult, result.pk)
    deleting.delete_deployment(result.deployment, actor=SYSTEM)
    assert client.get(url(result), {"attempt": 1}).status_code == 404


def test_expired_tokens_are_refused_but_may_renew_for_a_while() -> None:
    result = builders.make_launched()
    client = APIClient(headers={"host": "localhost"})
    expired = job_tokens.mint(RunKind.TRAINING, result.pk, 1, ttl=-10)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {expired}")
    assert client.get(url(result), {"attempt": 1}).status_code == 401
    answer = client.post("/api/jobs/token/")
    assert answer.status_code == 200
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {answer.json()['token']}")
    assert client.get(url(result), {"attempt": 1}).status_code == 200
    ancient = job_tokens.mint(RunKind.TRAINING, result.pk, 1, ttl=-90_000)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ancient}")
    assert client.post("/api/jobs/token/").status_code == 401


def test_tampered_tokens_are_refused() -> None:
    result = builders.make_launched()
    token = job_tokens.mint(RunKind.TRAINING, result.pk, 1)
    for wrong in (token[:-1] + ("A" if token[-1] != "A" else "B"), token[1:], "x" * 5000, "a:b:c", ""):
        client = APIClient(headers={"host": "localhost"})
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {wrong}")
        assert client.get(url(result), {"attempt": 1}).status_code == 401


def test_finishing_twice_finishes_once() -> None:
    result = builders.make_launched()
    body = {"attempt": 1, "outcome": builders.outcome(confusion_matrix=[[1]], labels=["a"]).to_json()}
    for _ in range(2):
        assert worker(result).post(url(result, "finish"), body).status_code == 200
    result.refresh_from_db()
    assert result.state == "finished"
    assert result.outcome["test_metrics"] == {"accuracy": 0.95}
    assert result.confusion_matrix == {"matrix": [[1]], "labels": ["a"]}
    assert Event.objects.filter(payload__state="finished").count() == 1
    answer = worker(result).post(url(result, "fail"), {"attempt": 1, "failure": {"category": "data", "cause": "x"}})
    assert answer.status_code == 409


def test_finishing_without_its_artifacts_is_refused() -> None:
    result = builders.make_launched()
    body = {"attempt": 1, "outcome": builders.outcome(artifacts={"model.keras": "1" * 64}).to_json()}
    answer = worker(result).post(url(result, "finish"), body)
    assert answer.status_code == 422
    assert "model.keras" in answer.json()["detail"]
    assert TrainingResult.objects.get().state == "waiting"


def test_an_attempt_taken_for_lost_may_finish_after_all() -> None:
    result = builders.make_launched()
    runs.mark_failed(TrainingResult, result.pk, 1, Failure(category=FailureCategory.LOST, cause="no process found"))
    body = {"attempt": 1, "outcome": builders.outcome().to_json()}
    assert worker(result).post(url(result, "finish"), body).status_code == 200
    assert TrainingResult.objects.get().state == "finished"


@pytest.mark.parametrize(
    ("category", "state", "retried"), [("user_code", "failed", False), ("broker", "waiting", True)]
)
def test_failures_are_retried_when_that_makes_sense(category: str, state: str, retried: bool) -> None:
    result = builders.make_launched()
    failure = {"category": category, "cause": "what happened", "hint": "do this", "line": 3, "source": "code"}
    for _ in range(2):
        answer = worker(result).post(url(result, "fail"), {"attempt": 1, "failure": failure})
        assert answer.status_code == 200
    result.refresh_from_db()
    assert result.state == state
    assert result.failure["line"] == 3
    assert (result.next_retry_at is not None) == retried


def upload(result: TrainingResult, content: bytes, start: int, end: int, *, sha256: str = "", name: str = "m.keras"):
    headers = {
        "X-Content-SHA256": sha256 or hashlib.sha256(content).hexdigest(),
        "Content-Range": f"bytes {start}-{end - 1}/{len(content)}",
    }
    path = url(result, f"artifacts/{name}") + "?attempt=1"
    return worker(result).generic(
        "PUT", path, content[start:end], content_type="application/octet-stream", headers=headers
    )


def received(result: TrainingResult, content: bytes, name: str = "m.keras"):
    headers = {"X-Content-SHA256": hashlib.sha256(content).hexdigest()}
    return worker(result).head(url(result, f"artifacts/{name}") + "?attempt=1", headers=headers)


def test_an_upload_goes_on_where_it_stopped() -> None:
    result = builders.make_launched()
    content = bytes(range(256)) * 40
    assert received(result, content).status_code == 404
    assert upload(result, content, 0, 4000).status_code == 202
    assert received(result, content).headers["X-Bytes-Received"] == "4000"
    assert not Artifact.objects.exists()
    assert upload(result, content, 6000, 8000).status_code == 416
    # A piece that overlaps, because its confirmation was lost.
    assert upload(result, content, 3000, 8000).status_code == 202
    answer = upload(result, content, 8000, len(content))
    assert (answer.status_code, answer.json()["sha256"]) == (201, hashlib.sha256(content).hexdigest())
    artifact = Artifact.objects.get()
    assert storage.path_of(artifact).read_bytes() == content
    assert storage.path_of(artifact).stat().st_mode & 0o777 == 0o400
    # The confirmation was lost too.
    assert upload(result, content, 8000, len(content)).status_code == 200
    assert received(result, content).headers["X-Bytes-Received"] == str(len(content))
    assert AuditEntry.objects.filter(action="upload", actor=f"job:training:{result.pk}:1").count() == 1


def test_an_upload_of_other_bytes_leaves_nothing() -> None:
    result = builders.make_launched()
    answer = upload(result, b"something else", 0, 14, sha256="a" * 64)
    assert answer.status_code == 422
    assert not Artifact.objects.exists()
    folder = next(iter(storage.environment().artifacts_dir.rglob("a1")))
    assert list(folder.iterdir()) == []


def test_another_file_under_a_taken_name_is_refused() -> None:
    result = builders.make_launched()
    assert upload(result, b"first", 0, 5).status_code == 201
    assert upload(result, b"second", 0, 6).status_code == 409
    assert upload(result, b"first", 0, 5).status_code == 200


def test_names_and_ranges_that_make_no_sense_are_refused(configure) -> None:
    result = builders.make_launched()
    for name in ("..", "%2e%2e%2fdb.sqlite3", ".hidden", "a/b", "a" * 200):
        assert upload(result, b"x", 0, 1, name=name).status_code == 404
    path = url(result, "artifacts/m.keras") + "?attempt=1"
    for place in ("", "bytes 5-1/9", "bytes 0-9/9", "bytes x", "bytes 0-0/99999999999999999999"):
        headers = {"X-Content-SHA256": "0" * 64, "Content-Range": place}
        assert worker(result).generic("PUT", path, b"x", headers=headers).status_code == 400
    assert upload(result, b"x", 0, 1, sha256="nonsense").status_code == 400
    configure(max_artifact_bytes=10)
    assert upload(result, b"x" * 11, 0, 11).status_code == 422
    assert not storage.environment().artifacts_dir.exists()


def test_a_full_disk_is_our_fault_and_the_upload_goes_on_where_it_stopped() -> None:
    result, content = builders.make_launched(), bytes(range(256)) * 1024
    folder = storage.environment().artifacts_dir
    with SmallDisk(folder, megabytes=1) as disk:
        disk.fill(leave_bytes=len(content) // 2)
        answer = upload(result, content, 0, len(content))
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:kafka-ml:problem:broken")
        assert answer.json()["detail"] == f"artifact m.keras cannot be stored: No space left on device in {folder}"
        assert answer.json()["hint"] == "free disk space; the upload goes on where it stopped"
        assert not result.artifacts.exists()
        disk.free()
        have = int(received(result, content).headers["X-Bytes-Received"])
        assert upload(result, content, have, len(content)).status_code == 201
        assert storage.path_of(result.artifacts.get()).read_bytes() == content
        assert [*folder.rglob(".part-*")] == []


@pytest.mark.django_db(transaction=True)
def test_a_checkpoint_that_did_not_arrive_whole_is_gone_when_the_training_finishes() -> None:
    result = builders.make_launched()
    assert upload(result, b"state" * 10, 0, 20, name=checkpoint_name(3)).status_code == 202
    builders.make_artifact(result)
    files = dict(result.artifacts.values_list("name", "sha256"))
    body = {"attempt": 1, "outcome": builders.outcome(artifacts=files).to_json()}
    assert worker(result).post(url(result, "finish"), body).status_code == 200
    assert [*storage.environment().artifacts_dir.rglob(".part-*")] == []


def test_the_token_of_a_run_opens_the_results_of_its_sub_models() -> None:
    leader = builders.make_launched(*builders.make_chain())
    other = builders.make_launched(*builders.make_chain())
    client = worker(leader)
    plan = TrainingPlan.model_validate(client.get(url(leader)).json())
    parts = [TrainingResult.objects.get(pk=sub_model.result_id) for sub_model in plan.chain]
    for part in parts:
        assert client.post(url(part, "events"), {"attempt": 1, "events": [epoch_event(0, 1)]}).status_code == 200
        builders.make_artifact(part)
        files = dict(part.artifacts.values_list("name", "sha256"))
        body = {"attempt": 1, "outcome": builders.outcome(artifacts=files).to_json()}
        assert client.post(url(part, "finish"), body).status_code == 200
        # Once more, as after an answer that was lost.
        assert client.post(url(part, "finish"), body).status_code == 200
    assert {result.state for result in TrainingResult.objects.filter(deployment=leader.deployment)} == {"finished"}
    # Only the leader reports the run as a whole, and other runs stay closed.
    fail = {"attempt": 1, "failure": {"category": "lost", "cause": "x"}}
    assert client.post(url(parts[0], "fail"), fail).status_code == 403
    assert client.get(url(parts[0])).status_code == 403
    assert client.post(url(other, "events"), {"attempt": 1, "events": [epoch_event(0, 1)]}).status_code == 403
    follower = other.followers.first()
    assert follower is not None
    assert client.post(url(follower, "events"), {"attempt": 1, "events": [epoch_event(0, 1)]}).status_code == 403
    assert worker(follower).post(url(leader, "finish"), {"attempt": 1, "outcome": {}}).status_code in (400, 403)


def test_files_of_sub_models_are_uploaded_with_the_token_of_their_run() -> None:
    leader = builders.make_launched(*builders.make_chain())
    edge = leader.followers.get(tier=0)
    content = b"trained"
    headers = {"X-Content-SHA256": hashlib.sha256(content).hexdigest(), "Content-Range": "bytes 0-6/7"}
    path = url(edge, "artifacts/model.keras") + "?attempt=1"
    sent = worker(leader).generic("PUT", path, content, content_type="application/octet-stream", headers=headers)
    assert sent.status_code == 201
    assert worker(leader).head(path, headers=headers).headers["X-Bytes-Received"] == "7"
    assert worker(leader, attempt=2).head(path, headers=headers).status_code == 403
    assert Artifact.objects.get().result_id == edge.pk

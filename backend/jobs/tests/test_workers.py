"""Workers elsewhere at the API: the token is made, exchanged, refused; what a worker says is shown as a replica's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry
from backend.api.tests import builders
from backend.config.environment import environment
from backend.inferences.models import Inference, ReplicaStats, Worker, WorkerToken
from backend.runs import transitions as runs
from backend.runs.models import DesiredState
from kafkaml.errors import ApiError
from kafkaml.joining import Joining
from kafkaml.wire.failure import Failure, FailureCategory

pytestmark = pytest.mark.django_db

SESSION, ANOTHER = "a" * 32, "b" * 32


@pytest.fixture
def inference(configure: object) -> Inference:
    """One whose attempt 1 is launched, with no replica of the platform's own."""
    made = builders.make_inference(replicas=0)
    runs.register_attempt(Inference, made.pk)
    runs.mark_launched(Inference, made.pk, 1)
    return made


def make_token(editor: APIClient, inference: Inference, **values: Any) -> dict[str, Any]:
    answer = editor.post(f"/api/inferences/{inference.pk}/worker_tokens/", values)
    assert answer.status_code == 201, answer.json()
    made: dict[str, Any] = answer.json()
    return made


def join(client: APIClient, token: str, inference: int, **values: Any) -> Any:
    said = {"inference": inference, "name": "edge-1", "session": SESSION, **values}
    return client.post("/api/jobs/workers/", said, headers={"authorization": f"Bearer {token}"})


def say(client: APIClient, inference: int, job: Mapping[str, Any], **values: Any) -> Any:
    said = {"attempt": job["attempt"], "replica": job["replica"], "state": "running", **values}
    headers = {"authorization": f"Bearer {job['token']}"}
    return client.post(f"/api/jobs/inference/{inference}/stats/", said, headers=headers)


def shown(editor: APIClient, inference: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = editor.get(f"/api/inferences/{inference}/").json()["replica_stats"]
    return rows


def test_a_token_is_shown_once_with_what_to_type(editor: APIClient, inference: Inference) -> None:
    made = make_token(editor, inference, name="site 7", days=2)
    text, commands = made["token"], made["commands"]
    assert commands["runtime"] == "tensorflow"
    url = environment().backend_url
    assert commands["python"] == f"kafka-ml worker run --url {url} --inference {inference.pk} --token {text}"
    assert "model_inference_tensorflow" in commands["docker"]
    # On this machine both addresses are its own.
    assert len(commands["notes"]) == 2
    (row,) = editor.get(f"/api/inferences/{inference.pk}/worker_tokens/").json()["results"]
    assert (row["name"], row["expired"], row["workers"]) == ("site 7", False, 0)
    assert "token" not in row
    assert WorkerToken.objects.get().digest not in (text, "")
    assert text not in "".join(AuditEntry.objects.values_list("detail", flat=True))


def test_a_converted_model_needs_no_framework(editor: APIClient, configure: object) -> None:
    result = builders.make_launched()
    builders.make_artifact(result)
    builders.make_artifact(result, name="model.onnx")
    builders.finish(result)
    commands = make_token(editor, builders.make_inference(result))["commands"]
    assert (commands["runtime"], commands["install"]) == ("onnx", 'pip install ".[worker]"')
    assert "kafka-ml/worker:" in commands["docker"]


def test_a_machine_gets_a_job_and_speaks_as_a_replica(
    editor: APIClient, anonymous: APIClient, inference: Inference, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = make_token(editor, inference)["token"]
    answer = join(anonymous, token, inference.pk, host="pi")
    job = answer.json()
    assert (job["attempt"], job["replica"], job["framework"]) == (1, 1000, "tensorflow")
    assert set(job["kafka"]) == {"bootstrap_servers", "security_protocol", "sasl_mechanism"}
    plan = anonymous.get(f"/api/jobs/inference/{inference.pk}/", headers={"authorization": f"Bearer {job['token']}"})
    assert plan.json()["inference_id"] == inference.pk
    assert say(anonymous, inference.pk, job, predicted=3, rate=2.0, lag=1).json() == {"revision": 0}
    (row,) = shown(editor, inference.pk)
    assert (row["worker"], row["host"], row["replica"], row["state"]) == ("edge-1", "pi", 1000, "running")
    now = editor.get(f"/api/inferences/{inference.pk}/").json()
    assert (now["state"], now["stats"]["predicted"], now["stats"]["rate"]) == ("running", 3, 2.0)
    # Another name is another worker.
    assert join(anonymous, token, inference.pk, name="edge-2").json()["replica"] == 1001


def test_a_worker_that_is_not_heard_of_is_silent(editor: APIClient, anonymous: APIClient, inference: Inference) -> None:
    job = join(anonymous, make_token(editor, inference)["token"], inference.pk).json()
    say(anonymous, inference.pk, job, rate=5.0, lag=7, p50_ms=3.0)
    ReplicaStats.objects.update(updated_at=timezone.now() - timedelta(seconds=16))
    (row,) = shown(editor, inference.pk)
    assert (row["state"], row["rate"], row["p50_ms"]) == ("silent", 0.0, None)
    assert editor.get(f"/api/inferences/{inference.pk}/").json()["stats"]["lag"] is None
    runs.mark_stopped(Inference, inference.pk)
    assert shown(editor, inference.pk)[0]["state"] == "stopped"


def test_a_failure_of_one_machine_is_not_the_inferences(
    editor: APIClient, anonymous: APIClient, inference: Inference
) -> None:
    job = join(anonymous, make_token(editor, inference)["token"], inference.pk).json()
    failure = Failure(category=FailureCategory.CONFIGURATION, cause="no onnxruntime").to_json()
    assert say(anonymous, inference.pk, job, state="failed", error=failure).status_code == 200
    assert shown(editor, inference.pk)[0]["error"]["cause"] == "no onnxruntime"
    inference.refresh_from_db()
    assert inference.state == "waiting"


def test_the_log_arrives_in_pieces_that_may_come_again(
    editor: APIClient, anonymous: APIClient, inference: Inference
) -> None:
    token = make_token(editor, inference)["token"]
    job = join(anonymous, token, inference.pk).json()
    for offset, text in ((0, "one\n"), (0, "one\ntwo\n"), (8, "three\n")):
        say(anonymous, inference.pk, job, log={"offset": offset, "text": text})
    page = editor.get(f"/api/inferences/{inference.pk}/logs/", {"replica": 1000}).json()
    assert (page["text"], page["next_offset"]) == ("one\ntwo\nthree\n", 14)
    assert (
        editor.get(f"/api/inferences/{inference.pk}/logs/", {"replica": 1000, "offset": 8}).json()["text"] == "three\n"
    )
    # Its next process begins at 0 and goes on in the same log.
    next_job = join(anonymous, token, inference.pk, session=ANOTHER).json()
    say(anonymous, inference.pk, next_job, log={"offset": 0, "text": "four\n"})
    assert editor.get(f"/api/inferences/{inference.pk}/logs/?replica=1000&offset=-5").json()["text"] == "four\n"
    assert editor.get(f"/api/inferences/{inference.pk}/logs/?replica=1001").status_code == 404


def problem(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def test_tokens_that_are_not_good_are_refused_with_what_to_do(
    editor: APIClient, anonymous: APIClient, inference: Inference
) -> None:
    other = builders.make_inference(replicas=0)
    token = make_token(editor, inference)["token"]
    status, detail = problem(join(anonymous, token, other.pk))
    assert (status, detail) == (403, f"this token is for inference {inference.pk}, not for inference {other.pk}")
    status, detail = problem(join(anonymous, "wrong" * 8, inference.pk))
    assert status == 401
    assert "make another one" in detail
    WorkerToken.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    status, detail = problem(join(anonymous, token, inference.pk))
    assert status == 401
    assert "expired on" in detail
    # Nor is a person's token, or a job's, one of a worker.
    job = builders.job_header("inference", inference.pk)["authorization"].removeprefix("Bearer ")
    assert join(anonymous, job, inference.pk).status_code == 401
    assert editor.post("/api/jobs/workers/", {}).status_code == 401


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_worker_ends_when_its_token_does(
    editor: APIClient, anonymous: APIClient, inference: Inference, end: str
) -> None:
    made = make_token(editor, inference)
    job = join(anonymous, made["token"], inference.pk).json()
    if end == "revoked":
        assert editor.delete(f"/api/inferences/{inference.pk}/worker_tokens/{made['id']}/").status_code == 204
    else:
        WorkerToken.objects.update(expires_at=timezone.now())
    status, detail = problem(say(anonymous, inference.pk, job))
    assert status == 403
    assert end in detail
    renewal = anonymous.post("/api/jobs/token/", headers={"authorization": f"Bearer {job['token']}"})
    assert renewal.status_code == 403


def test_the_newest_process_of_a_name_takes_it_over(
    editor: APIClient, anonymous: APIClient, inference: Inference
) -> None:
    token = make_token(editor, inference)["token"]
    first = join(anonymous, token, inference.pk).json()
    assert join(anonymous, token, inference.pk, again=True).json()["replica"] == 1000
    second = join(anonymous, token, inference.pk, session=ANOTHER).json()
    assert second["replica"] == 1000
    assert problem(say(anonymous, inference.pk, first))[0] == 409
    refused = join(anonymous, token, inference.pk, again=True)
    assert refused.json()["type"] == "urn:kafka-ml:problem:worker_replaced"
    assert say(anonymous, inference.pk, second).status_code == 200


def test_a_worker_speaks_for_itself_only(editor: APIClient, anonymous: APIClient, inference: Inference) -> None:
    token = make_token(editor, inference)["token"]
    job = join(anonymous, token, inference.pk).json()
    assert say(anonymous, inference.pk, {**job, "replica": 0}).status_code == 403
    launched = {
        "attempt": 1,
        "replica": 1000,
        "token": builders.job_header("inference", inference.pk)["authorization"][7:],
    }
    assert say(anonymous, inference.pk, launched).status_code == 403
    # A renewed job token is still the worker's.
    fresh = anonymous.post("/api/jobs/token/", headers={"authorization": f"Bearer {job['token']}"}).json()["token"]
    assert say(anonymous, inference.pk, {**job, "token": fresh, "replica": 0}).status_code == 403


def test_nothing_is_joined_that_does_not_run(editor: APIClient, anonymous: APIClient, configure: object) -> None:
    inference = builders.make_inference(replicas=0)
    token = make_token(editor, inference)["token"]
    early = join(anonymous, token, inference.pk)
    assert (early.status_code, early.headers["Retry-After"]) == (425, "1")
    runs.register_attempt(Inference, inference.pk)
    runs.mark_launched(Inference, inference.pk, 1)
    assert join(anonymous, token, inference.pk).status_code == 200
    Inference.objects.update(desired=DesiredState.STOPPED)
    ended = join(anonymous, token, inference.pk, again=True)
    assert ended.json()["type"] == "urn:kafka-ml:problem:inference_ended"
    failure = Failure(category=FailureCategory.DATA, cause="it does not fit")
    runs.mark_failed(Inference, inference.pk, 1, failure)
    assert problem(join(anonymous, token, inference.pk)) == (
        409,
        f"inference {inference.pk} is failed: it does not fit",
    )


def test_names_of_workers_are_forgotten_in_time(editor: APIClient, anonymous: APIClient, inference: Inference) -> None:
    token = make_token(editor, inference)["token"]
    join(anonymous, token, inference.pk)
    Worker.objects.update(heard_at=timezone.now() - timedelta(days=8))
    assert join(anonymous, token, inference.pk, name="edge-2").json()["replica"] == 1000
    assert list(Worker.objects.values_list("name", flat=True)) == ["edge-2"]


def test_the_client_asks_again_while_the_inference_starts() -> None:
    asked: list[bool] = []

    def answer(request: httpx.Request) -> httpx.Response:
        import orjson

        asked.append(orjson.loads(request.content)["again"])
        if len(asked) == 1:
            return httpx.Response(425, json={"detail": "inference 1 is being started"})
        if len(asked) == 2:
            job = {"inference": 1, "attempt": 1, "framework": "pytorch", "replica": 1000, "token": "t" * 20}
            kafka = {"bootstrap_servers": "a:1", "security_protocol": "PLAINTEXT"}
            return httpx.Response(200, json={**job, "expires_at": "2030-01-01T00:00:00Z", "kafka": kafka})
        return httpx.Response(409, json={"type": "urn:kafka-ml:problem:worker_replaced", "detail": "elsewhere"})

    joining = Joining(
        url="http://there", token="w" * 20, inference=1, name="edge-1", transport=httpx.MockTransport(answer)
    )
    with joining:
        assert joining.join(deadline_seconds=5).replica == 1000
        with pytest.raises(ApiError) as refused:
            joining.join(deadline_seconds=5)
    assert refused.value.status == 409
    assert asked == [False, False, True]

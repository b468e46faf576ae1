"""What an inference worker does with the job API."""

from __future__ import annotations

import hashlib

import pytest
from rest_framework.test import APIClient

from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.deployments.models import Deployment
from backend.inferences import services, transitions
from backend.inferences.models import Inference, ReplicaStats
from backend.inferences.plans import inference_plan
from backend.runs import transitions as runs
from kafkaml.wire.inference import InferencePlan

pytestmark = pytest.mark.django_db


@pytest.fixture
def inference() -> Inference:
    inference = builders.make_inference(replicas=2)
    registered = runs.register_attempt(Inference, inference.pk)
    assert registered is not None
    return registered


@pytest.fixture
def replica(inference: Inference) -> APIClient:
    client = APIClient(headers={"host": "localhost"})
    client.credentials(HTTP_AUTHORIZATION=builders.job_header("inference", inference.pk)["authorization"])
    return client


def post_stats(client: APIClient, inference: Inference, **values: object):
    body = {"attempt": 1, "replica": 0, "state": "running", "rate": 10.5, "lag": 3, "p50_ms": 1.5, "p99_ms": 9.0}
    return client.post(f"/api/jobs/inference/{inference.pk}/stats/", {**body, "predicted": 7, **values})


def test_plan_is_what_the_replica_reads(inference: Inference, replica: APIClient) -> None:
    Deployment.objects.filter(pk=inference.result.deployment_id).update(seed=11)
    answer = replica.get(f"/api/jobs/inference/{inference.pk}/", {"attempt": 1})
    plan = InferencePlan.model_validate(answer.json())
    assert plan.model.artifacts == {"model.keras": hashlib.sha256(b"weights").hexdigest()}
    assert (plan.input_format, plan.input_config) == ("RAW", {"data_type": "uint8", "data_reshape": "8 8"})
    assert plan.group == inference.group
    assert plan.guarantee == "exactly_once"
    assert plan.model.version == 1
    # The code runs as it did in the training.
    assert plan.model.seed == 11


def test_the_preparation_of_the_training_reaches_the_replica() -> None:
    result = builders.make_launched()
    artifact = builders.make_artifact(result)
    trainer = APIClient(headers={"host": "localhost"})
    trainer.credentials(HTTP_AUTHORIZATION=builders.job_header("training", result.pk)["authorization"])
    preparation = {"scaled": True, "sample": [28, 28], "summary": "uint8 (28, 28) becomes float32 (1, 28, 28)"}
    outcome = builders.outcome(artifacts={artifact.name: artifact.sha256}, preparation=preparation)
    body = {"attempt": 1, "outcome": outcome.to_json()}
    assert trainer.post(f"/api/jobs/training/{result.pk}/finish/", body, format="json").status_code < 300
    result.refresh_from_db()
    assert result.outcome["preparation"] == preparation
    plan = inference_plan(builders.make_inference(result))
    assert plan.model.preparation == preparation
    assert InferencePlan.model_validate(plan.to_json()) == plan


def test_artifacts_come_with_their_hash_and_in_parts(inference: Inference, replica: APIClient) -> None:
    path = f"/api/jobs/inference/{inference.pk}/artifacts/model.keras/?attempt=1"
    answer = replica.get(path)
    assert b"".join(answer.streaming_content) == b"weights"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(b"weights").hexdigest()}"'
    part = replica.get(path, headers={"range": "bytes=3-"})
    assert (part.status_code, b"".join(part.streaming_content)) == (206, b"ghts")
    assert part.headers["Content-Range"] == "bytes 3-6/7"
    assert replica.get(path, headers={"range": "bytes=7-"}).status_code == 416
    assert replica.get(path, headers={"if-none-match": answer.headers["ETag"]}).status_code == 304


def test_stats_make_it_run_and_are_summed_up(inference: Inference, replica: APIClient, viewer: APIClient) -> None:
    assert post_stats(replica, inference, state="starting", rate=0).status_code == 200
    assert Inference.objects.get().state == "waiting"
    answer = post_stats(replica, inference)
    assert (answer.status_code, answer.json()) == (200, {"revision": 0})
    assert (
        post_stats(replica, inference, replica=1, lag=None, p99_ms=20.0, dead_lettered=2, warming_up=3).status_code
        == 200
    )
    shown = viewer.get(f"/api/inferences/{inference.pk}/").json()
    assert shown["state"] == "running"
    assert shown["stats"] == {
        "rate": 21.0,
        "read_rate": 21.0,
        "lag": 3,
        "p50_ms": 1.5,
        "p99_ms": 20.0,
        "predicted": 14,
        "dead_lettered": 2,
        "restamped": 0,
        "sent_up": 0,
        "warming_up": 3,
    }
    assert [stats["replica"] for stats in shown["replica_stats"]] == [0, 1]


def test_a_failure_that_no_restart_mends_fails_the_inference(inference: Inference, replica: APIClient) -> None:
    error = {"category": "user_code", "cause": "no such layer", "hint": "", "line": 4}
    assert post_stats(replica, inference, state="failed", error=error).status_code == 200
    inference.refresh_from_db()
    assert inference.state == "failed"
    assert inference.failure["cause"] == "no such layer"
    assert post_stats(replica, inference).status_code == 409


def test_a_passing_failure_does_not(inference: Inference, replica: APIClient) -> None:
    error = {"category": "broker", "cause": "Kafka is unavailable"}
    assert post_stats(replica, inference, state="failed", error=error).status_code == 200
    assert Inference.objects.get().state == "waiting"
    assert ReplicaStats.objects.get().document["error"]["category"] == "broker"


def test_an_older_attempt_is_refused(inference: Inference, replica: APIClient) -> None:
    runs.register_attempt(Inference, inference.pk)
    assert post_stats(replica, inference).status_code == 409
    assert replica.get(f"/api/jobs/inference/{inference.pk}/", {"attempt": 1}).status_code == 409
    assert not ReplicaStats.objects.exists()


def totals(inference: Inference, viewer: APIClient) -> tuple[int, int, int]:
    stats = viewer.get(f"/api/inferences/{inference.pk}/").json()["stats"]
    assert stats["warming_up"] == stats["restamped"]
    return stats["predicted"], stats["dead_lettered"], stats["restamped"]


def test_totals_survive_processes_attempts_and_scaling(
    inference: Inference, replica: APIClient, viewer: APIClient
) -> None:
    post_stats(replica, inference, run="a", predicted=10, dead_lettered=1, restamped=2, warming_up=2)
    post_stats(replica, inference, run="b", replica=1, predicted=5)
    # Reports that are repeated or late do not count twice.
    post_stats(replica, inference, run="a", predicted=12, dead_lettered=1, restamped=2, warming_up=2)
    post_stats(replica, inference, run="a", predicted=10, dead_lettered=1, restamped=2, warming_up=2)
    assert totals(inference, viewer) == (17, 1, 2)
    # The replica's process restarts, and reports what the previous one had not.
    previous = {"run": "a", "predicted": 20, "dead_lettered": 1, "restamped": 2, "warming_up": 2}
    for _ in range(2):
        post_stats(replica, inference, run="c", predicted=0, previous=previous)
    assert totals(inference, viewer) == (25, 1, 2)
    services.scale_inference(inference, actor=SYSTEM, replicas=1)
    runs.register_attempt(Inference, inference.pk)
    assert totals(inference, viewer) == (25, 1, 2)
    # The last word of an attempt that is over: refused, but what was answered was answered.
    assert post_stats(replica, inference, run="c", predicted=4).status_code == 409
    assert totals(inference, viewer) == (29, 1, 2)
    picture = viewer.get("/api/pipeline/").json()
    (node,) = (drawn for drawn in picture["nodes"] if drawn["kind"] == "inference")
    assert (picture["facts"]["predicted"], node["records"]) == (29, 29)


def test_what_replicas_warn_of_is_shown_with_the_rest(
    inference: Inference, replica: APIClient, viewer: APIClient
) -> None:
    transitions.store_warnings(inference.pk, ["few partitions"])
    post_stats(replica, inference, warnings=["old records"])
    post_stats(replica, inference, replica=1, warnings=["old records", "large answers"])
    shown = viewer.get(f"/api/inferences/{inference.pk}/").json()
    assert shown["warnings"] == ["few partitions", "old records", "large answers"]

"""The workers' own client and reporter against the real backend: both sides of the job API agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from django.core.wsgi import get_wsgi_application
from django.db import connections

from backend.api import job_tokens
from backend.api.tests import builders
from backend.deployments import services
from backend.deployments.models import Artifact, TrainingResult
from backend.inferences.models import Inference, ReplicaStats
from backend.launchers.names import RunKind
from backend.runs import transitions as runs
from kafkaml.errors import ApiError
from kafkaml.http_reporter import HttpReporter
from kafkaml.job_client import JobClient
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.progress import EpochMetrics, Progress

# The reporter's thread has a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


class LocalTransport(httpx.WSGITransport):
    """Calls the backend in this thread, and closes the thread's database connection afterwards."""

    def __init__(self) -> None:
        super().__init__(app=get_wsgi_application())

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        response.read()
        connections.close_all()
        return response


def training_client(result: TrainingResult, folder: Path, *, token: str = "") -> JobClient:
    token_file = folder / "token"
    token_file.write_text(token or job_tokens.mint(RunKind.TRAINING, result.pk, result.attempt))
    job = TrainingJob(
        name=f"kml-train-{result.pk}-a{result.attempt}",
        attempt=result.attempt,
        framework=Framework.TENSORFLOW,
        backend_url="http://localhost",
        token_file=str(token_file),
        state_dir=str(folder),
        result_id=result.pk,
    )
    return JobClient(job, deadline_seconds=5, transport=LocalTransport())


@pytest.fixture
def result() -> TrainingResult:
    return builders.make_launched()


@pytest.fixture
def client(result: TrainingResult, tmp_path: Path) -> Iterator[JobClient]:
    with training_client(result, tmp_path) as client:
        yield client


def test_a_whole_training_is_reported(result: TrainingResult, client: JobClient, tmp_path: Path) -> None:
    plan = client.training_plan()
    assert plan.result_id == result.pk
    model = tmp_path / "model.keras"
    model.write_bytes(b"w" * 20_000_000)
    with HttpReporter(client, deadline_seconds=20) as reporter:
        reporter.running()
        for epoch in (1, 2):
            reporter.progress(Progress(epoch=epoch, epochs=2, batch=1, batches=9, metrics={"loss": 0.5}))
            reporter.epoch(EpochMetrics(epoch=epoch, seconds=1.0, training={"loss": float("nan")}))
        sha256 = reporter.upload("model.keras", model)
        reporter.finished(builders.outcome(artifacts={"model.keras": sha256}, confusion_matrix=[[1, 0], [0, 2]]))
    result.refresh_from_db()
    assert (result.state, result.epochs.count()) == ("finished", 2)
    assert result.progress["epoch"] == 2
    assert (Artifact.objects.get().size, Artifact.objects.get().sha256) == (20_000_000, sha256)
    assert result.confusion_matrix["matrix"] == [[1, 0], [0, 2]]


def test_a_failed_training_is_reported(result: TrainingResult, client: JobClient) -> None:
    with HttpReporter(client, deadline_seconds=20) as reporter:
        reporter.failed(Failure(category=FailureCategory.USER_CODE, cause="no", line=3, source="code"))
    result.refresh_from_db()
    assert (result.state, result.failure["line"]) == ("failed", 3)


def test_a_superseded_worker_learns_it(result: TrainingResult, client: JobClient) -> None:
    runs.mark_failed(TrainingResult, result.pk, 1, Failure(category=FailureCategory.LOST, cause="x"))
    services.restart_result(result, actor=builders.SYSTEM)
    with pytest.raises(ApiError) as caught:
        client.training_plan()
    assert caught.value.status == 409


def test_a_token_that_expired_while_the_machine_slept_is_renewed(result: TrainingResult, tmp_path: Path) -> None:
    expired = job_tokens.mint(RunKind.TRAINING, result.pk, 1, ttl=-600)
    with training_client(result, tmp_path, token=expired) as client:
        assert client.training_plan().result_id == result.pk
    assert (tmp_path / "token").read_text() != expired


def test_a_replica_fetches_its_model_and_reports(tmp_path: Path) -> None:
    inference: Inference = builders.make_inference()
    runs.register_attempt(Inference, inference.pk)
    (tmp_path / "token").write_text(job_tokens.mint(RunKind.INFERENCE, inference.pk, 1))
    job = InferenceJob(
        name=f"kml-infer-{inference.pk}-a1",
        attempt=1,
        framework=Framework.TENSORFLOW,
        backend_url="http://localhost",
        token_file=str(tmp_path / "token"),
        state_dir=str(tmp_path),
        inference_id=inference.pk,
        replica=0,
    )
    with JobClient(job, deadline_seconds=5, transport=LocalTransport()) as client:
        plan = client.inference_plan()
        path = client.download_artifact("model.keras", plan.model.artifacts["model.keras"], version=1)
        assert path.read_bytes() == b"weights"
        client.post("stats", {"replica": 0, "state": "running", "rate": 1.0, "lag": 0, "predicted": 1})
    assert ReplicaStats.objects.get().report.state == "running"

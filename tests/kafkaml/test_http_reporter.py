from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafkaml.errors import ApiError
from kafkaml.http_reporter import HttpReporter
from kafkaml.job_client import JobClient
from kafkaml.wire.choices import Direction
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.report import Finish, NewVersion
from kafkaml.wire.version import Comparison
from tests.fake_backend import FakeBackend
from tests.support import eventually

OUTCOME = TrainingOutcome(
    seconds=1.5,
    samples={"training": 8, "validation": 1, "test": 1},
    test_metrics={"accuracy": 0.5},
    artifacts={},
    versions={},
    code_sha256="c" * 64,
    slice_sha256="5" * 64,
    labels=[],
    warnings=[],
)


def epoch(number: int) -> EpochMetrics:
    return EpochMetrics(epoch=number, seconds=0.1, training={"loss": 1 / number})


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with FakeBackend() as running:
        yield running


@pytest.fixture
def reporter(backend: FakeBackend, tmp_path: Path) -> Iterator[HttpReporter]:
    with JobClient(backend.training_job(tmp_path)) as client, HttpReporter(client) as running:
        yield running


def test_reports_arrive_in_order_and_before_the_end(backend: FakeBackend, reporter: HttpReporter) -> None:
    reporter.running()
    for number in range(1, 51):
        reporter.epoch(epoch(number))
    reporter.finished(OUTCOME)
    assert [event["type"] for event in backend.events] == ["running", *["epoch"] * 50]
    assert [data["epoch"] for data in backend.events_of("epoch")] == list(range(1, 51))
    assert [TrainingOutcome.model_validate(outcome) for outcome in backend.outcomes] == [OUTCOME]


def test_a_version_reported_twice_has_one_number(backend: FakeBackend, reporter: HttpReporter) -> None:
    comparison = Comparison(
        metric="accuracy", direction=Direction.UP, improvement=0.05, challenger_value=0.5, samples=10
    )
    shown = {"step": 3, "positions": {"mnist": {"0": 17}}, "comparison": comparison}
    reporter.epoch(epoch(1))
    numbers = [reporter.version(OUTCOME, **shown), reporter.version(OUTCOME, **shown)]
    numbers.append(reporter.version(OUTCOME, step=9, positions={}, comparison=None))
    assert numbers == [1, 1, 2]
    assert len(backend.events_of("epoch")) == 1
    first = NewVersion.model_validate(backend.versions[3])
    assert (first.outcome, first.positions, first.comparison) == (OUTCOME, shown["positions"], comparison)
    reporter.finished(OUTCOME, positions={"mnist": {"0": 20}}, comparison=comparison)
    assert Finish.model_validate(backend.finishes[-1]).positions == {"mnist": {"0": 20}}


def test_a_checkpoint_is_reported_after_its_file_and_after_all_epochs_before(
    backend: FakeBackend, reporter: HttpReporter, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint-2.zip"
    path.write_bytes(b"all that was learnt")
    for number in (1, 2):
        reporter.epoch(epoch(number))
    shown = reporter.checkpoint(path, step=2, records=30, positions={"mnist": {"0": 17}})
    assert backend.checkpoints == [shown]
    assert (shown.attempt, shown.name, shown.step, shown.size, shown.records) == (1, "checkpoint-2.zip", 2, 19, 30)
    assert len(backend.events_of("epoch")) == 2
    assert [action for _, action in backend.requests][-1] == "/api/jobs/training/7/checkpoint/"
    backend.fail_next(1000, 503)
    with pytest.raises(ApiError, match="503"):
        reporter.checkpoint(path, step=3, patience_seconds=0.2)
    assert backend.checkpoints == [shown]


def test_flushed_is_what_the_backend_confirmed(backend: FakeBackend, reporter: HttpReporter) -> None:
    reporter.epoch(epoch(1))
    reporter.flush(patience_seconds=30)
    assert len(backend.events_of("epoch")) == 1
    backend.fail_next(1000, 503)
    reporter.epoch(epoch(2))
    with pytest.raises(ApiError, match="did not take"):
        reporter.flush(patience_seconds=0.2)


def test_an_epoch_is_with_the_backend_within_a_quarter_of_a_second(
    backend: FakeBackend, reporter: HttpReporter
) -> None:
    def seconds_until_it_is_there(number: int) -> float:
        before = time.monotonic()
        reporter.epoch(epoch(number))
        eventually(lambda: len(backend.events_of("epoch")) == number, interval_seconds=0.001)
        return time.monotonic() - before

    # A busy machine delays some reports; a reporter that waits before sending would delay all.
    assert any(seconds_until_it_is_there(number) < 0.25 for number in range(1, 51))


def test_training_does_not_wait_for_a_backend_that_is_unreachable_and_loses_no_epoch(
    backend: FakeBackend, reporter: HttpReporter
) -> None:
    reporter.running()
    eventually(lambda: backend.events)
    backend.stop()
    # Nothing takes reports before the last one is made, so a reporter that waited for that would wait forever.
    for number in range(1, 201):
        for batch in range(50):
            reporter.progress(Progress(epoch=number, epochs=200, batch=batch, batches=50, metrics={"loss": 1.0}))
        reporter.epoch(epoch(number))
    backend.start()
    reporter.finished(OUTCOME)
    assert [data["epoch"] for data in backend.events_of("epoch")] == list(range(1, 201))
    # Of the progress before each epoch all but the newest was replaced.
    assert len(backend.events_of("progress")) <= 2 * 200
    assert len({event["seq"] for event in backend.events}) == len(backend.events)


def test_a_lost_confirmation_does_not_double_an_epoch(backend: FakeBackend, reporter: HttpReporter) -> None:
    backend.fail_next(2, 502, after=True)
    reporter.epoch(epoch(1))
    reporter.epoch(epoch(2))
    reporter.finished(OUTCOME)
    assert [data["epoch"] for data in backend.events_of("epoch")] == [1, 2]


def test_result_upload_survives_an_absent_backend(backend: FakeBackend, reporter: HttpReporter, tmp_path: Path) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights" * 1000)
    backend.stop()
    back = threading.Timer(1.0, backend.start)
    back.start()
    sha256 = reporter.upload("model.keras", model)
    reporter.finished(OUTCOME)
    back.join()
    assert backend.uploads["model.keras"].sha256 == sha256
    assert backend.uploads["model.keras"].complete
    assert len(backend.outcomes) == 1


def test_a_result_waits_for_the_backend_as_long_as_the_reporter_does_in_each_step(
    backend: FakeBackend, tmp_path: Path
) -> None:
    model = tmp_path / "model.keras"
    model.write_bytes(b"weights")
    # The client alone gives up at once.
    with JobClient(backend.training_job(tmp_path), deadline_seconds=0) as client, HttpReporter(client) as reporter:
        backend.fail_next(2, 503)
        reporter.upload(model.name, model)
        backend.fail_next(2, 503)
        reporter.version(OUTCOME, step=1, positions={}, comparison=None)
        backend.fail_next(2, 503)
        reporter.finished(OUTCOME)
    assert backend.uploads[model.name].complete
    assert (len(backend.versions), len(backend.outcomes)) == (1, 1)


def test_a_newer_attempt_ends_this_one(backend: FakeBackend, tmp_path: Path) -> None:
    errors: list[ApiError] = []
    backend.attempt = 2
    with (
        JobClient(backend.training_job(tmp_path)) as client,
        HttpReporter(client, on_final=errors.append) as reporter,
    ):
        reporter.running()
        eventually(lambda: errors)
        with pytest.raises(ApiError) as caught:
            reporter.epoch(epoch(1))
        assert caught.value.status == 409
        with pytest.raises(ApiError):
            reporter.finished(OUTCOME)
    assert not backend.outcomes


def test_metrics_that_the_backend_cannot_read_do_not_end_the_training(
    backend: FakeBackend, reporter: HttpReporter
) -> None:
    backend.fail_next(1, 422)
    reporter.running()
    eventually(lambda: backend.requests or not reporter._queue)
    reporter.epoch(epoch(1))
    reporter.finished(OUTCOME)
    assert len(backend.outcomes) == 1


def test_a_failure_is_reported_after_the_epochs_before_it(backend: FakeBackend, reporter: HttpReporter) -> None:
    reporter.epoch(epoch(1))
    failure = Failure(category=FailureCategory.USER_CODE, cause="ValueError: no", line=3)
    reporter.failed(failure)
    assert len(backend.events_of("epoch")) == 1
    assert [Failure.model_validate(reported) for reported in backend.failures] == [failure]

"""An attempt's metrics for Prometheus about its progress."""

from __future__ import annotations

from kafkaml.wire.progress import EpochMetrics, Progress, WindowPlace
from model_training.prometheus import TrainingMetrics


def shown(metrics: TrainingMetrics) -> dict[tuple[str, str], float]:
    """Return samples by name and result."""
    samples = [sample for family in metrics.collect() for sample in family.samples]
    assert {sample.labels["attempt"] for sample in samples} <= {"2"}
    return {(sample.name, sample.labels["result"]): sample.value for sample in samples}


def test_the_progress_of_each_model_of_an_attempt_is_reported() -> None:
    metrics = TrainingMetrics(attempt=2)
    edge, cloud = metrics.of(5), metrics.of(6)
    edge(Progress(epoch=3, epochs=10, batch=7, batches=40, remaining_seconds=12.5))
    edge(EpochMetrics(epoch=1, seconds=1.5, training={"loss": 0.5}))
    edge(EpochMetrics(epoch=2, seconds=2.0, training={"loss": 0.4}))
    cloud(Progress(epoch=1, epochs=10, batch=1, batches=40, remaining_seconds=60))
    found = shown(metrics)
    assert found["kafkaml_training_epoch", "5"] == 3
    assert found["kafkaml_training_epochs", "5"] == 10
    assert (found["kafkaml_training_batch", "5"], found["kafkaml_training_batches", "5"]) == (7, 40)
    assert found["kafkaml_training_remaining_seconds", "5"] == 12.5
    assert found["kafkaml_training_finished_epochs_total", "5"] == 2
    assert found["kafkaml_training_epoch_duration_seconds_total", "5"] == 3.5
    assert found["kafkaml_training_epoch", "6"] == 1
    # The remaining time is no longer known for this model, but for the other one.
    edge(Progress(epoch=4, epochs=10, batch=0, batches=40))
    found = shown(metrics)
    assert ("kafkaml_training_remaining_seconds", "5") not in found
    assert found["kafkaml_training_remaining_seconds", "6"] == 60


def test_windows_of_a_stream_without_end_tell_how_far_behind_they_are() -> None:
    metrics = TrainingMetrics(attempt=2)
    reported = metrics.of(5)
    for epoch, lag in ((1, 900), (2, 0)):
        window = WindowPlace(records=100, trained=80, validated=20, lag=lag, ended_ms=1)
        reported(EpochMetrics(epoch=epoch, seconds=1, training={}, window=window))
    found = shown(metrics)
    assert found["kafkaml_training_window_records_total", "5"] == 200
    assert found["kafkaml_training_lag_records", "5"] == 0

"""Classic training: all samples are there and the model sees them ``epochs`` times. Step (6) of a sample's journey."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kafkaml.results import EpochMetrics, ResultReporter
from model_training.model_session import ModelSession
from model_training.training_data import TrainingData

__all__ = ["train"]


def train(session: ModelSession, data: TrainingData, reporter: ResultReporter) -> Sequence[str]:
    """Fit once on the training samples, validating after each epoch when there are samples for it."""
    diverged: list[str] = []

    def on_epoch(metrics: EpochMetrics) -> None:
        reporter.epoch(metrics)
        lost = [name for name, value in metrics.training.items() if not math.isfinite(value)]
        if lost and not diverged:
            diverged.append(
                f"{', '.join(lost)} is no finite number from epoch {metrics.epoch} on: a smaller learning rate, or "
                "features scaled to 0..1, usually help"
            )

    warnings = session.fit(
        data.training,
        data.validation if len(data.validation) else None,
        on_progress=reporter.progress,
        on_epoch=on_epoch,
    )
    return [*warnings, *diverged]

"""Classic training: all samples are there and the model sees them ``epochs`` times. Step (6) of a sample's journey."""

from __future__ import annotations

from collections.abc import Sequence

from kafkaml.reporter import ResultReporter
from model_training.model_session import ModelSession
from model_training.training_data import TrainingData

__all__ = ["train"]


def train(session: ModelSession, data: TrainingData, reporter: ResultReporter) -> Sequence[str]:
    """Fit once on the training samples, validating after each epoch when there are samples for it."""
    return session.fit(
        data.training,
        data.validation if len(data.validation) else None,
        on_progress=reporter.progress,
        on_epoch=reporter.epoch,
    )

"""The seam of training modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from kafkaml.reporter import ResultReporter
from model_training.model_session import ModelSession
from model_training.training_data import TrainingData

__all__ = ["Mode"]


class Mode(Protocol):
    """Trains the built model of ``session`` on ``data`` and returns warnings for the result.

    Called once, after the data were checked against the model; evaluation, artifacts and the result are the runner's.
    Reports progress and every epoch; whatever the session or the reporter raises ends the run.
    """

    def __call__(self, session: ModelSession, data: TrainingData, reporter: ResultReporter) -> Sequence[str]: ...

"""Part: one model of a run on its way to its result. Made by RunContext, used by the modes.

Classic training has one part. A mode that trains several models has one for each, and one that keeps a model learning
finishes several versions of a part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kafkaml.errors import FailedError, KafkaMLError
from kafkaml.reporter import ResultReporter
from kafkaml.wire.outcome import TrainingOutcome
from model_training.artifacts import SavedFiles
from model_training.steps import Steps, Warnings

__all__ = ["KeepVersion", "NothingServable", "Part", "TrainedPart"]


class NothingServable(FailedError):
    """The model was trained and no file of it could be kept. ``outcome`` is what is known all the same."""

    def __init__(self, reason: KafkaMLError, outcome: TrainingOutcome) -> None:
        super().__init__(reason.message, hint=reason.hint)
        self.reason = reason
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class TrainedPart:
    """A version (from 1 on) of the trained model ``model``, whose files are uploaded."""

    model: str
    version: int
    outcome: TrainingOutcome


KeepVersion = Callable[[TrainedPart], None]


class Part:
    """One model of a run: its warnings, the steps after its training, its files and its reports.

    ``folder`` is an empty folder of its own. ``reporter`` takes its progress and epochs; a part is ``finished`` once,
    after any number of ``version_finished``.
    """

    def __init__(self, model: str, *, folder: Path, reporter: ResultReporter, keep_version: KeepVersion) -> None:
        self.model = model
        self.folder = folder
        self.reporter = reporter
        self.warnings = Warnings()
        self.steps = Steps(self.warnings)
        self.files = SavedFiles(folder, self.steps)
        self._keep_version = keep_version
        self._versions = 0

    def version_finished(self, outcome: TrainingOutcome) -> TrainedPart:
        """Report a version that is complete while the training goes on, and return it."""
        trained = self._next(outcome)
        self._keep_version(trained)
        return trained

    def finished(self, outcome: TrainingOutcome) -> TrainedPart:
        """Report the end of this part until the backend confirmed it, and return its last version.

        Raises NothingServable, and reports nothing, when a step failed and no file is left to serve from.
        """
        trained = self._next(outcome)
        self.reporter.finished(outcome)
        return trained

    def _next(self, outcome: TrainingOutcome) -> TrainedPart:
        reason = self.steps.first_error
        if reason is not None and not self.files.serving(outcome.artifacts):
            raise NothingServable(reason, outcome) from reason
        self._versions += 1
        return TrainedPart(model=self.model, version=self._versions, outcome=outcome)

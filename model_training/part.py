"""Part: one model of a run on its way to its result. Made by RunContext, used by the modes.

Classic training has one part. A mode that trains several models has one for each. A mode that keeps a model learning
finishes several versions of a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafkaml.errors import FailedError, KafkaMLError
from kafkaml.records import PartitionKey
from kafkaml.reporter import ResultReporter
from kafkaml.wire.checkpoint import Positions, by_topic
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.version import Comparison
from model_training.artifacts import SavedFiles
from model_training.steps import Steps, Warnings

__all__ = ["NothingServable", "Part", "TrainedPart", "Whence"]


class NothingServable(FailedError):
    """The model was trained, but none of its files could be kept. ``outcome`` is what is known nevertheless."""

    def __init__(self, reason: KafkaMLError, outcome: TrainingOutcome) -> None:
        super().__init__(reason.message, hint=reason.hint)
        self.reason = reason
        self.outcome = outcome


@dataclass(frozen=True, kw_only=True)
class Whence:
    """Where in an unbounded stream a version comes from: the window, the next offsets, and the comparison that promoted
    it.
    """

    step: int
    positions: Mapping[PartitionKey, int]
    comparison: Comparison | None = None

    @property
    def wire_positions(self) -> Positions:
        """The next offsets, in the form in which the reporter sends them."""
        return by_topic(self.positions)


@dataclass(frozen=True, kw_only=True)
class TrainedPart:
    """A version of the trained model ``model``, whose files are uploaded.

    ``version`` is its number while the training continues. Only the backend knows the number of the last one.
    """

    model: str
    outcome: TrainingOutcome
    version: int | None = None


class Part:
    """One model of a run: its warnings, the steps after its training, its files and its reports.

    ``folder`` is an empty folder of its own. ``reporter`` takes its progress and epochs; ``finished`` is called once,
    after any number of ``version_finished``.
    """

    def __init__(self, model: str, *, folder: Path, reporter: ResultReporter) -> None:
        self.model = model
        self.folder = folder
        self.reporter = reporter
        self.warnings = Warnings()
        self.reset()

    def reset(self) -> None:
        """Forget the steps and files of the previous version, or of a model process that has ended."""
        self.steps = Steps(self.warnings)
        self.files = SavedFiles(self.folder, self.steps)

    def version_finished(self, outcome: TrainingOutcome, whence: Whence) -> TrainedPart:
        """Report a version that is complete while the training continues, and return it.

        Its files stay with the backend; the next version starts with no steps and files.
        """
        self.check_servable(outcome)
        number = self.reporter.version(
            outcome, step=whence.step, positions=whence.wire_positions, comparison=whence.comparison
        )
        self.reset()
        return TrainedPart(model=self.model, outcome=outcome, version=number)

    def finished(self, outcome: TrainingOutcome, whence: Whence | None = None) -> TrainedPart:
        """Report the end of this part until the backend has confirmed it, and return its last version.

        Raises NothingServable, and reports nothing, when a step failed and no file is left to serve from.
        """
        self.check_servable(outcome)
        if whence is None:
            self.reporter.finished(outcome)
        else:
            self.reporter.finished(outcome, positions=whence.wire_positions, comparison=whence.comparison)
        return TrainedPart(model=self.model, outcome=outcome)

    def check_servable(self, outcome: TrainingOutcome) -> None:
        """Raise NothingServable when a step failed and no file is left to serve from."""
        reason = self.steps.first_error
        if reason is not None and not self.files.serving(outcome.artifacts):
            raise NothingServable(reason, outcome) from reason

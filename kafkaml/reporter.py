"""ResultReporter: how a training run reports. Step (7) of the journey of a sample.

Called by ``model_training``. ``HttpReporter`` is the real one; tests use ``kafkaml.testing.RecordingReporter``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from kafkaml.wire.failure import Failure
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress

__all__ = ["ResultReporter"]


class ResultReporter(Protocol):
    """Tells the backend how one attempt goes. Metric calls may be dropped under back-pressure, the rest may not.

    Every method returns only after the backend confirmed, retrying while the backend is away (until the job's own
    deadline); ApiError with status 409 means that a newer attempt exists and this one must end.
    """

    def running(self) -> None:
        """The attempt started to read its data."""
        ...

    def progress(self, progress: Progress) -> None:
        """Called at most a few times a second; may be dropped when the backend is slow."""
        ...

    def epoch(self, metrics: EpochMetrics) -> None:
        """Called once after each epoch; never dropped."""
        ...

    def upload(self, name: str, path: Path) -> str:
        """Store a file under ``name`` (resumable, atomic); returns its sha256."""
        ...

    def finished(self, outcome: TrainingOutcome) -> None:
        """The attempt is complete; its artifacts are uploaded already."""
        ...

    def failed(self, failure: Failure, outcome: TrainingOutcome | None = None) -> None:
        """The attempt failed; the process ends after this. ``outcome`` is what was found before it failed, if much."""
        ...

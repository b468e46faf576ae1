"""ResultReporter: how a training run reports. Step (7) of the journey of a sample.

Called by ``model_training``. ``http_reporter.HttpReporter`` is the real one, which uploads by hash and resumes; tests
use ``kafkaml.testing.RecordingReporter``. Next: a user, or an automation, makes an inference of the result; the
controller launches its replicas as in step (4), and ``model_inference.service`` loads the model into them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from kafkaml.wire.checkpoint import Checkpoint, Positions, WindowEnd
from kafkaml.wire.failure import Failure
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.version import Comparison

__all__ = ["ResultReporter"]


class ResultReporter(Protocol):
    """Reports the progress of one attempt to the backend. Only ``progress`` may be dropped, where the backend is slow.

    ``running``, ``progress``, ``epoch`` and ``window`` are queued and return at once; ``flush`` waits for them. The
    other methods return after the backend has confirmed, retrying while it is unavailable (until the job's own
    deadline). ApiError with status 409 means that a newer attempt exists and this one must end. ``window``, ``version``
    and ``comparison`` belong to incremental training.
    """

    def running(self) -> None:
        """The attempt started to read its data."""
        ...

    def progress(self, progress: Progress) -> None:
        """Report the progress. A training calls this at most a few times a second."""
        ...

    def epoch(self, metrics: EpochMetrics) -> None:
        """Report an epoch. A training calls this once after each epoch."""
        ...

    def window(self, end: WindowEnd) -> None:
        """Report that a window begins to be learnt. The backend confirms this before any other report about that
        window.
        """
        ...

    def upload(self, name: str, path: Path) -> str:
        """Store a file under ``name`` (resumable, atomic); returns its sha256."""
        ...

    def flush(self, *, patience_seconds: float | None = None) -> None:
        """Return once all reports are confirmed; ApiError after ``patience_seconds`` (None: as for the rest)."""
        ...

    def checkpoint(
        self,
        path: Path,
        *,
        step: int,
        records: int = 0,
        positions: Positions | None = None,
        patience_seconds: float | None = None,
    ) -> Checkpoint:
        """Store the file of a checkpoint, then report that another attempt continues there. Ordered after all earlier
        reports.

        Raises ApiError when the backend is unavailable for ``patience_seconds`` (None: as long as for the rest).
        """
        ...

    def version(
        self, outcome: TrainingOutcome, *, step: int, positions: Positions, comparison: Comparison | None
    ) -> int:
        """A version is complete while the training goes on, its artifacts are uploaded already; returns its number.

        A repeated report with the same ``step`` (window) means the same version.
        """
        ...

    def finished(
        self, outcome: TrainingOutcome, *, positions: Positions | None = None, comparison: Comparison | None = None
    ) -> None:
        """The attempt is complete, with a last version; its artifacts are uploaded already.

        ``positions`` is where its stream without end was left, ``comparison`` the last one with the champion.
        """
        ...

    def failed(self, failure: Failure, outcome: TrainingOutcome | None = None) -> None:
        """The attempt failed; the process ends after this. ``outcome`` is what was found before it failed,
        if anything.
        """
        ...

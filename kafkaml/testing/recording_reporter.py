"""RecordingReporter: keeps what a training run reports, in order."""

from __future__ import annotations

from pathlib import Path

from kafkaml.artifacts import sha256_of_file
from kafkaml.wire.checkpoint import Checkpoint, Positions, WindowEnd
from kafkaml.wire.failure import Failure
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.version import Comparison

__all__ = ["RecordingReporter"]


class RecordingReporter:
    """A ``kafkaml.reporter.ResultReporter`` in memory. ``order`` names the calls that must never be dropped."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.progresses: list[Progress] = []
        self.epochs: list[EpochMetrics] = []
        self.windows: list[WindowEnd] = []
        self.artifacts: dict[str, bytes] = {}
        # Versions by the window that they follow: the outcome, and the comparison that decided.
        self.versions: dict[int, tuple[TrainingOutcome, Comparison | None]] = {}
        self.checkpoints: list[Checkpoint] = []
        self.outcome: TrainingOutcome | None = None
        self.positions: Positions = {}
        self.comparison: Comparison | None = None
        self.failure: Failure | None = None

    def running(self) -> None:
        self.order.append("running")

    def progress(self, progress: Progress) -> None:
        self.progresses.append(progress)

    def epoch(self, metrics: EpochMetrics) -> None:
        self.order.append("epoch")
        self.epochs.append(metrics)

    def window(self, end: WindowEnd) -> None:
        self.order.append("window")
        self.windows.append(end)

    def upload(self, name: str, path: Path) -> str:
        self.order.append("upload")
        self.artifacts[name] = path.read_bytes()
        return sha256_of_file(path)

    def flush(self, *, patience_seconds: float | None = None) -> None:
        del patience_seconds

    def checkpoint(
        self,
        path: Path,
        *,
        step: int,
        records: int = 0,
        positions: Positions | None = None,
        patience_seconds: float | None = None,
    ) -> Checkpoint:
        del patience_seconds
        self.order.append("checkpoint")
        self.artifacts[path.name] = path.read_bytes()
        saved = Checkpoint(
            attempt=1,
            name=path.name,
            sha256=sha256_of_file(path),
            size=path.stat().st_size,
            step=step,
            records=records,
            positions=positions or {},
        )
        self.checkpoints.append(saved)
        return saved

    def version(
        self, outcome: TrainingOutcome, *, step: int, positions: Positions, comparison: Comparison | None
    ) -> int:
        del positions
        self.order.append("version")
        self.versions.setdefault(step, (outcome, comparison))
        return list(self.versions).index(step) + 1

    def finished(
        self, outcome: TrainingOutcome, *, positions: Positions | None = None, comparison: Comparison | None = None
    ) -> None:
        self.order.append("finished")
        self.outcome, self.positions, self.comparison = outcome, positions or {}, comparison

    def failed(self, failure: Failure, outcome: TrainingOutcome | None = None) -> None:
        self.order.append("failed")
        self.failure, self.outcome = failure, outcome

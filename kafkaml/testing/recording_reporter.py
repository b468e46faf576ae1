"""RecordingReporter: keeps what a training run reports, in order."""

from __future__ import annotations

from pathlib import Path

from kafkaml.artifacts import sha256_of_file
from kafkaml.wire.failure import Failure
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress

__all__ = ["RecordingReporter"]


class RecordingReporter:
    """A ``kafkaml.reporter.ResultReporter`` in memory. ``order`` names the calls that must never be dropped."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.progresses: list[Progress] = []
        self.epochs: list[EpochMetrics] = []
        self.artifacts: dict[str, bytes] = {}
        self.outcome: TrainingOutcome | None = None
        self.failure: Failure | None = None

    def running(self) -> None:
        self.order.append("running")

    def progress(self, progress: Progress) -> None:
        self.progresses.append(progress)

    def epoch(self, metrics: EpochMetrics) -> None:
        self.order.append("epoch")
        self.epochs.append(metrics)

    def upload(self, name: str, path: Path) -> str:
        self.order.append("upload")
        self.artifacts[name] = path.read_bytes()
        return sha256_of_file(path)

    def finished(self, outcome: TrainingOutcome) -> None:
        self.order.append("finished")
        self.outcome = outcome

    def failed(self, failure: Failure, outcome: TrainingOutcome | None = None) -> None:
        self.order.append("failed")
        self.failure, self.outcome = failure, outcome

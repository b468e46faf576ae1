"""What a training run reports, and the protocol of reporting it. Step (7) of the journey of a sample.

Produced by ``model_training``, consumed by the backend. ``HttpReporter`` is the real one; tests use
``kafkaml.testing.RecordingReporter``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, Protocol

__all__ = [
    "EpochMetrics",
    "Failure",
    "FailureCategory",
    "Progress",
    "ResultReporter",
    "RunState",
    "TrainingOutcome",
    "WorkerExit",
]


class RunState(StrEnum):
    """Where a training result or an inference is; these words are what the API, the commands and the page say.

    WAITING is for data, or for the next try; STOPPED is a person's wish, FAILED carries a Failure.
    """

    CREATED = "created"
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (RunState.FINISHED, RunState.STOPPED, RunState.FAILED)


class FailureCategory(StrEnum):
    """Why something failed; decides the icon, the hint and whether a retry makes sense."""

    USER_CODE = "user_code"
    DATA = "data"
    ARGUMENTS = "arguments"
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    BROKER = "broker"
    # The process or pod vanished without saying why: killed, evicted, machine restarted.
    LOST = "lost"
    CONFIGURATION = "configuration"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether the same run may succeed when started again without a change."""
        return self in (FailureCategory.BROKER, FailureCategory.LOST)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a run failed: ``cause`` is what happened, ``hint`` what to do, ``line`` the line of the user's own code."""

    category: FailureCategory
    cause: str
    hint: str = ""
    traceback_text: str = ""
    line: int | None = None
    source: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Failure:
        return cls(**{**document, "category": FailureCategory(document["category"])})


class WorkerExit(IntEnum):
    """How a worker ends, for the launcher that sees nothing but the code. Others mean that the process was lost."""

    # The backend confirmed the outcome.
    FINISHED = 0
    # The backend confirmed a Failure that says more than this code.
    FAILURE_REPORTED = 10
    # It failed and the backend could not be told: the log holds the reason.
    FAILURE_NOT_REPORTED = 11
    # A newer attempt exists, or the run was deleted: nothing to do.
    SUPERSEDED = 12
    # By SIGTERM, as a shell would say it.
    STOPPED = 143


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is: epoch (1-based) of epochs, batch of batches inside it, and the running metrics.

    Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Metrics after one epoch (1-based). ``validation`` is empty without validation data."""

    epoch: int
    seconds: float
    training: Mapping[str, float]
    validation: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingOutcome:
    """The end of a successful run. What is needed to repeat it is here: slice, split, seed, versions, code hash.

    ``samples`` counts those trained on, validated and tested: keys ``training``, ``validation``, ``test``.
    ``confusion_matrix[i][j]`` counts samples of class i predicted as class j, over ``labels``; None when not asked for.
    ``labels`` names the classes of every classification, whether or not there is a matrix. Metrics may be NaN or
    infinite; in JSON they are null.
    ``artifacts`` maps the names uploaded to their sha256. ``split`` says the rule and the rates, ``isolation`` the
    level at which the user's code ran. ``preparation`` is what the model process did to the features before the model
    saw them, its ``summary`` for people; serving gives it back. Empty: nothing but a cast. ``learnt`` are entries of an
    ``input_config`` that the stream's records told (the keys of objects, shape, type): with them serving reads records
    as training did.
    """

    seconds: float
    samples: Mapping[str, int]
    test_metrics: Mapping[str, float]
    artifacts: Mapping[str, str]
    versions: Mapping[str, str]
    code_sha256: str
    slice_sha256: str
    confusion_matrix: Sequence[Sequence[int]] | None = None
    labels: Sequence[str] = ()
    warnings: Sequence[str] = ()
    onnx_max_difference: float | None = None
    seed: int = 0
    split: str = ""
    isolation: str = ""
    preparation: Mapping[str, Any] = field(default_factory=dict)
    learnt: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> TrainingOutcome:
        return cls(**document)


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

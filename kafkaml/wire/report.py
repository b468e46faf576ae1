"""What workers post to the job API: the things of this package in their envelopes, each with the attempt it is of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from kafkaml.wire.checkpoint import Checkpoint, Positions, WindowEnd
from kafkaml.wire.failure import Failure
from kafkaml.wire.message import Count, Message
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.replica import ProcessCounts, ReplicaStats
from kafkaml.wire.version import Comparison
from kafkaml.wire.worker import LogPiece

__all__ = [
    "EpochEvent",
    "Event",
    "Events",
    "Fail",
    "Finish",
    "NewVersion",
    "ProgressEvent",
    "RunningEvent",
    "Saved",
    "Stats",
    "WindowEvent",
]


class _Report(Message):
    """What all reports have. ``attempt`` is the number of the attempt that the report is about."""

    attempt: Count


class _Event(Message):
    """Something that happened in an attempt. ``seq`` numbers the events of an attempt, later ones higher."""

    seq: Count


class RunningEvent(_Event):
    """The attempt began to read its data."""

    type: Literal["running"]
    data: Mapping[str, Any] = {}


class ProgressEvent(_Event):
    """How far the attempt is."""

    type: Literal["progress"]
    data: Progress


class EpochEvent(_Event):
    """An epoch or a window has ended."""

    type: Literal["epoch"]
    data: EpochMetrics


class WindowEvent(_Event):
    """The attempt begins to learn a window. This event comes before all others about the window."""

    type: Literal["window"]
    data: WindowEnd


Event = RunningEvent | ProgressEvent | EpochEvent | WindowEvent


class Events(_Report):
    """Events of one attempt. They are numbered, and a number that was received before is skipped."""

    events: Annotated[list[Annotated[Event, Field(discriminator="type")]], Field(max_length=10_000)]


class Saved(_Report):
    """A checkpoint whose file has been uploaded. From now on, another attempt continues from it."""

    checkpoint: Checkpoint


class NewVersion(_Report):
    """A version that was completed while its training continues. Its files have been uploaded.

    ``step`` is the number of the window after which it was made. A second report with the same ``step`` means the same
    version. ``comparison`` is what decided for it.
    """

    step: Count
    outcome: TrainingOutcome
    positions: Positions = {}
    comparison: Comparison | None = None


class Finish(_Report):
    """The attempt ended successfully, with a last version. ``positions`` and ``comparison`` are for incremental
    training.
    """

    outcome: TrainingOutcome
    positions: Positions = {}
    comparison: Comparison | None = None


class Fail(_Report):
    """The attempt failed. ``outcome`` is what was known by then, if training itself succeeded."""

    failure: Failure
    outcome: TrainingOutcome | None = None


class Stats(_Report, ReplicaStats):
    """The report of one replica of an inference. ``run`` identifies its process, and the counts are those of this
    process.

    ``log`` are new lines in the log of an external worker. The logs of other replicas are read where they run.
    """

    run: Annotated[str, Field(max_length=64)] = ""
    previous: ProcessCounts | None = None
    log: LogPiece | None = None

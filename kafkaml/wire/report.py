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
    attempt: Count


class _Event(Message):
    seq: Count


class RunningEvent(_Event):
    """The attempt reads its data."""

    type: Literal["running"]
    data: Mapping[str, Any] = {}


class ProgressEvent(_Event):
    """Where the attempt is."""

    type: Literal["progress"]
    data: Progress


class EpochEvent(_Event):
    """An epoch is over."""

    type: Literal["epoch"]
    data: EpochMetrics


class WindowEvent(_Event):
    """A window begins to be learnt. Sent before any other report about the window."""

    type: Literal["window"]
    data: WindowEnd


Event = RunningEvent | ProgressEvent | EpochEvent | WindowEvent


class Events(_Report):
    """Events of one attempt, numbered; numbers seen before are skipped."""

    events: Annotated[list[Annotated[Event, Field(discriminator="type")]], Field(max_length=10_000)]


class Saved(_Report):
    """A checkpoint whose file is uploaded: from now on another attempt continues there."""

    checkpoint: Checkpoint


class NewVersion(_Report):
    """A version is complete while its training goes on; its files are uploaded. ``step`` is the window it follows.

    A repeated report with the same ``step`` means the same version. ``comparison`` is what promoted it.
    """

    step: Count
    outcome: TrainingOutcome
    positions: Positions = {}
    comparison: Comparison | None = None


class Finish(_Report):
    """The attempt ended well, with a last version. ``positions`` and ``comparison`` are of incremental training."""

    outcome: TrainingOutcome
    positions: Positions = {}
    comparison: Comparison | None = None


class Fail(_Report):
    """The attempt ended badly. ``outcome`` is what was found before it failed, where training itself went well."""

    failure: Failure
    outcome: TrainingOutcome | None = None


class Stats(_Report, ReplicaStats):
    """The report of one replica of an inference; ``run`` names its process, whose counts these are.

    ``log`` is what is new in the log of a worker elsewhere; those of launched replicas are read where they run.
    """

    run: Annotated[str, Field(max_length=64)] = ""
    previous: ProcessCounts | None = None
    log: LogPiece | None = None

"""How a replica of an inference is, as it says itself every two seconds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.checkpoint import Positions
from kafkaml.wire.failure import Failure
from kafkaml.wire.message import Count, Message

__all__ = [
    "Counts",
    "ProcessCounts",
    "ReplicaReport",
    "ReplicaState",
    "ReplicaStats",
    "Serving",
    "Swap",
    "SwapFailure",
    "Totals",
]


class ReplicaState(StrEnum):
    """How a replica is; ``running`` means assigned to its share of the partitions and polling."""

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"


class Counts(Message):
    """Records that were answered, and that became dead letters.

    ``restamped`` of both carry the time of writing: their topic would not keep or take the time of their record.
    """

    predicted: Count = 0
    dead_lettered: Count = 0
    restamped: Count = 0


class ProcessCounts(Counts):
    """What an earlier process of a replica had answered when it ended, perhaps without telling."""

    run: Annotated[str, Field(min_length=1, max_length=64)]


class Totals(Counts):
    """How serving goes: ``rate`` in records a second, ``lag`` in records not read yet, latencies in milliseconds.

    A latency runs from the record's timestamp to the commit of its answer, or from its arrival for records that are
    older than the replica (a backlog says nothing about speed). Of a replica the counts are those since its process
    started; of an inference those of all its life, and the latencies are the slowest replica's.
    """

    rate: Annotated[float, Field(ge=0)] = 0.0
    lag: Count | None = None
    p50_ms: Annotated[float, Field(ge=0)] | None = None
    p99_ms: Annotated[float, Field(ge=0)] | None = None


class Serving(Message):
    """Which version of the model a replica answers with, and by which revision of its plan."""

    revision: Count
    version: Count


class Swap(Message):
    """A replica went over from one version to another, between two transactions.

    ``positions`` are the first offsets that the new one answers, of the partitions that the replica had; the others
    change with the replicas that have them. ``gap_seconds`` is how long nothing was read for it, ``loading_seconds``
    how long the new one took to be loaded and warm, beside the old: 0 where it was still warm.
    """

    revision: Count
    from_version: Count
    version: Count
    at: datetime
    positions: Positions = {}
    gap_seconds: Annotated[float, Field(ge=0)]
    loading_seconds: Annotated[float, Field(ge=0)] = 0.0


class SwapFailure(Message):
    """A version that a replica could not go over to, and why. It goes on with the one it has."""

    revision: Count
    version: Count
    failure: Failure


class ReplicaStats(Totals):
    """What one replica says of itself; ``error`` is why it ended.

    ``swaps`` are those that were not told before, oldest first. ``swap_failure`` is of the newest revision.
    """

    replica: Annotated[int, Field(ge=0, le=10_000)]
    state: ReplicaState
    serving: Serving | None = None
    swaps: Annotated[list[Swap], Field(max_length=100)] = []
    swap_failure: SwapFailure | None = None
    warnings: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=20)] = []
    error: Failure | None = None


class ReplicaReport(ReplicaStats):
    """What one replica said last, and when."""

    updated_at: datetime

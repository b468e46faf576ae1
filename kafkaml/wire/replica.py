"""How a replica of an inference is, as it says itself every two seconds."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.failure import Failure
from kafkaml.wire.message import Count, Message

__all__ = ["Counts", "ProcessCounts", "ReplicaReport", "ReplicaState", "ReplicaStats", "Totals"]


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


class ReplicaStats(Totals):
    """What one replica says of itself; ``error`` is why it ended."""

    replica: Annotated[int, Field(ge=0, le=10_000)]
    state: ReplicaState
    warnings: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=20)] = []
    error: Failure | None = None


class ReplicaReport(ReplicaStats):
    """What one replica said last, and when."""

    updated_at: datetime

"""The state of an inference's replica, as it reports every two seconds, and what is derived from it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field

from kafkaml.text import storable
from kafkaml.wire.checkpoint import Positions
from kafkaml.wire.failure import Failure
from kafkaml.wire.message import Count, Message, Metric

__all__ = [
    "Compared",
    "Confidence",
    "Counts",
    "Exits",
    "Failing",
    "FailingKind",
    "LiveComparison",
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
    """The state of a replica.

    * ``starting``: It loads the model, or waits for partitions.
    * ``running``: It has its share of the partitions and polls them.
    * ``failed``: It ended with an error.
    * ``stopped``: It ended in order.
    * ``silent``: It has not reported for a while. It may hang, still serve without reaching the platform, or be gone.
    """

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    SILENT = "silent"


class Counts(Message):
    """How many records were handled, and how. The number of records read is ``predicted + dead_lettered + warming_up``.

    ``predicted`` records have a prediction. Of the ``predicted`` ones, ``sent_up`` went on to the next tier as
    intermediates. ``dead_lettered`` records became dead letters. ``warming_up`` records have no answer, because the
    window of their key was not full, or its stride had not passed. ``restamped`` answers and dead letters have the time
    of writing, because their topic would not accept or keep the timestamp of their record.
    """

    predicted: Count = 0
    dead_lettered: Count = 0
    restamped: Count = 0
    sent_up: Count = 0
    warming_up: Count = 0

    @property
    def records(self) -> int:
        """How many records were read and handled."""
        return self.predicted + self.dead_lettered + self.warming_up


class ProcessCounts(Counts):
    """What an earlier process of a replica had answered when it ended. It may have ended without reporting this."""

    run: Annotated[str, Field(min_length=1, max_length=64)]


class Totals(Counts):
    """Counts, rates, lag and latency of a replica or an inference.

    ``rate`` is the number of records answered per second. ``read_rate`` is the same with dead letters and records that
    warm up. ``lag`` is the number of records that wait in the input topic, null while no partition is assigned.
    ``p50_ms`` and ``p99_ms`` are percentiles of the latency in milliseconds, from the record's timestamp to the commit
    of its answer, null if nothing was answered for a while. For records that are older than the replica, latency begins
    with their arrival at it. A replica counts since its process started. An inference counts since it was created, and
    its latencies are those of the slowest replica.
    """

    rate: Annotated[float, Field(ge=0)] = 0.0
    read_rate: Annotated[float, Field(ge=0)] = 0.0
    lag: Count | None = None
    p50_ms: Annotated[float, Field(ge=0)] | None = None
    p99_ms: Annotated[float, Field(ge=0)] | None = None


class FailingKind(StrEnum):
    """What is wrong with a failing inference.

    * ``dead_letters``: Half of the records or more become dead letters. The state ends below a quarter.
    * ``restarts``: Replicas restarted three times or more within ten minutes.
    * ``lag``: The lag keeps growing from minute to minute.
    """

    DEAD_LETTERS = "dead_letters"
    RESTARTS = "restarts"
    LAG = "lag"


class Failing(Message):
    """An inference that runs and still does not do its work.

    ``reason`` says what was seen, and ``hint`` what to do. The state ends automatically when its cause is gone.
    """

    kind: FailingKind
    reason: Annotated[str, Field(max_length=2000)]
    hint: Annotated[str, Field(max_length=2000)] = ""
    since: datetime


class Serving(Message):
    """What a replica serves: the version of the model, the challenger, and the revision of the plan. ``challenger`` is
    the number of a version, null if there is none. ``limit`` is null unless the replica serves a tier that has one.
    """

    revision: Count
    version: Count
    challenger: Count | None = None
    limit: float | None = None


class Exits(Message):
    """What a tier did since its replicas use ``limit``. Of the ``predicted`` samples, ``sent_up`` went on to the next
    tier.
    """

    limit: float
    predicted: Count = 0
    sent_up: Count = 0

    @property
    def share(self) -> float | None:
        """The share of samples that the tier answered itself; None before the first one."""
        return 1 - self.sent_up / self.predicted if self.predicted else None


class Confidence(Message):
    """How sure a replica was since its process started. ``total`` is the sum of the confidences of ``answers`` answers.

    The confidence of an answer is its highest probability. An answer without a confidence, such as a number, is not
    counted. A tier also counts what it sent to the next tier.
    """

    answers: Count = 0
    total: Annotated[float, Field(ge=0)] = 0.0


class Compared(Message):
    """How one of two versions did on records that both were given.

    ``failed`` records were not answered by this version. ``labelled`` records have a label as their key, and
    ``correct`` of those were predicted correctly. ``scores`` is a histogram of the highest value of each answer, in
    equal bins from 0 to 1. Values outside are in the first and the last bin. ``p50_ms`` and ``p99_ms`` are
    percentiles of the latency of whole batches, null before the first batch.
    """

    version: Count
    failed: Count = 0
    labelled: Count = 0
    correct: Count = 0
    scores: Annotated[list[Count], Field(max_length=100)] = []
    p50_ms: Annotated[float, Field(ge=0)] | None = None
    p99_ms: Annotated[float, Field(ge=0)] | None = None

    @property
    def accuracy(self) -> float | None:
        """The share of correct answers; None without labels."""
        return self.correct / self.labelled if self.labelled else None


class LiveComparison(Message):
    """Champion and challenger on the same records. Both answered ``compared`` of ``records``.

    ``agreed`` is the number of equal answers. Two answers are equal if their highest value is at the same position.
    Single numbers are equal if they differ by at most a hundredth of the larger one. ``mean_difference`` is the mean
    difference between values.
    """

    records: Count = 0
    compared: Count = 0
    agreed: Count = 0
    mean_difference: Metric = 0.0
    champion: Compared
    challenger: Compared

    @property
    def agreement(self) -> float | None:
        """The share of records on which champion and challenger agree; None before the first record."""
        return self.agreed / self.compared if self.compared else None


class Swap(Message):
    """A replica changed to another version, challenger or limit, between two transactions.

    ``from_version`` is the version that it served before. ``challenger`` and ``limit`` are null if there is none after
    the change. ``positions`` are the first offsets that were answered after the change, in the partitions of this
    replica. Other partitions change together with their replicas. ``gap_seconds`` is how long no record was read.
    ``loading_seconds`` is how long the new version took to load, while the old one still answered. It is 0 if the
    version was loaded already.
    """

    revision: Count
    from_version: Count
    version: Count
    challenger: Count | None = None
    limit: float | None = None
    at: datetime
    positions: Positions = {}
    gap_seconds: Annotated[float, Field(ge=0)]
    loading_seconds: Annotated[float, Field(ge=0)] = 0.0


class SwapFailure(Message):
    """A version that a replica could not change to, and why. The replica continues with the version that it has."""

    revision: Count
    version: Count
    failure: Failure


class ReplicaStats(Totals):
    """The report of one replica. ``error`` says why it ended, and is null while it works.

    ``confidence`` is null if no answer had one. ``last_refusal`` is the beginning of the reason for its newest dead
    letter, empty if there is none. ``swaps`` are those not reported before, the oldest first. ``swap_failure`` is about
    the newest revision, and null if the replica serves it. ``serving`` is null until a model is loaded, ``comparison``
    without a challenger, and ``exits`` without a limit.
    """

    replica: Annotated[int, Field(ge=0, le=10_000)]
    state: ReplicaState
    serving: Serving | None = None
    swaps: Annotated[list[Swap], Field(max_length=100)] = []
    swap_failure: SwapFailure | None = None
    comparison: LiveComparison | None = None
    exits: Exits | None = None
    confidence: Confidence | None = None
    last_refusal: Annotated[str, Field(max_length=300), BeforeValidator(storable)] = ""
    warnings: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=20)] = []
    error: Failure | None = None


class ReplicaReport(ReplicaStats):
    """The last report of one replica, and its time. ``worker`` is the name of an external worker on the machine
    ``host``. Both are empty for a replica that the platform started.
    """

    updated_at: datetime
    worker: str = ""
    host: str = ""

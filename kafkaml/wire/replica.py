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
    """How a replica is; ``running`` means assigned to its share of the partitions and polling.

    ``stopped`` is one that ended in order. ``silent`` is the platform's word for one that has not reported for a while:
    it may hang, still serve without reaching us, or be gone.
    """

    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"
    STOPPED = "stopped"
    SILENT = "silent"


class Counts(Message):
    """Records that were answered, and that became dead letters.

    ``sent_up`` of the predicted went on to the next tier, as intermediates; the others left here. ``restamped`` of both
    carry the time of writing: their topic would not keep or take the time of their record. ``warming_up`` have no
    answer of their own because the window of their key was not full yet, or not at its stride. What was read is
    ``predicted + dead_lettered + warming_up``.
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
    """What an earlier process of a replica had answered when it ended, perhaps without reporting it."""

    run: Annotated[str, Field(min_length=1, max_length=64)]


class Totals(Counts):
    """How serving goes: rates in records a second, ``lag`` in records not read yet, latencies in milliseconds.

    The lag is None where no partitions are held. ``rate`` is of those that were answered, ``read_rate`` of all that
    were read and are done with: also dead letters and what is warming up.
    A latency runs from the record's timestamp to the commit of its answer, or from its arrival for records that are
    older than the replica (a backlog says nothing about speed). Of a replica the counts are those since its process
    started; of an inference those of all its life, and the latencies are the slowest replica's.
    """

    rate: Annotated[float, Field(ge=0)] = 0.0
    read_rate: Annotated[float, Field(ge=0)] = 0.0
    lag: Count | None = None
    p50_ms: Annotated[float, Field(ge=0)] | None = None
    p99_ms: Annotated[float, Field(ge=0)] | None = None


class FailingKind(StrEnum):
    """What is wrong with an inference that fails: ``backend.inferences.health`` says when each begins and ends."""

    DEAD_LETTERS = "dead_letters"
    RESTARTS = "restarts"
    LAG = "lag"


class Failing(Message):
    """An inference that is to run does not do what it is for, though nothing has ended it.

    ``reason`` says what was seen and ``hint`` what to do, both for people. It ends automatically when the cause is
    gone.
    """

    kind: FailingKind
    reason: Annotated[str, Field(max_length=2000)]
    hint: Annotated[str, Field(max_length=2000)] = ""
    since: datetime


class Serving(Message):
    """Which version of the model a replica answers with, by which revision of its plan, and which one challenges it.

    ``limit`` is that of a tier that hands up.
    """

    revision: Count
    version: Count
    challenger: Count | None = None
    limit: float | None = None


class Exits(Message):
    """What a tier with a limit predicted since a replica decides by that limit, and what of it was ``sent_up``."""

    limit: float
    predicted: Count = 0
    sent_up: Count = 0

    @property
    def share(self) -> float | None:
        """The share of samples that the tier answered itself; None before the first one."""
        return 1 - self.sent_up / self.predicted if self.predicted else None


class Confidence(Message):
    """How sure the process of a replica was since it started: the ``total`` of the confidences of ``answers`` answers.

    The confidence of an answer is its highest probability; what says nothing of it, as a number does, is not counted.
    A tier's are all that it predicted, also what it handed up.
    """

    answers: Count = 0
    total: Annotated[float, Field(ge=0)] = 0.0


class Compared(Message):
    """One of two versions on records that both were given. ``labelled`` had a label as key, ``correct`` hit it.

    ``failed`` are those that it could not answer. ``scores`` counts answers by their highest value, or their only one,
    in equal steps from 0 to 1; what is outside is in the first or the last. Latencies are of whole batches.
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
    """Champion and challenger side by side, on the ``compared`` of all ``records`` that both answered.

    ``agreed``: the highest value at the same place, or the only ones within a hundredth. ``mean_difference`` is that of
    their values.
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
    """A replica went over to another version, challenger or limit, between two transactions.

    ``positions`` are the first offsets that the new one answers, of the partitions that the replica had; the others
    change with the replicas that have them. ``gap_seconds`` is how long nothing was read for it, ``loading_seconds``
    how long loading and warming the new one took, while the old one answered; 0 where it was still warm.
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
    """A version that a replica could not change over to, and why. It continues with the one it has."""

    revision: Count
    version: Count
    failure: Failure


class ReplicaStats(Totals):
    """The report of one replica; ``error`` is why it ended.

    ``confidence`` is None where no answer had one. ``last_refusal`` is why its newest dead letter became one: the first
    characters of that reason, "" for none yet. ``swaps`` are those not reported before, oldest first. ``swap_failure``
    is of the newest revision.
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
    """The last report of one replica, and when. ``worker`` names one that runs elsewhere, on ``host``."""

    updated_at: datetime
    worker: str = ""
    host: str = ""

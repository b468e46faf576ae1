"""From polled records to a batch for the model: decode, and turn what does not decode into dead letters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from kafkaml.codecs.base import Codec
from kafkaml.errors import KafkaMLError
from kafkaml.records import PartitionKey, Record, RecordBatch
from model_inference.dead_letters import Stage

__all__ = ["Batch", "BatchSize", "Intake", "Refused"]

# A batch that keeps the model busy for longer is cut: stopping, rebalancing and the records behind it wait for it.
_TARGET_SECONDS = 0.5


@dataclass(frozen=True)
class Refused:
    """A record that becomes a dead letter, and why."""

    record: Record
    error: KafkaMLError
    stage: Stage
    # Whether Kafka refused its dead letter too, because it is too large.
    cut: bool = False


@dataclass
class Batch:
    """Records polled together. ``samples`` (n, *sample_shape) belong to ``records``; ``refused`` are the rest.

    ``positions`` is where the input goes on once the batch is answered. ``drained``: there was nothing more to poll.
    ``forgotten``: its transaction was aborted, so nobody waits for its answers any more.
    """

    records: list[Record]
    samples: npt.NDArray[Any] | None
    refused: list[Refused]
    positions: dict[PartitionKey, int]
    arrived: float
    drained: bool
    forgotten: bool = False


@dataclass
class Intake:
    """Decodes. ``refusals`` holds, by place, the records that Kafka did not take the answer to."""

    codec: Codec
    clock: Callable[[], float]
    refusals: dict[tuple[str, int, int], Refused] = field(default_factory=dict)

    def batch(self, polled: RecordBatch, *, drained: bool) -> Batch:
        """Return ``polled`` decoded; never raises for what is in a record."""
        arrived = self.clock()
        records = list(polled)
        positions = {(record.topic, record.partition): record.offset + 1 for record in records}
        refused: list[Refused] = []
        if self.refusals:
            records, refused = self._without_refusals(records)
            values = [record.value for record in records]
        else:
            values = polled.values()
        decoded = self.codec.decode_each(values)
        refused += [Refused(records[index], error, Stage.DECODE) for index, error in decoded.failures]
        if decoded.failures:
            records = [records[index] for index in decoded.kept]
        samples = decoded.rows if records else None
        return Batch(records, samples, refused, positions, arrived, drained)

    def _without_refusals(self, records: list[Record]) -> tuple[list[Record], list[Refused]]:
        kept: list[Record] = []
        refused: list[Refused] = []
        for record in records:
            known = self.refusals.get((record.topic, record.partition, record.offset))
            if known is None:
                kept.append(record)
            else:
                refused.append(known)
        return kept, refused


class BatchSize:
    """How many records to poll at most: fewer for slow models, and fewer while Kafka refuses a record among them.

    ``steps`` are the batch sizes that the model is warmed up for, ascending.
    """

    def __init__(self, steps: tuple[int, ...]) -> None:
        self._steps = steps
        self._step = len(steps) - 1
        self._careful_limit = steps[-1]

    @property
    def records(self) -> int:
        """The most records of the next batch."""
        return min(self._steps[self._step], self._careful_limit)

    @property
    def is_careful(self) -> bool:
        """Whether each batch is to be committed alone, because one of the next records makes commits fail."""
        return self._careful_limit < self._steps[-1]

    def took(self, records: int, seconds: float) -> None:
        """Note how long the model worked on a batch."""
        if seconds > _TARGET_SECONDS and records > 1:
            self._step = max(0, self._step - 1)
        elif self._step + 1 < len(self._steps) and records == self._steps[self._step]:
            growth = self._steps[self._step + 1] / records
            if seconds * growth < _TARGET_SECONDS / 2:
                self._step += 1

    def refused(self) -> None:
        """Note that Kafka refused something of the last transaction."""
        self._careful_limit = max(1, self._careful_limit // 8)

    def committed(self) -> None:
        """Note that a transaction was committed."""
        self._careful_limit = min(self._steps[-1], self._careful_limit * 2)

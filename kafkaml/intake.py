"""From polled records to a batch for the model: decodes them, and turns failures into dead letters.

Used by the replicas, and by the backend, which checks a topic's newest record against a model before it is served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt

from kafkaml.codecs.base import Codec, StateKey
from kafkaml.dead_letters import Stage
from kafkaml.errors import KafkaMLError
from kafkaml.records import PartitionKey, Record, RecordBatch, RecordColumns

__all__ = ["Batch", "BatchSize", "Intake", "Refused"]

# Longest batch, in seconds of the model. Stopping, rebalancing and later records have to wait for it.
_TARGET_SECONDS = 0.5


@dataclass(frozen=True)
class Refused:
    """A record that becomes a dead letter, and why."""

    record: Record
    error: KafkaMLError
    stage: Stage
    # True when Kafka refused the dead letter too, because the record is too large.
    cut: bool = False


@dataclass
class Batch:
    """Records polled together. ``kept`` are the indices in ``polled`` of the records that get an answer. ``samples``
    (n, *sample_shape), or None, and ``columns`` belong to these. ``refused`` records become dead letters, and
    ``warming_up`` records only count for later samples of their key. ``changes`` are those of the codec's state.

    ``positions`` is where the input continues once the batch is answered. ``drained`` says that there was nothing more
    to poll. ``included`` is the JSON text that the answer to each sample carries, empty where answers carry none.
    ``forgotten`` says that the batch's transaction was aborted, so its answers are no longer wanted.
    """

    polled: RecordBatch
    kept: Sequence[int]
    columns: RecordColumns
    samples: npt.NDArray[Any] | None
    refused: list[Refused]
    positions: dict[PartitionKey, int]
    arrived: float
    drained: bool
    included: Sequence[bytes] = ()
    warming_up: int = 0
    changes: Mapping[StateKey, bytes] = field(default_factory=dict)
    forgotten: bool = False

    @property
    def topic(self) -> str:
        """The topic of all records in the batch."""
        return self.polled[0].topic

    def record(self, index: int) -> Record:
        """Return the record that sample ``index`` comes from."""
        return self.polled[self.kept[index]]


@dataclass
class Intake:
    """Decodes polled records. ``refusals`` holds, by partition and offset, the records that Kafka did not take the
    answer to.
    """

    codec: Codec
    clock: Callable[[], float]
    refusals: dict[tuple[int, int], Refused] = field(default_factory=dict)

    def batch(self, polled: RecordBatch, *, drained: bool) -> Batch:
        """Return ``polled``, not empty and of one topic, decoded; never raises for what is in a record."""
        arrived = self.clock()
        topic, columns = polled[0].topic, polled.columns()
        # Offsets ascend within a partition, so the dictionary keeps the last one of each.
        last = dict(zip(columns.partitions, columns.offsets, strict=True))
        positions = {(topic, partition): offset + 1 for partition, offset in last.items()}
        decoded = self.codec.decode_batch(polled)
        refused = {index: Refused(polled[index], error, Stage.DECODE) for index, error in decoded.failures}
        kept, samples, included = decoded.kept, decoded.rows, decoded.included
        if self.refusals:
            refused |= self._known_refusals(columns)
            rows = [row for row, index in enumerate(kept) if index not in refused]
            kept, samples = [kept[row] for row in rows], samples[rows]
            included = [included[row] for row in rows] if included else ()
        if len(kept) < len(polled):
            columns = columns.take(kept)
        return Batch(
            polled,
            kept,
            columns,
            samples if kept else None,
            list(refused.values()),
            positions,
            arrived,
            drained,
            included,
            # A record whose changes Kafka refused becomes a dead letter, whether it waits or not.
            warming_up=len(polled) - len(kept) - len(refused),
            changes=decoded.changes,
        )

    def _known_refusals(self, columns: RecordColumns) -> dict[int, Refused]:
        places = zip(columns.partitions, columns.offsets, strict=True)
        return {index: self.refusals[place] for index, place in enumerate(places) if place in self.refusals}


class BatchSize:
    """The most records to poll: fewer for slow models, and fewer while Kafka refuses a record among them.

    ``steps`` are the batch sizes that the model may be warmed up for, ascending. ``fit`` limits them to what the model
    takes.
    """

    def __init__(self, steps: tuple[int, ...]) -> None:
        self._all_steps = self._steps = steps
        self._step = len(steps) - 1
        self._careful_limit = steps[-1]

    def fit(self, most: int) -> None:
        """Limit batches to ``most``, because the model's capacity is known now, or has shrunk."""
        most = min(most, self._all_steps[-1])
        if most == self._steps[-1]:
            return
        careful = self.is_careful
        self._steps = (*(size for size in self._all_steps if size < most), most)
        self._step = len(self._steps) - 1
        self._careful_limit = min(self._careful_limit, most) if careful else most

    @property
    def records(self) -> int:
        """The most records of the next batch."""
        return min(self._steps[self._step], self._careful_limit)

    @property
    def is_careful(self) -> bool:
        """Whether to commit each batch on its own, because one of the next records makes commits fail."""
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

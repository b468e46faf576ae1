"""The part of Kafka that we use: records, and the protocols for reading and writing them.

The real adapters are in ``kafkaml/confluent/`` (the only package that imports the Kafka client); tests use
``kafkaml.testing.InMemoryBroker``, which passes the same contract suite.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple, Protocol, overload

from kafkaml.errors import RefusedError
from kafkaml.stream_range import StreamRange

__all__ = [
    "SOURCE_HEADER",
    "TIER_HEADER",
    "GroupReader",
    "Headers",
    "ListBatch",
    "OutgoingRecord",
    "OutgoingRow",
    "PartitionKey",
    "PartitionListener",
    "Place",
    "Position",
    "Record",
    "RecordBatch",
    "RecordColumns",
    "RecordReader",
    "RecordWriter",
    "TransactionalLoopClient",
    "format_source",
    "parse_source",
    "place_text",
]

Headers = Sequence[tuple[str, bytes | None]]

# A partition: its topic and number.
PartitionKey = tuple[str, int]
# A record: its topic, partition and offset.
Place = tuple[str, int, int]

# Header of every output and dead letter: which input record it answers. A restart with at-least-once finds existing
# answers by it.
SOURCE_HEADER = "kml-source"
# Which sub-model of a distributed model wrote a record: its name, UTF-8.
TIER_HEADER = "kml-tier"


def format_source(topic: str, partition: int, offset: int) -> bytes:
    """Return the value of ``SOURCE_HEADER``: ``topic/partition/offset``."""
    return b"%s/%d/%d" % (topic.encode(), partition, offset)


def parse_source(value: bytes | None) -> tuple[str, int, int] | None:
    """Return topic, partition and offset of a ``SOURCE_HEADER``, or None for any other text."""
    parts = (value or b"").split(b"/")
    try:
        topic, partition, offset = parts
        return topic.decode(), int(partition), int(offset)
    except ValueError:
        return None


def place_text(place: Place) -> str:
    """Return ``topic[partition]@offset``, as every log line and error names a record."""
    topic, partition, offset = place
    return f"{topic}[{partition}]@{offset}"


# Named tuples rather than dataclasses, because one of each is built for every record of a stream, and they cost a
# third.
class Record(NamedTuple):
    """A record as read. ``timestamp_ms`` is Kafka's, in milliseconds since 1970; -1 where there is none."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int = -1

    @property
    def place(self) -> str:
        """See ``place_text``."""
        return place_text((self.topic, self.partition, self.offset))


# Unpacking takes half the time of access by name.
_key_of, _value_of = (itemgetter(Record._fields.index(name)) for name in ("key", "value"))


class OutgoingRecord(NamedTuple):
    """A record to be written; ``timestamp_ms`` 0 means now, ``partition`` -1 by the key's hash."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int = 0
    partition: int = -1


# The fields of an OutgoingRecord with headers as a list, for code that makes a hundred thousand per second. A plain
# tuple costs a sixth of a named one.
OutgoingRow = tuple[str, bytes | None, bytes | None, list[tuple[str, bytes | None]], int, int]


class Position(NamedTuple):
    """Where a record was written, once the broker acknowledged it."""

    topic: str
    partition: int
    offset: int


class RecordColumns(NamedTuple):
    """The parts of records that their answers need, as columns of equal length, in order."""

    partitions: Sequence[int]
    offsets: Sequence[int]
    keys: Sequence[bytes | None]
    headers: Sequence[Headers | None]
    timestamps_ms: Sequence[int]

    def take(self, indices: Sequence[int]) -> RecordColumns:
        """Return the rows at ``indices``."""
        return RecordColumns(
            [self.partitions[index] for index in indices],
            [self.offsets[index] for index in indices],
            [self.keys[index] for index in indices],
            [self.headers[index] for index in indices],
            [self.timestamps_ms[index] for index in indices],
        )


class RecordBatch(Sequence[Record]):
    """Records read together. Columns are much cheaper than records where thousands are handled at once."""

    def columns(self) -> RecordColumns:
        """Return everything except topics and values, as columns."""
        _, partitions, offsets, keys, _, headers, timestamps_ms = zip(*self, strict=True) if self else ((),) * 7
        return RecordColumns(partitions, offsets, keys, headers, timestamps_ms)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> RecordBatch: ...
    @abstractmethod
    def __getitem__(self, index: int | slice) -> Record | RecordBatch:
        """Return one record, or a batch of the records in a slice."""

    def topics(self) -> list[str]:
        """Topics of all records, in order."""
        return [record.topic for record in self]

    @abstractmethod
    def values(self) -> list[bytes | None]:
        """Values of all records, in order."""

    @abstractmethod
    def keys(self) -> list[bytes | None]:
        """Keys of all records, in order."""


class ListBatch(RecordBatch):
    """A batch of records that exist already."""

    def __init__(self, records: Sequence[Record] = ()) -> None:
        self._records = list(records)

    def __len__(self) -> int:
        return len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> ListBatch: ...
    def __getitem__(self, index: int | slice) -> Record | ListBatch:
        return ListBatch(self._records[index]) if isinstance(index, slice) else self._records[index]

    def values(self) -> list[bytes | None]:
        return list(map(_value_of, self._records))

    def keys(self) -> list[bytes | None]:
        return list(map(_key_of, self._records))


class RecordReader(Protocol):
    """Reads bounded slices, or from given offsets on, without a consumer group."""

    def read(
        self, ranges: Sequence[StreamRange], *, batch_records: int, idle_timeout_seconds: float
    ) -> Iterator[RecordBatch]:
        """Iterate over all records of ``ranges`` in batches of at most ``batch_records``, committed ones only.

        Ends when each range's *position* passed its end (never by waiting for the record at ``end - 1``: it may be a
        transaction marker or compacted away). Raises StreamUnavailable when the start was deleted by retention or
        nothing arrives for ``idle_timeout_seconds``; BrokerError when Kafka cannot be reached.
        """
        ...

    def starts(self, topic: str, *, since_ms: int = 0) -> Mapping[PartitionKey, int]:
        """Return for each partition the first available offset whose timestamp is not before ``since_ms``.

        If there is no such record yet, it is the end of the partition. Raises StreamUnavailable for a topic that does
        not exist.
        """
        ...

    def follow(
        self, starts: Mapping[PartitionKey, int], *, batch_records: int, wait_seconds: float
    ) -> Iterator[RecordBatch]:
        """Iterate over all records from ``starts`` on, without end, committed ones only; closing it ends the reading.

        A batch is empty when nothing came for ``wait_seconds``. A later call continues after the last record of each
        partition. Raises StreamUnavailable when a start was deleted by retention or lies behind the end; BrokerError
        when Kafka refuses for good, not while it is unavailable.
        """
        ...

    def caught_up(self) -> bool:
        """Ask Kafka whether ``follow`` has handed out everything it holds now; raises BrokerError without an answer.

        Also False before the first batch.
        """
        ...

    def ends(self) -> Mapping[PartitionKey, int]:
        """Return the last known ends of the followed partitions (no request).

        A partition whose end is not known yet is missing. The markers of transactions count as records.
        """
        ...

    def identity(self, topics: Sequence[str]) -> str:
        """Return what offsets of ``topics`` refer to: the cluster's id and the topics' own.

        Changes when a topic is deleted and recreated under its name. Raises StreamUnavailable for a topic that does not
        exist.
        """
        ...

    def close(self) -> None: ...


class RecordWriter(Protocol):
    """Writes records and knows which were acknowledged."""

    def write(self, record: OutgoingRecord, on_acknowledged: Callable[[Position], None] | None = None) -> None:
        """Queue a record; blocks while the queue is full. The callback runs inside ``write`` or ``flush``."""
        ...

    def flush(self, timeout_seconds: float) -> None:
        """Return when every queued record is acknowledged; raises BrokerError naming the first that was not."""
        ...

    def close(self) -> None: ...


class GroupReader(Protocol):
    """Reads topics as a member of a consumer group, one record after the other, and commits after the effect."""

    def poll(self, timeout_seconds: float) -> Record | None:
        """Return the next record, or None when none came in time; BrokerError when Kafka refuses for good."""
        ...

    def commit(self, record: Record) -> None:
        """Mark ``record`` and all before it in its partition as handled; they are not read again after a restart."""
        ...

    def close(self) -> None:
        """Leave the group; records polled but not committed are read again by the next member."""
        ...


class PartitionListener(Protocol):
    """Learns which partitions this member gains and loses. ``poll`` calls it, and raises what it raises."""

    def taken(self, partitions: Collection[PartitionKey]) -> bool:
        """Get ready for partitions that are read from now on; their committed offsets are known. May block.

        Returns False where that was given up; the partitions are then not read, and a later ``poll`` tries again.
        """
        ...

    def lost(self, partitions: Collection[PartitionKey]) -> None:
        """Release partitions that others get now, including ones that were not taken yet. Never raises."""
        ...


class TransactionalLoopClient(Protocol):
    """Consume, transform, produce, as one: the Kafka side of the inference loop.

    Exactly once when input and output are on one cluster; at least once otherwise (then ``commit`` is flush and offset
    commit). One instance belongs to one thread. TransactionAborted from any method means that the outputs since the
    last commit were dropped and the input was rewound to it. The caller must forget all records polled since then and
    continue polling. ProducerFenced means that another process took this one's place; BrokerError that Kafka was
    unavailable for too long.
    """

    # Listener for changes of partitions. It is set before the first poll.
    listener: PartitionListener | None

    @property
    def assigned(self) -> bool:
        """Whether the group has given this member its share of the partitions (which may be empty)."""
        ...

    def poll(self, *, max_records: int, timeout_seconds: float) -> RecordBatch:
        """Block for the first record, then take what is already there, at most ``max_records``; may be empty.

        Raises TransactionAborted also when a rebalance took partitions away.
        """
        ...

    def begin(self) -> None:
        """Open a transaction; does nothing when one is open."""
        ...

    def produce(self, record: OutgoingRecord) -> None:
        """Queue a record of the open transaction; blocks while the queue is full.

        Raises RefusedError for a record that Kafka would not take whatever happens, the transaction still open.
        """
        ...

    def produce_all(self, records: Sequence[OutgoingRow]) -> list[tuple[int, RefusedError]]:
        """Queue records in order; returns index and reason of each that ``produce`` would refuse."""
        ...

    def partition_for(self, topic: str, source_partition: int) -> int:
        """The partition of ``topic`` that takes the answers to ``source_partition``, so that their order is kept."""
        ...

    def commit(self, positions: Mapping[tuple[str, int], int] | None = None) -> None:
        """Commit outputs and input positions together.

        ``positions`` maps (topic, partition) to the next offset to read, for what was answered since ``begin``; None
        stands for all that was polled.

        Raises TransactionAborted after the transaction was aborted and the input rewound to the last commit (also
        after an unknown outcome: the producer was thrown away and a new one fenced it); ProducerFenced when this
        process must end.
        """
        ...

    def abort(self) -> None:
        """Give up what was produced since ``begin`` and rewind the input to the last commit."""
        ...

    def pause(self) -> None:
        """Make ``poll`` return no records and only serve the group. The group would otherwise take a slow model for a
        dead member.
        """
        ...

    def resume(self) -> None:
        """End ``pause``."""
        ...

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Records between the position and the end, per assigned partition, as last known (no request)."""
        ...

    def positions(self) -> Mapping[tuple[str, int], int]:
        """The committed position (next offset to read) of each assigned partition that has one (no request)."""
        ...

    def close(self) -> None:
        """Leave the group; uncommitted outputs are dropped."""
        ...

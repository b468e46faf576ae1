"""InMemoryBroker: behaves as Kafka does where our code could be wrong about it, without a process or a network.

It has offsets and partitions, transactions that are visible only when committed and leave markers, gaps by compaction,
retention, consumer groups that move partitions, and fencing. It passes the same contract suite as the real adapters.
One thread only.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from kafkaml.errors import StreamUnavailable
from kafkaml.records import Headers, ListBatch, OutgoingRecord, PartitionKey, Position, Record, RecordBatch
from kafkaml.stream_range import StreamRange

__all__ = [
    "InMemoryBroker",
    "InMemoryExchange",
    "InMemoryGroupReader",
    "InMemoryReader",
    "InMemoryWriter",
    "Transaction",
]


class Transaction:
    """The records of a transaction are visible when it is committed, and hold back what follows them until it ends."""

    class State(Enum):
        OPEN = "open"
        COMMITTED = "committed"
        ABORTED = "aborted"

    def __init__(self) -> None:
        self.state = Transaction.State.OPEN
        self.partitions: set[PartitionKey] = set()


@dataclass
class _Entry:
    """One offset. Markers and records that compaction removed have no record."""

    record: Record | None
    transaction: Transaction | None = None


@dataclass
class _Partition:
    entries: list[_Entry] = field(default_factory=list)
    start: int = 0

    @property
    def end(self) -> int:
        """The next offset, open transactions included (the high watermark)."""
        return len(self.entries)

    @property
    def stable_end(self) -> int:
        """The offset before which all transactions have ended (the last stable offset)."""
        for offset, entry in enumerate(self.entries):
            if entry.transaction is not None and entry.transaction.state is Transaction.State.OPEN:
                return offset
        return self.end

    def committed(self, start: int, end: int) -> Iterator[Record]:
        """Iterate over the records that a read_committed consumer sees."""
        for entry in self.entries[start : min(end, self.stable_end)]:
            aborted = entry.transaction is not None and entry.transaction.state is Transaction.State.ABORTED
            if entry.record is not None and not aborted:
                yield entry.record


class InMemoryBroker:
    """Topics are created with one partition when they are first written to, as a broker on a laptop does."""

    def __init__(self) -> None:
        self._topics: dict[str, list[_Partition]] = {}
        self._topic_ids: dict[str, int] = {}
        self._created = 0
        # The next offset to read of each partition, by group.
        self.committed: dict[str, dict[PartitionKey, int]] = {}

    def create_topic(self, name: str, *, partitions: int = 1) -> str:
        """Create a topic, or leave it as it is when it exists; returns its name."""
        if name not in self._topics:
            self._created += 1
            self._topics[name] = [_Partition() for _ in range(partitions)]
            self._topic_ids[name] = self._created
        return name

    def add_partition(self, topic: str) -> None:
        """Let a topic grow by an empty partition."""
        self._topics[topic].append(_Partition())

    def delete_topic(self, name: str) -> None:
        """Delete a topic with its records; one created later under its name is another one."""
        self._topics.pop(name, None)

    def partition_count(self, topic: str) -> int:
        """Return how many partitions a topic has, 0 when it does not exist."""
        return len(self._topics.get(topic, ()))

    def append(self, record: OutgoingRecord, transaction: Transaction | None = None) -> Position:
        """Write one record and return where it is."""
        self.create_topic(record.topic)
        partitions = self._topics[record.topic]
        number = record.partition if record.partition >= 0 else zlib.crc32(record.key or b"") % len(partitions)
        partition = partitions[number]
        timestamp_ms = record.timestamp_ms or int(time.time() * 1000)
        stored = Record(
            record.topic, number, partition.end, record.key, record.value, tuple(record.headers), timestamp_ms
        )
        partition.entries.append(_Entry(stored, transaction))
        if transaction is not None:
            transaction.partitions.add((record.topic, number))
        return Position(record.topic, number, stored.offset)

    def end_transaction(self, transaction: Transaction, *, commit: bool) -> None:
        """Decide a transaction and leave its marker, which takes an offset, in each of its partitions."""
        transaction.state = Transaction.State.COMMITTED if commit else Transaction.State.ABORTED
        for topic, number in transaction.partitions:
            self._topics[topic][number].entries.append(_Entry(None))

    def compact_away(self, topic: str, partition: int, offset: int) -> None:
        """Remove one record as compaction does. Its offset is never seen again."""
        self._topics[topic][partition].entries[offset].record = None

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Remove the records before an offset as retention does."""
        self._topics[topic][partition].start = before_offset

    def watermarks(self, topic: str, partition: int) -> tuple[int, int]:
        """Return the first and the next offset."""
        place = self._topics[topic][partition]
        return place.start, place.end

    def records(self, topic: str) -> list[Record]:
        """Return all committed records of a topic, by partition and offset."""
        return [
            record
            for partition in self._topics.get(topic, ())
            for record in partition.committed(partition.start, partition.end)
        ]

    def fetch(self, key: PartitionKey, offset: int, most: int) -> tuple[list[Record], int]:
        """Return at most ``most`` committed records from ``offset`` on, and the next offset to read."""
        partition = self._topics[key[0]][key[1]]
        # Read the end once, because another thread may append meanwhile, and its records would be skipped.
        end = partition.stable_end
        found: list[Record] = []
        for record in partition.committed(max(offset, partition.start), end):
            found.append(record)
            if len(found) == most:
                return found, record.offset + 1
        return found, max(offset, end)

    def partition(self, topic: str, number: int) -> _Partition:
        """Return one partition; StreamUnavailable when there is none."""
        if number >= self.partition_count(topic):
            raise StreamUnavailable(f"{topic}[{number}] does not exist", hint="check the name of the topic")
        return self._topics[topic][number]

    def topic_id(self, topic: str) -> int:
        """Return the id that distinguishes a topic from an earlier one of the same name; StreamUnavailable when there
        is none.
        """
        self.partition(topic, 0)
        return self._topic_ids[topic]

    def reader(self) -> InMemoryReader:
        """Return a RecordReader."""
        return InMemoryReader(self)

    def writer(self) -> InMemoryWriter:
        """Return a RecordWriter, which the sinks take too."""
        return InMemoryWriter(self)

    def group_reader(self, *, topics: Sequence[str], group: str) -> InMemoryGroupReader:
        """Return a GroupReader that has all partitions of its group."""
        return InMemoryGroupReader(self, topics, group)

    def exchange(
        self, input_topic: str, answer_topics: Sequence[str], *, meanwhile: Callable[[], object] = lambda: None
    ) -> InMemoryExchange:
        """Return an Exchange; ``meanwhile`` simulates what others do while answers are awaited."""
        return InMemoryExchange(self, input_topic, answer_topics, meanwhile)


class InMemoryReader:
    """See ``kafkaml.records.RecordReader``. Never waits: a record that is not there counts as missing."""

    def __init__(self, broker: InMemoryBroker) -> None:
        self._broker = broker
        self._positions: dict[PartitionKey, int] = {}
        self.records_read = 0

    def identity(self, topics: Sequence[str]) -> str:
        return ",".join(f"{topic}={self._broker.topic_id(topic)}" for topic in sorted(set(topics)))

    def read(
        self, ranges: Sequence[StreamRange], *, batch_records: int = 10_000, idle_timeout_seconds: float = 60.0
    ) -> Iterator[RecordBatch]:
        for stream_range in ranges:
            if stream_range.end is None:
                raise StreamUnavailable(f"range {stream_range} has no end")
            partition = self._broker.partition(stream_range.topic, stream_range.partition)
            if stream_range.start < stream_range.end and stream_range.start < partition.start:
                raise StreamUnavailable(f"{stream_range} is not in the log any more: it begins at {partition.start}")
            records = list(partition.committed(stream_range.start, stream_range.end))
            self.records_read += len(records)
            for first in range(0, len(records), batch_records):
                yield ListBatch(records[first : first + batch_records])
            if partition.stable_end < stream_range.end:
                raise StreamUnavailable(
                    f"{stream_range.topic}[{stream_range.partition}] ended before offset {stream_range.end}: "
                    f"nothing arrived for {idle_timeout_seconds:g} s"
                )

    def starts(self, topic: str, *, since_ms: int = 0) -> dict[PartitionKey, int]:
        self._broker.partition(topic, 0)
        found = {}
        for number in range(self._broker.partition_count(topic)):
            partition = self._broker.partition(topic, number)
            records = partition.committed(partition.start, partition.end)
            young = (record.offset for record in records if record.timestamp_ms >= since_ms)
            found[topic, number] = next(young, partition.end)
        return found

    def follow(
        self,
        starts: Mapping[PartitionKey, int],
        *,
        batch_records: int = 10_000,
        wait_seconds: float = 1.0,  # noqa: ARG002
    ) -> Iterator[RecordBatch]:
        positions = self._positions = dict(starts)
        for key, start in starts.items():
            partition = self._broker.partition(*key)
            if not partition.start <= start <= partition.end:
                raise StreamUnavailable(f"{key[0]}[{key[1]}]@{start} is not in the log")
        while True:
            batch: list[Record] = []
            for key in positions:
                records, positions[key] = self._broker.fetch(key, positions[key], batch_records - len(batch))
                batch += records
                if len(batch) == batch_records:
                    break
            yield ListBatch(batch)

    def caught_up(self) -> bool:
        return all(offset >= self._broker.partition(*key).stable_end for key, offset in self._positions.items())

    def ends(self) -> dict[PartitionKey, int]:
        return {key: self._broker.partition(*key).end for key in self._positions}

    def close(self) -> None:
        pass


class InMemoryWriter:
    """See ``kafkaml.records.RecordWriter``. Acknowledges in ``flush`` only, as late as a real broker may.

    ``fail_with`` set to an error makes the next ``flush`` raise it instead.
    """

    def __init__(self, broker: InMemoryBroker) -> None:
        self._broker = broker
        self._pending: list[Callable[[], None]] = []
        self.fail_with: Exception | None = None
        self.closed = False

    def partitions(self, topic: str) -> int:
        return self._broker.partition_count(self._broker.create_topic(topic))

    def write(self, record: OutgoingRecord, on_acknowledged: Callable[[Position], None] | None = None) -> None:
        position = self._broker.append(record)
        if on_acknowledged is not None:
            callback = on_acknowledged
            self._pending.append(lambda: callback(position))

    def write_batch(
        self,
        topic: str,
        values: Sequence[bytes],
        keys: Sequence[bytes | None],
        partition: int,
        on_acknowledged: Callable[[int, int], None],
    ) -> None:
        for value, key in zip(values, keys, strict=True):
            self.write(
                OutgoingRecord(topic, value, key, partition=partition),
                lambda position: on_acknowledged(position.partition, position.offset),
            )

    def flush(self, timeout_seconds: float | None = None) -> None:
        del timeout_seconds
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            raise error
        pending, self._pending = self._pending, []
        for acknowledge in pending:
            acknowledge()

    def close(self) -> None:
        self._pending = []
        self.closed = True


class InMemoryGroupReader:
    """See ``kafkaml.records.GroupReader``."""

    def __init__(self, broker: InMemoryBroker, topics: Sequence[str], group: str) -> None:
        self._broker = broker
        self._topics = tuple(topics)
        self._committed = broker.committed.setdefault(group, {})
        self._positions = dict(self._committed)

    def poll(self, timeout_seconds: float) -> Record | None:
        del timeout_seconds
        for topic in self._topics:
            for number in range(self._broker.partition_count(topic)):
                records, position = self._broker.fetch((topic, number), self._positions.get((topic, number), 0), 1)
                self._positions[topic, number] = position
                if records:
                    return records[0]
        return None

    def commit(self, record: Record) -> None:
        self._committed[record.topic, record.partition] = record.offset + 1

    def close(self) -> None:
        self._positions = {}


class InMemoryExchange:
    """See ``kafkaml.exchange.Exchange``. When nothing has come, ``meanwhile`` runs once more; then the time is over."""

    def __init__(
        self,
        broker: InMemoryBroker,
        input_topic: str,
        answer_topics: Sequence[str],
        meanwhile: Callable[[], object],
    ) -> None:
        self._broker = broker
        self._input_topic = input_topic
        self._meanwhile = meanwhile
        broker.partition(input_topic, 0)
        self._positions = {
            (topic, number): broker.partition(topic, number).end
            for topic in answer_topics
            for number in range(max(1, broker.partition_count(topic)))
        }

    def send(self, values: Sequence[bytes], *, headers: Headers = ()) -> list[Position]:
        partitions = self._broker.partition_count(self._input_topic)
        return [
            self._broker.append(OutgoingRecord(self._input_topic, value, headers=headers, partition=index % partitions))
            for index, value in enumerate(values)
        ]

    def arrivals(self, *, timeout_seconds: float) -> Iterator[Record]:
        del timeout_seconds
        while found := self._take() or (self._meanwhile(), self._take())[1]:
            yield from found

    def _take(self) -> list[Record]:
        found: list[Record] = []
        for key, position in self._positions.items():
            records, self._positions[key] = self._broker.fetch(key, position, 100)
            found += records
        return found

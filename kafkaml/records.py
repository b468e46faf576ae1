"""What we need of Kafka and no more: records, and the protocols of reading and writing them.

The real adapter is ``kafkaml/confluent.py`` (the only module that imports the Kafka client); tests use
``kafkaml.testing.InMemoryBroker``, which passes the same contract suite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kafkaml.stream_range import StreamRange

__all__ = [
    "Headers",
    "OutgoingRecord",
    "Position",
    "Record",
    "RecordReader",
    "RecordWriter",
    "TransactionalLoopClient",
]

Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
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
        """``topic[partition]@offset``, as every log line and error names a record."""
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
class OutgoingRecord:
    """A record to be written; ``timestamp_ms`` 0 means now."""

    topic: str
    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int = 0
    partition: int = -1


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record was written, once the broker acknowledged it."""

    topic: str
    partition: int
    offset: int


class RecordReader(Protocol):
    """Reads bounded slices, without a consumer group."""

    def read(
        self, ranges: Sequence[StreamRange], *, batch_records: int, idle_timeout_seconds: float
    ) -> Iterator[Sequence[Record]]:
        """Iterate over all records of ``ranges`` in batches of at most ``batch_records``, committed ones only.

        Ends when each range's *position* passed its end (never by waiting for the record at ``end - 1``: it may be a
        transaction marker or compacted away). Raises StreamUnavailable when the start was deleted by retention or
        nothing arrives for ``idle_timeout_seconds``; BrokerError when Kafka cannot be reached.
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


class TransactionalLoopClient(Protocol):
    """Consume, transform, produce, as one: the Kafka side of the inference loop.

    Exactly once when input and output are on one cluster; at least once otherwise (then ``begin``/``commit`` bracket
    flush and offset commit). One instance belongs to one thread.
    """

    def poll(self, *, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Block for the first record, then take what is already there, at most ``max_records``; may be empty."""
        ...

    def begin(self) -> None: ...

    def produce(self, record: OutgoingRecord) -> None: ...

    def commit(self) -> None:
        """Commit outputs and input positions together.

        Raises TransactionAborted after the transaction was aborted and the input rewound to the last commit (also
        after an unknown outcome: the producer was thrown away and a new one fenced it); ProducerFenced when this
        process must end.
        """
        ...

    def abort(self) -> None:
        """Give up what was produced since ``begin`` and rewind the input to the last commit."""
        ...

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def lag(self) -> Mapping[tuple[str, int], int]:
        """Records between the position and the end, per assigned partition, from what was last heard (no request)."""
        ...

    def close(self) -> None: ...

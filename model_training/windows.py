"""Windows of an unbounded stream: samples in the order of arrival, some at a time, each window with the position after
it.

Made by RunContext for the modes that keep a model learning. Nothing is written to disk. Within a window records are
sorted by time, so that its content does not depend on the order of arrival.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from kafkaml.control import ControlMessage
from kafkaml.errors import BrokerError
from kafkaml.logs import get_logger
from kafkaml.records import PartitionKey, RecordBatch, RecordReader
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from model_training.read_ahead import ReadAhead
from model_training.window import HeldOut, Reading, Row, Taken, Window, in_time, rows_of
from model_training.window_decoding import WindowDecoder

__all__ = ["Ends", "Limits", "Windows", "read_windows"]

logger = get_logger(__name__)

# How long one wait for records lasts; the time limits are checked between waits.
_WAIT_SECONDS = 0.2
# The most bytes of values per window, because this window and the next one are both in memory.
_MAX_WINDOW_BYTES = 256 << 20
# How often to check whether a topic got more partitions.
_PARTITIONS_SECONDS = 30.0
# A broker that is unavailable for longer when the stream seems over ends this attempt; another one will continue.
_AWAY_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A window is full with ``records``, or ends ``seconds`` after its first one.

    The stream is over after ``idle_seconds`` without a record; None: never.
    """

    records: int
    seconds: float
    idle_seconds: float | None = None


class Ends:
    """The end offsets of a stream's partitions, as last seen by the reading thread. Other threads may read them.

    The reader itself must not be used by two threads, because the Kafka client would deadlock.
    """

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._ends: Mapping[PartitionKey, int] = {}

    def look(self) -> None:
        """Update the ends; called by the reading thread."""
        self._ends = self._reader.ends()

    def behind(self, reading: Reading) -> int | None:
        """Return how many records come after ``reading``; None before the first update."""
        ends = self._ends
        behind = [max(0, ends[key] - offset) for key, offset in reading.positions.items() if key in ends]
        return sum(behind) if behind else None


@dataclass(frozen=True)
class Windows:
    """The windows of a stream, read in a thread one window ahead of the consumer, and the ends of the stream."""

    ahead: ReadAhead[Window]
    ends: Ends

    def __iter__(self) -> Iterator[Window]:
        return self.ahead


def read_windows(
    stream: ControlMessage,
    reader: RecordReader,
    limits: Limits,
    *,
    since_ms: int = 0,
    past: Reading | None = None,
    first_end: Mapping[PartitionKey, int] | None = None,
    held_out: HeldOut | None = None,
    with_labels: bool = True,
    with_unlabelled: bool = False,
    is_left: Callable[[], bool] = lambda: False,
    look: Callable[[], None] = lambda: None,
) -> Generator[Window]:
    """Yield the windows of ``stream``; see ``RunContext.windows``. Ends soon after ``is_left()`` is true.

    ``look`` is called with each batch of records. ``with_unlabelled`` also reads the stream's unlabelled data.

    Raises DataMismatch for features or labels that are text, DecodeError when too many records are not samples.
    """
    past = past or Reading()
    unlabelled = stream.unsupervised_ranges if with_unlabelled else ()
    if both := set(_topics(stream.ranges)).intersection(_topics(unlabelled)):
        raise DataMismatch(
            f"the stream's labelled and unlabelled data are both in {', '.join(sorted(both))}: it is not known "
            "which is which",
            hint="set unsupervised_topic in the sink to a topic of its own",
        )
    decoder = WindowDecoder(
        stream, past, held_out=held_out or HeldOut(), with_labels=with_labels, unlabelled=_topics(unlabelled)
    )
    ranges = [*stream.ranges, *unlabelled]
    stream_reader = _Following(ranges, reader, since_ms, past.positions, batch_records=limits.records)
    waiting = _Waiting(limits, wanted=stream_reader.announced, counted=decoder.usable, least=lambda: decoder.least)
    # All records up to ``first_end`` may have expired. There is no first window then, and the stream continues.
    if first_end and (records := stream_reader.up_to(first_end)):
        yield decoder.window(in_time(records), stream_reader.positions)
    last = time.monotonic()
    with closing(stream_reader.batches()) as batches:
        for batch in batches:
            if is_left():
                return
            look()
            left = batch
            if left:
                last = time.monotonic()
            while left:
                left = waiting.add(left, stream_reader.positions)
                if waiting.is_full:
                    yield decoder.window(waiting.take(), stream_reader.positions)
                    # Time spent waiting for the consumer of the windows does not count as waiting for Kafka.
                    last = time.monotonic()
            idle = limits.idle_seconds is not None and time.monotonic() - last >= limits.idle_seconds
            over = not batch and idle and stream_reader.is_over()
            if waiting and (over or waiting.too_long):
                yield decoder.window(waiting.take(), stream_reader.positions)
                last = time.monotonic()
            if over:
                return


class _Waiting:
    """Collects the records of the next window in batches, because a call per record would cost as much as decoding it.

    Only ``wanted`` records are kept. Records that are not ``counted`` do not fill a window; they wait for others, as
    long as memory allows. A window always waits for at least ``least`` records.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        wanted: Callable[[list[Row]], list[Row]],
        counted: Callable[[list[Row]], int],
        least: Callable[[], int],
    ) -> None:
        self._limits = limits
        self._least = least
        self._wanted = wanted
        self._to_count = counted
        self._bytes = self._counted = 0
        self._first = 0.0
        self._rows: list[Row] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, batch: RecordBatch, positions: dict[PartitionKey, int]) -> RecordBatch:
        """Take records until the window is full, and advance ``positions``; returns the remaining records."""
        if not self._counted:
            self._first = time.monotonic()
        count = 0
        for value in batch[: self._most - self._counted].values():
            count += 1
            self._bytes += len(value or b"")
            if self._bytes >= _MAX_WINDOW_BYTES:
                break
        rows = rows_of(batch[:count])
        kept = self._wanted(rows)
        self._rows += kept
        self._counted += self._to_count(kept)
        # The last record per partition counts, because offsets ascend.
        behind = {(topic, partition): offset for _, topic, partition, offset, *_ in rows}
        positions |= {key: offset + 1 for key, offset in behind.items()}
        return batch[count:]

    @property
    def is_full(self) -> bool:
        """Whether the window has reached its limit of records or bytes."""
        return self._counted >= self._most or self._bytes >= _MAX_WINDOW_BYTES

    @property
    def too_long(self) -> bool:
        """Whether the first record has waited for as long as a window may last."""
        waited = time.monotonic() - self._first >= self._limits.seconds
        return waited and self._counted > 0 and self._counted >= self._least()

    @property
    def _most(self) -> int:
        return max(self._limits.records, self._least())

    def take(self) -> Taken:
        """Return the records in the order of their times; the next window begins."""
        taken, self._rows = self._rows, []
        self._bytes = self._counted = 0
        return in_time(taken)


class _Following:
    """Reads all partitions of the topics of ``ranges``, also later ones. A range with an end is read only to that end.

    Old online sinks announce their labelled records as ranges, then continue with unlabelled ones.
    """

    def __init__(
        self,
        ranges: Sequence[StreamRange],
        reader: RecordReader,
        since_ms: int,
        positions: Mapping[PartitionKey, int],
        *,
        batch_records: int,
    ) -> None:
        self._reader = reader
        self._topics = _topics([stream_range for stream_range in ranges if stream_range.end is None])
        self._bounded = [stream_range for stream_range in ranges if stream_range.max_records]
        self._since_ms = since_ms
        self._batch_records = batch_records
        self._looked = self._answered = time.monotonic()
        self.positions = self._starts() | dict(positions)

    def up_to(self, ends: Mapping[PartitionKey, int]) -> list[Row]:
        """Read from the positions up to ``ends``, and leave the positions there."""
        ranges = [
            StreamRange(*key, self.positions[key], end)
            for key, end in ends.items()
            if self.positions.get(key, end) < end
        ]
        batches = self._reader.read(ranges, batch_records=self._batch_records, idle_timeout_seconds=_AWAY_SECONDS)
        rows = self.announced([row for batch in batches for row in rows_of(batch)])
        self.positions |= {
            (stream_range.topic, stream_range.partition): stream_range.end or 0 for stream_range in ranges
        }
        return rows

    def announced(self, rows: list[Row]) -> list[Row]:
        """Return the records that belong to the stream: in an unbounded topic, or within a range."""
        if not self._bounded:
            return rows
        return [row for row in rows if row[1] in self._topics or self._is_within(row)]

    def _is_within(self, row: Row) -> bool:
        _, topic, partition, offset, *_ = row
        return any(
            (stream_range.topic, stream_range.partition) == (topic, partition)
            and stream_range.start <= offset < (stream_range.end or 0)
            for stream_range in self._bounded
        )

    def batches(self) -> Generator[RecordBatch]:
        """Yield arriving batches forever, and empty ones while nothing arrives."""
        while True:
            following = self._reader.follow(
                self.positions, batch_records=self._batch_records, wait_seconds=_WAIT_SECONDS
            )
            for batch in following:
                yield batch
                if self._has_grown():
                    break

    def is_over(self) -> bool:
        """Return whether Kafka has no more records; raises BrokerError when it has been unavailable for long."""
        try:
            caught_up = self._reader.caught_up()
        except BrokerError:
            if time.monotonic() - self._answered > _AWAY_SECONDS:
                raise
            return False
        self._answered = time.monotonic()
        return caught_up

    def _starts(self) -> dict[PartitionKey, int]:
        starts: dict[PartitionKey, int] = {}
        for stream_range in sorted(self._bounded, reverse=True):
            starts[stream_range.topic, stream_range.partition] = stream_range.start
        for topic in self._topics:
            starts |= self._reader.starts(topic, since_ms=self._since_ms)
        return starts

    def _has_grown(self) -> bool:
        """Check regularly for new partitions. They are read from where the others began, so nothing is missed."""
        if time.monotonic() - self._looked < _PARTITIONS_SECONDS:
            return False
        self._looked = time.monotonic()
        try:
            starts = self._starts()
        except BrokerError:
            return False
        self._answered = time.monotonic()
        more = {key: start for key, start in starts.items() if key not in self.positions}
        if more:
            logger.info("the stream has more partitions", partitions=[f"{topic}[{place}]" for topic, place in more])
            self.positions |= more
        return bool(more)


def _topics(ranges: Sequence[StreamRange]) -> list[str]:
    return list(dict.fromkeys(stream_range.topic for stream_range in ranges))

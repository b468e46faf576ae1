"""Windows of a stream without end: samples as they come, some at a time, each with the place behind it.

Made by RunContext for the modes that keep a model learning. Nothing is written to disk. Within a window records are in
the order of their times, so that what it holds does not depend on the order of arrival.
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

# How long one wait for records lasts; between waits the time limits are looked at.
_WAIT_SECONDS = 0.2
# What the values of a window take at most, whatever their number: a window is in memory, and another one behind it.
_MAX_WINDOW_BYTES = 256 << 20
# How often it is looked whether a topic got more partitions.
_PARTITIONS_SECONDS = 30.0
# A broker that is away for longer when the stream seems to be over ends the attempt; another one goes on.
_AWAY_SECONDS = 600.0


@dataclass(frozen=True, kw_only=True)
class Limits:
    """A window is full with ``records``, or ends ``seconds`` after its first one.

    Without a record for ``idle_seconds`` the stream is over; None: never.
    """

    records: int
    seconds: float
    idle_seconds: float | None = None


class Ends:
    """Where the partitions of a stream end, as the thread that reads it last heard; others may ask for it.

    The reader itself may not be asked by two threads: the client of Kafka would wait for itself.
    """

    def __init__(self, reader: RecordReader) -> None:
        self._reader = reader
        self._ends: Mapping[PartitionKey, int] = {}

    def look(self) -> None:
        """Look again; called by the thread that reads."""
        self._ends = self._reader.ends()

    def behind(self, reading: Reading) -> int | None:
        """Return how many records lie behind ``reading``; None before anything was heard."""
        ends = self._ends
        behind = [max(0, ends[key] - offset) for key, offset in reading.positions.items() if key in ends]
        return sum(behind) if behind else None


@dataclass(frozen=True)
class Windows:
    """The windows of a stream, read in a thread one ahead of whoever takes them, and where the stream ends."""

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

    ``look`` is called with each batch of records. ``with_unlabelled`` takes the stream's data without labels too.

    Raises DataMismatch for features or labels that are text, DecodeError when too many records are no samples.
    """
    past = past or Reading()
    unlabelled = stream.unsupervised_ranges if with_unlabelled else ()
    if both := set(_topics(stream.ranges)).intersection(_topics(unlabelled)):
        raise DataMismatch(
            f"the stream's labelled and unlabelled data are both in {', '.join(sorted(both))}: which is which could "
            "not be told",
            hint="set unsupervised_topic in the sink to a topic of its own",
        )
    decoder = WindowDecoder(
        stream, past, held_out=held_out or HeldOut(), with_labels=with_labels, unlabelled=_topics(unlabelled)
    )
    ranges = [*stream.ranges, *unlabelled]
    stream_reader = _Following(ranges, reader, since_ms, past.positions, batch_records=limits.records)
    waiting = _Waiting(limits, wanted=stream_reader.announced, counted=decoder.usable, least=lambda: decoder.least)
    # None of them may be there any more, which says nothing of the records to come.
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
                    # Waiting for whoever learns from our windows is not waiting for Kafka.
                    last = time.monotonic()
            idle = limits.idle_seconds is not None and time.monotonic() - last >= limits.idle_seconds
            over = not batch and idle and stream_reader.is_over()
            if waiting and (over or waiting.too_long):
                yield decoder.window(waiting.take(), stream_reader.positions)
                last = time.monotonic()
            if over:
                return


class _Waiting:
    """The records of the window to come, taken batch by batch: a call for each would cost as much as decoding it.

    Of those that it takes the ``wanted`` ones are kept. Those that are not ``counted`` fill no window, as long as
    memory allows: they wait for others. However long it takes, it waits for as many as ``least`` says.
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
        """Take records until the window is full, and move ``positions`` behind them; returns those that are left."""
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
        # In each partition the last one counts: offsets ascend.
        behind = {(topic, partition): offset for _, topic, partition, offset, *_ in rows}
        positions |= {key: offset + 1 for key, offset in behind.items()}
        return batch[count:]

    @property
    def is_full(self) -> bool:
        """Whether the window has as many records, or as much in them, as one may."""
        return self._counted >= self._most or self._bytes >= _MAX_WINDOW_BYTES

    @property
    def too_long(self) -> bool:
        """Whether the first one has waited for as long as a window may last."""
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
    """Reads all partitions of the topics of ``ranges``, those that they get later too; of a range with an end no more.

    Old online sinks announce what they sent with labels as ranges, before they go on sending without.
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
        self._topics = _topics([each for each in ranges if each.end is None])
        self._bounded = [each for each in ranges if each.max_records]
        self._since_ms = since_ms
        self._batch_records = batch_records
        self._looked = self._answered = time.monotonic()
        self.positions = self._starts() | dict(positions)

    def up_to(self, ends: Mapping[PartitionKey, int]) -> list[Row]:
        """Read what lies between the positions and ``ends``, and stand there."""
        ranges = [
            StreamRange(*key, self.positions[key], end)
            for key, end in ends.items()
            if self.positions.get(key, end) < end
        ]
        batches = self._reader.read(ranges, batch_records=self._batch_records, idle_timeout_seconds=_AWAY_SECONDS)
        rows = self.announced([row for batch in batches for row in rows_of(batch)])
        self.positions |= {(each.topic, each.partition): each.end or 0 for each in ranges}
        return rows

    def announced(self, rows: list[Row]) -> list[Row]:
        """Return those that are of the stream: in a topic that goes on, or within a range."""
        if not self._bounded:
            return rows
        return [row for row in rows if row[1] in self._topics or self._is_within(row)]

    def _is_within(self, row: Row) -> bool:
        _, topic, partition, offset, *_ = row
        return any(
            (each.topic, each.partition) == (topic, partition) and each.start <= offset < (each.end or 0)
            for each in self._bounded
        )

    def batches(self) -> Generator[RecordBatch]:
        """Yield what comes, without end; empty batches while nothing does."""
        while True:
            following = self._reader.follow(
                self.positions, batch_records=self._batch_records, wait_seconds=_WAIT_SECONDS
            )
            for batch in following:
                yield batch
                if self._has_grown():
                    break

    def is_over(self) -> bool:
        """Whether Kafka says that there is no more; BrokerError when it has been away for long."""
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
        for each in sorted(self._bounded, reverse=True):
            starts[each.topic, each.partition] = each.start
        for topic in self._topics:
            starts |= self._reader.starts(topic, since_ms=self._since_ms)
        return starts

    def _has_grown(self) -> bool:
        """Look now and then whether there are more partitions; they begin where the others did, nothing is missed."""
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
    return list(dict.fromkeys(each.topic for each in ranges))

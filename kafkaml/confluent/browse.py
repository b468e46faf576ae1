"""TopicBrowser: lists topics and pages of their records, for display. Used by the backend.

Joins no group and commits nothing. Everything is bounded: a page by records, bytes and seconds. It ends by positions,
never by waiting for a record: the last offsets of a partition may be transaction markers or aborted records.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from kafkaml.confluent.batch import to_record
from kafkaml.confluent.config import client_config, consumer_config
from kafkaml.confluent.errors import ClientLog, error_of, is_temporary, kafka_errors, to_error
from kafkaml.errors import KafkaMLError, StreamUnavailable
from kafkaml.records import PartitionKey, Record
from kafkaml.settings import KafkaSettings

__all__ = [
    "MAX_LIMIT",
    "Look",
    "PageStart",
    "PartitionState",
    "RecordPage",
    "TopicBrowser",
    "TopicSummary",
    "record_bytes",
]

MAX_LIMIT = 500
# How long one wait for records lasts; the time limit is checked between waits.
_WAIT_SECONDS = 0.1
# Records in the first window before the end of a partition, after which the size of its records is known.
_FIRST_WINDOW = 64
# Factor by which the window grows each time that too few records were found.
_WINDOW_GROWTH = 4


class PageStart(StrEnum):
    """Where a page begins: at the last record, going backwards, or at the first, going forwards."""

    NEWEST = "newest"
    OLDEST = "oldest"


@dataclass(frozen=True)
class TopicSummary:
    """A topic; ``records`` is the most that it can hold (markers and gaps count), None where a leader is
    unavailable.
    """

    name: str
    partitions: int
    records: int | None
    internal: bool


@dataclass(frozen=True)
class PartitionState:
    """A partition: its first and its next committed offset (None without a leader), and the brokers that hold it."""

    partition: int
    low: int | None
    high: int | None
    leader: int
    replicas: int
    in_sync: int


@dataclass(frozen=True)
class RecordPage:
    """The records of a page in the requested order, and the offsets that it covers in each partition.

    Older records: ``page(topic, before=page.starts)``; newer ones: ``page(topic, after=page.ends)``. ``at_oldest`` and
    ``at_newest`` say that there are no older, or no newer, records. ``timed_out``: there may be more records than were
    found in time.
    """

    records: Sequence[Record]
    starts: Mapping[int, int]
    ends: Mapping[int, int]
    watermarks: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    timed_out: bool = False

    @property
    def at_oldest(self) -> bool:
        return all(start <= self.watermarks[partition][0] for partition, start in self.starts.items())

    @property
    def at_newest(self) -> bool:
        return all(end >= self.watermarks[partition][1] for partition, end in self.ends.items())


class TopicBrowser:
    """Reads one cluster, for one thread. Requests take ``request_timeout_seconds`` at most, then raise
    BrokerTimeout.
    """

    def __init__(self, settings: KafkaSettings, *, request_timeout_seconds: float = 10.0) -> None:
        self._settings = settings
        self._timeout_seconds = request_timeout_seconds
        self._log = ClientLog()
        self._admin = AdminClient(client_config(settings, self._log))

    def topics(self, *, internal: bool = False) -> list[TopicSummary]:
        """Return all topics by name, Kafka's own only when ``internal``."""
        topics = {name: topic for name, topic in self._metadata().items() if internal or not name.startswith("__")}
        places = [(name, partition) for name, topic in topics.items() for partition in topic.partitions]
        lows = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        highs = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        summaries = []
        for name in sorted(topics):
            keys = [(name, partition) for partition in topics[name].partitions]
            counts = [highs[key] - lows[key] for key in keys if key in highs and key in lows]
            records = sum(counts) if len(counts) == len(keys) else None
            summaries.append(TopicSummary(name, len(keys), records, name.startswith("__")))
        return summaries

    def partitions(self, topic: str) -> list[PartitionState]:
        """Return the partitions of ``topic`` in order; raises StreamUnavailable when there is no such topic."""
        found = self._metadata().get(topic)
        if found is None or not found.partitions:
            raise StreamUnavailable(f"topic {topic} does not exist", hint="check the name, or create it first")
        places = [(topic, partition) for partition in found.partitions]
        lows = self._offsets(places, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        highs = self._offsets(places, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return [
            PartitionState(
                number,
                lows.get((topic, number)),
                highs.get((topic, number)),
                leader=partition_metadata.leader,
                replicas=len(partition_metadata.replicas),
                in_sync=len(partition_metadata.isrs),
            )
            for number, partition_metadata in sorted(found.partitions.items())
        ]

    def offsets_at(self, topic: str, timestamp_ms: int) -> dict[int, int]:
        """Return for each partition the first offset whose record is of ``timestamp_ms`` or later,
        otherwise its end.
        """
        watermarks = self.watermarks(topic)
        places = [(topic, partition) for partition in watermarks]
        spec = OffsetSpec.for_timestamp(timestamp_ms)
        found = self._offsets(places, spec)
        return {
            partition: found[topic, partition] if found.get((topic, partition), -1) >= 0 else high
            for partition, (_, high) in watermarks.items()
        }

    def page(
        self,
        topic: str,
        *,
        partition: int | None = None,
        start: PageStart | int = PageStart.NEWEST,
        timestamp_ms: int | None = None,
        before: Mapping[int, int] | None = None,
        after: Mapping[int, int] | None = None,
        limit: int = 50,
        max_bytes: int = 4 << 20,
        timeout_seconds: float = 10.0,
    ) -> RecordPage:
        """Return at most ``limit`` committed records of about ``max_bytes``, of one partition or of all.

        The first of these arguments that is given decides where the page begins. ``before`` (partition -> offset) gives
        the records before, newest first. ``after`` (partition -> offset) gives the records from there on,
        ``timestamp_ms`` the records from that time on. ``start`` NEWEST gives the newest records first, OLDEST or an
        offset the records from there on. Records of several partitions are merged by their timestamps; each partition's
        own order is kept. Offsets outside of the log mean its ends. Raises StreamUnavailable for a topic or partition
        that does not exist.
        """
        limit = max(1, min(limit, MAX_LIMIT))
        deadline = time.monotonic() + timeout_seconds
        watermarks = self.watermarks(topic, partition)
        if after is None and before is None and timestamp_ms is not None:
            after = self.offsets_at(topic, timestamp_ms)
        consumer = Consumer(
            consumer_config(self._settings, self._log, group="kafka-ml-browser")
            | {
                # Records that retention deleted since the offsets were fetched are skipped.
                "auto.offset.reset": "earliest",
                # The client signals the end of a partition, immediately, so that transaction markers before it cannot
                # block us.
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                # Small queues and fetches keep the client from reading much more than a page shows.
                "queued.min.messages": 1000,
                "queued.max.messages.kbytes": 8 << 10,
                "fetch.message.max.bytes": 1 << 20,
            }
        )
        try:
            look = Look(consumer, self._log, topic, limit, max_bytes // max(1, len(watermarks)), deadline)
            if before is not None or (after is None and start == PageStart.NEWEST):
                return _backward(look, watermarks, before or {}, max_bytes)
            if after is None:
                after = {} if isinstance(start, PageStart) else dict.fromkeys(watermarks, start)
            return _forward(look, watermarks, after, max_bytes)
        finally:
            consumer.close()

    def watermarks(self, topic: str, partition: int | None = None) -> dict[int, tuple[int, int]]:
        """Return the first and the next committed offset of each partition, or of one; partitions without a leader are
        left out.

        StreamUnavailable when there is no such topic or partition, or no leader at all.
        """
        states = self.partitions(topic)
        if partition is not None:
            states = [state for state in states if state.partition == partition]
            if not states:
                raise StreamUnavailable(f"topic {topic} has no partition {partition}")
        known = {state.partition: (state.low, state.high) for state in states if state.low is not None}
        if not known:
            raise StreamUnavailable(f"{topic} has no leader now", hint="a broker is down: try again when it is back")
        return {number: (low or 0, max(low or 0, high or 0)) for number, (low, high) in known.items()}

    def _metadata(self) -> Mapping[str, Any]:
        with kafka_errors("listing topics", self._log, self._admin.poll):
            # Ask for all topics, because asking for one may create it.
            topics: Mapping[str, Any] = self._admin.list_topics(timeout=self._timeout_seconds).topics
        return topics

    def _offsets(self, places: Sequence[PartitionKey], spec: OffsetSpec) -> dict[PartitionKey, int]:
        """Return offsets as committed readers see them; without the partitions that have no leader now."""
        if not places:
            return {}
        futures = self._admin.list_offsets(
            {TopicPartition(*place): spec for place in places},
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=self._timeout_seconds,
        )
        found: dict[PartitionKey, int] = {}
        problem: KafkaMLError | None = None
        for place, future in futures.items():
            try:
                found[place.topic, place.partition] = future.result(self._timeout_seconds + 5).offset
            except KafkaException as exception:
                self._log.fetch(self._admin.poll)
                problem = to_error(error_of(exception), "asking for offsets", self._log)
        if problem is not None and not found:
            raise problem
        return found


class Look:
    """Reads parts of one topic, for one page or one sample, until the deadline."""

    def __init__(
        self, consumer: Consumer, log: ClientLog, topic: str, limit: int, share_bytes: int, deadline: float
    ) -> None:
        self._consumer = consumer
        self._log = log
        self._topic = topic
        self._deadline = deadline
        self.limit = limit
        # The most bytes of records in memory per partition.
        self.share_bytes = share_bytes

    def read(self, windows: Mapping[int, tuple[int, int]], take: Callable[[Record], bool]) -> set[int]:
        """Pass the records of ``windows`` (partition -> first and next offset) to ``take``, as they arrive.

        A partition ends with its window, or when ``take`` returns False. Returns the partitions that ended before the
        deadline.
        """
        ends = {partition: end for partition, (start, end) in windows.items() if start < end}
        if ends:
            with kafka_errors(f"reading {self._topic}", self._log):
                self._consumer.assign([TopicPartition(self._topic, end, windows[end][0]) for end in ends])
        while ends and time.monotonic() < self._deadline:
            with kafka_errors(f"reading {self._topic}", self._log):
                # Wait for the first record only, because there may be fewer others than requested.
                first = self._consumer.poll(_WAIT_SECONDS)
                others = [] if first is None else self._consumer.consume(min(self.limit, 100), 0)
            for message in others if first is None else [first, *others]:
                partition = message.partition() or 0
                if partition in ends and self._ends(message, ends[partition], take):
                    del ends[partition]
                    if ends:
                        self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        return windows.keys() - ends.keys()

    def _ends(self, message: Message, end: int, take: Callable[[Record], bool]) -> bool:
        """Whether the partition of ``message`` is at its end now."""
        error, offset = message.error(), message.offset() or 0
        if error is None:
            return offset >= end or not take(to_record(message)) or offset + 1 >= end
        if error.code() == KafkaError._PARTITION_EOF:
            return True
        if is_temporary(error):
            return False
        raise to_error(error, f"reading {self._topic}[{message.partition()}]", self._log)


def _forward(
    look: Look, watermarks: Mapping[int, tuple[int, int]], after: Mapping[int, int], max_bytes: int
) -> RecordPage:
    """Return the first records from ``after`` on (from the beginning where it names no offset)."""
    starts = {key: min(max(after.get(key, low), low), high) for key, (low, high) in watermarks.items()}
    found: dict[int, list[Record]] = {key: [] for key in watermarks}
    sizes = dict.fromkeys(watermarks, 0)

    def take(record: Record) -> bool:
        found[record.partition].append(record)
        sizes[record.partition] += record_bytes(record)
        return len(found[record.partition]) < look.limit and sizes[record.partition] < look.share_bytes

    finished = look.read({key: (starts[key], watermarks[key][1]) for key in starts}, take)
    merged = heapq.merge(*found.values(), key=lambda record: record.timestamp_ms)
    records = list(_within(merged, look.limit, max_bytes))
    shown = Counter(record.partition for record in records)
    ends = {}
    for key, mine in found.items():
        if shown[key] < len(mine):
            ends[key] = mine[shown[key]].offset
        elif key in finished and len(mine) < look.limit and sizes[key] < look.share_bytes:
            # Markers and gaps after the last record are skipped too.
            ends[key] = watermarks[key][1]
        else:
            ends[key] = mine[-1].offset + 1 if mine else starts[key]
    return RecordPage(records, starts, ends, watermarks, timed_out=len(finished) < len(watermarks))


def _backward(
    look: Look, watermarks: Mapping[int, tuple[int, int]], before: Mapping[int, int], max_bytes: int
) -> RecordPage:
    """Return the last records before ``before`` (before the end where it names no offset), newest first.

    Kafka only reads forward, so windows further and further back are read until they hold enough.
    """
    ends = {key: min(max(before.get(key, high), low), high) for key, (low, high) in watermarks.items()}
    kept = {key: _Newest(look, end) for key, end in ends.items()}
    width = min(look.limit, _FIRST_WINDOW)
    timed_out = False
    while not timed_out:
        windows = {
            key: (max(watermarks[key][0], newest.start - newest.bounded(width)), newest.start)
            for key, newest in kept.items()
            if newest.start > watermarks[key][0] and not newest.full
        }
        if not windows:
            break
        for key in windows:
            kept[key].open()
        finished = look.read(windows, lambda record: kept[record.partition].take(record))
        for key in finished:
            kept[key].close(windows[key][0])
        timed_out = len(finished) < len(windows)
        width *= _WINDOW_GROWTH
    merged = heapq.merge(*(newest.newest_first() for newest in kept.values()), key=lambda record: -record.timestamp_ms)
    records = list(_within(merged, look.limit, max_bytes))
    shown = Counter(record.partition for record in records)
    starts = {}
    for key, newest in kept.items():
        mine = newest.newest_first()
        if shown[key] == len(mine):
            starts[key] = newest.start
        else:
            starts[key] = mine[shown[key] - 1].offset if shown[key] else mine[0].offset + 1
    return RecordPage(records, starts, ends, watermarks, timed_out=timed_out)


class _Newest:
    """The newest records of a partition, found window by window; ``start`` is the first offset covered."""

    def __init__(self, look: Look, end: int) -> None:
        self.start = end
        self._look = look
        self._older_windows: list[list[Record]] = []
        self._window: deque[Record] = deque()
        self._count = self._bytes = self._window_bytes = 0
        self._forgot = False

    @property
    def full(self) -> bool:
        return self._forgot or self._count >= self._look.limit or self._bytes >= self._look.share_bytes

    def bounded(self, width: int) -> int:
        """Return ``width``, or less where that many records of the size seen so far would take too much memory."""
        if not self._count:
            return width
        mean_bytes = max(1, self._bytes // self._count)
        return max(1, min(width, (self._look.share_bytes - self._bytes) // mean_bytes + 1))

    def open(self) -> None:
        """Start a window further back."""
        self._window, self._window_bytes, self._forgot = deque(), 0, False

    def take(self, record: Record) -> bool:
        """Keep a record of the window, and drop its older ones beyond the limit."""
        self._window.append(record)
        self._window_bytes += record_bytes(record)
        while len(self._window) > 1 and (
            len(self._window) + self._count > self._look.limit
            or self._window_bytes + self._bytes > self._look.share_bytes
        ):
            self._window_bytes -= record_bytes(self._window.popleft())
            self._forgot = True
        return True

    def close(self, start: int) -> None:
        """Add the window, which was read to its end."""
        window = list(self._window)
        self._older_windows.append(window)
        self._count += len(window)
        self._bytes += self._window_bytes
        self.start = window[0].offset if window and self.full else start

    def newest_first(self) -> list[Record]:
        return [record for window in self._older_windows for record in reversed(window)]


def _within(records: Iterable[Record], limit: int, max_bytes: int) -> Iterator[Record]:
    """Cut ``records`` to a page; it holds at least one record, however large."""
    total = 0
    for count, record in enumerate(records):
        total += record_bytes(record)
        if count >= limit or (count and total > max_bytes):
            return
        yield record


def record_bytes(record: Record) -> int:
    """Return how large a record is: its key, value and headers."""
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers

"""TopicSampler: a few hundred records spread over a whole topic, to show what is in it.

Every partition is read at several places between its first and its last record, a few records at each, because a topic
often begins with tests and changes over time. Joins no group and commits nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from confluent_kafka import Consumer

from kafkaml.confluent.browse import Look, TopicBrowser, record_bytes
from kafkaml.confluent.config import consumer_config
from kafkaml.confluent.errors import ClientLog
from kafkaml.records import Record
from kafkaml.settings import KafkaSettings

__all__ = ["TopicSample", "TopicSampler"]

# The number of places in a topic that are read, one after the other; each costs about 10 ms. Reading two partitions in
# parallel takes longer, because the client continues in one while the other is awaited.
_PLACES = 40
# Fewer records per place would fetch a batch of thousands to keep one.
_MIN_RECORDS = 8

Slice = Mapping[int, tuple[int, int]]


@dataclass(frozen=True)
class TopicSample:
    """Records by partition and offset, and the range of offsets (first, next) that each partition was sampled from.

    ``timed_out``: not all places were read.
    """

    records: Sequence[Record]
    offsets: Slice
    timed_out: bool = False

    @property
    def available(self) -> int:
        """The most records that the slice can hold; the markers of transactions count too."""
        return sum(end - start for start, end in self.offsets.values())

    @property
    def bytes(self) -> int:
        """The approximate size of the records."""
        return sum(map(record_bytes, self.records))


class TopicSampler:
    """Takes samples of the topics of one cluster, for one thread.

    Requests take ``request_timeout_seconds`` at most, then raise BrokerTimeout.
    """

    def __init__(self, settings: KafkaSettings, *, request_timeout_seconds: float = 10.0) -> None:
        self._settings = settings
        self._browser = TopicBrowser(settings, request_timeout_seconds=request_timeout_seconds)
        self._log = ClientLog()

    def sample(
        self,
        topic: str,
        *,
        offsets: Slice | None = None,
        max_records: int = 1000,
        max_bytes: int = 16 << 20,
        timeout_seconds: float = 5.0,
        together: bool = False,
    ) -> TopicSample:
        """Return about ``max_records`` committed records of ``topic``, from its start to its end.

        ``offsets`` (partition -> first and next offset) limits the slice. Each partition contributes its share of the
        slice, or all records if there are not more. With ``together`` the records of a partition are its newest ones,
        without gaps between them. Raises StreamUnavailable for a topic that does not exist.
        """
        deadline = time.monotonic() + timeout_seconds
        wanted = self._within(topic, offsets)
        plan = _plan(wanted, max_records, 1 if together else _PLACES)
        found: list[Record] = []
        left_bytes = max_bytes
        places = sum(map(len, plan))
        consumer = Consumer(
            consumer_config(self._settings, self._log, group="kafka-ml-sampler")
            | {
                "auto.offset.reset": "earliest",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
                # Do not read ahead, because the next place is elsewhere. The broker sends at least one batch.
                "queued.min.messages": 1,
                "queued.max.messages.kbytes": 1 << 10,
                "fetch.message.max.bytes": 16 << 10,
            }
        )
        look = Look(consumer, self._log, topic, max_records, max_bytes, deadline)
        timed_out = False
        try:
            for windows in plan:
                # Limit bytes per place, so that with large records the end of the topic is sampled too.
                share_bytes = max(1, left_bytes * len(windows) // places)
                places -= len(windows)
                taken = _Taken(windows, share_bytes)
                read = look.read({key: (window.start, window.limit) for key, window in windows.items()}, taken.take)
                found += taken.records
                left_bytes -= taken.bytes
                timed_out = len(read) < len(windows)
                if timed_out or left_bytes <= 0:
                    break
        finally:
            consumer.close()
        found.sort(key=lambda record: (record.partition, record.offset))
        return TopicSample(found, wanted, timed_out=timed_out)

    def _within(self, topic: str, offsets: Slice | None) -> dict[int, tuple[int, int]]:
        marks = self._browser.watermarks(topic)
        if offsets is None:
            return marks
        cut = {
            key: (max(start, marks[key][0]), min(end, marks[key][1]))
            for key, (start, end) in offsets.items()
            if key in marks
        }
        return {key: (start, max(start, end)) for key, (start, end) in cut.items()}


@dataclass(frozen=True)
class _Window:
    """Up to ``count`` records from ``start`` on and before ``limit``, skipping gaps of compaction."""

    start: int
    limit: int
    count: int


class _Taken:
    """The records taken in one round of windows."""

    def __init__(self, windows: Mapping[int, _Window], max_bytes: int) -> None:
        self._left = {key: window.count for key, window in windows.items()}
        self._max_bytes = max(1, max_bytes // len(windows))
        self._sizes = dict.fromkeys(windows, 0)
        self.records: list[Record] = []

    @property
    def bytes(self) -> int:
        return sum(self._sizes.values())

    def take(self, record: Record) -> bool:
        """Keep the record; return whether its partition wants more."""
        key = record.partition
        self.records.append(record)
        self._left[key] -= 1
        self._sizes[key] += record_bytes(record)
        return self._left[key] > 0 and self._sizes[key] < self._max_bytes


def _plan(offsets: Slice, max_records: int, places: int) -> list[dict[int, _Window]]:
    """Return the rounds of windows, beginning with one window per partition; about ``places`` in total."""
    sizes = {key: end - start for key, (start, end) in offsets.items() if end > start}
    total = sum(sizes.values())
    windows = {key: _windows(offsets[key][0], size, size / total, max_records, places) for key, size in sizes.items()}
    looks = [
        (key, window[place])
        for place in range(max(map(len, windows.values()), default=0))
        for key, window in windows.items()
        if place < len(window)
    ]
    rounds: list[dict[int, _Window]] = []
    # If there are more partitions than rounds, a round reads several of them.
    at_once = math.ceil(len(looks) / _PLACES)
    for key, window in looks:
        if not rounds or key in rounds[-1] or len(rounds[-1]) >= at_once:
            rounds.append({})
        rounds[-1][key] = window
    return rounds


def _windows(start: int, size: int, share: float, max_records: int, places: int) -> list[_Window]:
    """Return the windows of a partition, which has a ``share`` of all records; the last ends with it."""
    wanted = min(size, max(1, round(max_records * share)))
    count = 1 if wanted == size else max(1, min(round(places * share), wanted // _MIN_RECORDS))
    counts = [wanted // count + (place < wanted % count) for place in range(count)]
    last = start + size - counts[-1]
    starts = [start + (last - start) * place // (count - 1) for place in range(count)] if count > 1 else [last]
    limits = [*starts[1:], start + size]
    return [_Window(*bounds) for bounds in zip(starts, limits, counts, strict=True)]

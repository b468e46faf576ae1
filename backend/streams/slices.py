"""Which offsets of a topic are meant: of one partition, of all, or those of a time. Kept once they are known."""

from __future__ import annotations

from collections.abc import Sequence

from backend.api.errors import InvalidField
from kafkaml.confluent import PartitionState, TopicBrowser
from kafkaml.stream_range import StreamRange

__all__ = ["offsets_between", "ranges_between", "slice_ranges"]


def slice_ranges(
    partitions: Sequence[PartitionState],
    topic: str,
    partition: int | None = None,
    start: int | None = None,
    end: int | None = None,
    *,
    field: str = "topic",
) -> list[StreamRange]:
    """Return the offsets of a topic that hold records: of one ``partition`` from ``start`` to ``end``, otherwise all.

    Raises InvalidField when there is no such partition or none of its records lies there; ``field`` is then the name.
    """
    if partition is None and (start is not None or end is not None):
        if len(partitions) > 1:
            raise InvalidField(
                "partition", f"{topic} has {len(partitions)} partitions: expected the one that start and end are of"
            )
        partition = partitions[0].partition
    chosen = [state for state in partitions if partition in (None, state.partition)]
    if not chosen:
        raise InvalidField("partition", f"{topic} has the partitions 0 to {len(partitions) - 1}")
    ranges = []
    for state in chosen:
        low, high = state.low or 0, state.high or 0
        first, last = low if start is None else start, high if end is None else end
        if not low <= first <= last <= high:
            raise InvalidField(
                "start" if not low <= first <= high else "end",
                f"{topic}[{state.partition}] holds the offsets {low} to {high}: {first} to {last} is not within",
            )
        if first < last:
            ranges.append(StreamRange(topic, state.partition, first, last))
    if not ranges:
        raise InvalidField(field, f"{topic} holds no records there", hint="send the data first")
    return ranges


def offsets_between(
    browser: TopicBrowser, topic: str, since_ms: int | None, until_ms: int | None
) -> dict[int, tuple[int, int]]:
    """Return per partition the offsets of records from ``since_ms`` to before ``until_ms`` (ms since 1970; None: no
    bound).

    In a partition whose records are not in order of time, the offsets lie between the first records of the two times.
    """
    marks = browser.watermarks(topic)
    starts = {} if since_ms is None else browser.offsets_at(topic, since_ms)
    ends = {} if until_ms is None else browser.offsets_at(topic, until_ms)
    return {key: (starts.get(key, low), ends.get(key, high)) for key, (low, high) in marks.items()}


def ranges_between(
    browser: TopicBrowser, topic: str, since_ms: int | None, until_ms: int | None, *, field: str = "slice.since"
) -> list[StreamRange]:
    """Return ``offsets_between`` as ranges that hold records; raises InvalidField for ``field`` when there is none."""
    offsets = offsets_between(browser, topic, since_ms, until_ms)
    ranges = [StreamRange(topic, key, start, end) for key, (start, end) in sorted(offsets.items()) if start < end]
    if not ranges:
        raise InvalidField(field, f"{topic} holds no records of that time", hint="kafka-ml topics records")
    return ranges

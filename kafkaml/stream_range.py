"""StreamRange: which offsets of which partition hold a data set. Step (4) of the journey of a sample.

Written by the sinks into control messages, read by training runners. A range bounds the number of records; it does
not count them, because transaction markers, compaction and other producers leave gaps.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass

from kafkaml.errors import StreamRangeError

__all__ = ["StreamRange", "check_topic_name", "format_ranges", "parse_ranges"]

# The names that Kafka itself accepts (org.apache.kafka.common.internals.Topic).
_TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


def check_topic_name(topic: str) -> str:
    """Return ``topic`` when Kafka would accept the name; raises StreamRangeError otherwise."""
    if not _TOPIC_NAME.fullmatch(topic) or topic in (".", ".."):
        raise StreamRangeError(
            f"{topic!r} is not a name of a topic: expected 1 to 249 letters, digits, dots, underscores or hyphens"
        )
    return topic


@dataclass(frozen=True, slots=True, order=True)
class StreamRange:
    """Offsets ``start`` (inclusive) to ``end`` (exclusive) of one partition; ``end`` None: without end (online)."""

    topic: str
    partition: int = 0
    start: int = 0
    end: int | None = None

    def __post_init__(self) -> None:
        check_topic_name(self.topic)
        if self.partition < 0 or self.start < 0 or (self.end is not None and self.end < self.start):
            raise StreamRangeError(
                f"range {self.topic}:{self.partition}:{self.start}:{self.end} is not possible: expected "
                "partition >= 0 and 0 <= start <= end"
            )

    @property
    def max_records(self) -> int | None:
        """The most records that the range can hold; None when it has no end."""
        return None if self.end is None else self.end - self.start

    @classmethod
    def parse(cls, text: str) -> StreamRange:
        """Parse ``topic:partition:start:end``.

        The parts after the topic may be missing. A bare topic is an online stream. ``topic:partition:start`` is an
        empty range, which old sinks write for a partition that received nothing.
        """
        parts = text.strip().split(":")
        try:
            numbers = [int(part) for part in parts[1:] if part.strip() not in ("", "None")]
        except ValueError:
            numbers = []
            parts = []
        match parts, numbers:
            case [topic], []:
                return cls(topic)
            case [topic, _], [partition]:
                return cls(topic, partition)
            case [topic, _, _] | [topic, _, _, _], [partition, start]:
                return cls(topic, partition, start, start)
            case [topic, _, _, _], [partition, start, end]:
                return cls(topic, partition, start, end)
        raise StreamRangeError(
            f"{text!r} is not a range: expected topic:partition:start:end, for example mnist:0:0:1000",
            hint="end is the offset after the last record, not a length",
        )

    def __str__(self) -> str:
        """The wire form, e.g. ``mnist:0:0:1000``; a range without end and start is the bare topic."""
        if self.end is None:
            return self.topic if self.start == 0 and self.partition == 0 else f"{self.topic}:{self.partition}"
        return f"{self.topic}:{self.partition}:{self.start}:{self.end}"


def parse_ranges(text: str) -> tuple[StreamRange, ...]:
    """Parse comma-separated ranges; raises StreamRangeError when empty, unreadable or overlapping."""
    ranges = tuple(StreamRange.parse(part) for part in text.split(",") if part.strip())
    if not ranges:
        raise StreamRangeError(f"{text!r} holds no range: expected topic:partition:start:end, comma-separated")
    # Overlaps would show some records to the model twice as often as others, unseen.
    ordered = sorted(ranges, key=lambda stream_range: (stream_range.topic, stream_range.partition, stream_range.start))
    for left, right in itertools.pairwise(ordered):
        if (left.topic, left.partition) == (right.topic, right.partition) and (
            left.end is None or left.end > right.start
        ):
            raise StreamRangeError(f"ranges {left} and {right} overlap: each record may be announced once")
    return ranges


def format_ranges(ranges: Iterable[StreamRange]) -> str:
    """Write ranges in the wire form, comma-separated."""
    return ",".join(str(stream_range) for stream_range in ranges)

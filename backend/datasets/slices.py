"""Slice: which records of a topic a data set has, as requested, and their present offsets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from backend.streams.slices import ranges_between, slice_ranges
from kafkaml.confluent import TopicBrowser
from kafkaml.stream_range import StreamRange

__all__ = ["Slice"]


@dataclass(frozen=True, kw_only=True)
class Slice:
    """Which records are meant: those of one ``partition`` from ``start`` to ``end``, those from ``since`` to before
    ``until``, or all.

    An ``online`` slice has the records from ``since`` on and all to come. Its contract learns from at least the first
    ``fit_records`` of them.
    """

    topic: str
    partition: int | None = None
    start: int | None = None
    end: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    online: bool = False
    fit_records: int | None = None

    @property
    def since_ms(self) -> int | None:
        """``since`` in milliseconds since 1970."""
        return _ms(self.since)

    def resolved(self, browser: TopicBrowser) -> list[StreamRange]:
        """Return the slice's present offsets, or the whole topic for one without end; raises InvalidField,
        StreamUnavailable, BrokerError.
        """
        if self.online:
            browser.partitions(self.topic)
            return [StreamRange(self.topic)]
        return self.offsets(browser)

    def offsets(self, browser: TopicBrowser) -> list[StreamRange]:
        """Return the slice's present offsets, also for one without end; raises as ``resolved``."""
        if self.since is not None or self.until is not None:
            return ranges_between(browser, self.topic, _ms(self.since), _ms(self.until))
        partitions = browser.partitions(self.topic)
        return slice_ranges(partitions, self.topic, self.partition, self.start, self.end, field="slice.topic")


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)

"""Previews what a contract makes of a slice while the user writes it. A sample is read once and cached for a while."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from backend.api.errors import InvalidField
from backend.config.environment import environment
from backend.datasets.models import DatasetVersion
from backend.datasets.slices import Slice
from backend.records.browsing import open_browser, open_sampler
from backend.streams.models import Announcement
from backend.streams.preview import ranges_now
from kafkaml.codecs import codec_for
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.confluent import TopicSample
from kafkaml.input_format import InputFormat
from kafkaml.stream_preview import stream_preview
from kafkaml.stream_range import StreamRange, parse_ranges
from kafkaml.wire.preview import Preview

__all__ = ["MAX_SAMPLES", "PreviewQuery", "slice_preview", "stream_statistics", "version_preview"]

MAX_SAMPLES = 50
_RECORDS = 1000
# Contracts with windows need consecutive records of one key, so more records are read for them.
_RECORDS_TOGETHER = 4000
_SAMPLE_SECONDS = 5.0
# How long a sample is cached, because a page asks repeatedly while the user types.
_KEPT_SECONDS = 60.0
_KEPT_BYTES = 32 << 20


@dataclass(frozen=True, kw_only=True)
class PreviewQuery:
    """The contract as a document, possibly with errors, and how many of its samples are shown.

    ``online`` says that the data set has no end.
    """

    contract: Mapping[str, Any]
    validation_rate: float = 0.1
    test_rate: float = 0.1
    samples: int = 12
    online: bool = False


def slice_preview(asked: Slice, query: PreviewQuery) -> Preview:
    """Return what the contract makes of a slice's records (without end: of those that exist now).

    Raises InvalidField for a slice that holds none, StreamUnavailable for a missing topic, BrokerError.
    """

    def ranges() -> Sequence[StreamRange]:
        browser = open_browser()
        try:
            return asked.offsets(browser)
        except InvalidField:
            if not asked.online:
                raise
            # Without records since the start, show earlier ones, because those to come will look like them.
            return Slice(topic=asked.topic).offsets(browser)

    return _preview((asked,), ranges, replace(query, online=asked.online))


def version_preview(version: DatasetVersion, samples: int) -> Preview:
    """Return what a version's contract makes of its slice; raises like ``slice_preview``."""
    query = PreviewQuery(
        contract=version.contract,
        validation_rate=version.validation_rate,
        test_rate=version.test_rate,
        samples=samples,
        online=version.online,
    )
    if version.since_ms is None:
        return _preview((version.ranges,), lambda: parse_ranges(version.ranges), query)
    since = datetime.fromtimestamp(version.since_ms / 1000, UTC)
    return slice_preview(Slice(topic=version.ranges, since=since, online=True), query)


def stream_statistics(stream: Announcement) -> Preview:
    """Return the columns and labels of an announced stream, judged by a sample of its records.

    One that a data set announced is read by its contract. Raises DecodeError for a rule that contradicts itself,
    StreamUnavailable for a missing topic, BrokerError.
    """
    message = stream.control_message()
    key, ranges = ("stream", stream.pk), partial(ranges_now, stream)
    if message.input_format == InputFormat.COLUMNS:
        query = PreviewQuery(
            contract=message.input_config.get("contract", {}),
            validation_rate=message.validation_rate,
            test_rate=message.test_rate,
            online=message.incremental,
        )
        return _preview(key, ranges, query)
    codec = codec_for(message.input_format, message.input_config)
    sample = _kept_sample(key, ranges, together=False)
    return stream_preview(sample.records, codec, available=sample.available)


def _preview(key: tuple[Hashable, ...], ranges: Callable[[], Sequence[StreamRange]], query: PreviewQuery) -> Preview:
    # Import late, because Polars takes 40 MB that most platforms do not need.
    from kafkaml.contract.preview import follows_keys, preview

    sample = _kept_sample(key, ranges, together=follows_keys(query.contract))
    return preview(
        sample.records,
        query.contract,
        available=sample.available,
        validation_rate=query.validation_rate,
        test_rate=query.test_rate,
        samples=query.samples,
        endless=query.online,
        lookup=SchemaRegistry.from_environment(),
    )


def _kept_sample(
    key: tuple[Hashable, ...], ranges: Callable[[], Sequence[StreamRange]], *, together: bool
) -> TopicSample:
    key = (environment().kafka.bootstrap_servers, together, *key)
    sample = _KEPT.get(key)
    if sample is None:
        sample = _sample(ranges(), together=together)
        _KEPT.put(key, sample)
    return sample


def _sample(ranges: Sequence[StreamRange], *, together: bool) -> TopicSample:
    # A slice has one topic. A stream may have several, or several pieces of a partition, each of which is sampled.
    looks: list[tuple[str, dict[int, tuple[int, int]]]] = []
    for stream_range in ranges:
        look = next(
            (span for topic, span in looks if topic == stream_range.topic and stream_range.partition not in span), None
        )
        if look is None:
            looks.append((stream_range.topic, look := {}))
        look[stream_range.partition] = (stream_range.start, stream_range.end or 0)
    sampler, deadline = open_sampler(), time.monotonic() + _SAMPLE_SECONDS
    samples: list[TopicSample] = []
    for topic, offsets in looks:
        left = deadline - time.monotonic()
        if samples and left <= 0:
            break
        most = max(1, (_RECORDS_TOGETHER if together else _RECORDS) // len(looks))
        samples.append(
            sampler.sample(topic, offsets=offsets, max_records=most, together=together, timeout_seconds=left)
        )
    if len(samples) == 1:
        return samples[0]
    spans = [span for sample in samples for span in sample.offsets.values()]
    records = [record for sample in samples for record in sample.records]
    # Partitions of several topics have the same numbers: here only the lengths of the spans count.
    return TopicSample(records, dict(enumerate(spans)), any(sample.timed_out for sample in samples))


@dataclass
class _SampleCache:
    """An LRU cache of the samples of the last minute. Thread-safe."""

    _samples: OrderedDict[Hashable, tuple[float, int, TopicSample]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: Hashable) -> TopicSample | None:
        with self._lock:
            self._drop_old()
            if key not in self._samples:
                return None
            self._samples.move_to_end(key)
            return self._samples[key][2]

    def put(self, key: Hashable, sample: TopicSample) -> None:
        with self._lock:
            self._samples[key] = (time.monotonic() + _KEPT_SECONDS, sample.bytes, sample)
            self._samples.move_to_end(key)
            self._drop_old()
            while self._samples and sum(size for _, size, _ in self._samples.values()) > _KEPT_BYTES:
                self._samples.popitem(last=False)

    def _drop_old(self) -> None:
        now = time.monotonic()
        for key in [key for key, (until, _, _) in self._samples.items() if until < now]:
            del self._samples[key]


_KEPT = _SampleCache()

"""The samples of an announced stream, read from its ranges by its decode rule, as training will see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.api.errors import Conflict
from backend.records.browsing import open_browser
from backend.records.decoding import decoded_samples, problem_document
from backend.streams.models import Announcement
from backend.streams.services import since_ms
from kafkaml.codecs import StreamCodec, codec_for
from kafkaml.confluent import TopicBrowser
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError, StreamUnavailable
from kafkaml.label_doubts import number_doubt, text_doubt
from kafkaml.records import Record
from kafkaml.stream_preview import named_columns
from kafkaml.stream_range import StreamRange

__all__ = ["preview", "ranges_now"]

_PAGE_BYTES = 1 << 20
_PAGE_SECONDS = 8.0
# A page shows few samples, in which identifiers soon repeat.
_REPEATS = 3


def preview(announcement: Announcement, *, offset: int, limit: int) -> dict[str, Any]:
    """Return the samples of at most ``limit`` records behind the first ``offset`` places of the announced ranges.

    A place is an offset of Kafka; transaction markers and gaps take places without being records. A record that does
    not fit the rule has an ``error`` instead of a sample. Raises Conflict when retention deleted what is asked for,
    StreamUnavailable when the topic is gone, DecodeError for a rule that contradicts itself, BrokerError.
    """
    message = announcement.control_message()
    codec = codec_for(message.input_format, message.input_config)
    samples: list[dict[str, Any]] = []
    place = offset
    browser = open_browser()
    parts = _parts(browser, message, since_ms(announcement))
    for part, begin in parts:
        size = (part.end or part.start) - part.start
        if not begin <= place < begin + size or len(samples) >= limit:
            continue
        records, reached = _read(browser, part, part.start + place - begin, limit - len(samples))
        # The majority of the page's records decides the form, as in training.
        codec = codec.settled([record.value for record in records], [record.key for record in records])
        for record in records:
            samples += _samples(codec, record)
        place = begin + reached - part.start
    total = sum((part.end or part.start) - part.start for part, _ in parts)
    return {
        "samples": samples,
        "next": place if place < total else None,
        "total": total,
        "doubts": _label_doubts(samples),
        "columns": named_columns(codec.features, _shape(samples)),
    }


def ranges_now(announcement: Announcement) -> list[StreamRange]:
    """Return the ranges of a stream, all with an end: an online stream is what came of its topic by now."""
    return [part for part, _ in _parts(open_browser(), announcement.control_message(), since_ms(announcement))]


def _shape(samples: Sequence[Mapping[str, Any]]) -> Sequence[int]:
    """Return the shape of the first decoded sample, (0,) if there is none."""
    return next((sample["features"]["shape"] for sample in samples if sample["features"] is not None), (0,))


def _parts(browser: TopicBrowser, message: ControlMessage, since_ms: int) -> list[tuple[StreamRange, int]]:
    """Return the ranges with the place at which each begins; an online stream is what came of its topic by now."""
    parts = []
    begin = 0
    for stream_range in message.ranges:
        for part in (
            [stream_range] if stream_range.end is not None else _until_now(browser, stream_range.topic, since_ms)
        ):
            parts.append((part, begin))
            begin += (part.end or part.start) - part.start
    return parts


def _until_now(browser: TopicBrowser, topic: str, since_ms: int) -> list[StreamRange]:
    starts = browser.offsets_at(topic, since_ms)
    return [
        StreamRange(topic, partition.partition, start, max(start, partition.high or 0))
        for partition in browser.partitions(topic)
        if (start := starts.get(partition.partition)) is not None
    ]


def _read(browser: TopicBrowser, part: StreamRange, start: int, limit: int) -> tuple[list[Record], int]:
    """Return records of ``part`` from ``start`` on, and the offset that was reached."""
    assert part.end is not None
    page = browser.page(
        part.topic,
        partition=part.partition,
        start=start,
        limit=limit,
        max_bytes=_PAGE_BYTES,
        timeout_seconds=_PAGE_SECONDS,
    )
    low, high = page.watermarks[part.partition]
    if start < low:
        raise Conflict(
            f"the records are not in the log any more: {part} was announced, and the broker holds offsets {low} to "
            f"{high} of {part.topic}[{part.partition}]",
            hint="the topic's retention deleted them, or the topic was made again: send the data again, or raise "
            "retention.ms of the topic",
        )
    if high < part.end and not page.records:
        raise StreamUnavailable(
            f"{part} was announced, and {part.topic}[{part.partition}] ends at offset {high}",
            hint="the topic was made again, or the data is still in an open transaction: send it again",
        )
    records = [record for record in page.records if record.offset < part.end]
    # A page may end early, by bytes; it never ends without a record before the end of the range.
    return records, min(part.end, max(page.ends[part.partition], start + 1))


def _label_doubts(samples: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return questions about the labels of these samples."""
    texts = sorted({sample["label_text"] for sample in samples if sample["label_text"] is not None})
    labels = [sample["label_sample"]["values"] for sample in samples if sample["label_sample"] is not None]
    numbers = [values[0] for values in labels if len(values) == 1 and values[0] is not None]
    doubt = text_doubt(texts)
    if not doubt and len(numbers) == len(labels) and all(float(number).is_integer() for number in numbers):
        doubt = number_doubt(sorted({int(number) for number in numbers}), len(numbers), repeats=_REPEATS)
    return [doubt] if doubt else []


def _samples(codec: StreamCodec, record: Record) -> list[dict[str, Any]]:
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    try:
        return [{**where, **sample, "error": None} for sample in decoded_samples(codec, record.key, record.value)]
    except DecodeError as error:
        nothing = {"features": None, "label_sample": None, "label_text": None}
        return [{**where, **nothing, "error": problem_document(error)}]

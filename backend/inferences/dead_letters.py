"""Dead letters of an inference: lists them and sends them back to the input topic. Called by the views.

Sending back writes the original key, value and headers again, into the partition they came from; the letters stay
where they are. A header ``kml-replay`` names the letter, so that one which fails again is not sent back twice.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from backend.accounts.audit import record
from backend.api.actors import Actor
from backend.api.errors import InvalidField
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.records.browsing import open_browser
from backend.records.decoding import Decoder, DecoderKind, record_document
from backend.records.serializers import cursor_of
from kafkaml.codecs import StreamCodec
from kafkaml.confluent import KafkaRecordReader, KafkaRecordWriter
from kafkaml.confluent.browse import record_bytes
from kafkaml.dead_letters import VALUE_BYTES_HEADER, dead_letter_topic, reason_of
from kafkaml.errors import DecodeError, StreamUnavailable
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, Record, format_source, parse_source
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange

__all__ = [
    "MAX_REPLAY",
    "REPLAY_HEADER",
    "decoding",
    "is_own",
    "letter_document",
    "letters",
    "output_settings",
    "records",
    "replay",
]

REPLAY_HEADER = "kml-replay"
# The most letters per request; further requests send the rest.
MAX_REPLAY = 10_000
_MAX_REPLAY_BYTES = 64 << 20
_SECONDS = 30.0
_KAFKA_SECONDS = 10.0


def output_settings(inference: Inference) -> KafkaSettings:
    """Return how the cluster of the outputs is reached."""
    settings = environment().kafka
    servers = inference.output_bootstrap_servers
    return settings.model_copy(update={"bootstrap_servers": servers}) if servers else settings


def letters(inference: Inference, *, before: Mapping[int, int] | None, limit: int) -> dict[str, Any]:
    """Return a page of dead letters, newest first, as ``DeadLetterPageSerializer`` describes it.

    A topic that does not exist yet has none. Raises BrokerError without Kafka.
    """
    topic = dead_letter_topic(inference.output_topic)
    browser = open_browser(output_settings(inference))
    try:
        page = browser.page(topic, before=before, limit=limit, timeout_seconds=_KAFKA_SECONDS)
    except StreamUnavailable:
        return {"topic": topic, "count": 0, "letters": [], "before": None, "timed_out": False}
    decoder, codec = decoding(inference)
    return {
        "topic": topic,
        # An upper bound, because markers of transactions count too.
        "count": sum(high - low for low, high in page.watermarks.values()),
        "letters": [letter_document(inference, letter, decoder, codec) for letter in page.records],
        "before": None if page.at_oldest else cursor_of(page.starts),
        "timed_out": page.timed_out,
    }


def decoding(inference: Inference) -> tuple[Decoder, StreamCodec | None]:
    """Return how the inference's records are shown, and their codec; None where the codec refuses its settings."""
    decoder = Decoder(
        DecoderKind.AUTO,
        inference.input_format,
        inference.input_config,
        origin=f"inference {inference.pk}",
    )
    try:
        return decoder, decoder.stream_codec()
    except DecodeError:
        return decoder, None


def is_own(inference: Inference, letter: Record) -> bool:
    """Whether this inference wrote the letter. Other inferences may have the same output topic."""
    return _texts(letter).get("kml-inference") == str(inference.pk)


def replay(inference: Inference, *, actor: Actor, positions: Sequence[tuple[int, int]] | None = None) -> dict[str, Any]:
    """Send dead letters back to the input topic: those at ``positions`` (partition, offset), or all of this inference.

    Left out and counted: letters that were cut (the whole value is lost), and when all are asked for, letters that
    were sent back before and failed again (the newer letter stands for them). Raises BrokerError when Kafka did not
    take all of them, InvalidField for positions without a letter.
    """
    topic = dead_letter_topic(inference.output_topic)
    browser = open_browser()
    partitions = len(browser.partitions(inference.input_topic))
    found, more = _read(inference, topic, positions)
    whole = [letter for letter in found if VALUE_BYTES_HEADER not in _texts(letter)]
    superseded: set[bytes] = set()
    if positions is None:
        superseded = {value for letter in found for name, value in letter.headers if name == REPLAY_HEADER and value}
    chosen = [letter for letter in whole if _place(letter) not in superseded]
    writer = KafkaRecordWriter(environment().kafka, timeout_seconds=_SECONDS)
    sent = 0

    def acknowledged(_: object) -> None:
        nonlocal sent
        sent += 1

    try:
        for letter in chosen:
            writer.write(_original(inference, letter, partitions), acknowledged)
        writer.flush(_SECONDS)
    finally:
        writer.close()
        # The replay is logged even if Kafka took only some of the records, because those have been written.
        record(actor, "replay", inference, detail=f"{sent} dead letters of {topic} to {inference.input_topic}")
    return {
        "replayed": sent,
        "cut": len(found) - len(whole),
        "superseded": len(whole) - len(chosen),
        "more": more,
        "input_topic": inference.input_topic,
    }


def _read(inference: Inference, topic: str, positions: Sequence[tuple[int, int]] | None) -> tuple[list[Record], bool]:
    """Return the letters that are meant, oldest first, and whether there are more than are taken at once."""
    settings = output_settings(inference)
    browser = open_browser(settings)
    try:
        states = browser.partitions(topic)
    except StreamUnavailable:
        states = []
    ends = {state.partition: (state.low or 0, state.high or 0) for state in states}
    if positions is None:
        ranges = [StreamRange(topic, partition, low, high) for partition, (low, high) in ends.items() if high > low]
    else:
        wrong = [
            place
            for place in positions
            if not ends.get(place[0], (0, 0))[0] <= place[1] < ends.get(place[0], (0, 0))[1]
        ]
        if wrong:
            partition, offset = wrong[0]
            raise InvalidField("positions", f"{topic}[{partition}]@{offset} does not exist (any more)")
        ranges = [StreamRange(topic, partition, offset, offset + 1) for partition, offset in sorted(set(positions))]
    found: list[Record] = []
    total, deadline = 0, time.monotonic() + _SECONDS
    for letter in records(settings, ranges):
        # Inferences may share an output topic, and so its dead letters.
        if positions is None and not is_own(inference, letter):
            continue
        if len(found) >= MAX_REPLAY or total > _MAX_REPLAY_BYTES or time.monotonic() > deadline:
            return found, True
        found.append(letter)
        total += record_bytes(letter)
    return found, False


def records(settings: KafkaSettings, ranges: Sequence[StreamRange]) -> Iterator[Record]:
    """Read what is in ``ranges``; raises BrokerError without Kafka."""
    if not ranges:
        return
    reader = KafkaRecordReader(settings, request_timeout_seconds=_KAFKA_SECONDS)
    try:
        for batch in reader.read(ranges, batch_records=1000, idle_timeout_seconds=_KAFKA_SECONDS):
            yield from batch
    finally:
        reader.close()


def _original(inference: Inference, letter: Record, partitions: int) -> OutgoingRecord:
    """Return the record that ``letter`` was, with a header that names the letter."""
    last = _last_source(letter)
    own = letter.headers if last is None else letter.headers[:last]
    headers = [(name, value) for name, value in own if name != REPLAY_HEADER]
    source = None if last is None else parse_source(letter.headers[last][1])
    home = source[1] if source and source[0] == inference.input_topic and source[1] < partitions else -1
    return OutgoingRecord(
        inference.input_topic, letter.value, letter.key, [*headers, (REPLAY_HEADER, _place(letter))], partition=home
    )


def _last_source(letter: Record) -> int | None:
    """Return where the headers begin that the replica added; those before are the record's own."""
    places = [index for index, (name, _) in enumerate(letter.headers) if name == SOURCE_HEADER]
    return places[-1] if places else None


def _place(letter: Record) -> bytes:
    return format_source(letter.topic, letter.partition, letter.offset)


def _texts(letter: Record) -> dict[str, str]:
    return {name: (value or b"").decode("utf-8", "replace") for name, value in letter.headers}


def letter_document(
    inference: Inference, letter: Record, decoder: Decoder, codec: StreamCodec | None
) -> dict[str, Any]:
    """Return a letter as ``DeadLetterSerializer`` describes it."""
    headers = _texts(letter)
    last = _last_source(letter)
    source = None if last is None else parse_source(letter.headers[last][1])
    by = headers.get("kml-inference", "")
    again = parse_source(headers.get(REPLAY_HEADER, "").encode())
    full = headers.get(VALUE_BYTES_HEADER, "")
    return {
        "record": record_document(letter, decoder, codec),
        "reason": reason_of(letter)._asdict(),
        "source": _position(source),
        "replay_of": _position(again),
        "inference": int(by) if by.isdecimal() and len(by) < 18 else None,
        "own": by == str(inference.pk),
        "version": headers.get("kml-version"),
        "cut_from_bytes": int(full) if full.isdecimal() and len(full) < 18 else None,
    }


def _position(source: tuple[str, int, int] | None) -> dict[str, Any] | None:
    return None if source is None else {"topic": source[0], "partition": source[1], "offset": source[2]}

"""Records in readable form: text, JSON, bytes in hex, or samples drawn from RAW and Avro. Pure.

Never fails on a record: a decoder's error is shown next to the bytes, per record, and the displayed part of a value is
bounded.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import orjson

from backend.api.samples import sample_document
from kafkaml.codecs import Array, Codec, StreamCodec, codec_for, format_of, formats
from kafkaml.confluent.browse import record_bytes
from kafkaml.errors import BrokerError, DecodeError
from kafkaml.records import Record

__all__ = [
    "MAX_SHOWN_BYTES",
    "Decoder",
    "DecoderKind",
    "decoded_samples",
    "decoders",
    "problem_document",
    "record_document",
]

# The most bytes of a key, a header or a value that leave the server; ``size`` is the full length.
MAX_SHOWN_BYTES = 64 << 10
_MAX_HEX_BYTES = 4 << 10
# Bytes with more than this share of unprintable characters do not count as text.
_MAX_ODD_SHARE = 0.1
_LAST_SECOND_MS = 253_402_300_800_000


class DecoderKind(StrEnum):
    """What to make of a record's value where no codec is needed for it."""

    AUTO = "auto"
    TEXT = "text"
    JSON = "json"
    HEX = "hex"


_MEANINGS: Mapping[DecoderKind, str] = {
    DecoderKind.AUTO: "As the stream or the inference that uses the topic declares, otherwise as the bytes suggest.",
    DecoderKind.TEXT: "As UTF-8 text.",
    DecoderKind.JSON: "As JSON.",
    DecoderKind.HEX: "As bytes, in hexadecimal.",
}


def decoders() -> list[tuple[str, str]]:
    """Return all decoders that users can choose, with what they do: these, and those of the formats."""
    by_format = [(format_.decoder, f"As {format_.title}.") for format_ in formats() if format_.decoder]
    return [*((kind.value, meaning) for kind, meaning in _MEANINGS.items()), *by_format]


@dataclass(frozen=True)
class Decoder:
    """How the records of a topic are read; ``kind`` is one of ``decoders``.

    ``input_format`` is there for the decoders of formats, and where a stream or an inference declares it. ``labelled``:
    keys are labels of the samples. ``origin`` says where a rule was found, such as ``stream 3``.
    """

    kind: str = DecoderKind.AUTO
    input_format: str | None = None
    input_config: Mapping[str, Any] = field(default_factory=dict)
    labelled: bool = False
    origin: str = ""

    def stream_codec(self) -> StreamCodec | None:
        """Return the codec of the rule; None without one. DecodeError when the rule contradicts itself."""
        if self.input_format is None:
            return None
        codec = codec_for(self.input_format, self.input_config)
        return codec if self.labelled else StreamCodec(codec.features, None, codec.packed)

    def codec_or_problem(self) -> tuple[StreamCodec | None, dict[str, str] | None]:
        """Return the codec of the rule, or why it has none, because an announcement must not make a topic unreadable.

        Raises DecodeError for a rule that the reader gave.
        """
        try:
            return self.stream_codec(), None
        except DecodeError as error:
            if not self.origin:
                raise
            return None, problem_document(error)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "input_format": self.input_format,
            "input_config": dict(self.input_config),
            "labelled": self.labelled,
            "origin": self.origin,
        }


def record_document(
    record: Record, decoder: Decoder, codec: StreamCodec | None, problem: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return ``record`` as ``TopicRecordSerializer`` describes it; ``codec`` and ``problem`` are the decoder's."""
    value = record.value
    shown = None if value is None else value[:MAX_SHOWN_BYTES]
    return {
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": _moment(record.timestamp_ms),
        "size": record_bytes(record),
        "key": _bytes_document(record.key),
        "headers": [{"name": name[:1000], **_bytes_document(header)} for name, header in record.headers[:100]],
        "value": None if shown is None else base64.b64encode(shown).decode(),
        "value_size": 0 if value is None else len(value),
        "value_truncated": value is not None and len(value) > MAX_SHOWN_BYTES,
        "decoded": _decoded(record, decoder, codec) | ({"error": problem} if problem and value is not None else {}),
    }


def decoded_samples(codec: StreamCodec, key: bytes | None, value: bytes | None) -> list[dict[str, Any]]:
    """Return the samples of one record (several where it is packed) with their labels; raises DecodeError."""
    rows, labels = codec.decode((value,), (key,))
    return [
        {"features": _sample(rows[place]), **_label(None if labels is None else labels[place])}
        for place in range(min(len(rows), 100))
    ]


def problem_document(error: DecodeError | BrokerError) -> dict[str, str]:
    """Return ``error`` as ``DecodeProblemSerializer`` describes it."""
    gap = error.gap if isinstance(error, DecodeError) else ""
    return {"message": error.message, "hint": error.hint, "gap": gap}


def _decoded(record: Record, decoder: Decoder, codec: StreamCodec | None) -> dict[str, Any]:
    value = record.value
    document: dict[str, Any] = {
        "kind": "empty",
        "text": None,
        "truncated": False,
        "sample": None,
        "label_sample": None,
        "label_text": None,
        "error": None,
    }
    if value is None:
        return document
    try:
        if codec is not None:
            return document | _with_codec(record, decoder, codec)
        match decoder.kind:
            case DecoderKind.HEX:
                return document | _hex(value)
            case DecoderKind.TEXT:
                return document | _text(value)
            case DecoderKind.JSON:
                return document | _json(value)
    except (DecodeError, BrokerError) as error:
        return document | _guessed(value) | {"error": problem_document(error)}
    return document | _as_it_is(value, decoder)


def _with_codec(record: Record, decoder: Decoder, codec: StreamCodec) -> dict[str, Any]:
    assert record.value is not None
    # Decode each side separately, because a key that is not a label must not hide the sample.
    if codec.packed:
        first = decoded_samples(codec, record.key, record.value)[:1]
        found: dict[str, Any] = {"kind": "sample", "sample": first[0]["features"]} if first else {"kind": "empty"}
        labels = {name: first[0][name] for name in ("label_sample", "label_text")} if first else {}
        return found | labels
    found = _features(record.value, decoder, codec.features)
    if codec.labels is not None and record.key is not None:
        try:
            found |= _label(codec.label_of(record.key))
        except DecodeError as error:
            found["error"] = problem_document(error)
    return found


def _features(value: bytes, decoder: Decoder, codec: Codec) -> dict[str, Any]:
    assert decoder.input_format is not None
    stream_format = format_of(decoder.input_format)
    try:
        row = codec.decode((value,))[0]
    except DecodeError as error:
        if not stream_format.wider:
            raise
        return _as_it_is(value, decoder) | {"error": problem_document(error)}
    if row.dtype.kind in "US":
        return _text(str(row).encode())
    found: dict[str, Any] = {"kind": "sample", "sample": _sample(row)}
    if stream_format.text:
        # Show the original text too, also where JSON comes after a byte order mark or a schema id.
        found |= _guessed(value) | {"kind": "sample"}
    return found


def _sample(row: Array) -> dict[str, Any]:
    return sample_document(np.zeros(()) if row.dtype.kind in "US" else np.asarray(row))


def _label(row: Any) -> dict[str, Any]:
    if row is None:
        return {"label_sample": None, "label_text": None}
    array = np.asarray(row)
    if array.dtype.kind in "US":
        return {"label_sample": None, "label_text": str(row)[:1000]}
    return {"label_sample": sample_document(array), "label_text": None}


def _guessed(value: bytes) -> dict[str, Any]:
    """JSON where it is JSON, text where it can be read, hex otherwise."""
    if value[:1] in b'{["-0123456789tfn' and len(value) <= 4 * MAX_SHOWN_BYTES:
        try:
            return _json(value)
        except DecodeError:
            pass
    text = value[:MAX_SHOWN_BYTES].decode("utf-8", "replace")
    odd = sum(
        (not character.isprintable() and character not in "\n\r\t") or character == "\ufffd" for character in text
    )
    return _text(value) if odd <= len(text) * _MAX_ODD_SHARE else _hex(value)


def _text(value: bytes) -> dict[str, Any]:
    return {
        "kind": "text",
        "text": value[:MAX_SHOWN_BYTES].decode("utf-8", "replace"),
        "truncated": len(value) > MAX_SHOWN_BYTES,
    }


def _json(value: bytes) -> dict[str, Any]:
    """The text as it was written, once it is known to be JSON, so that numbers keep all their digits."""
    try:
        orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"the value is not JSON ({error})") from error
    return _text(value) | {"kind": "json"}


def _hex(value: bytes) -> dict[str, Any]:
    return {"kind": "hex", "text": value[:_MAX_HEX_BYTES].hex(" "), "truncated": len(value) > _MAX_HEX_BYTES}


def _as_it_is(value: bytes, decoder: Decoder) -> dict[str, Any]:
    """Any record of the rule's format as JSON, also one that models cannot take; otherwise what the bytes look like."""
    text = (
        None if decoder.input_format is None else format_of(decoder.input_format).as_json(value, decoder.input_config)
    )
    return _guessed(value) if text is None else _text(text) | {"kind": "json"}


def _bytes_document(value: bytes | None) -> dict[str, Any]:
    """Bytes as text, where they are text, and as base64."""
    if value is None:
        return {"text": None, "base64": None, "size": 0}
    shown = value[:MAX_SHOWN_BYTES]
    try:
        text: str | None = shown.decode()
    except UnicodeDecodeError:
        text = None
    if text is not None and not all(character.isprintable() or character in "\n\r\t" for character in text):
        text = None
    return {"text": text, "base64": base64.b64encode(shown).decode(), "size": len(value)}


def _moment(timestamp_ms: int) -> datetime | None:
    if not 0 <= timestamp_ms < _LAST_SECOND_MS:
        return None
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)

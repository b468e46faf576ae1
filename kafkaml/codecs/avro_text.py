"""Avro records as JSON for display: any record of a schema, also one that models cannot take. Pure."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from typing import Any

import fastavro
import orjson

from kafkaml.codecs.avro_schema import logical_schema, plain_schema
from kafkaml.errors import DecodeError

__all__ = ["avro_as_json"]


def avro_as_json(value: bytes, config: Mapping[str, Any]) -> bytes | None:
    """Return ``value`` as JSON by the schema in ``config``; None where it is not such a record, or starts with a schema
    id.
    """
    scheme = config.get("data_scheme")
    if not scheme or config.get("confluent_framing"):
        return None
    # Show dates as text, or as their numbers where they are not valid dates.
    texts = (_avro_text(value, scheme, parse) for parse in (logical_schema, plain_schema))
    return next((text for text in texts if text is not None), None)


def _avro_text(value: bytes, scheme: object, parse: Callable[[object, str], Any]) -> bytes | None:
    """Return an Avro record of any schema as JSON; None where it is not such a record."""
    try:
        schema = parse(scheme, "the records")
        buffer = io.BytesIO(value)
        datum = fastavro.schemaless_reader(buffer, schema, None)
        if buffer.tell() != len(value):
            # Leftover bytes mean another schema or a schema id in front, so the record must not be shown by this
            # schema.
            return None
        return orjson.dumps(datum, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except (
        # Exceptions of fastavro for bytes that are not such a record, and of orjson for values nested too deep.
        EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RecursionError,
        AttributeError, AssertionError, struct.error, DecodeError,
    ):  # fmt: skip
        return None

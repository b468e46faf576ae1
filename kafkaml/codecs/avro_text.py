"""Avro records as JSON for people: any record of a schema, also one that models cannot take. Pure."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro
import orjson

from kafkaml.codecs.avro_schema import plain_schema
from kafkaml.errors import DecodeError

__all__ = ["avro_as_json", "has_free_items", "logical_schema"]


def avro_as_json(value: bytes, config: Mapping[str, Any]) -> bytes | None:
    """Return ``value`` as JSON by the schema in ``config``; None where it is no such record, or an id precedes it."""
    scheme = config.get("data_scheme")
    if not scheme or config.get("confluent_framing"):
        return None
    # With dates as people read them; or as the numbers under them, where they are none.
    texts = (_avro_text(value, scheme, parse) for parse in (logical_schema, plain_schema))
    return next((text for text in texts if text is not None), None)


def logical_schema(scheme: object, _name: str) -> Any:
    """Return a schema, as text or object, parsed with its logical types."""
    return fastavro.parse_schema(orjson.loads(scheme) if isinstance(scheme, (str, bytes)) else scheme)  # type: ignore[arg-type]


def _avro_text(value: bytes, scheme: object, parse: Callable[[object, str], Any]) -> bytes | None:
    """Return an Avro record of any schema as JSON; None where it is not such a record."""
    try:
        schema = parse(scheme, "the records")
        if has_free_items(schema):
            return None
        buffer = io.BytesIO(value)
        datum = fastavro.schemaless_reader(buffer, schema, None)
        if buffer.tell() != len(value):
            # Records of another schema, or behind the id of one, would be shown as if they were of this.
            return None
        return orjson.dumps(datum, default=repr, option=orjson.OPT_NON_STR_KEYS)
    except (
        # What fastavro raises on bytes that are no such record, and orjson on what is nested too deep.
        EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RecursionError,
        AttributeError, AssertionError, struct.error, fastavro.schema.SchemaParseException,
        fastavro.schema.UnknownType, DecodeError,
    ):  # fmt: skip
        return None


def has_free_items(schema: object) -> bool:
    """Whether the schema has arrays of what takes no bytes: a few bytes could claim billions of them."""
    if isinstance(schema, Mapping):
        if schema.get("type") == "array" and _width_free(schema.get("items")):
            return True
        return any(map(has_free_items, schema.values()))
    return isinstance(schema, Sequence) and not isinstance(schema, str) and any(map(has_free_items, schema))


def _width_free(items: object) -> bool:
    if isinstance(items, Mapping):
        fields = items.get("fields")
        return (items.get("type") in ("record", "fixed") and not items.get("size")) and (
            fields is None or all(_width_free(each.get("type")) for each in fields)
        )
    return items == "null"

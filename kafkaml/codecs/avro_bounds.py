"""Bounds the cost of reading a record of an Avro schema, because the sender may control both schema and record.

fastavro's compiled reader checks nothing. Records within records overflow its stack. A billion items that take no bytes
become a billion values. A field that it skips may lie behind the record's end. Schemas that allow the first two are
refused before a record is read by them. Against the third, a record is read whole before any of its fields is skipped.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

from kafkaml.errors import DecodeError

__all__ = ["read_datum", "refuse_boundless"]

_MAX_DEPTH = 256
# The most values without bytes (such as null) in one record, or in one item of an array. Each byte of an array could
# otherwise claim any number of them.
_MAX_FREE = 100
_BYTES = {"null": 0, "boolean": 1, "int": 1, "long": 1, "float": 4, "double": 8, "bytes": 1, "string": 1, "enum": 1}


@dataclass(frozen=True)
class _Need:
    """The needs of one value: its minimum ``size`` in bytes, the ``free`` values that take none, and the ``depth``
    below it.
    """

    size: int
    free: int = 0
    depth: int = 0


def refuse_boundless(schema: Any, name: str) -> None:
    """Raise DecodeError unless the bytes of a record bound what it takes to read it; ``schema`` as fastavro parsed it.

    ``name`` is used in messages.
    """
    _Schema(name).need(schema)


def read_datum(value: bytes, start: int, writer: Any, reader: Any) -> tuple[Any, int]:
    """Return the datum that begins at ``start``, resolved to the schema ``reader``, and where it ends.

    Raises fastavro's errors for bytes that are not a datum of the schema ``writer``, and for schemas that do not fit.
    """
    buffer = io.BytesIO(value)
    buffer.seek(start)
    if writer is not reader:
        # Items of a fixed size that are passed over are counted without being read, so a few bytes could claim any
        # number of them.
        fastavro.schemaless_reader(buffer, writer, None)
        buffer.seek(start)
    datum = fastavro.schemaless_reader(buffer, writer, None if writer is reader else reader)
    return datum, buffer.tell()


class _Schema:
    def __init__(self, name: str) -> None:
        self._name = name
        # Needs of the named types; None while a type is being examined, so that a recursive type is noticed.
        self._named: dict[str, _Need | None] = {}

    def need(self, schema: Any) -> _Need:
        found = self._need(schema)
        if found.depth > _MAX_DEPTH or found.free > _MAX_FREE:
            raise self._refused("has too many levels, or too many values that take no bytes")
        return found

    def _need(self, schema: Any) -> _Need:
        if isinstance(schema, list):
            branches = [self.need(branch) for branch in schema]
            return _Need(1, max((branch.free for branch in branches), default=0), _below(branches))
        if not isinstance(schema, Mapping):
            return self._of_name(str(schema))
        kind = schema["type"]
        match kind:
            case "record" | "error":
                return self._record(schema)
            case "array" | "map":
                return self._many(self.need(schema["items" if kind == "array" else "values"]), kind)
            case "fixed":
                return self._known(schema, _Need(schema["size"], int(schema["size"] == 0)))
            case "enum":
                return self._known(schema, _Need(_BYTES[kind]))
        return self.need(kind)

    def _of_name(self, name: str) -> _Need:
        if name in _BYTES:
            return _Need(_BYTES[name], int(_BYTES[name] == 0))
        found = self._named[name]
        if found is None:
            raise self._refused(f"has the type {name[:80]}, which holds itself")
        return found

    def _record(self, schema: Mapping[str, Any]) -> _Need:
        name = str(schema["name"])
        self._named[name] = None
        fields = [self.need(field["type"]) for field in schema["fields"]]
        size = sum(field.size for field in fields)
        # A record without bytes counts as one value without bytes, besides the fields in it.
        return self._known(schema, _Need(size, sum(field.free for field in fields) + int(size == 0), _below(fields)))

    def _known(self, schema: Mapping[str, Any], need: _Need) -> _Need:
        self._named[str(schema["name"])] = need
        return need

    def _many(self, item: _Need, kind: str) -> _Need:
        if item.size == 0 and kind == "array":
            raise self._refused("has an array of items that take no bytes")
        return _Need(1, 0, item.depth + 1)

    def _refused(self, what: str) -> DecodeError:
        return DecodeError(
            f"the Avro schema of {self._name} {what}: nothing would bound what a record of it takes",
            hint="write records by a schema whose types do not hold themselves, without null as the only type",
        )


def _below(parts: list[_Need]) -> int:
    return 1 + max((part.depth for part in parts), default=0)

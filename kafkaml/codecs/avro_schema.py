"""AvroSchema: what an Avro schema means for models: its fields as columns, and how a record becomes a row of them.

Logical types are read as the types below them: times as integers, decimals as numbers. A field that does not give a
number is refused when the schema is read, with its name and type.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import orjson
from fastavro.schema import SchemaParseException, UnknownType

from kafkaml.codecs.avro_bounds import refuse_boundless
from kafkaml.codecs.field_names import path_text
from kafkaml.dtypes import MAX_SAMPLE_ELEMENTS
from kafkaml.errors import DecodeError

__all__ = ["HINT", "AvroSchema", "Column", "logical_schema", "plain_schema"]

HINT = "expected an Avro record of numbers, booleans, enums, fixed or arrays of them; or of one text"
_LEAVE_OUT_HINT = "leave the field out of the schema and of the records, or write a number in its place"

_MAX_SCHEMA_CHARACTERS = 1 << 20
# These limits apply to valid schemas too. Deeper schemas would exhaust the stack, wider ones the memory.
_MAX_DEPTH = 64
_MAX_COLUMNS = 100_000
_MAX_DECIMAL_BYTES = 256
_MAX_SCALE = 300

# Only float, double and boolean have a fixed width on the wire. An int or a long takes as many bytes as it needs.
_FIXED_WIDTH = {"float": "<f4", "double": "<f8", "boolean": "|b1"}
_PRIMITIVES = _FIXED_WIDTH | {"int": "<i4", "long": "<i8"}
_NO_NUMBERS = frozenset({"uuid", "duration"})

Flatten = Callable[[Any, list[Any]], None]


@dataclass(frozen=True)
class Column:
    """One leaf of a schema: a number, ``width`` numbers (fixed), any number of them (array) or a text."""

    path: tuple[str, ...]
    kind: str
    dtype: np.dtype[Any]
    width: int = 1
    fixed_width: bool = False
    many: bool = False
    nullable: bool = False
    logical: str = ""
    symbols: tuple[str, ...] = ()

    @property
    def text(self) -> bool:
        return self.kind == "string"

    @property
    def name(self) -> str:
        return path_text(self.path) or "the record"

    def encoded(self, value: Any) -> Any:
        """Return ``value`` in the form that a writer of the schema takes."""
        if self.kind in ("int", "long") and float(value).is_integer():
            return int(value)
        if self.kind == "enum":
            place = int(value) if float(value).is_integer() else -1
            if not 0 <= place < len(self.symbols):
                raise ValueError(f"{value} is not a place among {', '.join(self.symbols)}")
            return self.symbols[place]
        if self.logical == "decimal":
            return Decimal(str(value))
        return bool(value) if self.kind == "boolean" else value


class AvroSchema:
    """A parsed schema. ``plain`` is the same schema without logical types, with which records are read."""

    def __init__(self, source: object, name: str) -> None:
        document = _document(source, name)
        self.full = _parsed(document, name)
        self.plain = _parsed(_without_logical_types(document), name)
        self._name = name
        self._named = dict(self.full.get("__named_schemas", {})) if isinstance(self.full, Mapping) else {}
        self.columns: list[Column] = []
        # Count of all types, including those without columns. A chain of a few types, each of which uses the next one
        # twice, would otherwise be compiled for hours.
        self._nodes = 0
        self.flatten = self._compiled(self.full, (), ())
        width = sum(column.width for column in self.columns)
        if not self.columns or width > MAX_SAMPLE_ELEMENTS:
            raise DecodeError(f"the Avro schema of {name} describes {width} values: expected at least one", hint=HINT)
        if len(self.columns) > 1:
            self._check_columns()

    def nested(self, row: Sequence[Any]) -> dict[str, Any]:
        """Return the record that has the numbers of ``row``; raises DecodeError for arrays or fixed."""
        if any(column.many or column.kind == "fixed" for column in self.columns) or self.columns[0].path == ():
            raise DecodeError(
                f"arrays cannot be encoded with this schema of {self._name}: encode records instead", hint=HINT
            )
        record: dict[str, Any] = {}
        for column, value in zip(self.columns, row, strict=True):
            inner = record
            for key in column.path[:-1]:
                inner = inner.setdefault(key, {})
            inner[column.path[-1]] = column.encoded(value)
        return record

    def _check_columns(self) -> None:
        texts = [column.name for column in self.columns if column.text]
        if texts:
            raise DecodeError(
                f"the Avro schema of {self._name} mixes text and numbers: its field {texts[0]!r} is a string",
                hint=_LEAVE_OUT_HINT,
            )
        many = [column.name for column in self.columns if column.many]
        if many:
            raise DecodeError(
                f"the Avro schema of {self._name} has an array, {many[0]!r}, next to other fields",
                hint="write one array of all numbers, or fields of numbers",
            )

    def _refused(self, path: tuple[str, ...], what: str) -> DecodeError:
        return DecodeError(
            f"the Avro schema of {self._name} has the field {path_text(path) or 'of the record itself'!r} of the type "
            f"{what}: models take numbers",
            hint=_LEAVE_OUT_HINT,
        )

    def _compiled(self, schema: Any, path: tuple[str, ...], above: tuple[str, ...]) -> Flatten:
        """Add the columns of ``schema`` and return a function that appends the values of a datum to a row."""
        self._nodes += 1
        if len(path) + len(above) > _MAX_DEPTH or max(len(self.columns), self._nodes) > _MAX_COLUMNS:
            raise DecodeError(f"the Avro schema of {self._name} is nested too deep or has too many fields", hint=HINT)
        if isinstance(schema, list):
            return self._union(schema, path, above)
        kind = schema.get("type") if isinstance(schema, Mapping) else schema
        if isinstance(kind, (Mapping, list)):
            return self._compiled(kind, path, above)
        if isinstance(kind, str) and kind in self._named and not isinstance(schema, Mapping):
            # The schema names a type that was defined earlier.
            return self._compiled(self._named[kind], path, above)
        logical = str(schema.get("logicalType") or "") if isinstance(schema, Mapping) else ""
        if logical in _NO_NUMBERS and kind in ("string", "fixed"):
            raise self._refused(path, f"{logical} (on {kind})")
        if logical == "decimal" and kind in ("bytes", "fixed"):
            return self._decimal(schema, path)
        match kind:
            case str() if kind in _PRIMITIVES:
                dtype = np.dtype(_PRIMITIVES[kind])
                return self._leaf(Column(path, kind, dtype, fixed_width=kind in _FIXED_WIDTH, logical=logical))
            case "string":
                return self._leaf(Column(path, kind, np.dtype("<U")))
            case "record" | "error":
                return self._record(schema, path, above)
            case "enum":
                return self._enum(schema, path)
            case "fixed" if schema["size"] > 0:
                width = schema["size"]
                self.columns.append(Column(path, kind, np.dtype("|u1"), width=width, fixed_width=True))
                return lambda datum, row: row.extend(datum)
            case "array":
                return self._array(schema, path, above)
        raise self._refused(path, logical or str(kind)[:80])

    def _leaf(self, column: Column) -> Flatten:
        self.columns.append(column)
        return lambda datum, row: row.append(datum)

    def _record(self, schema: Any, path: tuple[str, ...], above: tuple[str, ...]) -> Flatten:
        full_name = str(schema.get("name"))
        if full_name in above:
            raise self._refused(path, f"{full_name}, which holds itself")
        parts = [
            (field["name"], self._compiled(field["type"], (*path, field["name"]), (*above, full_name)))
            for field in schema["fields"]
        ]

        def flatten(datum: Any, row: list[Any]) -> None:
            for name, part in parts:
                part(datum[name], row)

        return flatten

    def _enum(self, schema: Any, path: tuple[str, ...]) -> Flatten:
        symbols = tuple(map(str, schema["symbols"]))
        places = {symbol: place for place, symbol in enumerate(symbols)}
        self.columns.append(Column(path, "enum", np.dtype("<i4"), symbols=symbols))
        return lambda datum, row: row.append(places[datum])

    def _array(self, schema: Any, path: tuple[str, ...], above: tuple[str, ...]) -> Flatten:
        before = len(self.columns)
        item = self._compiled(schema["items"], path, above)
        items = self.columns[before:]
        # Only plain numbers are allowed as items. A few bytes could claim billions of items that have no width.
        if len(items) != 1 or items[0].text or items[0].many or items[0].kind == "fixed":
            raise self._refused(path, "array of something other than numbers")
        column = items[0]
        self.columns[before:] = [Column(path, column.kind, column.dtype, many=True, nullable=column.nullable)]

        def flatten(datum: Any, row: list[Any]) -> None:
            for element in datum:
                item(element, row)

        return flatten

    def _decimal(self, schema: Any, path: tuple[str, ...]) -> Flatten:
        scale = schema.get("scale", 0)
        if not isinstance(scale, int) or not 0 <= scale <= _MAX_SCALE:
            raise self._refused(path, f"decimal with the scale {str(scale)[:20]}")
        divisor = 10**scale
        self.columns.append(Column(path, "decimal", np.dtype("<f8"), logical="decimal"))

        def flatten(datum: Any, row: list[Any]) -> None:
            if len(datum) > _MAX_DECIMAL_BYTES:
                raise ValueError(f"a decimal of {len(datum)} bytes")
            number = int.from_bytes(datum, "big", signed=True)
            row.append(number / divisor if scale else number)

        return flatten

    def _union(self, branches: list[Any], path: tuple[str, ...], above: tuple[str, ...]) -> Flatten:
        """A union of null and one type, or of null and numbers. A null becomes a gap that names the field."""
        others = [branch for branch in branches if branch != "null"]
        names = ", ".join(_type_name(branch) for branch in branches)[:80]
        if not others:
            raise self._refused(path, f"union of {names}")
        before = len(self.columns)
        parts = [self._compiled(branch, path, above) for branch in others]
        columns = self.columns[before:]
        if len(others) > 1:
            if not all(column.kind in _PRIMITIVES and column.path == path for column in columns):
                raise self._refused(path, f"union of {names}")
            dtype = np.result_type(*(column.dtype for column in columns))
            columns = [Column(path, "long" if dtype.kind == "i" else "double", dtype)]
        nullable = len(others) < len(branches)
        # A null, or the number of the branch, takes a byte, so such records have no fixed width.
        self.columns[before:] = [
            Column(
                column.path,
                column.kind,
                column.dtype,
                column.width,
                False,
                column.many,
                nullable,
                column.logical,
                column.symbols,
            )
            for column in columns
        ]
        name, gap = path_text(path), f"null in {path_text(path)}"
        inner = parts[0]

        def flatten(datum: Any, row: list[Any]) -> None:
            if datum is None:
                raise DecodeError(f"the field {name!r} is null, where a number is expected", gap=gap)
            inner(datum, row)

        return flatten


def _parsed(document: object, name: str) -> Any:
    """Return ``document`` parsed by fastavro; raises DecodeError for anything that is not a schema."""
    try:
        parsed = fastavro.parse_schema(document)  # type: ignore[arg-type]
        refuse_boundless(parsed, name)
        return parsed
    except (
        SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise DecodeError(f"the Avro schema of {name} is not valid: {error!r}"[:300], hint=HINT) from error


def logical_schema(source: object, name: str) -> Any:
    """Return a schema, as text or object, parsed with its logical types."""
    return _parsed(_document(source, name), name)


def plain_schema(source: object, name: str) -> Any:
    """Return a schema, as text or object, parsed without its logical types."""
    return _parsed(_without_logical_types(_document(source, name)), name)


def _document(source: object, name: str) -> object:
    """Read a schema given as JSON text, as an object, or as the text of a Python dict (which old senders write)."""
    if not isinstance(source, (str, bytes)):
        return source
    if len(source) > _MAX_SCHEMA_CHARACTERS:
        raise DecodeError(f"the Avro schema of {name} is longer than {_MAX_SCHEMA_CHARACTERS} characters")
    try:
        return orjson.loads(source)
    except orjson.JSONDecodeError as error:
        try:
            return ast.literal_eval(source if isinstance(source, str) else source.decode())
        except (ValueError, SyntaxError, UnicodeDecodeError, MemoryError, RecursionError, TypeError):
            raise DecodeError(f"the Avro schema of {name} is not JSON ({error})", hint=HINT) from error


def _without_logical_types(schema: object, depth: int = 0) -> object:
    if depth > 4 * _MAX_DEPTH:
        raise DecodeError("the Avro schema is nested too deep", hint=HINT)
    if isinstance(schema, Mapping):
        return {
            key: _without_logical_types(value, depth + 1)
            for key, value in schema.items()
            # A default of a logical type is checked against the type under it.
            if key != "logicalType" and not str(key).startswith("__")
        }
    return [_without_logical_types(branch, depth + 1) for branch in schema] if isinstance(schema, list) else schema


def _type_name(branch: object) -> str:
    if isinstance(branch, Mapping):
        return str(branch.get("logicalType") or branch.get("name") or branch.get("type"))
    return str(branch)

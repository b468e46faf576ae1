"""AVRO: schemaless binary of a record; features are its fields in the order of the schema.

A schema whose records all have the same width (float, double, boolean, fixed) is a NumPy dtype: a batch is then one
view. Everything else goes through fastavro, with the schema parsed once. Confluent framing (0x00 and the four-byte id
of the writer's schema before the record) is expected with ``confluent_framing``, and accepted where a registry is
configured.
"""

from __future__ import annotations

import ast
import io
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import fastavro
import numpy as np
import orjson
from fastavro.schema import SchemaParseException, UnknownType

from kafkaml.codecs.base import Array, Codec, DecodedBatch, Values
from kafkaml.codecs.raw import RawCodec
from kafkaml.dtypes import MAX_SAMPLE_ELEMENTS
from kafkaml.errors import DecodeError

__all__ = ["AvroCodec", "SchemaLookup"]

# Returns the text of the writer's schema with this id in the registry.
SchemaLookup = Callable[[int], str]

_FRAME = struct.Struct(">bI")
_MAX_SCHEMA_CHARACTERS = 1 << 20
_HINT = "expected an Avro record of numbers, booleans, enums, fixed or arrays of them; or of one text"

# Width on the wire is fixed for the first group only; int and long are written with as many bytes as they need.
_FIXED_WIDTH = {"float": "<f4", "double": "<f8", "boolean": "|b1"}
_PRIMITIVES = _FIXED_WIDTH | {"int": "<i4", "long": "<i8"}


class AvroCodec(Codec):
    """One schema. A record with one scalar field is a scalar when ``scalar`` (labels), else a vector of one."""

    def __init__(
        self,
        schema: object,
        *,
        name: str = "features",
        scalar: bool = False,
        confluent_framing: bool = False,
        schema_lookup: SchemaLookup | None = None,
        sample_shape: tuple[int, ...] | None = None,
    ) -> None:
        self.name = name
        self.schema = _parse(schema, name)
        self._source = schema
        self._scalar = scalar
        self._framing = confluent_framing
        self._lookup = schema_lookup
        self._writer_schemas: dict[int, Any] = {}
        self._framed: AvroCodec | None = None
        columns = _columns(self.schema, name)
        self._text = [column.text for column in columns] == [True]
        if not self._text and any(column.text for column in columns):
            raise DecodeError(f"the Avro schema of {name} mixes text and numbers", hint=_HINT)
        self.dtype = np.dtype("<U") if self._text else np.result_type(*(column.dtype for column in columns))
        self._fixed = _fixed_dtype(columns)
        self._natural_shape = _natural_shape(columns, scalar)
        self.sample_shape = sample_shape if sample_shape is not None else self._natural_shape
        if schema_lookup is not None and not confluent_framing:
            self._framed = AvroCodec(
                schema,
                name=name,
                scalar=scalar,
                confluent_framing=True,
                schema_lookup=schema_lookup,
                sample_shape=sample_shape,
            )

    def decode(self, values: Values) -> Array:
        if self._framed is None:
            return self._decode(values)
        try:
            return self._decode(values)
        except DecodeError:
            # No plain records; then all of them are framed, or the first error is the one to tell.
            with suppress(DecodeError):
                return self._framed.decode(values)
            raise

    def _decode(self, values: Values) -> Array:
        if self._fixed is not None and not self._framing:
            return self._shaped(self._decode_fixed(values))
        rows = [self._row(index, value) for index, value in enumerate(values)]
        if not rows:
            return np.empty((0, *(self.sample_shape or ())), self.dtype)
        if self._text:
            return np.array([row[0] for row in rows], np.str_)
        widths = {len(row) for row in rows}
        if len(widths) > 1:
            usual = max(widths, key=lambda width: sum(len(row) == width for row in rows))
            index = next(index for index, row in enumerate(rows) if len(row) != usual)
            raise self.shape_error(index, (len(rows[index]),), (usual,))
        try:
            return self._shaped(np.array(rows, self.dtype))
        except (ValueError, TypeError, OverflowError) as error:
            index = next((index for index, row in enumerate(rows) if not self._fits(row)), 0)
            raise DecodeError(f"{self.name} do not fit {self.dtype.name} ({error})", index=index) from error

    def decode_each(self, values: Values) -> DecodedBatch:
        if self._fixed is None or self._framing or self._framed is not None:
            return super().decode_each(values)
        batch = RawCodec(self._fixed, (), name=self.name).decode_each(values)
        return DecodedBatch(self._shaped(self._columns_of(batch.rows)), batch.kept, batch.failures)

    def encode(self, samples: Array) -> list[bytes]:
        flat = samples.reshape(len(samples), -1).tolist()
        fields = self.schema.get("fields") if isinstance(self.schema, dict) else None
        if fields is None or any(_columns_of_type(field["type"], self.name, ())[0].many for field in fields):
            raise DecodeError(f"arrays cannot be encoded with this schema of {self.name}: encode records instead")
        names = [field["name"] for field in fields]
        return [self.encode_record(dict(zip(names, row, strict=True))) for row in flat]

    def encode_record(self, record: object) -> bytes:
        """Return one record (a dict of the schema's fields) as bytes; DecodeError when it does not fit the schema."""
        buffer = io.BytesIO()
        if self._framing:
            buffer.write(_FRAME.pack(0, 0))
        try:
            fastavro.schemaless_writer(buffer, self.schema, record, strict=True)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error) as error:
            raise DecodeError(f"{self.name} do not fit the Avro schema: {error}", hint=_HINT) from error
        return buffer.getvalue()

    def pinned(self, sample_shape: tuple[int, ...]) -> AvroCodec:
        natural = self._natural_shape
        if natural is not None and np.prod(natural, dtype=int) != np.prod(sample_shape, dtype=int):
            raise DecodeError(f"{self.name} have the shape {natural}: they cannot be taken as {sample_shape}")
        return AvroCodec(
            self._source,
            name=self.name,
            scalar=self._scalar,
            confluent_framing=self._framing,
            schema_lookup=self._lookup,
            sample_shape=sample_shape,
        )

    def _decode_fixed(self, values: Values) -> Array:
        assert self._fixed is not None
        return self._columns_of(RawCodec(self._fixed, (), name=self.name).decode(values))

    def _columns_of(self, records: Array) -> Array:
        """Return the fields of structured ``records`` side by side as columns."""
        assert self._fixed is not None
        names = self._fixed.names or ()
        types = [self._fixed[name] for name in names]
        if len({each.base for each in types}) == 1:
            # All fields are of one type, so the bytes are the columns already.
            columns = np.ascontiguousarray(records).view(types[0].base)
            columns = columns.reshape(len(records), sum(each.shape[0] for each in types))
            return columns if columns.dtype.kind != "b" else columns.view(np.uint8) != 0
        parts = [records[name] for name in names]
        return np.concatenate(
            [(part.view(np.uint8) != 0) if part.dtype.kind == "b" else part for part in parts], axis=1
        ).astype(self.dtype, copy=False)

    def _shaped(self, columns: Array) -> Array:
        shape = self.sample_shape
        if shape is None:
            return columns
        if columns.size != len(columns) * np.prod(shape, dtype=int):
            raise self.shape_error(0, columns.shape[1:], shape)
        return columns.reshape(len(columns), *shape)

    def _row(self, index: int, value: bytes | None) -> list[Any]:
        if value is None:
            raise self.missing_error(index)
        schema, start = self._writer_schema(index, value)
        buffer = io.BytesIO(value)
        buffer.seek(start)
        try:
            datum = fastavro.schemaless_reader(buffer, schema, self.schema if schema is not self.schema else None)
            row: list[Any] = []
            _flatten(datum, row, self.schema)
        except (
            # What fastavro raises on bytes that are no such record. MemoryError: a length field that claims exabytes.
            EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RecursionError,
            AttributeError, AssertionError, struct.error, fastavro.read.SchemaResolutionError,
        ) as error:  # fmt: skip
            raise DecodeError(
                f"{self.name} are no record of the Avro schema "
                f"({'the bytes end too early' if isinstance(error, EOFError) else repr(error)[:120]})",
                index=index,
                hint="check data_scheme and label_scheme in the sink",
            ) from error
        left = len(value) - buffer.tell()
        if left:
            raise DecodeError(
                f"{self.name} have {left} bytes more than the Avro schema describes",
                index=index,
                hint="check data_scheme and label_scheme in the sink; records with a schema id need confluent_framing",
            )
        return row

    def _writer_schema(self, index: int, value: bytes) -> tuple[Any, int]:
        if not self._framing:
            return self.schema, 0
        if len(value) < _FRAME.size or value[0] != 0:
            raise DecodeError(
                f"{self.name} do not start with 0x00 and a schema id: expected Confluent framing",
                index=index,
            )
        schema_id = _FRAME.unpack_from(value)[1]
        # Id 0 is no registry's: our own sinks write it when they have none.
        if self._lookup is None or schema_id == 0:
            return self.schema, _FRAME.size
        if schema_id not in self._writer_schemas:
            self._writer_schemas[schema_id] = _parse(self._lookup(schema_id), self.name)
        return self._writer_schemas[schema_id], _FRAME.size

    def _fits(self, row: list[Any]) -> bool:
        try:
            np.array(row, self.dtype)
        except (ValueError, TypeError, OverflowError):
            return False
        return True


class _Column:
    """One leaf of a schema: a number, ``width`` numbers (fixed), any number of them (array) or a text."""

    def __init__(self, dtype: str, *, width: int = 1, fixed_width: bool = False, many: bool = False) -> None:
        self.text = dtype == "text"
        self.dtype = np.dtype("<U") if self.text else np.dtype(dtype)
        self.width = width
        self.fixed_width = fixed_width
        self.many = many


def _parse(schema: object, name: str) -> Any:
    """Parse a schema given as JSON text, as an object, or as the text of a Python dict (which old senders write)."""
    document = schema
    if isinstance(schema, (str, bytes)):
        if len(schema) > _MAX_SCHEMA_CHARACTERS:
            raise DecodeError(f"the Avro schema of {name} is longer than {_MAX_SCHEMA_CHARACTERS} characters")
        try:
            document = orjson.loads(schema)
        except orjson.JSONDecodeError as error:
            try:
                document = ast.literal_eval(schema if isinstance(schema, str) else schema.decode())
            except (ValueError, SyntaxError, UnicodeDecodeError, MemoryError, RecursionError, TypeError):
                raise DecodeError(f"the Avro schema of {name} is not JSON ({error})", hint=_HINT) from error
    try:
        return fastavro.parse_schema(document)  # type: ignore[arg-type]
    except (
        SchemaParseException, UnknownType, ValueError, TypeError, KeyError, AttributeError, RecursionError,
    ) as error:  # fmt: skip
        raise DecodeError(f"the Avro schema of {name} is not valid: {error!r}"[:300], hint=_HINT) from error


def _columns(schema: Any, name: str) -> list[_Column]:
    columns = _columns_of_type(schema, name, ())
    width = sum(column.width for column in columns)
    if not columns or width > MAX_SAMPLE_ELEMENTS:
        raise DecodeError(f"the Avro schema of {name} describes {width} values: expected at least one", hint=_HINT)
    if len(columns) > 1 and any(column.many for column in columns):
        raise DecodeError(f"the Avro schema of {name} has an array beside other fields", hint=_HINT)
    return columns


def _columns_of_type(schema: Any, name: str, above: tuple[str, ...]) -> list[_Column]:
    kind = schema.get("type") if isinstance(schema, Mapping) else schema
    if isinstance(kind, Mapping):
        return _columns_of_type(kind, name, above)
    if isinstance(kind, str) and kind in _PRIMITIVES:
        return [_Column(_PRIMITIVES[kind], fixed_width=kind in _FIXED_WIDTH)]
    if kind == "string":
        return [_Column("text")]
    if isinstance(schema, Mapping):
        if kind == "record":
            full_name = str(schema.get("name"))
            return [
                column
                for field in schema["fields"]
                for column in _columns_of_type(field["type"], name, (*above, full_name))
            ]
        if kind == "enum":
            return [_Column("<i4")]
        if kind == "fixed" and schema["size"] > 0:
            return [_Column("|u1", width=schema["size"], fixed_width=True)]
        if kind == "array":
            # Items of no width could be claimed by the billion in a few bytes.
            (item, *others) = _columns_of_type(schema["items"], name, above)
            if not others and not item.text:
                return [_Column(item.dtype.str, many=True)]
    raise DecodeError(f"the Avro schema of {name} has a field of type {str(schema)[:80]}", hint=_HINT)


def _fixed_dtype(columns: list[_Column]) -> np.dtype[Any] | None:
    if not all(column.fixed_width for column in columns):
        return None
    return np.dtype([(f"f{place}", column.dtype, (column.width,)) for place, column in enumerate(columns)])


def _natural_shape(columns: list[_Column], scalar: bool) -> tuple[int, ...] | None:
    if columns[0].text:
        return ()
    if columns[0].many:
        return None
    width = sum(column.width for column in columns)
    return () if scalar and width == 1 else (width,)


def _flatten(datum: Any, into: list[Any], schema: Any) -> None:
    """Append the leaves of ``datum`` in the schema's order; enums by their place, fixed by their bytes."""
    kind = schema.get("type") if isinstance(schema, Mapping) else schema
    if isinstance(kind, Mapping):
        _flatten(datum, into, kind)
    elif kind == "record":
        for field in schema["fields"]:
            _flatten(datum[field["name"]], into, field["type"])
    elif kind == "array":
        for item in datum:
            _flatten(item, into, schema["items"])
    elif kind == "enum":
        into.append(schema["symbols"].index(datum))
    elif isinstance(datum, bytes):
        into.extend(datum)
    else:
        into.append(datum)

"""AVRO: schemaless binary of a record; features are its fields in the order of the schema (``avro_schema``).

A schema whose records all have the same width (float, double, boolean, fixed) is a NumPy dtype: a batch is then one
view. Everything else goes through fastavro, with the schema parsed once. Confluent framing (0x00 and the four-byte id
of the writer's schema before the record) is expected with ``confluent_framing``, and accepted where a registry is
configured. Elsewhere it is an error, whose message names the framing, because a frame must never be read as numbers.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import fastavro
import numpy as np

from kafkaml.codecs.avro_bounds import read_datum
from kafkaml.codecs.avro_schema import HINT, AvroSchema, Column, plain_schema
from kafkaml.codecs.avro_text import avro_as_json
from kafkaml.codecs.base import NO_LABEL, Array, Codec, DecodedBatch, Values
from kafkaml.codecs.framing import FRAME, FRAME_BYTES, framed, schema_id_of
from kafkaml.codecs.json_numbers import MAX_EXACT
from kafkaml.codecs.raw import RawCodec
from kafkaml.codecs.registry import (
    NO_LABELS,
    SchemaKind,
    SchemaLookup,
    Setting,
    SettingKind,
    StreamFormat,
    declared_shape,
    register,
)
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat

__all__ = ["NO_RECORD", "AvroCodec"]

_CHECK_HINT = "check data_scheme and label_scheme in the sink"
_FRAME_HINT = (
    "set KML_SCHEMA_REGISTRY_URL for the platform to read the writer's schema there; or, if data_scheme is the schema "
    "that all records were written with, add confluent_framing: true to input_config"
)
_NANOSECONDS = ("timestamp-nanos", "local-timestamp-nanos")


class AvroCodec(Codec):
    """Reads and writes records of one schema. A record with a single scalar field becomes a scalar if ``scalar``
    (labels), otherwise a vector of one.

    It has over 12 fields because it keeps what it worked out from the schema: its parsed form, framing, type and shape.
    """

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
        self._schema = AvroSchema(schema, name)
        self.schema = self._schema.full
        self._source = schema
        self._scalar = scalar
        self._framing = confluent_framing
        self._lookup = schema_lookup
        self._writer_schemas: dict[int, Any] = {}
        self._framed: AvroCodec | None = None
        columns = self._schema.columns
        self._text = columns[0].text
        self.dtype = np.dtype("<U") if self._text else np.result_type(*(column.dtype for column in columns))
        self.notes = _notes(columns, self.dtype)
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
            # Records that cannot be decoded as they are may all be framed. If they are not, the first error is the one
            # to report.
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
            array = np.array(rows, self.dtype)
            self._check_exact(rows, array)
            return self._shaped(array)
        except (ValueError, TypeError, OverflowError) as error:
            index = next((index for index, row in enumerate(rows) if not self._fits(row)), 0)
            raise DecodeError(f"{self.name} do not fit {self.dtype.name} ({error})", index=index) from error

    def decode_each(self, values: Values) -> DecodedBatch:
        if self._fixed is None or self._framing or self._framed is not None:
            return super().decode_each(values)
        batch = RawCodec(self._fixed, (), name=self.name).decode_each(values)
        failures = [(index, self._fixed_error(values, error)) for index, error in batch.failures]
        return DecodedBatch(self._shaped(self._columns_of(batch.rows)), batch.kept, failures)

    def encode(self, samples: Array) -> list[bytes]:
        rows = samples.reshape(len(samples), -1).tolist()
        try:
            return [self.encode_record(self._schema.nested(row)) for row in rows]
        except ValueError as error:
            raise DecodeError(f"{self.name} do not fit the Avro schema: {error}", hint=HINT) from error

    def encode_object(self, sample: Mapping[str, Any]) -> bytes:
        return self.encode_record(sample)

    def encode_record(self, record: object) -> bytes:
        """Return one record (a dict of the schema's fields) as bytes; DecodeError when it does not fit the schema."""
        buffer = io.BytesIO()
        if self._framing:
            buffer.write(FRAME.pack(0, 0))
        try:
            fastavro.schemaless_writer(buffer, self.schema, record, strict=True)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error) as error:
            raise DecodeError(f"{self.name} do not fit the Avro schema: {error}", hint=HINT) from error
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

    def column_names(self) -> Sequence[str]:
        columns = self._schema.columns
        return () if _is_wide(columns) or columns[0].many else [column.name for column in columns]

    def _decode_fixed(self, values: Values) -> Array:
        assert self._fixed is not None
        try:
            return self._columns_of(RawCodec(self._fixed, (), name=self.name).decode(values))
        except DecodeError as error:
            raise self._fixed_error(values, error) from error

    def _fixed_error(self, values: Values, error: DecodeError) -> DecodeError:
        """Explain in terms of Avro why a record has another length."""
        value = values[error.index or 0]
        if error.gap or value is None or self._fixed is None:
            return error
        size = self._fixed.itemsize
        return self._unreadable(
            value, f"{self.name} have {len(value)} bytes: the Avro schema describes {size}", error.index or 0
        )

    def _columns_of(self, records: Array) -> Array:
        """Return the fields of structured ``records`` side by side as columns."""
        assert self._fixed is not None
        names = self._fixed.names or ()
        types = [self._fixed[name] for name in names]
        if len({column_type.base for column_type in types}) == 1:
            # All fields have one type, so the bytes already are the columns.
            columns = np.ascontiguousarray(records).view(types[0].base)
            columns = columns.reshape(len(records), sum(column_type.shape[0] for column_type in types))
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
        try:
            row, read = self._read(value, start, schema)
        except NO_RECORD as error:
            raise self._unreadable(
                value,
                f"{self.name} are not a record of the Avro schema "
                f"({'the bytes end too early' if isinstance(error, EOFError) else repr(error)[:120]})",
                index,
            ) from error
        except DecodeError as error:
            # Report a null with its field, unless the bytes are not such a record at all, which is reported first.
            self._check_whole(value, start, schema, index)
            error.index = index
            if self.name != "features":
                error.gap = NO_LABEL
            raise
        if read != len(value):
            raise self._too_long(value, len(value) - read, index)
        return row

    def _read(self, value: bytes, start: int, schema: Any) -> tuple[list[Any], int]:
        """Return the row of the record that begins at ``start``, and where it ends."""
        datum, end = read_datum(value, start, schema, self._schema.plain)
        row: list[Any] = []
        self._schema.flatten(datum, row)
        return row, end

    def _check_whole(self, value: bytes, start: int, schema: Any, index: int) -> None:
        _, end = read_datum(value, start, schema, schema)
        if end != len(value):
            raise self._too_long(value, len(value) - end, index)

    def _too_long(self, value: bytes, left: int, index: int) -> DecodeError:
        return self._unreadable(value, f"{self.name} have {left} bytes more than the Avro schema describes", index)

    def _unreadable(self, value: bytes, message: str, index: int) -> DecodeError:
        """Return the error for a record that does not fit, which names the format it looks like."""
        if value.startswith(b"Obj\x01"):
            return DecodeError(
                f"{self.name} are an Avro container file (Obj), not one record",
                index=index,
                hint="write each record of the file as a value of its own, without the file's header "
                "(fastavro.schemaless_writer)",
            )
        if value.startswith(b"\xc3\x01"):
            return DecodeError(
                f"{self.name} are in Avro's single-object encoding (C3 01 and the fingerprint of a schema)",
                index=index,
                hint="write the record without these ten bytes, which schemaless writers do",
            )
        if framed(value) and not self._framing and self._fits_behind_frame(value):
            return DecodeError(
                f"{self.name} begin with 0x00 and the id {schema_id_of(value)} of a schema in a Schema "
                "Registry (Confluent framing)",
                index=index,
                hint=_FRAME_HINT,
            )
        return DecodeError(message, index=index, hint=_CHECK_HINT)

    def _fits_behind_frame(self, value: bytes) -> bool:
        if self._fixed is not None:
            return len(value) == FRAME_BYTES + self._fixed.itemsize
        try:
            return self._read(value, FRAME_BYTES, self._schema.plain)[1] == len(value)
        except DecodeError as error:
            # A null in a field is a gap in a valid record, not a sign of another format.
            return error.gap != ""
        except NO_RECORD:
            return False

    def _check_exact(self, rows: list[list[Any]], array: Array) -> None:
        """Raise for integers that floats would round. For times in nanoseconds a note is given once instead
        (``notes``).
        """
        if self.dtype.kind != "f":
            return
        columns = self._schema.columns
        longs = [] if columns[0].many else list(enumerate(columns))
        for place, column in longs:
            if column.dtype != np.int64 or column.logical in _NANOSECONDS or _is_wide(columns[:place]):
                continue
            numbers = array[:, place]
            if max(numbers.max(), -numbers.min()) < MAX_EXACT:
                continue
            for index, row in enumerate(rows):
                if int(float(row[place])) != row[place]:
                    raise DecodeError(
                        f"{self.name} hold {row[place]} in {column.name}, which {self.dtype.name} would round",
                        index=index,
                        hint="leave such numbers out, or write a schema of whole numbers only: they are kept exactly",
                    )

    def _writer_schema(self, index: int, value: bytes) -> tuple[Any, int]:
        if not self._framing:
            return self._schema.plain, 0
        try:
            schema_id = schema_id_of(value)
        except DecodeError as error:
            raise DecodeError(f"{self.name}: {error.message}", index=index) from error
        # No registry uses id 0; our own sinks write it when they have no registry.
        if self._lookup is None or schema_id == 0:
            return self._schema.plain, FRAME_BYTES
        if schema_id not in self._writer_schemas:
            found = plain_schema(self._lookup(schema_id).text_of(SchemaKind.AVRO, schema_id), self.name)
            self._writer_schemas[schema_id] = self._schema.plain if found == self._schema.plain else found
        return self._writer_schemas[schema_id], FRAME_BYTES

    def _fits(self, row: list[Any]) -> bool:
        try:
            np.array(row, self.dtype)
        except (ValueError, TypeError, OverflowError):
            return False
        return True


# Exceptions of fastavro for bytes that are not such a record. MemoryError comes from a length field that claims
# exabytes.
NO_RECORD = (
    EOFError, IndexError, KeyError, TypeError, ValueError, OverflowError, MemoryError, RecursionError, AttributeError,
    AssertionError, struct.error, fastavro.read.SchemaResolutionError,
)  # fmt: skip


def _fixed_dtype(columns: list[Column]) -> np.dtype[Any] | None:
    if not all(column.fixed_width for column in columns):
        return None
    return np.dtype([(f"f{place}", column.dtype, (column.width,)) for place, column in enumerate(columns)])


def _natural_shape(columns: list[Column], scalar: bool) -> tuple[int, ...] | None:
    if columns[0].text:
        return ()
    if columns[0].many:
        return None
    width = sum(column.width for column in columns)
    return () if scalar and width == 1 else (width,)


def _is_wide(columns: list[Column]) -> bool:
    return any(column.width > 1 for column in columns)


def _notes(columns: list[Column], dtype: np.dtype[Any]) -> tuple[str, ...]:
    if dtype.kind != "f":
        return ()
    return tuple(
        f"{column.name} ({column.logical}) is rounded to 256 ns, because next to other fields it becomes a "
        f"{dtype.name} number"
        for column in columns
        if column.logical in _NANOSECONDS
    )


def _codecs(config: Mapping[str, Any], lookup: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    if not config.get("data_scheme"):
        raise DecodeError("input_config has no data_scheme: expected the text of the Avro schema of the features")
    framing = bool(config.get("confluent_framing", False))
    lookup = lookup or SchemaRegistry.from_environment()
    features = AvroCodec(config["data_scheme"], confluent_framing=framing, schema_lookup=lookup)
    # Avro has lists of numbers but no arrays of several axes, so the shape may be declared in addition to the schema.
    shape = declared_shape(config, "data_reshape")
    if shape is not None:
        features = features.pinned(shape)
    if not config.get("label_scheme") or config.get("label_type") == NO_LABELS:
        return features, None
    labels = AvroCodec(
        config["label_scheme"], name="labels", scalar=True, confluent_framing=framing, schema_lookup=lookup
    )
    return features, labels


register(
    StreamFormat(
        name=InputFormat.AVRO,
        title="Avro",
        codecs=_codecs,
        decoder="avro",
        settings=(
            Setting(
                name="data_scheme",
                kind=SettingKind.SCHEMA,
                title="Schema of values",
                help="schema of values, as JSON",
                example='{"type": "record", "name": "sample", "fields": [{"name": "x", "type": "float"}]}',
            ),
            Setting(
                name="label_scheme",
                kind=SettingKind.SCHEMA,
                title="Schema of keys (labels)",
                help="schema of keys",
                labels=True,
            ),
        ),
        wider=True,
        as_json=avro_as_json,
    )
)

"""Frames: records of any format as a Polars frame with a column for each field that a contract reads.

Whether a record is valid, and what its fields are, depends on that record alone, never on others in the batch. A batch
is read as a whole where possible, otherwise record by record. A field that a record lacks is null; one of another kind
makes the record a failure that names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import polars as pl

from kafkaml.codecs.avro_schema import AvroSchema
from kafkaml.codecs.field_names import Path
from kafkaml.codecs.framing import FRAME_BYTES, schema_id_of
from kafkaml.codecs.looks import shown
from kafkaml.codecs.raw import RawCodec
from kafkaml.codecs.registry import SchemaLookup, declared_shape
from kafkaml.contract.expressions import HEADERS
from kafkaml.contract.framed_keys import KEY_FRAMING, FramedKeys
from kafkaml.contract.json_frames import JsonReader
from kafkaml.contract.kinds import DTYPES, column_name
from kafkaml.contract.loading import VALUE
from kafkaml.contract.object_frames import ObjectReader
from kafkaml.contract.value_reader import Failures, Frame, ValueReader, Values, deletion
from kafkaml.dtypes import dtype_from_wire
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.records import RecordBatch
from kafkaml.wire.contract import FieldKind, KeyKind

__all__ = [
    "KEY",
    "PARTITION",
    "TIMESTAMP",
    "Frame",
    "FrameReader",
    "ValueReader",
    "Values",
    "deletion",
    "record_fields",
]

KEY: Path = ("_key",)
TIMESTAMP: Path = ("_timestamp",)
PARTITION: Path = ("_partition",)

_KEY_KINDS = {KeyKind.TEXT: FieldKind.TEXT, KeyKind.NUMBER: FieldKind.NUMBER, KeyKind.BYTES: FieldKind.BYTES}
# Lengths in bytes of keys that Kafka's integer serializers write.
_KEY_BYTES = (4, 8)


def record_fields(key: KeyKind) -> dict[Path, FieldKind]:
    """Return the names that expressions may use for any record, whatever its value holds."""
    kinds = {TIMESTAMP: FieldKind.TIME, PARTITION: FieldKind.INTEGER}
    return kinds if key == KeyKind.NONE else {KEY: _KEY_KINDS[key], **kinds}


class FixedReader(ValueReader):
    """Reads records of one width as one view: numbers of an Avro schema without unions, of RAW arrays."""

    def __init__(self, dtype: np.dtype[Any], fields: Mapping[Path, FieldKind], one_by_one: ValueReader) -> None:
        super().__init__(fields, one_by_one.spare)
        self._codec = RawCodec(dtype, ())
        self._one_by_one = one_by_one

    def read(self, values: Values) -> Frame:
        try:
            rows = self._codec.decode(values)
        except DecodeError:
            return self._one_by_one.read(values)
        series = []
        for name, dtype in self.schema.items():
            column = rows[name]
            if dtype == pl.List:
                series.append(pl.Series(name, column.astype(np.float64)).cast(dtype))
            else:
                flat = column.reshape(len(rows))
                series.append(pl.Series(name, flat.view(np.uint8) != 0 if dtype == pl.Boolean else flat).cast(dtype))
        return Frame(pl.DataFrame(series), np.arange(len(rows)), [])


class FramedReader(ValueReader):
    """Removes Confluent framing from values and passes them to ``inner``. JSON needs no schema."""

    def __init__(self, inner: ValueReader) -> None:
        super().__init__(inner.fields, inner.spare)
        self._inner = inner

    def read(self, values: Values) -> Frame:
        bare: list[bytes | None] = []
        places: list[int] = []
        failures: Failures = []
        for index, value in enumerate(values):
            try:
                if value is not None:
                    schema_id_of(value)
                    value = value[FRAME_BYTES:]
                bare.append(value)
                places.append(index)
            except DecodeError as error:
                failures.append((index, _at(index, error)))
        frame = self._inner.read(bare)
        failures += [(places[index], _at(places[index], error)) for index, error in frame.failures]
        failures.sort(key=lambda failure: failure[0])
        return Frame(frame.data, np.array(places, np.intp)[frame.kept], failures)


class FrameReader:
    """Reads whole records: the ``fields`` of their values, and the ``used`` metadata of the record."""

    def __init__(
        self,
        input_format: str,
        config: Mapping[str, Any],
        fields: Mapping[Path, FieldKind],
        *,
        key: KeyKind,
        used: AbstractSet[Path],
        spare: AbstractSet[Path] = frozenset(),
        lookup: SchemaLookup | None = None,
    ) -> None:
        self._values = _value_reader(input_format, config, fields, spare, lookup) if fields else None
        self._key = key if KEY in used else KeyKind.NONE
        self._framed_keys = FramedKeys(lookup) if config.get(KEY_FRAMING) else None
        self._used = used
        self._key_is_spare = KEY in spare
        self._headers = [path[1] for path in used if path[0] == HEADERS]

    def read(self, batch: RecordBatch) -> Frame:
        """Return the frame of a batch; never raises for the content of a record."""
        values = batch.values()
        if self._values is None:
            # No field of the value is used, but a record without value is still a deletion, not a sample.
            kept = np.array([index for index, value in enumerate(values) if value is not None], np.intp)
            failures = [(index, _at(index, deletion())) for index, value in enumerate(values) if value is None]
            frame = Frame(pl.DataFrame(), kept, failures)
        else:
            frame = self._values.read(values)
        if self._key != KeyKind.NONE:
            frame = self._with_key(frame, batch.keys())
        return self._with_columns(frame, batch)

    def _with_key(self, frame: Frame, keys: Sequence[bytes | None]) -> Frame:
        read: list[Any] = []
        good: list[int] = []
        failures = list(frame.failures)
        for row, index in enumerate(frame.kept.tolist()):
            try:
                read.append(self._key_of(keys[index]))
                good.append(row)
            except DecodeError as error:
                if self._key_is_spare:
                    read.append(None)
                    good.append(row)
                else:
                    failures.append((index, _at(index, error)))
        data = frame.data if len(good) == len(frame.kept) else frame.data[good]
        series = pl.Series(KEY[0], read, dtype=DTYPES[_KEY_KINDS[self._key]])
        return Frame(_beside(data, [series]), frame.kept[good], sorted(failures, key=lambda failure: failure[0]))

    def _key_of(self, key: bytes | None) -> Any:
        if key is not None and self._framed_keys is not None and self._key != KeyKind.BYTES:
            key = self._framed_keys(key).encode()
        return _key_of(key, self._key)

    def _with_columns(self, frame: Frame, batch: RecordBatch) -> Frame:
        wanted = self._used & {TIMESTAMP, PARTITION}
        if not wanted and not self._headers:
            return frame
        columns, kept = batch.columns(), frame.kept
        series = []
        if TIMESTAMP in wanted:
            times = np.array(columns.timestamps_ms, np.int64)[kept]
            milliseconds = pl.Series(TIMESTAMP[0], times)
            # Kafka uses -1 for a missing timestamp.
            known = milliseconds.to_frame().select(pl.when(pl.col(TIMESTAMP[0]) >= 0).then(pl.col(TIMESTAMP[0]) * 1000))
            series.append(known.to_series().cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias(TIMESTAMP[0]))
        if PARTITION in wanted:
            series.append(pl.Series(PARTITION[0], np.array(columns.partitions, np.int64)[kept]))
        for name in self._headers:
            texts = [_header(columns.headers[index], name) for index in kept.tolist()]
            series.append(pl.Series(column_name((HEADERS, name)), texts, dtype=pl.String))
        return Frame(_beside(frame.data, series), kept, frame.failures)


def _beside(data: pl.DataFrame, series: Sequence[pl.Series]) -> pl.DataFrame:
    # Polars cannot add a column to a frame without columns, because such a frame has no rows.
    return data.with_columns(series) if data.width else pl.DataFrame(series)


def _at(index: int, error: DecodeError) -> DecodeError:
    error.index = index
    return error


def _key_of(key: bytes | None, kind: KeyKind) -> Any:
    if key is None or kind == KeyKind.BYTES:
        return key
    try:
        text = key.decode()
    except UnicodeDecodeError:
        text = None
    if kind == KeyKind.TEXT and text is not None:
        return text
    if kind == KeyKind.NUMBER:
        try:
            if text is not None:
                return float(text)
        except ValueError:
            pass
        if len(key) in _KEY_BYTES:
            return float(int.from_bytes(key, "big", signed=True))
    raise DecodeError(
        f"the record's key is {shown(key)}: expected a {kind.value}",
        gap="another type in _key",
        hint="the contract says how keys are read: as text, number or bytes",
    )


def _header(headers: Any, name: str) -> str | None:
    """Return the last header of this name as text; None where there is none, or it is not text."""
    for header, value in reversed(headers or ()):
        if header == name:
            try:
                return None if value is None else value.decode()
            except UnicodeDecodeError:
                return None
    return None


def _value_reader(
    input_format: str,
    config: Mapping[str, Any],
    fields: Mapping[Path, FieldKind],
    spare: AbstractSet[Path],
    lookup: SchemaLookup | None,
) -> ValueReader:
    if input_format in (InputFormat.JSON, InputFormat.TELEGRAF_STR_JSON) and (VALUE,) not in fields:
        reader = JsonReader(fields, spare, telegraf=input_format == InputFormat.TELEGRAF_STR_JSON)
        return FramedReader(reader) if config.get("confluent_framing") else reader
    one_by_one = ObjectReader(input_format, config, fields, spare, lookup)
    fixed = None
    if input_format == InputFormat.AVRO and not config.get("confluent_framing"):
        fixed = _fixed_avro(config, fields)
    elif input_format == InputFormat.RAW and config.get("data_type"):
        fixed = _fixed_raw(config, fields)
    return one_by_one if fixed is None else FixedReader(fixed, fields, one_by_one)


def _fixed_avro(config: Mapping[str, Any], fields: Mapping[Path, FieldKind]) -> np.dtype[Any] | None:
    """Return the layout of records that all have the same width and hold the ``fields`` in their final types; otherwise
    None.
    """
    try:
        columns = AvroSchema(config.get("data_scheme"), "the records").columns
    except DecodeError:
        # A schema with texts or lists has no fixed width, so its records are read one by one.
        return None
    kinds = {"float": FieldKind.NUMBER, "double": FieldKind.NUMBER, "boolean": FieldKind.BOOLEAN}
    known = {column.path: kinds.get(column.kind) for column in columns if not column.logical}
    if not all(column.fixed_width for column in columns) or any(known.get(path) != fields[path] for path in fields):
        return None
    return np.dtype([(column_name(column.path), column.dtype, (column.width,)) for column in columns])


def _fixed_raw(config: Mapping[str, Any], fields: Mapping[Path, FieldKind]) -> np.dtype[Any] | None:
    shape, dtype = declared_shape(config, "data_reshape"), dtype_from_wire(str(config["data_type"]))
    if shape is None or dtype.kind not in "iuf" or dict(fields) != {(VALUE,): FieldKind.NUMBERS}:
        return None
    return np.dtype([(VALUE, dtype, (int(np.prod(shape, dtype=int)),))])

"""Loaders: the value of a record as Python objects, by the format alone.

Used to find out what a topic holds, and by ``frames`` for records that are read one by one.
"""

from __future__ import annotations

import csv
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import fastavro
import numpy as np

from kafkaml.codecs.avro import NO_RECORD
from kafkaml.codecs.avro_bounds import read_datum
from kafkaml.codecs.avro_schema import logical_schema, plain_schema
from kafkaml.codecs.envelopes import unwrapped
from kafkaml.codecs.framing import FRAME_BYTES, schema_id_of
from kafkaml.codecs.json import JsonCodec
from kafkaml.codecs.looks import shown
from kafkaml.codecs.raw import RawCodec
from kafkaml.codecs.registry import SchemaKind, SchemaLookup, declared_shape, declared_type
from kafkaml.codecs.telegraf import TelegrafCodec
from kafkaml.dtypes import dtype_from_wire
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat

__all__ = [
    "CSV",
    "PROTOBUF",
    "VALUE",
    "Loader",
    "csv_parts",
    "document_loader",
    "field_names",
    "image_shape",
    "loader_of",
    "number_of",
]

# The format of lines of CSV; its settings are ``delimiter``, ``columns`` (their names) and ``decimal`` (. or ,).
CSV = "CSV"
# Messages of a ``message`` of the .proto text ``data_scheme``, with the texts of its ``imports`` by name.
PROTOBUF = "PROTOBUF"
# The name in expressions for a value without fields: an array, a picture.
VALUE = "_value"

# Maps the value of a record to its content; raises DecodeError for what is not of the format.
Loader = Callable[[bytes], Any]

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")
_MAX_LINE = 1 << 20
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"


def loader_of(input_format: str, config: Mapping[str, Any], lookup: SchemaLookup | None = None) -> Loader:
    """Return the loader for records of a format, which removes the envelopes of Connect and Debezium.

    Raises DecodeError for a format that is not known or lacks settings.
    """
    load = document_loader(input_format, config, lookup)
    return lambda value: unwrapped(load(value))


def document_loader(input_format: str, config: Mapping[str, Any], lookup: SchemaLookup | None = None) -> Loader:
    """Return the loader that keeps envelopes."""
    match input_format:
        case InputFormat.JSON:
            parsed = JsonCodec(np.dtype(np.float64)).parsed
            return _unframed(parsed) if config.get("confluent_framing") else parsed
        case InputFormat.TELEGRAF_STR_JSON:
            return TelegrafCodec(np.dtype(np.float64)).parsed
        case InputFormat.AVRO:
            return _AvroLoader(config, lookup)
        case InputFormat.RAW:
            return _raw_loader(config)
        case _ if input_format == CSV:
            return _csv_loader(config)
        case _ if input_format == PROTOBUF:
            # Import late, because few topics hold such records.
            from kafkaml.contract.protobuf_loading import ProtobufLoader

            return ProtobufLoader(config, lookup)
    raise DecodeError(
        f"topics cannot be read in the format {input_format!r}: expected JSON, AVRO, PROTOBUF, CSV, RAW or "
        f"{InputFormat.TELEGRAF_STR_JSON}"
    )


def field_names(
    input_format: str, config: Mapping[str, Any], lookup: SchemaLookup | None = None
) -> Sequence[str] | None:
    """Return the names of the records' top-level fields; None where any may exist.

    Raises like ``loader_of``.
    """
    match input_format:
        case InputFormat.AVRO:
            return _outside_envelopes(_AvroLoader(config, lookup).names)
        case InputFormat.RAW:
            return ()
        case _ if input_format == CSV:
            return [str(name) for name in config.get("columns") or ()]
        case _ if input_format == PROTOBUF:
            from kafkaml.contract.protobuf_loading import ProtobufLoader

            return _outside_envelopes(ProtobufLoader(config, lookup).names)
    return None


def _outside_envelopes(names: Sequence[str]) -> Sequence[str] | None:
    # The names inside an envelope's row belong to another record.
    return None if {"schema", "payload"}.issubset(names) or "op" in names else names


def _unframed(load: Loader) -> Loader:
    def loaded(value: bytes) -> Any:
        schema_id_of(value)
        return load(value[FRAME_BYTES:])

    return loaded


class _AvroLoader:
    """Loads Avro records with logical types as Python objects: times, decimals.

    A record of the registry's schema is resolved to ``data_scheme``. Errors of the registry pass through.
    """

    def __init__(self, config: Mapping[str, Any], lookup: SchemaLookup | None) -> None:
        scheme = config.get("data_scheme")
        if not scheme:
            raise DecodeError(
                "Avro records cannot be read without their schema: data_scheme is missing",
                hint="give the schema, or set KML_SCHEMA_REGISTRY_URL where records begin with a schema's id",
            )
        self._framing = bool(config.get("confluent_framing"))
        self._lookup = lookup
        self._reader = _readable(scheme)
        self._plain = plain_schema(scheme, "the records")
        self._writers: dict[int, Any] = {}

    @property
    def names(self) -> Sequence[str]:
        """The fields of a record; empty for anything else."""
        schema = fastavro.parse_schema(self._plain)
        fields = schema.get("fields", ()) if isinstance(schema, dict) else ()
        return [str(field["name"]) for field in fields]

    def __call__(self, value: bytes) -> Any:
        start = FRAME_BYTES if self._framing else 0
        writer = self._writer(schema_id_of(value)) if self._framing else self._reader
        try:
            datum, end = read_datum(value, start, writer, self._reader)
        except NO_RECORD as error:
            try:
                # A date or time beyond Python's range stays a number.
                datum, end = read_datum(value, start, self._plain if writer is self._reader else writer, self._plain)
            except NO_RECORD:
                raise DecodeError(
                    f"it is not a record of the Avro schema ({shown(value, 40)}, {repr(error)[:80]})",
                    hint="check the schema; where records begin with the id of one, set KML_SCHEMA_REGISTRY_URL",
                ) from error
        if end != len(value):
            raise DecodeError(f"the record has {len(value) - end} bytes more than the Avro schema describes")
        return datum

    def _writer(self, schema_id: int) -> Any:
        # No registry uses id 0; our own sinks write it when they have no registry.
        if self._lookup is None or schema_id == 0:
            return self._reader
        if schema_id not in self._writers:
            found = _readable(self._lookup(schema_id).text_of(SchemaKind.AVRO, schema_id))
            self._writers[schema_id] = self._reader if found == self._reader else found
        return self._writers[schema_id]


def _readable(scheme: object) -> Any:
    try:
        return logical_schema(scheme, "the records")
    except DecodeError:
        # A schema whose logical types are invalid may still be valid without them. Otherwise this call raises an error
        # that says what is wrong.
        return plain_schema(scheme, "the records")


def _raw_loader(config: Mapping[str, Any]) -> Loader:
    if config.get("data_type") in (None, ""):
        # The bytes of a picture are returned as they are; a later step opens them.
        return _picture
    dtype = declared_type(config, "data_type", dtype_from_wire("uint8"))
    if dtype.kind in "SU":
        raise DecodeError("RAW texts are not numbers", hint="a topic of texts is read as CSV, or as JSON")
    codec = RawCodec(dtype, declared_shape(config, "data_reshape"))
    return lambda value: codec.decode((value,))[0]


def _picture(value: bytes) -> bytes:
    if image_shape(value) is None:
        raise DecodeError(
            f"the record is not a PNG or JPEG picture ({shown(value, 40)})",
            hint="say what the bytes are: the type of the numbers and their shape",
        )
    return value


def image_shape(value: bytes) -> tuple[int, ...] | None:
    """Return (height, width, channels) of a PNG or JPEG, as its header says; None for anything else."""
    try:
        if value.startswith(_PNG) and value[12:16] == b"IHDR":
            width, height, _, color = struct.unpack_from(">IIBB", value, 16)
            channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(color)
            return (height, width, channels) if channels and height and width else None
        place = 2 if value.startswith(_JPEG) else len(value)
        while place + 9 < len(value) and value[place] == 0xFF:
            marker, length = value[place + 1], struct.unpack_from(">H", value, place + 2)[0]
            # Markers for a start of frame, of any kind. The excluded markers in this range stand for tables.
            if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
                height, width, channels = struct.unpack_from(">HHB", value, place + 5)
                return (height, width, channels) if channels and height and width else None
            place += 2 + length
    except struct.error:
        return None
    return None


def _csv_loader(config: Mapping[str, Any]) -> Loader:
    names, delimiter = config.get("columns"), config.get("delimiter", ",")
    if not isinstance(names, (list, tuple)) or not names:
        raise DecodeError("lines of CSV cannot be read without the names of their columns: columns is missing")
    columns: Sequence[str] = [str(name) for name in names]

    def load(value: bytes) -> dict[str, str | None]:
        parts = csv_parts(value, delimiter)
        if len(parts) != len(columns):
            raise DecodeError(
                f"the line has {len(parts)} columns: expected {len(columns)} ({', '.join(columns[:6])}), separated by "
                f"{delimiter!r}"
            )
        return {name: part.strip() or None for name, part in zip(columns, parts, strict=True)}

    return load


def csv_parts(value: bytes, delimiter: str) -> list[str]:
    """Return the parts of one line of CSV; raises DecodeError for anything else."""
    if len(value) > _MAX_LINE:
        raise DecodeError(f"the line has {len(value)} bytes: expected at most {_MAX_LINE}")
    try:
        lines = list(csv.reader([value.decode("utf-8-sig").rstrip("\r\n")], delimiter=delimiter, strict=True))
    except (UnicodeDecodeError, csv.Error, TypeError) as error:
        raise DecodeError(f"it is not a line of CSV ({error})") from error
    if len(lines) != 1 or not lines[0]:
        raise DecodeError("the record holds no line of CSV")
    return lines[0]


def number_of(text: str, decimal: str = ".") -> float | int | None:
    """Return the number in a text, otherwise None. Ambiguous texts, such as 00123 and nan, are not numbers."""
    if decimal == ",":
        text = text.replace(",", ".") if "." not in text else ""
    if len(text) > 60 or _NUMBER.fullmatch(text) is None or not text.isascii():
        return None
    bare = text.strip().lstrip("+-")
    if len(bare) > 1 and bare[0] == "0" and bare[1].isdigit():
        return None
    return int(text) if bare.isdigit() else float(text)

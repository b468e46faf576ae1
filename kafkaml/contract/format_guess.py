"""FormatGuess: the format of a sample of records, and its settings. Pure, except for the given Schema Registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kafkaml.codecs.framing import FRAME_BYTES, framed, schema_id_of
from kafkaml.codecs.looks import text_of
from kafkaml.codecs.registry import RegisteredSchema, SchemaKind, SchemaLookup
from kafkaml.contract.loading import (
    CSV,
    PROTOBUF,
    Loader,
    csv_parts,
    document_loader,
    image_shape,
    loader_of,
    number_of,
)
from kafkaml.dtypes import dtype_from_wire, shape_to_wire
from kafkaml.errors import DecodeError, KafkaMLError
from kafkaml.input_format import InputFormat
from kafkaml.records import Record
from kafkaml.wire.proposal import Remark, RemarkCode, Severity

__all__ = ["FormatGuess", "guess_format"]

# Number of records from which the format is guessed.
_VOTES = 200
_MAX_SCHEMAS = 8
_MAX_CSV_COLUMNS = 1000
# Delimiters in the order in which they are tried. The comma comes last: in a file with another delimiter, commas are
# part of numbers or texts.
_DELIMITERS = (";", "\t", "|", ",")
_NEARLY_ALL = 0.9
# Types that are tried. They have both byte orders, because Java writes big-endian.
_FLOATS = ("float32", "float64", ">f4", ">f8")
_MIN_SIDE = 8
_SAY_FORMAT = "say the format and its settings: AVRO with a schema, RAW with a type and a shape, JSON or CSV"


@dataclass
class FormatGuess:
    """``name`` and ``config`` go into a contract; ``load`` reads a record, with its envelope. It is None if the records
    cannot be read; a remark gives the reason.

    ``header`` says that the names of the columns come from a line in the topic.
    """

    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    load: Loader | None = None
    remarks: list[Remark] = field(default_factory=list)
    header: bool = False


def guess_format(
    records: Sequence[Record],
    *,
    input_format: str = "",
    config: Mapping[str, Any] | None = None,
    lookup: SchemaLookup | None = None,
) -> FormatGuess:
    """Return the format of most of ``records``, or ``input_format`` where given, with its settings.

    ``config`` are the known settings. Raises DecodeError for a format that is not known, or settings that contradict
    themselves.
    """
    known = dict(config or {})
    values = [record.value for record in records if record.value][:: max(1, len(records) // _VOTES)]
    name = input_format or _name_of(values, known)
    match name:
        case "":
            return _unknown(values)
        case InputFormat.AVRO:
            guess = _avro(values, known, lookup)
        case _ if name == PROTOBUF and not known.get("data_scheme"):
            guess = _framed(values, known, lookup)
        case _ if name in (InputFormat.JSON, PROTOBUF) and "confluent_framing" not in known:
            framing = {"confluent_framing": True} if _is_framed(values, name, known, lookup) else {}
            guess = FormatGuess(name, known | framing)
        case InputFormat.RAW if not known.get("data_type"):
            guess = _raw(values, known)
        case _ if name == CSV:
            # Every record is examined, because only one line of a topic holds the names of the columns.
            guess = _csv([record.value for record in records if record.value], known)
        case _:
            guess = FormatGuess(name, known)
    if not guess.remarks or all(noted.severity != Severity.ERROR for noted in guess.remarks):
        guess.load = document_loader(guess.name, guess.config, lookup)
    return guess


def _name_of(values: Sequence[bytes], config: Mapping[str, Any]) -> str:
    """Return the format that most of ``values`` look like; empty without one."""
    if config.get("data_scheme"):
        # An Avro schema is JSON, so any other schema is Protobuf.
        return InputFormat.AVRO if str(config["data_scheme"]).lstrip()[:1] in ("{", "[", '"') else PROTOBUF
    if config.get("data_type"):
        return InputFormat.RAW
    votes = Counter(_look(value) for value in values)
    if not votes:
        return InputFormat.JSON
    name, count = votes.most_common(1)[0]
    if name == InputFormat.AVRO and 2 * count > len(values):
        return name
    if name != "text":
        return name if 2 * count > len(values) or name in (InputFormat.JSON, InputFormat.TELEGRAF_STR_JSON) else ""
    return CSV if _delimiter(values) is not None else ""


def _look(value: bytes) -> str:
    try:
        sample = loader_of(InputFormat.JSON, {})(value)
    except DecodeError as error:
        if error.gap:
            # The value is JSON except for a NaN, as Python writes it.
            return InputFormat.JSON
        if text_of(value) is not None:
            return "text"
        if framed(value) and not _is_flat(value):
            return InputFormat.AVRO
        return InputFormat.RAW
    if isinstance(sample, dict):
        fields = sample.get("fields")
        if isinstance(fields, dict) and isinstance(fields.get("value"), str):
            try:
                loader_of(InputFormat.TELEGRAF_STR_JSON, {})(value)
            except DecodeError:
                return InputFormat.JSON
            return InputFormat.TELEGRAF_STR_JSON
    # A number or a text in quotation marks may be a column of CSV as well.
    return InputFormat.JSON if isinstance(sample, (dict, list)) else "text"


def _is_flat(value: bytes) -> bool:
    """Whether bytes look like an array: many zeros at the start are a margin of a picture, not a schema id."""
    return value[:5] == b"\0\0\0\0\0" or schema_id_of(value) > 1 << 24


def _unknown(values: Sequence[bytes]) -> FormatGuess:
    guess = FormatGuess()
    about = "the format of the records is not known"
    hint = _SAY_FORMAT
    if values and sum(value.startswith(b"Obj\x01") for value in values) * 2 > len(values):
        about = "the records are Avro container files (Obj), not single records"
        hint = "write each record of the file as a value of its own, without the file's header"
    elif values and text_of(values[0]) is not None:
        about = f"the records are texts, and neither JSON nor lines of CSV: {values[0][:60].decode(errors='replace')!r}"
    guess.remarks.append(Remark(code=RemarkCode.UNKNOWN_FORMAT, severity=Severity.ERROR, message=about, hint=hint))
    return guess


def _avro(values: Sequence[bytes], config: dict[str, Any], lookup: SchemaLookup | None) -> FormatGuess:
    """Return Avro with the given schema, or the format that the registry gives for the records' ids."""
    if not config.get("data_scheme"):
        return _framed(values, config, lookup)
    config.setdefault("confluent_framing", _is_framed(values, InputFormat.AVRO, config, lookup))
    return FormatGuess(InputFormat.AVRO, config)


def _framed(values: Sequence[bytes], config: dict[str, Any], lookup: SchemaLookup | None) -> FormatGuess:
    """Return the format of records that begin with the id of a schema, by what the registry says of most of them."""
    guess = FormatGuess(InputFormat.AVRO, config)
    ids = Counter(schema_id_of(value) for value in values if framed(value))
    found: dict[int, RegisteredSchema] = {}
    problem = ""
    for schema_id, _ in ids.most_common(_MAX_SCHEMAS):
        if lookup is None:
            break
        try:
            found[schema_id] = lookup(schema_id)
        except KafkaMLError as error:
            problem = error.message
    if not found:
        guess.remarks.append(_without_schema(ids, problem, asked=lookup is not None))
        return guess
    kinds = Counter(
        {kind: sum(ids[schema_id] for schema_id in found if found[schema_id].kind == kind) for kind in SchemaKind}
    )
    kind = kinds.most_common(1)[0][0]
    # A registry's ids increase, so the largest id is the newest schema. Records of older schemas are resolved to it.
    newest = max(schema_id for schema_id in found if found[schema_id].kind == kind)
    config["confluent_framing"] = True
    if kind != SchemaKind.JSON:
        config["data_scheme"] = found[newest].text
    if kind == SchemaKind.PROTOBUF:
        _add_message(config, found[newest], next(value for value in values if schema_id_of(value) == newest))
    guess = FormatGuess(PROTOBUF if kind == SchemaKind.PROTOBUF else str(kind), config)
    if len(found) > 1:
        listed = ", ".join(map(str, sorted(found)))
        guess.remarks.append(
            Remark(
                code=RemarkCode.MIXED_SCHEMAS,
                severity=Severity.INFO,
                message=f"the records have {len(found)} schemas (ids {listed}): all are read by the newest one",
                hint="a slice that begins later has records of one schema only",
            )
        )
    return guess


def _add_message(config: dict[str, Any], schema: RegisteredSchema, value: bytes) -> None:
    """Note which message of a schema the records are."""
    from kafkaml.contract.protobuf_loading import message_places
    from kafkaml.contract.protobuf_schema import ProtobufSchema

    places, _ = message_places(value, FRAME_BYTES)
    config["message"] = ProtobufSchema.compiled(schema.text, schema.imports).at(places).full_name
    if schema.imports:
        config["imports"] = dict(schema.imports)


def _without_schema(ids: Mapping[int, int], problem: str, *, asked: bool) -> Remark:
    hint = "set KML_SCHEMA_REGISTRY_URL for the platform, or give the schema"
    if not ids:
        about = "Avro records cannot be read without their schema"
    elif not asked:
        about = (
            "the records begin with 0x00 and the id of a schema (Confluent framing), and there is no Schema Registry "
            "to ask"
        )
    else:
        about = f"the records begin with 0x00 and the id of a schema, which could not be fetched: {problem}"
        hint = "check KML_SCHEMA_REGISTRY_URL, and that the producers use the same registry"
    return Remark(code=RemarkCode.UNKNOWN_FORMAT, severity=Severity.ERROR, message=about, hint=hint)


def _is_framed(values: Sequence[bytes], name: str, config: Mapping[str, Any], lookup: SchemaLookup | None) -> bool:
    """Whether more records can be read with a schema id in front than without."""
    counts = {
        framing: _readable(values, name, {**config, "confluent_framing": framing}, lookup) for framing in (False, True)
    }
    # JSON behind a schema id can be read without knowing that it is framed, but reading is faster with that knowledge.
    return counts[True] > counts[False] or (name == InputFormat.JSON and 0 < counts[True] == counts[False])


def _readable(values: Sequence[bytes], name: str, config: Mapping[str, Any], lookup: SchemaLookup | None = None) -> int:
    load = loader_of(name, config, lookup)
    count = 0
    for value in values:
        try:
            load(value)
            count += 1
        except KafkaMLError:
            continue
    return count


def _raw(values: Sequence[bytes], config: dict[str, Any]) -> FormatGuess:
    """Return the image format for pictures, and for bytes of one length the type that gives plausible numbers."""
    guess = FormatGuess(InputFormat.RAW, config)
    if values and sum(image_shape(value) is not None for value in values) >= _NEARLY_ALL * len(values):
        return guess
    sizes = Counter(map(len, values))
    size, count = sizes.most_common(1)[0] if sizes else (0, 0)
    if not size or count < _NEARLY_ALL * len(values):
        guess.remarks.append(
            Remark(
                code=RemarkCode.UNKNOWN_FORMAT,
                severity=Severity.ERROR,
                message="the records are bytes of different lengths, and neither text nor a picture",
                hint=_SAY_FORMAT,
            )
        )
        return guess
    same = [value for value in values if len(value) == size]
    kind = next((kind for kind in _FLOATS if _sane(same, dtype_from_wire(kind))), "uint8")
    length = size // dtype_from_wire(kind).itemsize
    shape = (length,) if kind != "uint8" else _picture_shape(length)
    if shape is None:
        guess.remarks.append(
            Remark(
                code=RemarkCode.UNKNOWN_FORMAT,
                severity=Severity.ERROR,
                message=f"the records are {size} bytes each: neither floats nor the points of a square picture",
                hint=_SAY_FORMAT,
            )
        )
        return guess
    config |= {"data_type": kind}
    config.setdefault("data_reshape", shape_to_wire(shape))
    guess.remarks.append(
        Remark(
            code=RemarkCode.GUESSED_TYPE,
            severity=Severity.WARNING,
            message=f"the records are {size} bytes each, which say nothing of themselves: they are taken as "
            f"{kind} numbers of the shape {' x '.join(map(str, shape))}",
            hint="if that is wrong, give --data-type and --data-reshape",
        )
    )
    return guess


def _picture_shape(length: int) -> tuple[int, ...] | None:
    """Return the shape of a square picture of ``size`` bytes, grey or in colour; None where there is none."""
    for channels in (1, 3):
        side = round((length / channels) ** 0.5)
        if side >= _MIN_SIDE and side * side * channels == length:
            return (side, side) if channels == 1 else (side, side, channels)
    return None


def _sane(values: Sequence[bytes], dtype: np.dtype[Any]) -> bool:
    """Whether bytes are likely floats of the type: finite, of usual size, and not all the same."""
    if len(values[0]) % dtype.itemsize:
        return False
    with np.errstate(all="ignore"):
        numbers = np.abs(np.frombuffer(b"".join(values), dtype).astype(np.float64))
        usual = (numbers == 0) | ((numbers > 1e-6) & (numbers < 1e7))
    return bool(usual.mean() > 0.99 and (numbers > 1e-6).mean() > 0.05)


def _csv(values: Sequence[bytes], config: dict[str, Any]) -> FormatGuess:
    guess = FormatGuess(CSV, config)
    delimiter = config.setdefault("delimiter", _delimiter(values) or ",")
    rows = [row for row in (_parts(value, delimiter) for value in values) if row is not None]
    widths = Counter(map(len, rows))
    width = widths.most_common(1)[0][0] if widths else 0
    rows = [row for row in rows if len(row) == width]
    if not 0 < width <= _MAX_CSV_COLUMNS:
        guess.remarks.append(
            Remark(
                code=RemarkCode.UNKNOWN_FORMAT,
                severity=Severity.ERROR,
                message=f"the records are not lines of CSV with 1 to {_MAX_CSV_COLUMNS} columns",
                hint=_SAY_FORMAT,
            )
        )
        return guess
    decimal = config.setdefault("decimal", _decimal(rows, delimiter))
    if not config.get("columns"):
        header = _header(rows, decimal)
        guess.header = header is not None
        config["columns"] = header or [f"c{place}" for place in range(width)]
    return guess


def _parts(value: bytes, delimiter: str) -> list[str] | None:
    try:
        return csv_parts(value, delimiter)
    except DecodeError:
        return None


def _delimiter(values: Sequence[bytes]) -> str | None:
    """Return the delimiter of most lines; None where they are not lines of CSV.

    A line has numbers among its columns, or all lines have equally many columns of short texts.
    """
    for delimiter in _DELIMITERS:
        rows = [_parts(value, delimiter) for value in values]
        widths = Counter(len(row) for row in rows if row is not None)
        width, count = widths.most_common(1)[0] if widths else (0, 0)
        if width < 2 or count < _NEARLY_ALL * len(values):
            continue
        alike = [row for row in rows if row is not None and len(row) == width]
        numbers = sum(number_of(part) is not None for row in alike for part in row)
        if numbers or max(len(part) for row in alike for part in row) <= 40:
            return delimiter
    ones = [text.strip() for value in values if (text := text_of(value)) is not None]
    if ones and sum(number_of(text) is not None for text in ones) >= _NEARLY_ALL * len(values):
        return ","
    return None


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    if delimiter == ",":
        return "."
    parts = [part for row in rows[:_VOTES] for part in row if part.strip()]
    commas = sum("," in part and number_of(part, ",") is not None for part in parts)
    points = sum("." in part and number_of(part) is not None for part in parts)
    return "," if commas > points else "."


def _header(rows: Sequence[Sequence[str]], decimal: str) -> list[str] | None:
    """Return the names that a line of the sample has for the columns, None where there is none.

    It is a unique line with texts where nearly all others have numbers.
    """
    if len(rows) < 2:
        return None
    width = len(rows[0])
    some = rows[:: max(1, len(rows) // _VOTES)]
    numeric = [
        place
        for place in range(width)
        if sum(number_of(row[place], decimal) is not None for row in some) >= max(1.0, 0.8 * len(some) - 2)
    ]
    for row in rows:
        names = [part.strip() for part in row]
        fits = len(set(names)) == width and all(name and len(name) <= 100 for name in names)
        if numeric and fits and all(number_of(name, decimal) is None for name in names):
            return names
    return None

"""JSON: a number, a (nested) array of numbers, or an object of numbers, which is taken by its keys.

Keys are used in sorted order, because producers in different languages write the same object in different orders. The
majority of the first records (``settled``) or ``fields`` in the announcement decides which keys there are. Envelopes of
Kafka Connect and Debezium are removed. Labels may also be text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import orjson

from kafkaml.codecs.base import NO_LABEL, Array, Codec, DecodedBatch, Values
from kafkaml.codecs.envelopes import notes_of, unwrapped
from kafkaml.codecs.field_names import FieldNames, path_text
from kafkaml.codecs.framing import FRAME_BYTES, framed
from kafkaml.codecs.json_numbers import MAX_EXACT, first_inexact, first_odd_value
from kafkaml.codecs.looks import CSV_HINT, csv_line, shown, text_of
from kafkaml.codecs.raw import TextCodec
from kafkaml.codecs.registry import (
    NO_LABELS,
    NO_TYPE,
    SchemaLookup,
    StreamFormat,
    declared_shape,
    declared_type,
    register,
)
from kafkaml.dtypes import shape_to_wire
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat

__all__ = ["JsonCodec", "Loads", "json_codecs"]

Loads = Callable[[bytes | str], Any]
T = TypeVar("T")

# The type of numbers where no data_type is declared, the one that models compute in.
_FEATURES = np.dtype("<f4")
# float64 is exact for all integers that JSON readers agree on. Data sets narrow it when all labels turn out to be
# integers.
_LABELS = np.dtype("<f8")
_HINT = "expected a JSON number, an array of numbers (all of the same shape), or an object of numbers"
# Number of first records that decide the form of all others.
_MAX_VOTES = 1000
_MAX_SHAPE_VOTES = 200
_BOM = b"\xef\xbb\xbf"
_FRAME_NOTE = "records begin with 0x00 and the id of a schema: the JSON behind them was taken"


class JsonCodec(Codec):
    """``text_allowed`` lets records be JSON texts too, as labels are; a batch is then all numbers or all texts.

    ``fields`` are the keys of objects. Empty means that samples are not objects, and None leaves it to the data. With
    ``widens`` a whole number that ``dtype`` cannot hold makes a batch float64; otherwise it is an error.
    """

    # Samples are written as they were given, so JSON keeps their digits.
    keeps_numbers = True

    def __init__(
        self,
        dtype: np.dtype[Any],
        sample_shape: tuple[int, ...] | None = None,
        *,
        name: str = "features",
        text_allowed: bool = False,
        fields: FieldNames | None = None,
        widens: bool = False,
        narrows: bool = False,
        notes: tuple[str, ...] = (),
    ) -> None:
        # Numbers in JSON are text, so a declared order of bytes means nothing.
        self.dtype = dtype.newbyteorder("=")
        self.sample_shape = sample_shape
        self.name = name
        self.notes = notes
        self.narrows = narrows
        self._text_allowed = text_allowed
        self._fields = fields
        self._widens = widens

    def decode(self, values: Values) -> Array:
        try:
            samples = list(map(self._load, values))  # type: ignore[arg-type]  # None is an error of orjson's too
        except orjson.JSONDecodeError:
            samples = [_at(index, self.parsed, value) for index, value in enumerate(values)]
        if not samples:
            return np.empty((0, *(self.sample_shape or ())), self.dtype)
        fields = self._fields
        if fields or dict in map(type, samples):
            samples, fields = self._by_name(samples)
        if self._text_allowed and all(isinstance(sample, str) for sample in samples):
            return np.array(samples, np.str_)
        try:
            rows = np.array(samples)
        except (ValueError, OverflowError):
            raise self._first_odd(samples, fields) from None
        if rows.dtype.kind not in "biuf" or (self.sample_shape is not None and rows.shape[1:] != self.sample_shape):
            rows = self._reshaped(rows, samples, fields)
        return self._cast(rows, samples, values)

    def decode_each(self, values: Values) -> DecodedBatch:
        try:
            return DecodedBatch(self.decode(values), list(range(len(values))), [])
        except DecodeError:
            # Settle the form first, because alone each record would decide its own keys and shape.
            return self.settled(values)._decode_one_by_one(values)

    def encode(self, samples: Array) -> list[bytes]:
        if not self._fields:
            return [orjson.dumps(sample) for sample in samples.tolist()]
        if samples.shape[1:] != (len(self._fields),):
            raise DecodeError(
                f"{self.name} have the shape {samples.shape[1:]}: expected {len(self._fields)} numbers, for the keys "
                f"{self._fields.listed()}"
            )
        return [orjson.dumps(_object_of(self._fields, sample)) for sample in samples.tolist()]

    def encode_object(self, sample: Mapping[str, Any]) -> bytes:
        try:
            return orjson.dumps(sample, option=orjson.OPT_SERIALIZE_NUMPY)
        except (orjson.JSONEncodeError, TypeError) as error:
            raise DecodeError(f"the object cannot be written as JSON: {error}") from error

    def pinned(self, sample_shape: tuple[int, ...]) -> JsonCodec:
        if self.sample_shape is not None and np.prod(self.sample_shape) != np.prod(sample_shape):
            raise DecodeError(
                f"{self.name} have the shape {self.sample_shape}: they cannot be taken as {sample_shape}", hint=_HINT
            )
        return self._with(sample_shape=sample_shape)

    def settled(self, values: Values) -> JsonCodec:
        if self._fields is not None and self.sample_shape is not None:
            return self
        found: list[object] = []
        notes: Counter[str] = Counter()
        for value in values[:_MAX_VOTES]:
            try:
                sample = self.parsed(value, notes)
                notes.update(notes_of(sample))
                found.append(unwrapped(sample))
            except DecodeError:
                continue
        objects = FieldNames.usual(found)
        fields = self._fields
        if fields is None and found:
            is_object = 2 * sum(isinstance(sample, dict) for sample in found) >= len(found)
            fields = objects if is_object and objects is not None else FieldNames(())
        shape = self.sample_shape if self.sample_shape is not None else _usual_shape(found, fields)
        frequent_notes = tuple(note for note, count in notes.items() if 2 * count > len(found))
        return self._with(fields=fields, sample_shape=shape, notes=frequent_notes)

    def learnt(self) -> Mapping[str, Any]:
        known: dict[str, Any] = {"data_type": self.dtype.name}
        if self._fields is not None:
            known["fields"] = self._fields.to_json()
        # A vector of one element and a number have the same shape in an announcement, so the vector's shape is not
        # stored.
        if self.sample_shape is not None and self.sample_shape != (1,):
            known["data_reshape"] = shape_to_wire(self.sample_shape) or "1"
        return known

    def column_names(self) -> Sequence[str]:
        return () if self._fields is None else [path_text(path) for path in self._fields.paths]

    def widened(self) -> JsonCodec | None:
        return self._with(dtype=np.dtype(np.float64), widens=False) if self._widens else None

    def _with(self, **changes: Any) -> JsonCodec:
        same = {
            "dtype": self.dtype,
            "sample_shape": self.sample_shape,
            "name": self.name,
            "text_allowed": self._text_allowed,
            "fields": self._fields,
            "widens": self._widens,
            "narrows": self.narrows,
            "notes": self.notes,
        }
        return type(self)(**(same | changes))

    def _load(self, value: bytes, loads: Loads = orjson.loads) -> Any:
        return loads(value)

    def parsed(self, value: bytes | None, notes: Counter[str] | None = None) -> Any:
        """Return the JSON in ``value``, also after a byte order mark or a schema id."""
        if value is None:
            raise self.missing_error(0)
        try:
            return self._load(value)
        except orjson.JSONDecodeError as error:
            failure = error
        rest = value.removeprefix(_BOM)
        if framed(value):
            rest = value[FRAME_BYTES:]
        try:
            if rest is not value:
                sample = self._load(rest)
                if notes is not None and framed(value):
                    notes[_FRAME_NOTE] += 1
                return sample
        except orjson.JSONDecodeError:
            pass
        raise self._unreadable(rest, failure)

    def _unreadable(self, value: bytes, failure: Exception) -> DecodeError:
        """Return why ``value`` is not JSON, naming what it looks like."""
        try:
            sample = unwrapped(self._load(value, _lenient))
            odd = first_odd_value(sample, self._fields)
        except (ValueError, RecursionError, DecodeError):
            odd = None
        if odd is not None and isinstance(odd.value, float):
            return DecodeError(
                f"{self.name} hold {_token(odd.value)}{odd.where}, which is neither JSON nor a number",
                hint="leave such samples out in the producer, or send a number in its place (Python's json.dumps "
                "writes NaN unless allow_nan=False)",
                gap=f"{_token(odd.value)}{odd.where}",
            )
        return DecodeError(f"{self.name} are not JSON ({failure})", hint=self._hint_for(value))

    def _hint_for(self, value: bytes) -> str:
        line, text = csv_line(value), text_of(value)
        if line is not None:
            return f"they look like a line of CSV ({shown(line.strip())}): {CSV_HINT}"
        if not value:
            return "the value is empty: a record without a sample has no place in the stream"
        if value[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return "the text is UTF-16: write it as UTF-8"
        if text is not None and text.lstrip()[:1] in ("{", "[", "(") and ("'" in text or "None" in text):
            return "it looks like Python's own text of an object: write it by json.dumps, not by str"
        if text is not None and len(text.strip().splitlines()) > 1:
            return "several lines are in one record: write each JSON document as a record of its own"
        return _HINT

    def _by_name(self, samples: list[Any]) -> tuple[list[Any], FieldNames | None]:
        """Return objects as rows in the order of the keys, without their envelopes."""
        fields, rows = self._fields, samples
        if fields is None:
            rows = [_at(index, unwrapped, sample) for index, sample in enumerate(samples)]
            fields = FieldNames.usual(rows)
        for index, sample in enumerate(rows):
            # Most objects are as expected, and only the others can be envelopes.
            quick = fields.quick_row(sample) if fields and type(sample) is dict else None
            rows[index] = quick or _at(index, self._row, sample, fields)
        return rows, fields

    def _row(self, sample: Any, fields: FieldNames | None) -> Any:
        sample = unwrapped(sample)
        if not isinstance(sample, dict):
            if not fields or sample is None:
                return sample
            raise DecodeError(
                f"{self.name} are {shown(sample)}: expected an object with the keys {fields.listed()}",
                hint="objects are taken by their keys: send the same ones as the data that trained the model",
            )
        if fields is None or not sample:
            raise DecodeError(f"{self.name} are an object without values", hint=_HINT)
        if not fields:
            raise DecodeError(
                f"{self.name} are an object: expected an array or a number, as the other records are",
                hint="nothing tells which key is which place of the array",
            )
        return fields.row(sample)

    def _reshaped(self, rows: Array, samples: list[object], fields: FieldNames | None) -> Array:
        """Take a flat list for a declared shape of as many elements; raises for everything else."""
        if rows.dtype.kind in "biuf" and rows[0].size == np.prod(self.sample_shape or (), dtype=int):
            return rows.reshape(len(rows), *(self.sample_shape or ()))
        raise self._first_odd(samples, fields)

    def _cast(self, rows: Array, samples: list[Any], values: Values) -> Array:
        """Return ``rows`` as the declared type; raises where a number would change its value."""
        dtype = self.dtype
        index = first_inexact(rows, samples, values, dtype, whole_floats=self._widens)
        # A number beyond the range of float32 is an outlier, not a reason to read all others as float64.
        if index is not None and self._widens and np.abs(rows).max() <= np.finfo(dtype).max:
            dtype = np.dtype(np.float64)
            index = first_inexact(rows, samples, values, dtype)
        if index is None:
            with np.errstate(over="ignore", invalid="ignore"):
                return rows.astype(dtype)
        odd = first_odd_value(samples[index], self._fields, inexact_in=dtype)
        got = f"{odd.value!s:.40}{odd.where}" if odd else shown(samples[index], 40)
        raise DecodeError(
            f"{self.name} hold {got}, which is not a value of {dtype.name}"
            + (": it would be rounded, or be infinite" if dtype.kind == "f" else ""),
            index=index,
            hint=f"set {'data' if self.name == 'features' else 'label'}_type in the sink to a type that holds all "
            f"values: float64 holds whole numbers up to {MAX_EXACT}, int64 and uint64 those beyond",
        )

    def _first_odd(self, samples: list[Any], fields: FieldNames | None) -> DecodeError:
        """Return the error for the first sample that is not an array of numbers, or not of the usual shape."""
        shapes = [_shape_of(sample) for sample in samples]
        expected = self.sample_shape
        if expected is None:
            known = Counter(shape for shape in shapes if shape is not None)
            expected = known.most_common(1)[0][0] if known else ()
        for index, shape in enumerate(shapes):
            if shape is None:
                return self._odd_sample(index, samples[index], fields)
            if shape != expected and np.prod(shape, dtype=int) != np.prod(expected, dtype=int):
                return self.shape_error(index, shape, expected)
        # All samples have the same number of elements in different shapes, so the first that differs is the odd one.
        index = next((index for index, shape in enumerate(shapes) if shape != expected), 0)
        return self.shape_error(index, shapes[index] or (), expected)

    def _odd_sample(self, index: int, sample: object, fields: FieldNames | None) -> DecodeError:
        odd = first_odd_value(sample, fields)
        if odd is not None and odd.value is None:
            gap = f"null{odd.where}" if self.name == "features" else NO_LABEL
            return DecodeError(f"{self.name} hold null{odd.where}, where a number is expected", index=index, gap=gap)
        if odd is not None and isinstance(odd.value, str):
            return DecodeError(
                f"{self.name} hold the text {shown(odd.value)}{odd.where}, where a number is expected",
                index=index,
                hint=_hint_for_text(odd.value),
            )
        if odd is not None and isinstance(odd.value, dict):
            return DecodeError(
                f"{self.name} hold an object{odd.where}, where a number is expected",
                index=index,
                hint="an array of objects is not a sample: send each object as a record of its own",
            )
        return DecodeError(
            f"{self.name} are {shown(sample, 80)}, not numbers of one shape",
            index=index,
            hint=_HINT,
        )


def _at(index: int, read: Callable[..., T], *arguments: Any) -> T:
    """Call ``read`` for record ``index`` of the batch, and put the index into its error."""
    try:
        return read(*arguments)
    except DecodeError as error:
        error.index = index
        raise


def _usual_shape(samples: list[object], fields: FieldNames | None) -> tuple[int, ...] | None:
    shapes: Counter[tuple[int, ...]] = Counter()
    for sample in samples[:_MAX_SHAPE_VOTES]:
        try:
            row = fields.row(sample) if fields and isinstance(sample, dict) else sample
        except DecodeError:
            continue
        shape = _shape_of(row)
        if shape is not None:
            shapes[shape] += 1
    return shapes.most_common(1)[0][0] if shapes else None


def _shape_of(sample: object) -> tuple[int, ...] | None:
    """Return the shape of a sample; None for what is not an array of numbers."""
    try:
        array = np.array(sample)
    except (ValueError, OverflowError, RecursionError):
        return None
    return array.shape if array.dtype.kind in "biuf" else None


def _object_of(fields: FieldNames, row: list[Any]) -> dict[str, Any]:
    sample: dict[str, Any] = {}
    for path, value in zip(fields.paths, row, strict=True):
        inner = sample
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = value
    return sample


def _hint_for_text(text: str) -> str:
    if text.lstrip()[:1] in ("{", "["):
        return "it is JSON inside a JSON text: encode it once (json.dumps was called twice)"
    if csv_line(text.encode(errors="replace")) is not None:
        return f"it looks like a line of CSV: {CSV_HINT}"
    return "write numbers without quotation marks, and leave out what is not a number"


def _lenient(text: bytes | str) -> Any:
    """Parse what Python's own writer writes: JSON with NaN and infinities."""
    return json.loads(text.decode() if isinstance(text, bytes) else text)


def _token(value: float) -> str:
    return "NaN" if value != value else "infinity" if value > 0 else "-infinity"


def json_codecs(
    config: Mapping[str, Any], _: SchemaLookup | None, *, values: type[JsonCodec] = JsonCodec
) -> tuple[Codec, Codec | None]:
    """Return the codecs of ``values`` and of keys, which are plain JSON, as ``StreamFormat.codecs`` does."""
    fields = config.get("fields")
    features = values(
        declared_type(config, "data_type", _FEATURES),
        declared_shape(config, "data_reshape"),
        fields=None if fields is None else FieldNames.from_json(fields),
        widens=config.get("data_type") in NO_TYPE,
    )
    return features, _labels(config)


def _labels(config: Mapping[str, Any]) -> Codec | None:
    """The keys of a JSON stream show whether it has labels, unless it is declared to have none."""
    if config.get("label_type") == NO_LABELS:
        return None
    dtype = declared_type(config, "label_type", _LABELS)
    if dtype.kind in "SU":
        return TextCodec(name="labels")
    shape = declared_shape(config, "label_reshape")
    return JsonCodec(dtype, shape, name="labels", text_allowed=True, narrows=dtype.newbyteorder("=") == _LABELS)


# JSON is text, so its records can be shown without a codec.
register(
    StreamFormat(
        name=InputFormat.JSON,
        title="JSON",
        codecs=json_codecs,
        untold={"data_type": _FEATURES.name},
        text=True,
        wider=True,
    )
)

"""RAW: ``ndarray.tobytes()``, C order, little-endian unless declared otherwise. A batch is one join of bytes and one
view on them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kafkaml.codecs.base import Array, Codec, DecodedBatch, PackableCodec, Values
from kafkaml.codecs.byte_order import byte_order_doubt
from kafkaml.codecs.looks import CSV_HINT, csv_line, shown, text_of
from kafkaml.codecs.registry import (
    NO_LABELS,
    NO_TYPE,
    SchemaLookup,
    Setting,
    SettingKind,
    StreamFormat,
    declared_shape,
    register,
)
from kafkaml.dtypes import MAX_SAMPLE_ELEMENTS, dtype_from_wire, shape_to_wire
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat

__all__ = ["RawCodec", "TextCodec", "numbers_of"]

_HINT = "check data_type, label_type, data_reshape and label_reshape in the sink"


def numbers_of(data: bytes, dtype: np.dtype[Any]) -> Array:
    """Return the numbers in ``data`` as a flat array in the machine's order of bytes, a view where possible."""
    if dtype.kind == "b":
        # A byte other than 0 and 1 would make an invalid boolean.
        return np.not_equal(np.frombuffer(data, np.uint8), 0)
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="), copy=False)


class RawCodec(PackableCodec):
    """Numbers of one type. With ``sample_shape`` None a record of one element is a scalar, a longer one a vector.

    ``wire_dtype`` is the type with the byte order of the records; arrays have the machine's order.
    """

    def __init__(self, dtype: np.dtype[Any], sample_shape: tuple[int, ...] | None, *, name: str = "features") -> None:
        self.wire_dtype = dtype
        self.dtype = dtype.newbyteorder("=")
        self.sample_shape = sample_shape
        self.name = name
        self._settled = False

    @property
    def sample_bytes(self) -> int | None:
        return None if self.sample_shape is None else self.dtype.itemsize * math.prod(self.sample_shape)

    def rows_of(self, data: bytes) -> Array:
        return numbers_of(data, self.wire_dtype).reshape(-1, *(self.sample_shape or ()))

    def doubt(self, rows: Array) -> tuple[str, str] | None:
        return byte_order_doubt(rows, self.wire_dtype, self.name)

    def decode(self, values: Values) -> Array:
        try:
            lengths = set(map(len, values))  # type: ignore[arg-type]  # None is looked for when this fails
        except TypeError:
            raise self.missing_error(next(index for index, value in enumerate(values) if value is None)) from None
        if not lengths:
            return np.empty((0, *(self.sample_shape or ())), self.dtype)
        if len(lengths) > 1 or self._shape_of(next(iter(lengths))) is None:
            raise self._decode_by_length(values).failures[0][1]
        return self._view(b"".join(values), len(values), next(iter(lengths)))  # type: ignore[arg-type]

    def decode_each(self, values: Values) -> DecodedBatch:
        try:
            return DecodedBatch(self.decode(values), list(range(len(values))), [])
        except DecodeError:
            return self._decode_by_length(values)

    def encode(self, samples: Array) -> list[bytes]:
        slab = np.ascontiguousarray(samples, self.wire_dtype).tobytes()
        size = len(slab) // len(samples) if len(samples) else 0
        return [slab[start : start + size] for start in range(0, len(slab), size)] if size else []

    def pinned(self, sample_shape: tuple[int, ...]) -> RawCodec:
        if self.sample_shape is not None and math.prod(self.sample_shape) != math.prod(sample_shape):
            raise DecodeError(
                f"{self.name} have the shape {self.sample_shape}: they cannot be taken as {sample_shape}", hint=_HINT
            )
        return RawCodec(self.wire_dtype, sample_shape, name=self.name)

    def settled(self, values: Values) -> RawCodec:
        usual = None if self.sample_shape is not None else self._usual_length(values)
        shape = None if usual is None else self._shape_of(usual)
        if shape is None:
            return self
        settled = RawCodec(self.wire_dtype, shape, name=self.name)
        settled._settled = True
        return settled

    def learnt(self) -> Mapping[str, Any]:
        # A vector of one and a number are the same bytes, so both are read as a number.
        return {"data_reshape": shape_to_wire(self.sample_shape or ()) or "1"} if self._settled else {}

    def _decode_by_length(self, values: Values) -> DecodedBatch:
        """Separate records by their length, the only thing that can be wrong with them. Much faster than
        trying each.
        """
        good_bytes = self.sample_bytes
        if good_bytes is None:
            usual = self._usual_length(values)
            good_bytes = -1 if usual is None else usual
        kept = [index for index, value in enumerate(values) if value is not None and len(value) == good_bytes]
        failures = [
            (index, self.missing_error(index) if value is None else self._length_error(index, value, good_bytes))
            for index, value in enumerate(values)
            if value is None or len(value) != good_bytes
        ]
        if not kept:
            return DecodedBatch(np.empty((0, *(self.sample_shape or ())), self.dtype), [], failures)
        good: Sequence[bytes] = [values[index] for index in kept]  # type: ignore[misc]
        return DecodedBatch(self._view(b"".join(good), len(good), good_bytes), kept, failures)

    def _usual_length(self, values: Values) -> int | None:
        """Return the most frequent length of records, among lengths that can be samples."""
        lengths = Counter(len(value) for value in values if value is not None)
        usual = (length for length, _ in lengths.most_common() if self._shape_of(length) is not None)
        return next(usual, None)

    def _view(self, data: bytes, count: int, sample_bytes: int) -> Array:
        shape = self._shape_of(sample_bytes)
        assert shape is not None
        return numbers_of(data, self.wire_dtype).reshape(count, *shape)

    def _shape_of(self, sample_bytes: int) -> tuple[int, ...] | None:
        """Return the shape of a sample of ``size`` bytes, or None when there is none."""
        if self.sample_shape is not None:
            return self.sample_shape if sample_bytes == self.sample_bytes else None
        elements, rest = divmod(sample_bytes, self.dtype.itemsize)
        if rest or not 0 < elements <= MAX_SAMPLE_ELEMENTS:
            return None
        return () if elements == 1 else (elements,)

    def _length_error(self, index: int, value: bytes, expected: int) -> DecodeError:
        if self.sample_shape is not None:
            wanted = f"to {self.sample_shape} {self.dtype.name}: expected {self.sample_bytes}"
        elif expected < 0:
            wanted = f"to {self.dtype.name}: expected a multiple of {self.dtype.itemsize}, at least one"
        else:
            wanted = f"like the other records of the batch: expected {expected}"
        hint = _HINT
        if csv_line(value) is not None:
            hint = f"they look like a line of CSV ({shown(value)}): {CSV_HINT}"
        elif len(value) > 1 and text_of(value) is not None:
            hint = f"they look like text ({shown(value)}), not like RAW numbers: announce JSON, or {_HINT}"
        return DecodeError(f"cannot reshape {len(value)} bytes of {self.name} {wanted}", index=index, hint=hint)


class TextCodec(Codec):
    """Text, for labels: UTF-8, or NumPy's four bytes per character (``utf-32-le``)."""

    takes_texts = True

    def __init__(self, *, name: str = "labels", encoding: str = "utf-8") -> None:
        self.dtype = np.dtype("<U")
        self.sample_shape = ()
        self.name = name
        self._encoding = encoding

    def decode(self, values: Values) -> Array:
        texts = []
        for index, value in enumerate(values):
            if value is None:
                raise self.missing_error(index)
            try:
                # NumPy pads text with zeros at its end.
                texts.append(value.decode(self._encoding).rstrip("\0"))
            except UnicodeDecodeError as error:
                raise DecodeError(
                    f"{self.name} are not {self._encoding} text ({error})",
                    index=index,
                    hint=_HINT,
                ) from error
        return np.array(texts, np.str_)

    def encode(self, samples: Array) -> list[bytes]:
        return [str(sample).encode(self._encoding) for sample in samples.tolist()]

    def pinned(self, sample_shape: tuple[int, ...]) -> TextCodec:
        if sample_shape != ():
            raise DecodeError(f"{self.name} are text: they cannot have the shape {sample_shape}", hint=_HINT)
        return self


def _codecs(config: Mapping[str, Any], _: SchemaLookup | None) -> tuple[Codec, Codec | None]:
    if config.get("data_type") in NO_TYPE:
        raise DecodeError(
            "input_config has no data_type: expected the type of the numbers, for example uint8",
            hint="check data_type in the sink",
        )
    features = _side(config, "data", "features")
    return features, None if config.get("label_type") in (*NO_TYPE, NO_LABELS) else _side(config, "label", "labels")


def _side(config: Mapping[str, Any], side: str, name: str) -> Codec:
    dtype = dtype_from_wire(config[f"{side}_type"])
    if dtype.kind in "SU":
        return TextCodec(name=name, encoding="utf-8" if dtype.kind == "S" else "utf-32-le")
    # Without a shape old readers take the whole record as a number or a vector.
    return RawCodec(dtype, declared_shape(config, f"{side}_reshape"), name=name)


register(
    StreamFormat(
        name=InputFormat.RAW,
        title="RAW numbers",
        codecs=_codecs,
        decoder="raw",
        settings=(
            Setting(
                name="data_type",
                kind=SettingKind.TYPE,
                title="Type",
                help="type of the numbers",
                example="uint8",
                default="float32",
            ),
            Setting(
                name="data_reshape", kind=SettingKind.SHAPE, title="Shape", help="shape of a sample", example="28 28"
            ),
            Setting(
                name="label_type",
                kind=SettingKind.TYPE,
                title="Type of the key's label",
                help="type of labels in the key",
                example="uint8",
                labels=True,
            ),
            Setting(
                name="label_reshape",
                kind=SettingKind.SHAPE,
                title="Shape of the label",
                help="shape of a label",
                example="1",
            ),
        ),
    )
)

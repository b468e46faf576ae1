"""JSON: a number, a (nested) array of numbers, or an object whose values are taken in the order of its sorted keys.

Sorted, because producers in different languages write the same object in different orders. Labels may also be text.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import orjson

from kafkaml.codecs.base import Array, Codec, Values
from kafkaml.errors import DecodeError

__all__ = ["JsonCodec"]

_HINT = "expected a JSON number, an array of numbers (all of the same shape), or an object of numbers"


class JsonCodec(Codec):
    """``text_allowed`` lets records be JSON texts too, as labels are; a batch is then all numbers or all texts."""

    def __init__(
        self,
        dtype: np.dtype[Any],
        sample_shape: tuple[int, ...] | None = None,
        *,
        name: str = "features",
        text_allowed: bool = False,
    ) -> None:
        self.dtype = dtype
        self.sample_shape = sample_shape
        self.name = name
        self._text_allowed = text_allowed

    def decode(self, values: Values) -> Array:
        samples = [self._sample(index, value) for index, value in enumerate(values)]
        if not samples:
            return np.empty((0, *(self.sample_shape or ())), self.dtype)
        if self._text_allowed and all(isinstance(sample, str) for sample in samples):
            return np.array(samples, np.str_)
        try:
            rows = np.array(samples)
        except (ValueError, OverflowError):
            raise self._first_odd(samples) from None
        if rows.dtype.kind not in "biuf" or (self.sample_shape is not None and rows.shape[1:] != self.sample_shape):
            rows = self._reshaped(rows, samples)
        return self._cast(rows)

    def encode(self, samples: Array) -> list[bytes]:
        return [orjson.dumps(sample) for sample in samples.tolist()]

    def pinned(self, sample_shape: tuple[int, ...]) -> JsonCodec:
        if self.sample_shape is not None and np.prod(self.sample_shape) != np.prod(sample_shape):
            raise DecodeError(
                f"{self.name} have the shape {self.sample_shape}: they cannot be taken as {sample_shape}", hint=_HINT
            )
        return type(self)(self.dtype, sample_shape, name=self.name, text_allowed=self._text_allowed)

    def _load(self, value: bytes) -> object:
        return orjson.loads(value)

    def _sample(self, index: int, value: bytes | None) -> object:
        if value is None:
            raise self.missing_error(index)
        try:
            sample = self._load(value)
        except orjson.JSONDecodeError as error:
            raise DecodeError(f"{self.name} are not JSON ({error})", index=index, hint=_HINT) from error
        return _in_key_order(sample) if isinstance(sample, dict) else sample

    def _reshaped(self, rows: Array, samples: list[object]) -> Array:
        """Take a flat list for a declared shape of as many elements; raises for everything else."""
        if rows.dtype.kind in "biuf" and rows[0].size == np.prod(self.sample_shape or (), dtype=int):
            return rows.reshape(len(rows), *(self.sample_shape or ()))
        raise self._first_odd(samples)

    def _cast(self, rows: Array) -> Array:
        """Return ``rows`` as the declared type; raises where a number would become another one."""
        if np.can_cast(rows.dtype, self.dtype, "safe"):
            return rows.astype(self.dtype)
        with np.errstate(over="ignore", invalid="ignore"):
            cast = rows.astype(self.dtype)
            # Fractions may lose digits, but neither their size nor, for whole numbers, anything at all.
            wrong = ~np.isfinite(cast) if self.dtype.kind == "f" else cast != rows
        if wrong.any():
            index = int(np.flatnonzero(wrong.reshape(len(rows), -1).any(axis=1))[0])
            number = rows[index][wrong[index]].flat[0] if rows.ndim > 1 else rows[index]
            raise DecodeError(
                f"{self.name} hold {number}, which is no {self.dtype.name}",
                index=index,
                hint="set data_type and label_type in the sink to a type that holds all values, such as float32",
            )
        return cast

    def _first_odd(self, samples: list[object]) -> DecodeError:
        """Return the error for the first sample that is no array of numbers, or not of the usual shape."""
        shapes: list[tuple[int, ...] | None] = []
        for sample in samples:
            try:
                array = np.array(sample)
                shapes.append(array.shape if array.dtype.kind in "biuf" else None)
            except (ValueError, OverflowError):
                shapes.append(None)
        expected = self.sample_shape
        if expected is None:
            expected = (
                Counter(shape for shape in shapes if shape is not None).most_common(1)[0][0]
                if any(shape is not None for shape in shapes)
                else ()
            )
        for index, shape in enumerate(shapes):
            if shape is None:
                got = repr(samples[index])
                return DecodeError(
                    f"{self.name} are {got[:80]}{'...' if len(got) > 80 else ''}, not numbers of one shape",
                    index=index,
                    hint=_HINT,
                )
            if shape != expected and np.prod(shape, dtype=int) != np.prod(expected, dtype=int):
                return self.shape_error(index, shape, expected)
        # All have as many elements, in different shapes: the first that differs is the odd one.
        index = next((index for index, shape in enumerate(shapes) if shape != expected), 0)
        return self.shape_error(index, shapes[index] or (), expected)


def _in_key_order(sample: dict[str, Any]) -> list[Any]:
    return [
        _in_key_order(value) if isinstance(value, dict) else value for value in (sample[key] for key in sorted(sample))
    ]

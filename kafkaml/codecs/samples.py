"""Encodes a sample as users and programs have it (numbers, lists, arrays, objects) to the bytes that an inference
reads.

Used by the backend's try-it, by JSON, and by the SDK's predict. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from kafkaml.codecs.base import Array, Codec
from kafkaml.codecs.stream import codec_for
from kafkaml.errors import DecodeError, SampleError

__all__ = ["EncodedSample", "SampleEncoder"]

_LONG_INTEGER = re.compile(r"-?[0-9]{16,20}")


class EncodedSample(NamedTuple):
    """The value to write, and the sample that a replica will read from it."""

    value: bytes
    array: Array


class SampleEncoder:
    """Encodes samples for an inference with this format and these settings. Raises SampleError."""

    def __init__(self, input_format: str, input_config: Mapping[str, Any]) -> None:
        try:
            self._codec = codec_for(input_format, input_config).features
        except DecodeError as error:
            raise SampleError(f"the inference's input format cannot be written: {error.message}") from error

    def encode(self, sample: Any, *, shape: Sequence[int] | None = None) -> EncodedSample:
        """Encode a number, a text, an array or (nested) lists, or for JSON and Avro an object.

        ``shape`` is for flat lists; the format's own shape is taken where there is one. Raises SampleError, which
        states the actual and the expected form.
        """
        try:
            value = _encode(self._codec, sample, shape)
            return EncodedSample(value, self._codec.decode((value,))[0])
        except DecodeError as error:
            raise SampleError(error.message, hint=error.hint) from error


def _encode(codec: Codec, sample: Any, shape: Sequence[int] | None) -> bytes:
    if codec.takes_texts:
        if not isinstance(sample, str):
            raise SampleError(f"got {_kind(sample)}: expected a text")
        return codec.encode(np.array([sample]))[0]
    if isinstance(sample, dict):
        return codec.encode_object(sample)
    array = _shaped(_numbers(sample), codec, shape)
    if not codec.keeps_numbers:
        array = _cast(array, codec.dtype)
    return codec.encode(array[None])[0]


def _numbers(sample: Any) -> Array:
    try:
        array = np.asarray(_exact(sample))
    except (ValueError, OverflowError, RecursionError) as error:
        raise SampleError(
            f"the lists are not equally long on every level ({error})", hint="give an array of one shape"
        ) from error
    if array.dtype.kind not in "biuf":
        raise SampleError(f"got {_kind(sample)}: expected a number or (nested) lists of numbers")
    if array.size == 0:
        raise SampleError("the sample is empty: expected at least one number")
    return array


def _exact(sample: Any) -> Any:
    """Convert digits in texts to numbers, in a flat list. Web pages send long integers as text, because they would
    round the numbers.
    """
    if isinstance(sample, list) and any(isinstance(number, str) for number in sample):
        return [
            int(number) if isinstance(number, str) and _LONG_INTEGER.fullmatch(number) else number for number in sample
        ]
    return sample


def _shaped(array: Array, codec: Codec, shape: Sequence[int] | None) -> Array:
    expected = codec.sample_shape if codec.sample_shape is not None else None if shape is None else tuple(shape)
    if expected is None or array.shape == expected:
        return array
    if array.size != math.prod(expected):
        raise SampleError(
            f"got {_shape_text(array.shape)} ({array.size} numbers): expected {_shape_text(expected)} "
            f"({math.prod(expected)} numbers)",
            code="shape",
            hint="the shape is that of the stream which trained the model",
        )
    return array.reshape(expected)


def _cast(array: Array, dtype: np.dtype[Any]) -> Array:
    """Return ``array`` as ``dtype``; fractions may lose digits in a narrower float; all other numbers must
    stay exact.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
        wrong = ~np.isfinite(cast) & np.isfinite(array) if dtype.kind == "f" else cast != array
    if np.any(wrong):
        number = array[wrong].flat[0]
        if dtype.kind in "iu":
            limits = np.iinfo(dtype)
            expected = f"whole numbers from {limits.min} to {limits.max}"
        else:
            expected = f"numbers that fit {dtype.name}"
        raise SampleError(f"got {number}: expected {expected} ({dtype.name})", code="range")
    return cast


def _shape_text(shape: Sequence[int]) -> str:
    return "the shape " + " x ".join(map(str, shape)) if shape else "one number"


def _kind(sample: Any) -> str:
    names = {str: "a text", bool: "true or false", type(None): "nothing", dict: "an object"}
    return names.get(type(sample), "something that is not an array of numbers")

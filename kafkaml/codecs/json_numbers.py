"""Finds JSON numbers that change their value in a NumPy type, and their place. Pure; called by ``JsonCodec``.

NumPy rounds silently: 16777217 becomes 16777216 in float32, and an identifier of 17 digits becomes another one in
float64.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from kafkaml.codecs.base import Array, Values
from kafkaml.codecs.field_names import FieldNames

__all__ = ["MAX_EXACT", "OddValue", "first_inexact", "first_odd_value"]

# The largest number up to which float64 holds every whole number.
MAX_EXACT = 1 << 53
_MANTISSA_BITS = {2: 11, 4: 24, 8: 53}
# Whole numbers of 19 digits or more. Those that need more than 64 bits are floats to orjson.
_LONG_DIGITS = re.compile(rb"(?<![\d.eE+])-?\d{19,}(?![\d.eE])")
_MAX_DEPTH = 64


class OddValue(NamedTuple):
    """A value that the type cannot hold, and its place for messages: `` in weight``, or nothing."""

    value: Any
    where: str


def first_inexact(
    rows: Array, samples: Sequence[Any], values: Values, dtype: np.dtype[Any], *, whole_floats: bool = False
) -> int | None:
    """Return the index of the first sample with a number that ``dtype`` does not hold; None where it holds all.

    ``rows`` are the ``samples`` as NumPy read them, ``values`` the bytes that they come from. Fractions may lose digits
    but not overflow; integers must stay exact. Whole numbers written as ``1.0`` count as fractions unless
    ``whole_floats``.
    """
    if rows.dtype.kind == "b" or not rows.size:
        return None
    if dtype.kind == "f":
        return _first_inexact_float(rows, samples, values, dtype, whole_floats)
    with np.errstate(over="ignore", invalid="ignore"):
        wrong = np.asarray(rows.astype(dtype) != rows)
    index = _first_row(wrong)
    if index is None and rows.dtype.kind == "f" and _largest(rows) >= MAX_EXACT:
        # NumPy read a mixed list of integers and fractions as floats, so integers may already be rounded in ``rows``.
        return _first_long(samples, values, np.dtype(np.float64))
    return index


def first_odd_value(
    sample: object, fields: FieldNames | None, *, inexact_in: np.dtype[Any] | None = None
) -> OddValue | None:
    """Return the first value in ``sample`` that is not a finite number, or that ``inexact_in`` does not hold exactly.

    ``sample`` is an object, or an array; with ``fields`` the row of an object with these keys.
    """
    for place, value in _values(sample):
        if inexact_in is not None:
            odd = isinstance(value, (int, float)) and not _is_held(value, inexact_in)
        elif isinstance(value, (bool, int)):
            odd = False
        else:
            odd = not isinstance(value, float) or not math.isfinite(value)
        if odd:
            return OddValue(value, _where(place, fields))
    return None


def _first_inexact_float(
    rows: Array, samples: Sequence[Any], values: Values, dtype: np.dtype[Any], whole_floats: bool
) -> int | None:
    largest = _largest(rows)
    if largest < 1 << _MANTISSA_BITS[dtype.itemsize]:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        cast = rows.astype(dtype)
        wrong = ~np.isfinite(cast)
        if rows.dtype.kind in "iu" and largest < MAX_EXACT:
            wrong |= cast.astype(np.float64) != rows
        elif rows.dtype.kind == "f" and whole_floats:
            wrong |= (cast.astype(np.float64) != rows) & (rows == np.floor(rows)) & (np.abs(rows) <= MAX_EXACT)
    index = _first_row(wrong)
    if rows.dtype.kind == "f" or largest >= MAX_EXACT:
        of_long = _first_long(samples, values, dtype)
        index = of_long if index is None else index if of_long is None else min(index, of_long)
    return index


def _first_long(samples: Sequence[Any], values: Values, dtype: np.dtype[Any]) -> int | None:
    """Return the first sample with an integer that ``dtype`` rounds, checking each value."""
    for index, (sample, value) in enumerate(zip(samples, values, strict=True)):
        for _, number in _values(sample):
            if type(number) is int and not _is_held(number, dtype):
                return index
            if type(number) is float and abs(number) >= 2.0**63 and _LONG_DIGITS.search(value or b""):
                return index
    return None


def _is_held(value: float, dtype: np.dtype[Any]) -> bool:
    """Whether ``dtype`` holds ``value``; a fraction may lose digits there, but not become infinite."""
    if dtype.kind != "f":
        limits = np.iinfo(dtype) if dtype.kind in "iu" else None
        lowest, highest = (limits.min, limits.max) if limits else (0, 1)
        return float(value).is_integer() and lowest <= int(value) <= highest
    if isinstance(value, int) and abs(value) >= 1 << 64:
        return False
    with np.errstate(over="ignore"):
        held = float(dtype.type(value))
    return math.isfinite(held) and (isinstance(value, float) or int(held) == value)


def _largest(rows: Array) -> float:
    # Do not use abs, because the smallest integer has no positive counterpart.
    return max(float(rows.max()), -float(rows.min()))


def _first_row(wrong: Array) -> int | None:
    if not wrong.any():
        return None
    return int(np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))[0])


def _values(sample: object, place: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Iterate over the leaves with their places; an object inside an array counts as a leaf, because it is not a
    number.
    """
    if len(place) > _MAX_DEPTH or not isinstance(sample, (list, dict)) or not sample:
        yield place, sample
        return
    for key, value in sample.items() if isinstance(sample, dict) else enumerate(sample):
        if isinstance(value, list) or (isinstance(value, dict) and isinstance(key, str)):
            yield from _values(value, (*place, key))
        else:
            yield (*place, key), value


def _where(place: tuple[str | int, ...], fields: FieldNames | None) -> str:
    if not place:
        return ""
    parts = [key if isinstance(key, int) else key[:60] for key in place]
    if fields and isinstance(place[0], int) and place[0] < len(fields):
        parts[0] = fields.text(place[0])
    if len(place) == 1 and isinstance(parts[0], int):
        return f" in column {parts[0]} (counted from 0)"
    names = [part for part in parts if isinstance(part, str)]
    numbers = [part for part in parts if isinstance(part, int)]
    at = f"[{', '.join(map(str, numbers))}]" if numbers else ""
    return f" in {'.'.join(names)}{at}" if names else f" at {at}"

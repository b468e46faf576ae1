"""Detects numbers that look as if their bytes were read in the wrong order. Java writes the highest byte first. Pure.

Called once per stream, for its first records.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kafkaml.codecs.base import Array

__all__ = ["byte_order_doubt"]

# The most numbers that are examined, and the fewest that are enough to judge by.
_MAX_NUMBERS = 20_000
_MIN_NUMBERS = 8
_MOST = 0.6
_NEARLY_ALL = 0.95
# Magnitudes of measured values nearly always lie in this range. Numbers read in the wrong byte order nearly always lie
# outside it.
_TINY, _HUGE = 1e-12, 1e12


def byte_order_doubt(rows: Array, dtype: np.dtype[Any], name: str) -> tuple[str, str] | None:
    """Return what is odd about ``rows``, the ``name`` read as ``dtype``, and what to do; None if nothing is."""
    if dtype.itemsize == 1 or dtype.kind not in "iuf":
        return None
    numbers = rows.reshape(-1)[:_MAX_NUMBERS]
    numbers = numbers[numbers != 0]
    if len(numbers) < _MIN_NUMBERS:
        return None
    swapped = numbers.byteswap()
    odd, sane = _float_shares(numbers, swapped) if dtype.kind == "f" else _integer_shares(numbers, swapped)
    if odd < _MOST or sane < _NEARLY_ALL:
        return None
    other = "<" if dtype.str.startswith(">") else ">"
    order = "little-endian" if other == "<" else "big-endian"
    code = f"{other}{dtype.str[1:]}"
    side = "data_type" if name == "features" else "label_type"
    with np.errstate(invalid="ignore"):
        # Choose the most telling example: the number farthest from usual magnitudes.
        example = int(np.argmax(np.nan_to_num(np.abs(np.log2(np.abs(numbers.astype(np.float64)))), posinf=9e9)))
    message = (
        f"the stream's {name} look as if they were {order}: read as {dtype.name} they are like "
        f"{numbers[example]:.4g}, in the other order of bytes like {swapped[example]:.4g}"
    )
    in_java = ", or write by ByteBuffer.order(ByteOrder.LITTLE_ENDIAN) in Java" if other == ">" else ""
    return message, f"announce {side} {code!r}{in_java}"


def _float_shares(numbers: Array, swapped: Array) -> tuple[float, float]:
    """Return the share of numbers with implausible magnitudes, and of those that would be plausible in the
    other order.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        shares = []
        for candidate in (numbers, swapped):
            size = np.abs(candidate.astype(np.float64))
            # Counting the plausible numbers, not the odd ones, makes NaN count as odd.
            shares.append(float(np.mean((size >= _TINY) & (size <= _HUGE))))
    return 1 - shares[0], shares[1]


def _integer_shares(numbers: Array, swapped: Array) -> tuple[float, float]:
    """The high bytes of small integers are zero. In the wrong order the low ones are."""
    limit = 1 << (4 * numbers.dtype.itemsize)
    large, small = np.abs(numbers.astype(np.float64)) >= limit, np.abs(swapped.astype(np.float64)) < limit
    return float(np.mean(large)), float(np.mean(small))

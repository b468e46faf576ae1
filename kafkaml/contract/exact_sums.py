"""Sums and quantiles of many numbers that do not depend on their order or on how they are cut into pieces. Pure.

What is learnt from a training part must be the same to the last bit, in whatever order its records arrived. Otherwise
the same data set would train differently on another day.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["ExactSum", "order_statistics"]

Array = npt.NDArray[Any]

_LEAST_EXPONENT = -1074
# Each number is added in two halves of its mantissa. A billion halves of 26 bits still fit into 64 bits.
_HALF_BITS = 26
_DIGIT_BITS = 16


class ExactSum:
    """Adds up float64 numbers without rounding, as integers grouped by exponent."""

    def __init__(self) -> None:
        # Sums by exponent. Of about two thousand exponents only a few occur.
        self._high: defaultdict[int, int] = defaultdict(int)
        self._low: defaultdict[int, int] = defaultdict(int)
        self.count = 0

    def add(self, values: Array) -> None:
        """Add ``values``, float64 and finite."""
        mantissas, exponents = np.frexp(values)
        whole = (mantissas * 2.0**53).astype(np.int64)
        places = exponents.astype(np.int64) - 53 - _LEAST_EXPONENT + 53
        self.count += len(values)
        for place in np.unique(places).tolist():
            of_place = whole[places == place]
            high = of_place >> _HALF_BITS
            self._high[place] += int(high.sum())
            self._low[place] += int((of_place - (high << _HALF_BITS)).sum())

    def total(self) -> Fraction:
        """Return the exact sum."""
        total = 0
        for place, high in self._high.items():
            total += ((high << _HALF_BITS) + self._low[place]) << place
        return Fraction(total) * Fraction(2) ** (_LEAST_EXPONENT - 53)


def order_statistics(chunks: Callable[[], Iterable[Array]], ranks: Iterable[int]) -> dict[int, float]:
    """Return the numbers at ``ranks`` (from 0 on) of all finite float64 in ``chunks``, sorted.

    Reads the chunks four times, and keeps a histogram for each rank.
    """
    prefixes = {rank: (0, rank) for rank in ranks}
    for digit in range(64 // _DIGIT_BITS):
        shift = 64 - _DIGIT_BITS * (digit + 1)
        wanted = sorted({prefix for prefix, _ in prefixes.values()})
        counts = {prefix: np.zeros(1 << _DIGIT_BITS, np.int64) for prefix in wanted}
        for chunk in chunks():
            keys = _sortable(chunk)
            for prefix, count in counts.items():
                inside = keys if digit == 0 else keys[(keys >> np.uint64(shift + _DIGIT_BITS)) == np.uint64(prefix)]
                digits = (inside >> np.uint64(shift)) & np.uint64((1 << _DIGIT_BITS) - 1)
                count += np.bincount(digits.astype(np.int64), minlength=1 << _DIGIT_BITS)
        for rank, (prefix, left) in prefixes.items():
            reached = np.cumsum(counts[prefix])
            found = int(np.searchsorted(reached, left, side="right"))
            before = int(reached[found - 1]) if found else 0
            prefixes[rank] = ((prefix << _DIGIT_BITS) | found, left - before)
    return {rank: _number(prefix) for rank, (prefix, _) in prefixes.items()}


def _sortable(values: Array) -> npt.NDArray[np.uint64]:
    """Return the bits of numbers as whole numbers of the same order."""
    # Adding 0.0 turns -0.0 into 0.0, so that both zeros get the same bits.
    bits = (np.ascontiguousarray(values, np.float64) + 0.0).view(np.uint64)
    negative = (bits >> np.uint64(63)).astype(np.bool_)
    result: npt.NDArray[np.uint64] = np.where(negative, ~bits, bits | np.uint64(1 << 63))
    return result


def _number(key: int) -> float:
    bits = key & ((1 << 63) - 1) if key >> 63 else ~key & ((1 << 64) - 1)
    return float(np.array([bits], np.uint64).view(np.float64)[0])

"""Statistics of a field's values, for reports. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from kafkaml.wire.proposal import Bin, Numbers, ValueCount

__all__ = ["Floats", "numbers_summary", "value_counts"]

Floats = npt.NDArray[np.float64]

_BINS = 20
_TOP = 10


def value_counts(counts: Mapping[str, int], most: int = _TOP) -> tuple[ValueCount, ...]:
    """Return the most frequent values. Values of equal frequency are sorted."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(ValueCount(value=value, count=count) for value, count in ranked[:most])


def numbers_summary(numbers: Floats, *, whole: bool) -> Numbers | None:
    """Return how finite ``numbers`` are distributed; None where there is none."""
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return None
    low, high = float(finite.min()), float(finite.max())
    # Sums of nearly too large numbers would be infinite.
    size = max(abs(low), abs(high), 1e-300)
    scaled = finite / size
    quartiles = np.percentile(scaled, (25, 50, 75)) * size
    return Numbers(
        min=low,
        max=high,
        mean=float(scaled.mean() * size),
        deviation=float(scaled.std() * size),
        quartiles=(float(quartiles[0]), float(quartiles[1]), float(quartiles[2])),
        whole=whole,
        histogram=_histogram(scaled, size),
    )


def _histogram(scaled: Floats, size: float) -> tuple[Bin, ...]:
    low, high = float(scaled.min()), float(scaled.max())
    if low == high:
        return (Bin(low=low * size, high=high * size, count=len(scaled)),)
    counts, edges = np.histogram(scaled, bins=_BINS, range=(low, high))
    return tuple(
        Bin(low=float(edges[place] * size), high=float(edges[place + 1] * size), count=int(count))
        for place, count in enumerate(counts)
    )

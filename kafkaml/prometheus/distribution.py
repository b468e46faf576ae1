"""Distribution: a histogram that takes many observations per call, for loops that must not be slowed down."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

__all__ = ["Distribution"]


class Distribution:
    """Counts observations by upper bounds. Not thread-safe, because its owner has a lock anyway."""

    def __init__(self, bounds: Sequence[float]) -> None:
        """``bounds`` are ascending. Values above the last bound are counted too."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def observe(self, values: Iterable[float], *, stands_for: int = 1) -> None:
        """Count each of ``values`` as ``stands_for`` observations of the same value."""
        counts, bounds = self._counts, self._bounds
        for value in values:
            counts[bisect_left(bounds, value)] += stands_for
            self._sum += value * stands_for

    def cumulative(self) -> tuple[list[tuple[str, float]], float]:
        """Return (upper bound, how many are not above it) for each bound and +Inf, and the sum of all observations."""
        totals = accumulate(self._counts)
        return [
            (bound, float(total)) for bound, total in zip((*map(_text, self._bounds), "+Inf"), totals, strict=True)
        ], self._sum


def _text(bound: float) -> str:
    return repr(float(bound))

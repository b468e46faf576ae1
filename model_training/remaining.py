"""RemainingTime: estimates how long a training with a known number of epochs will still take. Used by
``modes/classic.py``.
"""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

__all__ = ["RemainingTime"]

# How many recent epochs count. Older ones say nothing about the machine's present pace, and the median ignores an epoch
# with a checkpoint.
_RECENT_EPOCHS = 7
# A shorter stretch of the first epoch says little of its pace.
_LEAST_SECONDS = 1.0


class RemainingTime:
    """Estimates from the end of each epoch; the first epoch begins on construction. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._recent: deque[float] = deque(maxlen=_RECENT_EPOCHS)
        # The time at which the first steps of the first epoch were done, and their share of it. These steps compile the
        # model, so they take longer than the others.
        self._first_steps: tuple[float, float] | None = None

    def epoch_done(self) -> None:
        """Note the end of an epoch, including its validation."""
        now = self._clock()
        self._recent.append(now - self._began)
        self._began = now

    def seconds(self, *, epoch: int, epochs: int, fraction: float) -> float | None:
        """Return the seconds left of ``epochs`` when ``fraction`` of ``epoch`` (1-based) is done; None
        while unknown.
        """
        so_far = self._clock() - self._began
        if self._recent:
            # An epoch that already takes longer than earlier ones sets the estimate.
            pace = max(statistics.median(self._recent), so_far)
        elif (first := self._after_first_steps(fraction)) is not None:
            pace = first
        else:
            return None
        return max(0.0, pace * (epochs - epoch + 1 - fraction))

    def _after_first_steps(self, fraction: float) -> float | None:
        """Return the seconds that the first epoch takes at the pace since its first steps; None while unknown."""
        now = self._clock()
        if self._first_steps is None:
            if fraction > 0:
                self._first_steps = now, fraction
            return None
        since, share = self._first_steps
        if fraction <= share or now - since < _LEAST_SECONDS:
            return None
        return (now - since) / (fraction - share)

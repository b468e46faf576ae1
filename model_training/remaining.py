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
# A shorter stretch mostly measures the first steps, which compile the model.
_LEAST_SECONDS = 1.0


class RemainingTime:
    """Gets the end of each epoch; the first begins on construction. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._recent: deque[float] = deque(maxlen=_RECENT_EPOCHS)

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
        elif fraction > 0 and so_far >= _LEAST_SECONDS:
            pace = so_far / fraction
        else:
            return None
        return max(0.0, pace * (epochs - epoch + 1 - fraction))

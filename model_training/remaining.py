"""RemainingTime: how long a training of a known number of epochs will still take. Used by ``modes/classic.py``."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable

__all__ = ["RemainingTime"]

# The pace of a machine changes: older epochs say nothing of it. The median passes over a checkpoint now and then.
_RECENT_EPOCHS = 7
# What a shorter stretch says is mostly of the first steps, which compile the model.
_LEAST_SECONDS = 1.0


class RemainingTime:
    """Told of the end of each epoch; the first begins now. ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began = clock()
        self._recent: deque[float] = deque(maxlen=_RECENT_EPOCHS)

    def epoch_done(self) -> None:
        """Take the end of an epoch, its validation included."""
        now = self._clock()
        self._recent.append(now - self._began)
        self._began = now

    def seconds(self, *, epoch: int, epochs: int, fraction: float) -> float | None:
        """Return what is left of ``epochs`` when ``fraction`` of ``epoch`` (1-based) is done; None: not known yet."""
        so_far = self._clock() - self._began
        if self._recent:
            # An epoch that takes longer than those before is the one to go by.
            pace = max(statistics.median(self._recent), so_far)
        elif fraction > 0 and so_far >= _LEAST_SECONDS:
            pace = so_far / fraction
        else:
            return None
        return max(0.0, pace * (epochs - epoch + 1 - fraction))

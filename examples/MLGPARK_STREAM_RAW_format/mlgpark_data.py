"""Free places in car parks of a city. GENERATED, because Malaga's open data have no history to learn from."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from examples.samples import Samples, shuffled

# The number of places of each car park. The first half is full at night (where people live), the second half by day
# (where they work and shop).
CAPACITIES = (120, 180, 240, 310, 150, 420, 900, 640, 510, 380, 760, 275)
_EVERY_MINUTES = 15
_BEGAN = datetime(2021, 3, 1)
_DAYS = 28
_COUNT = 12_000


def load(*, offline: bool = True, count: int | None = None) -> Samples:  # noqa: ARG001  as all are called
    """Return moments (6,), int64: car park (from 1), day, month, year, hour, minute; labels (1,), int64: free places.

    There is nothing to download, so ``offline`` changes nothing. A tenth is held out.
    """
    moments, free = generated()
    what = f"GENERATED: free places of {len(CAPACITIES)} car parks, every {_EVERY_MINUTES} minutes of {_DAYS} days"
    return shuffled(moments, free, held_out=0.1, what=what, real=False, classes=False, count=count or _COUNT)


def generated() -> tuple[np.ndarray, np.ndarray]:
    """Return all moments with their free places. The weekday matters, but is not among the features."""
    random = np.random.default_rng(0)
    moments, free = [], []
    for step in range(_DAYS * 24 * 60 // _EVERY_MINUTES):
        at = _BEGAN + timedelta(minutes=step * _EVERY_MINUTES)
        hour = at.hour + at.minute / 60
        # Activity is 0 at five in the morning and 1 in the afternoon.
        day = 0.5 - 0.5 * np.cos((hour - 5) / 24 * 2 * np.pi)
        weekend = at.weekday() >= 5
        for park, capacity in enumerate(CAPACITIES):
            lived_in = park < len(CAPACITIES) // 2
            taken = 0.95 - 0.55 * day if lived_in else 0.1 + 0.8 * day * (0.5 if weekend else 1)
            taken = np.clip(taken + random.normal(0, 0.04), 0, 1)
            moments.append((park + 1, at.day, at.month, at.year, at.hour, at.minute))
            free.append((round(capacity * (1 - taken)),))
    return np.array(moments, np.int64), np.array(free, np.int64)

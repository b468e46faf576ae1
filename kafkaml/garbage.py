"""How processes that hold many thousand records or rows at a time have Python's garbage collected."""

from __future__ import annotations

import gc

__all__ = ["collect_garbage_seldom"]

# By default a collection comes with every 700 objects that are new, and goes through all that are young.
_THRESHOLDS = (50_000, 50, 100)


def collect_garbage_seldom() -> None:
    """Leave what is there, the imported modules, to itself, and collect what follows after 50,000 new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)

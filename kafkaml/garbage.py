"""Tunes Python's garbage collection for processes that hold many thousands of records or rows at a time."""

from __future__ import annotations

import gc

from kafkaml.system import trim_heap

__all__ = ["collect_garbage_seldom", "release_memory"]

# By default every 700 new objects trigger a collection, which scans all young objects.
_THRESHOLDS = (50_000, 50, 100)


def collect_garbage_seldom() -> None:
    """Exempt existing objects, the imported modules, from collection, and collect after 50,000 new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def release_memory() -> None:
    """Collect all garbage, and return freed memory to the system. A millisecond after ``collect_garbage_seldom``."""
    gc.collect()
    trim_heap()

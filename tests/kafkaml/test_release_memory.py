from __future__ import annotations

import psutil

from kafkaml.garbage import release_memory


def unique_megabytes() -> float:
    return psutil.Process().memory_full_info().uss / 1e6


def test_what_was_freed_goes_back_to_the_system_although_something_behind_it_lives() -> None:
    # Blocks below 128 KiB come from the heap, whose end the last one holds.
    blocks = [bytearray(b"x" * 100_000) for _ in range(600)]
    pinned = blocks[-1]
    full = unique_megabytes()
    del blocks
    release_memory()
    assert full - unique_megabytes() > 40
    assert len(pinned) == 100_000

"""WarmUp: how large the batches of a model may be, judged by the cost of the first ones. Used by
``predictor.Predictor``.

A model is run once with each batch size before the first record. The sizes grow only while the next one is predicted to
need little memory and time. A batch of 1,024 is nothing for a small network and too much for a large one.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kafkaml.wire.limits import ResourceLimits

__all__ = ["BUCKETS", "Growth", "Measured", "WarmBudget", "WarmUp", "bucket_for"]

# A model sees only these batch sizes and the largest one it is run with.
BUCKETS = (1, 8, 32, 256, 1024)
# How much a batch may grow the model process, even where its limit allows more. Beyond a few hundred megabytes larger
# batches are not faster, and a machine serves more than one model.
_MOST_GROWTH_BYTES = 512 << 20
# Memory that the runner and the shared arrays may use for batches.
_MOST_SHARED_BYTES = 256 << 20
# Batches should take no longer than this, because a long one holds up stopping, rebalancing and the records behind it.
_LONG_BATCH_SECONDS = 0.5
_LONGEST_TRY_SECONDS = 1.5
# Time limit of the whole warm-up, because the first answer of a slow model should come within a minute.
_WARM_SECONDS = 40.0
# Factor by which memory allocators exceed the prediction.
_ALLOCATOR_FACTOR = 1.5
_SAMPLING_SECONDS = 0.002
_PAGE_BYTES = 4096


def bucket_for(count: int, max_batch: int) -> int:
    """Return the padded size of a batch of ``count``; sizes above the largest bucket are ``max_batch`` itself."""
    return next((size for size in BUCKETS if count <= size <= max_batch), max_batch)


@dataclass(frozen=True)
class WarmBudget:
    """What batches may cost: growth of the model process, memory of the runner and shared arrays, seconds in all."""

    growth_bytes: int = _MOST_GROWTH_BYTES
    shared_bytes: int = _MOST_SHARED_BYTES
    seconds: float = _WARM_SECONDS

    @classmethod
    def of(cls, limits: ResourceLimits) -> WarmBudget:
        """Return the budget for a model process of these limits: well below where the kernel would end it."""
        if not limits.memory_bytes:
            return cls()
        return cls(growth_bytes=min(_MOST_GROWTH_BYTES, limits.memory_bytes // 4))


@dataclass(frozen=True)
class Measured:
    """One batch size that was run: its seconds, those of its first run, and how far the process had grown by then."""

    size: int
    seconds: float
    first_seconds: float
    growth_bytes: int


class WarmUp:
    """Chooses the sizes, ascending: call ``next_size``, run it, ``note`` its cost, until there is none.

    ``largest`` is the largest that was run, and stays valid when the process died at the next one.
    """

    def __init__(
        self, max_batch: int, budget: WarmBudget | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ceiling = max_batch
        self._budget = budget or WarmBudget()
        self._clock = clock
        # The time of the first ``next_size``, after starting the process and loading the model.
        self._began: float | None = None
        self._measured: list[Measured] = []

    @property
    def largest(self) -> int:
        """The largest size that was run; 0 before the first."""
        return self._measured[-1].size if self._measured else 0

    def note(self, measured: Measured) -> None:
        """Note the cost of the batch size that was run."""
        self._measured.append(measured)

    def bound(self, bytes_per_sample: int) -> None:
        """Note the memory per sample in the runner and the shared arrays."""
        self._ceiling = max(1, min(self._ceiling, self._budget.shared_bytes // max(1, bytes_per_sample)))

    def next_size(self) -> int | None:
        """Return the size to run next, None when larger ones are too large, too slow, or not wanted."""
        size = self.largest
        if not size:
            self._began = self._clock()
            return 1
        if size >= self._ceiling or self._measured[-1].seconds > _LONG_BATCH_SECONDS:
            return None
        wanted = min(next((bucket for bucket in BUCKETS if bucket > size), self._ceiling), self._ceiling)
        return next((larger for larger in _towards(size, wanted) if self._fits(larger)), None)

    def _fits(self, size: int) -> bool:
        last = self._measured[-1]
        seconds = last.seconds * size / last.size
        if seconds > _LONGEST_TRY_SECONDS:
            return False
        assert self._began is not None
        if self._clock() - self._began + max(last.first_seconds, seconds) > self._budget.seconds:
            return False
        return self._growth_of(size) <= self._budget.growth_bytes

    def _growth_of(self, size: int) -> float:
        """Predict how far the process grows. After only one size, all growth is attributed to its sample.

        Most of that growth may be a one-time cost of the framework. A batch of two shows this, and is safe where one
        was.
        """
        last = self._measured[-1]
        most = last.growth_bytes * size / last.size
        if len(self._measured) < 2:
            return most if size > 2 else last.growth_bytes
        before = self._measured[-2]
        bytes_per_sample = max(0, last.growth_bytes - before.growth_bytes) / (last.size - before.size)
        return min(most, last.growth_bytes + _ALLOCATOR_FACTOR * bytes_per_sample * (size - last.size))


def _towards(size: int, wanted: int) -> Iterator[int]:
    """Yield ``wanted``, then the powers of two between it and ``size``, descending."""
    yield wanted
    power = 1 << math.ceil(math.log2(wanted)) - 1
    while power > size:
        yield power
        power >>= 1


class Growth:
    """How far a process has grown since this was made; looks at its own resident memory while a block runs.

    Pages of files do not count, because a framework touches hundreds of megabytes of its libraries at first. Where
    procfs does not show the process, the kernel's counter of the peak is used instead. It counts these pages, and does
    not show a batch that needs less memory than loading the model did.
    """

    def __init__(self, pid: int) -> None:
        self._statm = Path(f"/proc/{pid}/statm")
        # Resident bytes at the beginning; 0 where procfs does not show the process.
        self._base = self._highest = self._resident()
        self._counted: list[int] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Sample the memory repeatedly until the block ends."""
        ended = threading.Event()

        def look() -> None:
            while not ended.is_set():
                self._highest = max(self._highest, self._resident())
                ended.wait(_SAMPLING_SECONDS)

        watcher = threading.Thread(target=look, name="memory", daemon=True)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join(1)

    def upon(self, peak_bytes: int) -> int:
        """Return the growth so far in bytes. ``peak_bytes`` is the peak that the process itself reports, over its whole
        life.
        """
        self._counted.append(peak_bytes)
        if not self._base:
            return max(0, peak_bytes - self._counted[0])
        return self._highest - self._base

    def _resident(self) -> int:
        try:
            _, resident, of_files, *_ = map(int, self._statm.read_bytes().split())
            return (resident - of_files) * _PAGE_BYTES
        except (OSError, ValueError):
            return 0

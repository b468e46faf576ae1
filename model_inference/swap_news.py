"""SwapNews: a replica's report of its swaps, and the revision that the backend wants. Thread-safe.

Passes both between the reporter, which talks to the backend, and the ``Swapper``, which acts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from kafkaml.wire.replica import LiveComparison, Serving, Swap, SwapFailure

__all__ = ["SwapCounts", "SwapNews", "ToTell"]

# How many swaps are remembered for a backend that is unavailable.
_MOST_SWAPS = 100


class ToTell(NamedTuple):
    """What is to be reported at one moment."""

    serving: Serving | None
    swaps: list[Swap]
    failure: SwapFailure | None
    comparison: LiveComparison | None


class SwapCounts(NamedTuple):
    """How many swaps there were since the process began."""

    done: int
    failed: int


class SwapNews:
    """``on_change`` is called when there is something new to report, from the thread that caused it.

    ``comparison`` is called for each report.
    """

    def __init__(self) -> None:
        self.comparison: Callable[[], LiveComparison | None] = lambda: None
        self.on_change: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._heard = threading.Event()
        self._wanted = 0
        self._serving: Serving | None = None
        self._swaps: list[Swap] = []
        self._failure: SwapFailure | None = None
        self._counts = SwapCounts(0, 0)

    @property
    def wanted(self) -> int:
        """The newest revision that the backend wants."""
        return self._wanted

    @property
    def counts(self) -> SwapCounts:
        """How many swaps were done, and failed."""
        return self._counts

    def want(self, revision: int) -> None:
        """Note which revision the backend wants."""
        if revision > self._wanted:
            self._wanted = revision
            self._heard.set()

    def wake(self) -> None:
        """Have ``wait`` return."""
        self._heard.set()

    def wait(self, timeout_seconds: float | None) -> None:
        """Return when a newer revision is wanted, and after ``timeout_seconds`` at the latest."""
        self._heard.wait(timeout_seconds)
        self._heard.clear()

    def serves(self, serving: Serving, *, swap: Swap | None = None) -> None:
        """Note what answers from now on, which clears an earlier failure."""
        with self._lock:
            self._serving, self._failure = serving, None
            if swap is not None:
                self._swaps = [*self._swaps, swap][-_MOST_SWAPS:]
                self._counts = self._counts._replace(done=self._counts.done + 1)
        self.on_change()

    def failed(self, failure: SwapFailure) -> None:
        """Note why the wanted revision cannot answer."""
        with self._lock:
            self._failure = failure
            self._counts = self._counts._replace(failed=self._counts.failed + 1)
        self.on_change()

    def to_tell(self) -> ToTell:
        """Return everything to be reported."""
        with self._lock:
            return ToTell(self._serving, list(self._swaps), self._failure, self.comparison())

    def acknowledge(self, swaps: list[Swap]) -> None:
        """Note that the backend has received these swaps."""
        with self._lock:
            self._swaps = [swap for swap in self._swaps if swap not in swaps]

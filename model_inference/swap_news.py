"""SwapNews: what a replica has to tell of its swaps, and which revision it is asked for. Thread-safe.

Between the reporter, which tells and hears, and the ``Swapper``, which does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from kafkaml.wire.replica import LiveComparison, Serving, Swap, SwapFailure

__all__ = ["SwapCounts", "SwapNews", "ToTell"]

# A backend that is away for longer hears of the last ones only.
_MOST_SWAPS = 100


class ToTell(NamedTuple):
    """What is to be told at one moment."""

    serving: Serving | None
    swaps: list[Swap]
    failure: SwapFailure | None
    comparison: LiveComparison | None


class SwapCounts(NamedTuple):
    """How many swaps there were since the process began."""

    done: int
    failed: int


class SwapNews:
    """``on_change`` is called when there is something new to tell, from the thread that did it.

    ``comparison`` is asked whenever something is told.
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
        """The newest revision that the backend asked for."""
        return self._wanted

    @property
    def counts(self) -> SwapCounts:
        """How many swaps were done, and failed."""
        return self._counts

    def want(self, revision: int) -> None:
        """Note which revision the backend asks for."""
        if revision > self._wanted:
            self._wanted = revision
            self._heard.set()

    def wake(self) -> None:
        """Have ``wait`` return."""
        self._heard.set()

    def wait(self, timeout_seconds: float | None) -> None:
        """Return when a newer revision is asked for, and after ``timeout_seconds`` at the latest."""
        self._heard.wait(timeout_seconds)
        self._heard.clear()

    def serves(self, serving: Serving, *, swap: Swap | None = None) -> None:
        """Note what answers from now on; the failure to change it is over."""
        with self._lock:
            self._serving, self._failure = serving, None
            if swap is not None:
                self._swaps = [*self._swaps, swap][-_MOST_SWAPS:]
                self._counts = self._counts._replace(done=self._counts.done + 1)
        self.on_change()

    def failed(self, failure: SwapFailure) -> None:
        """Note why what was asked for does not answer."""
        with self._lock:
            self._failure = failure
            self._counts = self._counts._replace(failed=self._counts.failed + 1)
        self.on_change()

    def to_tell(self) -> ToTell:
        """Return all that is to be told."""
        with self._lock:
            return ToTell(self._serving, list(self._swaps), self._failure, self.comparison())

    def told(self, swaps: list[Swap]) -> None:
        """Note that these swaps were heard."""
        with self._lock:
            self._swaps = [each for each in self._swaps if each not in swaps]

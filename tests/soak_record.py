"""SoakRecord: how a test of a fault tells docs/figures.md what it did, and what came of it.

A test takes the fixture ``soak`` and first calls ``soak.begin("R3 killed")``, with a name in ``benchmarks.soak.ROWS``,
to which a new row is added. While it works it wraps each wait for the system to come back in ``with soak.recovery():``.
It passes ``soak`` to ``assert_answered_once``, or calls ``soak.count(lost=..., doubled=...)`` itself where it counts
something else; neither is needed where nothing is counted. Once the counts are known it calls ``soak.did("20 kills,
41,000 records")``. When the test ends, the row is written into ``benchmarks/soak.json`` and docs/figures.md, which are
committed; a failed test writes that the row did not hold. Without ``make soak`` nothing is written.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from benchmarks.report import write_soaked
from benchmarks.soak import ROWS, SoakResult

__all__ = ["SoakRecord"]


class SoakRecord:
    """What one test says about its row."""

    def __init__(self) -> None:
        self._name = ""
        self._began = 0.0
        self._done = "ended early"
        self._lost: int | None = None
        self._doubled: int | None = None
        self._recovery_seconds: float | None = None

    def begin(self, name: str) -> None:
        """Name the row, and start the clock."""
        assert name in ROWS, f"no row is called {name!r}"
        self._name, self._began = name, time.monotonic()

    def did(self, done: str) -> None:
        """Say with counts what was done to the system."""
        self._done = done

    def count(self, *, lost: int, doubled: int) -> None:
        """Add to the numbers of records that were lost, and that were answered again."""
        self._lost, self._doubled = (self._lost or 0) + lost, (self._doubled or 0) + doubled

    @contextmanager
    def recovery(self) -> Iterator[None]:
        """Measure the block as one recovery; the slowest is kept."""
        began = time.monotonic()
        yield
        self._recovery_seconds = max(self._recovery_seconds or 0.0, time.monotonic() - began)

    def write(self, *, held: bool) -> None:
        """Write the row, if the test began one."""
        if self._name:
            result = SoakResult(
                done=self._done,
                lost=self._lost,
                doubled=self._doubled,
                recovery_seconds=self._recovery_seconds,
                seconds=time.monotonic() - self._began,
                held=held,
                at=datetime.now(UTC).date().isoformat(),
            )
            write_soaked(self._name, result)

"""What the model process prints: read all the time so that it never blocks, kept in bounded memory, a flood noticed."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

__all__ = ["Allowance", "OutputDrain"]

_TAIL_BYTES = 64 << 10
# A training that prints a progress bar for days stays below the rate; an endless print passes the burst in a second.
_BURST_BYTES = 16 << 20
_BYTES_PER_SECOND = 256 << 10


class Allowance:
    """A budget that refills: ``spend`` says whether it lasts."""

    def __init__(self, burst: float, per_second: float) -> None:
        self._burst = self._left = burst
        self._per_second = per_second
        self._at = time.monotonic()

    def spend(self, amount: float) -> bool:
        """Take ``amount``; False when more was taken than is allowed."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._per_second) - amount
        self._at = now
        return self._left >= 0


class OutputDrain:
    """Reads a pipe in a thread of its own until its last writer is gone; owns ``descriptor``.

    Keeps the last 64 KiB; calls ``on_flood`` once if more is printed than any honest program would. ``on_output`` gets
    everything as it comes, in the drain's thread.
    """

    def __init__(
        self, descriptor: int, on_flood: Callable[[], None], on_output: Callable[[bytes], None] | None = None
    ) -> None:
        self._descriptor = descriptor
        self._on_flood = on_flood
        self._on_output = on_output
        self._tail = bytearray()
        self._cut = False
        self._lock = threading.Lock()
        self.flooded = False
        self._thread = threading.Thread(target=self._run, name="model-process-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what is kept, newest last; a line says so where older output is missing."""
        with self._lock:
            text = bytes(self._tail).decode(errors="replace")
            return f"[older output was dropped]\n{text}" if self._cut else text

    def join(self, timeout_seconds: float) -> None:
        """Wait until everything printed has been read; the writers must have ended."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        allowance = Allowance(_BURST_BYTES, _BYTES_PER_SECOND)
        with open(self._descriptor, "rb", buffering=0) as pipe:
            while data := pipe.read(_TAIL_BYTES):
                with self._lock:
                    self._tail += data
                    self._cut = self._cut or len(self._tail) > _TAIL_BYTES
                    del self._tail[:-_TAIL_BYTES]
                if self._on_output is not None and not self.flooded:
                    self._on_output(data)
                if not self.flooded and not allowance.spend(len(data)):
                    self.flooded = True
                    self._on_flood()


def output_pipe() -> tuple[int, int]:
    """Return (descriptor to read, descriptor to write) of a new pipe that no child inherits by accident."""
    return os.pipe2(os.O_CLOEXEC)

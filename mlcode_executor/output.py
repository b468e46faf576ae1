"""Reads what the model process prints: constantly, so that it never blocks, and in bounded memory. Notices a flood."""

from __future__ import annotations

import fcntl
import io
import os
import select
import sys
import termios
import threading
import time
from collections.abc import Callable

from kafkaml.logs import get_logger

__all__ = ["Allowance", "OutputDrain"]

logger = get_logger(__name__)

_TAIL_BYTES = 64 << 10
# A training that prints a progress bar for days stays below the rate; an endless print passes the burst in a second.
_BURST_BYTES = 16 << 20
_BYTES_PER_SECOND = 256 << 10
# How long to wait for the reading thread. What a process printed before its answer is already in the pipe, but a busy
# machine delays the thread.
_SETTLE_SECONDS = 5.0


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
        self._ended = False
        self._read_bytes = 0
        self._changed = threading.Condition()
        self.flooded = False
        self._thread = threading.Thread(target=self._run, name="model-process-output", daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what is kept, newest last; a line marks missing older output.

        Holds all that was printed before this call.
        """
        with self._changed:
            if not self._ended:
                # Count the waiting bytes once, so as not to wait for a process that keeps printing.
                printed = self._read_bytes + self._unread()
                self._changed.wait_for(lambda: self._ended or self._read_bytes >= printed, _SETTLE_SECONDS)
            text = bytes(self._tail).decode(errors="replace")
            return f"[older output was dropped]\n{text}" if self._cut else text

    def _unread(self) -> int:
        """Bytes that wait in the pipe."""
        answer = fcntl.ioctl(self._descriptor, termios.FIONREAD, b"\0" * 4)
        return int.from_bytes(answer, sys.byteorder)

    def join(self, timeout_seconds: float) -> None:
        """Wait until everything printed has been read; the writers must have ended."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        allowance = Allowance(_BURST_BYTES, _BYTES_PER_SECOND)
        wakeup = select.poll()
        wakeup.register(self._descriptor, select.POLLIN)
        with open(self._descriptor, "rb", buffering=0) as pipe:
            while data := self._take(pipe, wakeup):
                self._tell(data)
                if not self.flooded and not allowance.spend(len(data)):
                    self.flooded = True
                    self._on_flood()

    def _tell(self, data: bytes) -> None:
        if self._on_output is None or self.flooded:
            return
        try:
            self._on_output(data)
        except Exception:
            # A slow or failing listener must not make the process block on a full pipe.
            logger.exception("output of the model process cannot be passed on any more")
            self._on_output = None

    def _take(self, pipe: io.FileIO, wakeup: select.poll) -> bytes:
        """Wait for output and keep it; b"" once the last writer is gone."""
        wakeup.poll()
        # Read inside the lock, so that output is always either in the pipe or in the tail.
        with self._changed:
            data = pipe.read(_TAIL_BYTES)
            self._ended = not data
            self._read_bytes += len(data)
            self._tail += data
            self._cut = self._cut or len(self._tail) > _TAIL_BYTES
            del self._tail[:-_TAIL_BYTES]
            self._changed.notify_all()
            return data


def output_pipe() -> tuple[int, int]:
    """Return (descriptor to read, descriptor to write) of a new pipe that no child inherits by accident."""
    return os.pipe2(os.O_CLOEXEC)

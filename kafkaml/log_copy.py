"""LogCopy: the newest lines of a process's own log, to be sent to the backend in pieces.

Filled by ``configure_logs(copy=...)``, emptied by the statistics of a worker elsewhere. Lines that cannot be sent for
long are dropped, oldest first.
"""

from __future__ import annotations

import threading

from kafkaml.text import storable
from kafkaml.wire.worker import LogPiece

__all__ = ["LogCopy"]

_KEPT_CHARACTERS = 256 << 10
_PIECE_CHARACTERS = 32 << 10


class LogCopy:
    """Thread-safe. Offsets count characters since the process began."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._text = ""
        self._first = 0

    def write(self, line: str) -> None:
        """Append a line, without its line end."""
        with self._lock:
            self._text += f"{storable(line)}\n"
            self._drop(len(self._text) - _KEPT_CHARACTERS)

    def piece(self) -> LogPiece | None:
        """Return the oldest piece that was not sent yet; None when everything was."""
        with self._lock:
            return LogPiece(offset=self._first, text=self._text[:_PIECE_CHARACTERS]) if self._text else None

    def acknowledge(self, piece: LogPiece) -> None:
        """Drop the lines that the backend has received."""
        with self._lock:
            self._drop(piece.offset + len(piece.text) - self._first)

    def _drop(self, count: int) -> None:
        if count > 0:
            self._text, self._first = self._text[count:], self._first + count

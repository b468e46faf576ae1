"""Logs of workers for users: from the disk while they exist, then the end that is kept in the row."""

from __future__ import annotations

from functools import cache
from typing import Any

from backend.launchers.factory import logs_from_settings
from backend.launchers.log_folders import LogReader
from backend.launchers.names import work_name
from backend.runs.models import Run

__all__ = ["read_log"]

_PIECE_BYTES = 256 << 10


@cache
def _logs() -> LogReader:
    return logs_from_settings()


def read_log(run: Run, *, replica: int = 0, offset: int = 0) -> dict[str, Any]:
    """Return a piece of the present attempt's log from byte ``offset`` (negative: from the end)."""
    content, following = b"", offset
    if run.attempt > 0:
        name = work_name(run.kind, run.pk, run.attempt)
        content, following = _logs().logs(name, replica=replica, offset=offset, max_bytes=_PIECE_BYTES)
    # Offsets in the kept end differ from those in the whole log, so it is only for a reader that starts, at offset 0 or
    # from the end.
    if not content and offset <= 0 and run.log_tail:
        tail = run.log_tail.encode()
        start = max(0, len(tail) + offset) if offset < 0 else min(offset, len(tail))
        content, following = tail[start:], len(tail)
        return _piece(content, following, stored=True)
    return _piece(content, following, stored=False)


def _piece(content: bytes, following: int, *, stored: bool) -> dict[str, Any]:
    whole = content if stored else _whole_characters(content)
    return {
        "text": whole.decode(errors="replace"),
        "offset": max(0, following - len(content)),
        "next_offset": max(0, following - len(content) + len(whole)),
        "stored": stored,
    }


def _whole_characters(content: bytes) -> bytes:
    """Leave out the beginning of a last UTF-8 character whose end comes with the next piece."""
    for back in range(1, min(4, len(content)) + 1):
        byte = content[-back]
        if byte & 0xC0 == 0x80:
            continue
        length = 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return content[:-back] if back < length else content
    return content

"""The log of one replica: segments named by the offset of their first byte, so that a flood cannot fill the disk.

``log-0.txt`` begins at byte 0, ``log-0.1048576.txt`` at byte 1,048,576. Offsets count every byte ever written, so a
reader who polls never sees a byte twice, and notices when bytes were dropped. One keeper (or, in a cluster, the
collector of pod logs) writes, anyone reads.

The logs of one run are in a folder with its name, inside a folder of the launcher.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "LogWriter",
    "log_tail",
    "names_with_log",
    "prune_logs",
    "read_log",
    "remove_log",
    "replicas_with_log",
    "truncate_log",
]

SEGMENT_BYTES = 1 << 20
# The newest segments are kept, because the last lines say why something died.
MAX_SEGMENTS = 4
# This much of the log's end is kept with the row of ended work.
_TAIL_BYTES = 16 << 10


def _segments(folder: Path, replica: int) -> list[tuple[int, Path]]:
    """Return (offset of the first byte, path) of the replica's segments, oldest first."""
    found = []
    prefix = f"log-{replica}."
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(folder):
            if entry.name.startswith(prefix) and entry.name.endswith(".txt"):
                base = entry.name[len(prefix) : -len("txt")].rstrip(".")
                if base == "" or base.isdigit():
                    found.append((int(base or 0), Path(entry.path)))
    return sorted(found)


def replicas_with_log(folder: Path) -> list[int]:
    """Return the numbers of the replicas that have a log in ``folder``."""
    numbers = set()
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(folder):
            if entry.name.startswith("log-") and entry.name.endswith(".txt"):
                number = entry.name.removeprefix("log-").partition(".")[0]
                if number.isdigit():
                    numbers.add(int(number))
    return sorted(numbers)


def read_log(folder: Path, replica: int, offset: int, max_bytes: int) -> tuple[bytes, int]:
    """Return at most ``max_bytes`` from ``offset`` (negative: from the end) and the offset to go on from.

    Bytes that were dropped are skipped; the answer then begins at the oldest byte kept.
    """
    segments = _segments(folder, replica)
    if not segments:
        return b"", max(0, offset)
    end = segments[-1][0] + _size(segments[-1][1])
    start = max(end + offset, 0) if offset < 0 else min(offset, end)
    start = max(start, segments[0][0])
    parts: list[bytes] = []
    position = start
    for base, path in segments:
        missing = max_bytes - (position - start)
        if missing <= 0:
            break
        # The keeper dropped the segment between the listing and the reading: go on with the next.
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if position < base:
                position = start = base
                parts.clear()
            file.seek(position - base)
            part = file.read(missing)
            parts.append(part)
            position += len(part)
    return b"".join(parts), position


def log_tail(folder: Path, replica: int) -> str:
    """Return the end of the replica's log as a text that every database takes."""
    content, _ = read_log(folder, replica, -_TAIL_BYTES, _TAIL_BYTES)
    # No database takes a NUL in a text, and any program may write one.
    return content.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def names_with_log(logs_dir: Path) -> list[str]:
    """Return the names of the folders in ``logs_dir`` that hold a log."""
    try:
        names = sorted(entry.name for entry in os.scandir(logs_dir))
    except FileNotFoundError:
        return []
    return [name for name in names if replicas_with_log(logs_dir / name)]


def prune_logs(logs_dir: Path, *, older_than_seconds: float, is_kept: Callable[[str], bool]) -> None:
    """Remove the folders last written longer ago than this, except those whose name ``is_kept``."""
    limit = time.time() - older_than_seconds
    for name in names_with_log(logs_dir):
        if not is_kept(name) and _last_change(logs_dir / name) < limit:
            shutil.rmtree(logs_dir / name, ignore_errors=True)


def _last_change(path: Path) -> float:
    return max((entry.stat().st_mtime for entry in os.scandir(path)), default=0.0)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def remove_log(folder: Path, replica: int) -> None:
    """Remove every segment of the replica's log."""
    for _, path in _segments(folder, replica):
        path.unlink(missing_ok=True)


def truncate_log(folder: Path, replica: int, size: int) -> None:
    """Drop what lies behind byte ``size`` of the replica's log. No writer may be open on it."""
    for base, path in _segments(folder, replica):
        if base > size:
            path.unlink(missing_ok=True)
        elif base + _size(path) > size:
            os.truncate(path, size - base)


class LogWriter:
    """Appends to a replica's log and drops its oldest segments. Never raises: a full disk must not stop a worker."""

    def __init__(self, folder: Path, replica: int) -> None:
        self._folder = folder
        self._replica = replica
        self._descriptor = -1
        self._base = 0
        self._written = 0
        self._lost_bytes = 0

    def write(self, content: bytes) -> None:
        """Append ``content``; what does not fit on the disk is counted and dropped."""
        try:
            if self._descriptor < 0:
                self._open_last()
            if self._written >= SEGMENT_BYTES:
                self._rotate()
            if self._lost_bytes:
                self._append(f"[{self._lost_bytes} bytes of this log were lost: the disk was full]\n".encode())
                self._lost_bytes = 0
            self._append(content)
        except OSError:
            self._lost_bytes += len(content)

    @property
    def offset(self) -> int:
        """The offset after the last byte written, once something was."""
        return self._base + self._written

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, content: bytes) -> None:
        while content:
            count = os.write(self._descriptor, content)
            self._written += count
            content = content[count:]

    def _open_last(self) -> None:
        segments = _segments(self._folder, self._replica)
        self._open(segments[-1][0] if segments else 0)

    def _open(self, base: int) -> None:
        name = f"log-{self._replica}.{base}.txt" if base else f"log-{self._replica}.txt"
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._folder / name, flags, 0o600)
        self._base = base
        self._written = os.fstat(self._descriptor).st_size

    def _rotate(self) -> None:
        base = self._base + self._written
        self.close()
        self._open(base)
        for _, path in _segments(self._folder, self._replica)[:-MAX_SEGMENTS]:
            path.unlink(missing_ok=True)

"""StopMarks: which runs a user stopped, as files next to their logs, because the cluster does not record it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from backend.launchers.names import parse_work_name
from kafkaml.errors import BrokenError
from kafkaml.system import write_atomically

__all__ = ["StopMarks"]

_MARK = "stopped"


class StopMarks:
    """Names of runs below ``logs_dir`` that are marked; the folder is read once, when it is first asked."""

    def __init__(self, logs_dir: Path) -> None:
        self._logs_dir = logs_dir
        self._read: set[str] | None = None

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def add(self, name: str) -> None:
        """Mark a run. Raises BrokenError where its folder cannot be written."""
        if name in self:
            return
        try:
            (self._logs_dir / name).mkdir(mode=0o700, parents=True, exist_ok=True)
            write_atomically(self._logs_dir / name / _MARK, b"")
        except OSError as error:
            raise BrokenError(f"cannot stop {name}, for its folder in {self._logs_dir}: {error}") from error
        self._names.add(name)

    def discard(self, name: str) -> None:
        """Take a mark away, if there is one."""
        if name in self:
            (self._logs_dir / name / _MARK).unlink(missing_ok=True)
            self._names.discard(name)

    @property
    def _names(self) -> set[str]:
        if self._read is None:
            try:
                names = [entry.name for entry in os.scandir(self._logs_dir) if parse_work_name(entry.name)]
            except FileNotFoundError:
                names = []
            self._read = {name for name in names if (self._logs_dir / name / _MARK).exists()}
        return self._read

"""ProcessId: identifies a process, unlike all others that ever had its number. Light enough for keepers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kafkaml.system import boot_id

__all__ = ["ProcessId"]


@dataclass(frozen=True)
class ProcessId:
    """A process that cannot be confused with a later one of the same number: ``started`` is its start time."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the identity of a running process, or None when there is none (a zombie has ended)."""
        started = _start_time(pid)
        return cls(pid, started) if started else None

    @property
    def is_alive(self) -> bool:
        return _start_time(self.pid) == self.started


def _start_time(pid: int) -> str:
    """Return a text that differs for every process that ever had this number; empty when it does not run."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return "" if Path("/proc/self").exists() else _start_time_elsewhere(pid)
    # Start times count from the machine's start, so they repeat after a restart.
    # The command's name stands in parentheses and may itself hold spaces and parentheses.
    after_name = stat.rpartition(")")[2].split()
    return "" if after_name[0] in ("Z", "X") else f"{boot_id()}:{after_name[19]}"


def _start_time_elsewhere(pid: int) -> str:
    # psutil is needed on systems other than Linux only. Its import would cost every keeper process 20 ms.
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else repr(process.create_time())
    except psutil.NoSuchProcess:
        return ""

"""Programs: a cluster's background processes, each with its log and its pid file, started and ended by name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import psutil

from kafkaml.errors import BrokenError
from platform_local.processes import end_processes, read_pid, record_pid, spawn

__all__ = ["Programs"]

_LOG_TAIL_BYTES = 1500
_POLL_SECONDS = 0.1


class Programs:
    """Processes whose logs and pid files lie in ``folder``.

    ``lasting`` ones live on when this process ends and are found again by their pid files; the others end with it,
    however it ends. ``enter`` is the prefix of each command that brings it into a node's namespaces.
    """

    def __init__(self, folder: Path, *, lasting: bool, enter: Sequence[str] = ()) -> None:
        self._logs = folder / "log"
        self._pids = folder / "pid"
        for needed in (self._logs, self._pids):
            needed.mkdir(parents=True, exist_ok=True)
        self._lasting = lasting
        self._enter = tuple(enter)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def within(self, enter: Sequence[str]) -> Programs:
        """Return an object for the same folder that starts programs in other namespaces."""
        other = Programs(self._logs.parent, lasting=self._lasting, enter=enter)
        other._children = self._children
        return other

    def start(self, name: str, command: Sequence[str], *, path: Iterable[Path] = ()) -> None:
        """Start ``command`` as ``name`` unless it runs; ``path`` comes first in its PATH."""
        if self.process(name) is not None:
            return
        env = {
            **os.environ,
            "PATH": os.pathsep.join([*map(str, path), os.environ.get("PATH", os.defpath), "/usr/sbin"]),
        }
        with (self._logs / name).open("ab") as log:
            child = spawn(
                [*self._enter, *command],
                env=env,
                cwd=self._logs.parent,
                output=log,
                end_with_parent=None if self._lasting else signal.SIGKILL,
            )
        self._children[name] = child
        record_pid(self._pids / name, child.pid)

    def process(self, name: str) -> psutil.Process | None:
        """The process called ``name``, None when it does not run."""
        child = self._children.get(name)
        # ``poll`` also reaps a child that has ended.
        if child is not None and child.poll() is not None:
            return None
        return read_pid(self._pids / name)

    def names(self) -> list[str]:
        """The names of all programs that were started, running or not."""
        return sorted(path.name for path in self._pids.iterdir())

    def await_(self, what: str, condition: Callable[[], bool], *, needs: Sequence[str], timeout_seconds: float) -> None:
        """Return when ``condition`` holds. Raises BrokenError, with the ends of the logs, when one of the programs that
        it ``needs`` has ended, or the time is over.
        """
        deadline = time.monotonic() + timeout_seconds
        while not condition():
            for name in needs:
                if self.process(name) is None:
                    raise BrokenError(f"{name} ended while {what} was awaited:\n{self.log_tail(name)}")
            if time.monotonic() > deadline:
                tails = "\n".join(f"--- {name}\n{self.log_tail(name)}" for name in needs)
                raise BrokenError(f"{what} was not there after {timeout_seconds:g} s:\n{tails}")
            time.sleep(_POLL_SECONDS)

    def end(self, *names: str, grace_seconds: float = 10) -> None:
        """End the named programs, or all when none is named."""
        wanted = names or self.names()
        processes = [process for name in wanted if (process := self.process(name)) is not None]
        end_processes(processes, grace_seconds=grace_seconds)
        for name in wanted:
            child = self._children.pop(name, None)
            if child is not None:
                child.wait()
            (self._pids / name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """Kill one program as a crash would."""
        process = self.process(name)
        if process is not None:
            end_processes([process], grace_seconds=0)
        self.end(name, grace_seconds=0)

    def log_tail(self, name: str) -> str:
        """Return the end of the log of ``name``."""
        path = self._logs / name
        if not path.exists():
            return ""
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - _LOG_TAIL_BYTES))
            return log.read().decode(errors="replace").strip()

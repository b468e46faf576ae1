"""Child processes of the platform: started in a group of their own, found again by pid file, ended with their children.

Used by the broker, the supervisor and ``kafka-ml down``. A pid alone is never trusted: the pid file also holds when the
process started, because the kernel hands pids out again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import IO

import orjson
import psutil

from kafkaml.process_id import ProcessId
from kafkaml.system import die_with_parent, write_atomically

__all__ = ["end_processes", "forget_pid", "read_pid", "record_pid", "spawn"]


def spawn(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    output: IO[bytes] | int,
    end_with_parent: signal.Signals | None = signal.SIGTERM,
    descriptors: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a session of its own, standard output and error to ``output``.

    ``end_with_parent`` is the signal that the kernel sends it when the calling *thread* ends, however that happens
    (Linux only), so call this from the main thread; None lets it live on. ``descriptors`` are inherited as they are.
    """
    return subprocess.Popen(
        list(command),
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=tuple(descriptors),
        preexec_fn=partial(die_with_parent, end_with_parent, os.getpid()) if end_with_parent is not None else None,
    )


def record_pid(path: Path, pid: int) -> None:
    """Write a pid file for ``pid``; does nothing when the process is gone already."""
    process = ProcessId.of(pid)
    if process is not None:
        write_atomically(path, orjson.dumps(process))


def read_pid(path: Path) -> psutil.Process | None:
    """Return the live process that a pid file names, None when it ended or the file is missing or unreadable."""
    try:
        process = ProcessId(**orjson.loads(path.read_bytes()))
        return psutil.Process(process.pid) if process.is_alive else None
    except (OSError, ValueError, TypeError, psutil.NoSuchProcess):
        return None


def forget_pid(path: Path) -> None:
    """Remove a pid file."""
    path.unlink(missing_ok=True)


def end_processes(roots: Iterable[psutil.Process], *, grace_seconds: float) -> None:
    """Ask ``roots`` to end, and kill after ``grace_seconds`` what is left of them, their sessions and descendants."""
    roots = list(roots)
    family = _family(roots)
    for process in roots:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + grace_seconds
    psutil.wait_procs(roots, timeout=grace_seconds)
    # Descendants share the rest of the time.
    for process in family:
        if process not in roots:
            _signal(process, signal.SIGTERM)
    _, left = psutil.wait_procs(family, timeout=max(0.2, deadline - time.monotonic()))
    for process in left:
        _signal(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=5)


def _family(roots: Sequence[psutil.Process]) -> list[psutil.Process]:
    """``roots``, everything below them, and everything in the sessions that they lead (orphans keep their session)."""
    sessions = {process.pid for process in roots}
    found = {process.pid: process for process in roots}
    for process in roots:
        try:
            found |= {child.pid: child for child in process.children(recursive=True)}
        except psutil.NoSuchProcess:
            continue
    for pid in psutil.pids():
        try:
            if pid not in found and os.getsid(pid) in sessions:
                found[pid] = psutil.Process(pid)
        except (OSError, psutil.NoSuchProcess):
            continue
    return list(found.values())


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return

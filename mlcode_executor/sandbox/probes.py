"""Tries in a forked process whether an isolation level is available, and whether it stops what it must stop."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

from kafkaml.wire.limits import ResourceLimits

__all__ = ["LIMITS", "PROBES", "attempt", "run"]

LIMITS = ResourceLimits(memory_bytes=256 << 20, cpu_seconds=10, file_bytes=1 << 20, wall_seconds=10)

_PTRACE_TRACEME = 0
_CLONE_NEWUSER = 0x10000000


def _fails(action: Callable[..., object], *arguments: object) -> bool:
    try:
        action(*arguments)
    except (OSError, MemoryError):
        return True
    return False


def _opens_nothing(path: str, mode: str = "r") -> bool:
    def attempt_to_open() -> None:
        with open(path, mode):
            pass

    return _fails(attempt_to_open)


def _reads_no_host_file() -> bool:
    return _opens_nothing("/etc/shadow") and all(
        _lists_nothing(path) for path in ("/root", "/home", "/var", "/etc/ssl")
    )


def _lists_nothing(path: str) -> bool:
    """Whether ``path`` shows only the path to the interpreter, which a view must contain."""
    way = {tree.split("/")[2] for tree in (sys.prefix, sys.base_prefix) if tree.startswith(f"{path}/")}
    with suppress(OSError):
        return set(os.listdir(path)) <= way  # noqa: PTH208
    return True


def _libc_fails(name: str, *arguments: int) -> bool:
    return bool(getattr(ctypes.CDLL(None), name)(*arguments) < 0)


def _other_processes() -> bool:
    # At level 2 procfs may list other processes, but no file of theirs opens.
    with suppress(OSError):
        others = [entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid()]  # noqa: PTH208
        return all(_opens_nothing(f"/proc/{other}/environ") for other in others)
    return True


# Each probe returns True where its attempt was stopped.
PROBES: Mapping[str, Callable[[], bool]] = {
    "read files of the machine": _reads_no_host_file,
    "write outside the scratch folder": lambda: _opens_nothing("/usr/kml-probe", "w"),
    "list or open other processes": _other_processes,
    "open a network socket": lambda: _fails(socket.socket, socket.AF_INET),
    "open a local socket": lambda: _fails(socket.socket, socket.AF_UNIX),
    "start a process": lambda: _fails(os.fork),
    "run a program": lambda: _fails(os.execv, "/bin/true", ["true"]),
    "signal its group": lambda: _fails(os.kill, 0, 0),
    "signal everybody": lambda: _fails(os.kill, -1, 0),
    "trace": lambda: _libc_fails("ptrace", _PTRACE_TRACEME, 0, 0, 0),
    "open a namespace": lambda: _libc_fails("unshare", _CLONE_NEWUSER),
    "change the root": lambda: _fails(os.chroot, "/"),
}


def attempt(action: Callable[[], None]) -> str | None:
    """Run ``action`` in a forked process; None if it succeeded, otherwise what went wrong."""

    def report() -> dict[str, object]:
        action()
        return {}

    answer = _forked(report)
    return None if answer == {} else str(answer.get("error", answer))


def run(enter: Callable[[], None]) -> dict[str, bool]:
    """Call ``enter`` in a forked process and try every probe after it; returns which attempts were stopped."""

    def try_all() -> dict[str, object]:
        enter()
        return {name: probe() for name, probe in PROBES.items()}

    answer = _forked(try_all)
    return {name: answer.get(name) is True for name in PROBES}


def _forked(action: Callable[[], dict[str, object]]) -> dict[str, object]:
    readable, writable = os.pipe2(os.O_CLOEXEC)
    child = os.fork()
    if child == 0:
        try:
            # An attempt that hangs must not hang the server.
            signal.alarm(20)
            try:
                answer = action()
            except BaseException as error:  # noqa: BLE001  whatever it is, it is the answer
                answer = {"error": f"{type(error).__name__}: {error}"}
            os.write(writable, json.dumps(answer).encode())
        finally:
            os._exit(0)
    os.close(writable)
    with open(readable, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    if not text:
        return {"error": "the attempt was killed"}
    answer = json.loads(text)
    return answer if isinstance(answer, dict) else {"error": "no answer"}

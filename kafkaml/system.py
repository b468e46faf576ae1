"""Calls to the operating system for managing processes and files. Light enough for long-lived keeper processes."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

__all__ = [
    "become_subreaper",
    "boot_id",
    "die_with_parent",
    "memory_kills",
    "signal_name",
    "socket_address",
    "trim_heap",
    "write_atomically",
]

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Load the library once, and not in a child between fork and exec.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def write_atomically(path: Path, content: bytes) -> None:
    """Replace ``path`` by a file (0600) with ``content``, or leave it unchanged and raise OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def socket_address(folder: Path, name: str) -> Iterator[str]:
    """Yield an address of the socket ``name`` in ``folder`` that fits into the 108 bytes that the kernel allows."""
    path = str(folder / name)
    if len(os.fsencode(path)) < 100:
        yield path
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


@cache
def boot_id() -> str:
    """Return an id of this boot of the machine; empty on other systems than Linux."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def signal_name(number: int) -> str:
    """Return ``SIGKILL`` for 9; the number itself where it has no name."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def memory_kills() -> int:
    """Return how many processes the kernel has killed for memory, on the machine or in our control group."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def trim_heap() -> None:
    """Return freed memory to the system. glibc keeps that of the largest batch so far otherwise (malloc_trim(3)).

    Does nothing where the C library has no such call, such as musl.
    """
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def become_subreaper() -> None:
    """Become the parent of our children's orphans, instead of the init process (Linux only)."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: int, parent: int) -> None:
    """Have the kernel send us ``number`` (a signal) when our parent, the process ``parent``, ends (Linux only)."""
    _prctl(_PR_SET_PDEATHSIG, number)
    # The parent may have ended before the request took effect.
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _prctl(option: int, value: int) -> None:
    if _libc is not None and _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl({option}): {os.strerror(ctypes.get_errno())}")

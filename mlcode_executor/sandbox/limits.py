"""Limits of one model process that the kernel keeps: CPU time, memory, file size, descriptors, threads."""

from __future__ import annotations

import math
import re
import resource
from dataclasses import dataclass
from pathlib import Path

from kafkaml.wire.limits import ResourceLimits

__all__ = ["Limits", "private_memory"]

_MEBIBYTE = 1 << 20
_MIN_SCRATCH_BYTES = 64 * _MEBIBYTE
_SCRATCH_BYTES_WITHOUT_LIMIT = 1 << 30
# Limit of threads, because TensorFlow starts several for each core. The kernel counts them per user namespace, so the
# limit has an effect at level 1 only.
_MAX_THREADS = 2048
_MAX_DESCRIPTORS = 512


@dataclass(frozen=True)
class Limits:
    """``ResourceLimits`` in the kernel's units; 0 means unlimited.

    ``memory_bytes`` bounds what the process allocates beyond the framework that it shares with the fork server.
    """

    memory_bytes: int
    cpu_seconds: int
    file_bytes: int
    wall_seconds: int
    scratch_bytes: int
    scratch_files: int = 4096

    @classmethod
    def of(cls, limits: ResourceLimits) -> Limits:
        """Derive all limits from those in a plan."""
        # Scratch lies in memory at level 1, so it follows the memory limit.
        scratch = max(_MIN_SCRATCH_BYTES, limits.memory_bytes // 4) if limits.memory_bytes else 0
        scratch = min(
            scratch or _SCRATCH_BYTES_WITHOUT_LIMIT, limits.file_bytes or scratch or _SCRATCH_BYTES_WITHOUT_LIMIT
        )
        return cls(
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            file_bytes=limits.file_bytes,
            wall_seconds=limits.wall_seconds,
            scratch_bytes=scratch,
        )

    def apply(self, shared_bytes: int) -> None:
        """Set the limits for this process, which cannot raise them again without privilege.

        ``shared_bytes`` is the value of ``private_memory`` before the request came.
        """
        _set(resource.RLIMIT_CORE, 0)
        _set(resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS)
        _set(resource.RLIMIT_NPROC, _MAX_THREADS)
        _set(resource.RLIMIT_MSGQUEUE, 0)
        if self.cpu_seconds:
            used = resource.getrusage(resource.RUSAGE_SELF)
            _set(resource.RLIMIT_CPU, math.ceil(used.ru_utime + used.ru_stime) + self.cpu_seconds)
        if self.file_bytes:
            _set(resource.RLIMIT_FSIZE, self.file_bytes)
        if self.memory_bytes:
            _set(resource.RLIMIT_DATA, shared_bytes + self.memory_bytes)


def _set(which: int, value: int) -> None:
    _, hard = resource.getrlimit(which)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(which, (value, value))


def private_memory(otherwise: int = 0) -> int:
    """Return how many bytes of private memory this process has mapped, ``otherwise`` where procfs is not visible."""
    try:
        status = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return otherwise
    match = re.search(r"^VmData:\s+(\d+) kB$", status, re.MULTILINE)
    return int(match[1]) * 1024 if match else otherwise

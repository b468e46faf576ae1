"""Room: whether there is memory for a second model process. Asked before it is started.

A container that runs out of memory loses whichever process the kernel picks, and that may be the one that answers.
"""

from __future__ import annotations

import re
from pathlib import Path

from kafkaml.errors import FailedError

__all__ = ["check_room", "free_bytes", "resident_bytes"]

# Memory left free for the runner itself.
_RESERVE_BYTES = 64 << 20
_MEBIBYTE = 1 << 20


def check_room(needed_bytes: int, free: int | None) -> None:
    """Raise FailedError where a model process of ``needed_bytes`` does not fit into ``free``; None means unknown."""
    if free is None or needed_bytes + _RESERVE_BYTES <= free:
        return
    raise FailedError(
        f"no memory for a second model process: {free // _MEBIBYTE:,} MiB are free, expected "
        f"{(needed_bytes + _RESERVE_BYTES) // _MEBIBYTE:,} MiB, what the present one takes and a reserve",
        hint="give the replicas more memory (in a cluster KML_KUBERNETES_MEMORY_OVERHEAD_BYTES), or restart the "
        "inference with the other version",
    )


def free_bytes(proc: Path = Path("/proc"), cgroup: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Return how much memory is free on this machine or, where that is less, in this container."""
    known = [free for free in (_of_machine(proc), _of_container(cgroup)) if free is not None]
    return min(known, default=None)


def resident_bytes(pid: int, proc: Path = Path("/proc")) -> int:
    """Return how much memory of its own a process holds; 0 where it is gone."""
    try:
        status = (proc / str(pid) / "status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    return sum(
        int(kibibytes) << 10 for kibibytes in re.findall(r"^Rss(?:Anon|Shmem):\s*(\d+) kB", status, re.MULTILINE)
    )


def _of_machine(proc: Path) -> int | None:
    try:
        found = re.search(r"^MemAvailable:\s*(\d+) kB", (proc / "meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) << 10 if found else None


def _of_container(cgroup: Path) -> int | None:
    """Return what the container's limit leaves, counting droppable file cache as free; None without a limit."""
    try:
        limit = (cgroup / "memory.max").read_text(encoding="ascii").strip()
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        files = re.search(r"^inactive_file (\d+)", (cgroup / "memory.stat").read_text(encoding="ascii"), re.MULTILINE)
    except (OSError, ValueError):
        return None
    return int(limit) - used + (int(files[1]) if files else 0) if limit.isdecimal() else None

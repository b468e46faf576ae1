"""Finds the one reason why a model process ended, from what its guardian saw, what it printed and what the kernel
counted.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kafkaml.errors import ModelProcessDied
from kafkaml.system import signal_name
from kafkaml.wire.limits import ResourceLimits

__all__ = ["MEMORY_EXIT_CODE", "ExitReport", "LimitReason", "death", "out_of_memory"]

# Exit code for "out of memory, with too little left to send an error".
MEMORY_EXIT_CODE = 86


class LimitReason(StrEnum):
    """Why a model process ended without an answer."""

    MEMORY = "memory"
    CPU_TIME = "cpu_time"
    WALL_TIME = "wall_time"
    OUTPUT = "output"
    KILLED = "killed"
    CRASHED = "crashed"


_HINTS = {
    LimitReason.MEMORY: "use a smaller model or batch size, or raise the memory limit",
    LimitReason.CPU_TIME: "look for an endless loop, train fewer epochs, or raise the CPU limit",
    LimitReason.WALL_TIME: "look for an endless loop, train fewer epochs, or raise the time limit",
    LimitReason.OUTPUT: "print and save less",
    LimitReason.KILLED: "somebody ended the process, or the machine ran out of memory; see the system's log",
    LimitReason.CRASHED: "see the output; the last lines often name the operation",
}

# Messages that C++ and the allocators of TensorFlow and libtorch print before they abort.
_MEMORY_WORDS = re.compile(
    r"std::bad_alloc|cannot allocate memory|can't allocate memory|out of memory|MemoryError", re.IGNORECASE
)


@dataclass(frozen=True)
class ExitReport:
    """What the guardian saw: exactly one of ``code`` and ``signal`` is set; ``reason`` is set where the guardian killed
    the process.
    """

    code: int | None
    signal: int | None
    reason: str
    cpu_seconds: float
    max_rss_bytes: int

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ExitReport:
        """Read the JSON that ``to_json`` wrote."""
        return cls(**{name: document[name] for name in cls.__dataclass_fields__})


def death(
    *,
    doing: str,
    report: ExitReport | None,
    limits: ResourceLimits,
    output: str,
    flooded: bool,
    ended_by_runner: bool,
    kernel_ran_out_of_memory: bool,
) -> ModelProcessDied:
    """Return the error for a process that ended while ``doing`` something."""
    if flooded:
        reason, what = LimitReason.OUTPUT, "wrote far more than any program should"
    elif report is None:
        reason, what = LimitReason.KILLED, "was killed together with its guardian"
        if ended_by_runner:
            what = "was ended"
    elif report.reason:
        reason = LimitReason(report.reason)
        what = {
            LimitReason.WALL_TIME: f"ran longer than {limits.wall_seconds} s",
            LimitReason.CPU_TIME: f"used more than {limits.cpu_seconds} s of CPU time",
            LimitReason.OUTPUT: "wrote more files than its scratch folder may hold",
        }.get(reason, "was ended")
    else:
        reason, what = _unforced(report, limits, output, ended_by_runner, kernel_ran_out_of_memory)
    return ModelProcessDied(f"the model process {what} during {doing!r}", reason=reason, hint=_HINTS[reason])


def out_of_memory(detail: str) -> ModelProcessDied:
    """Return the error for a process that ran out of memory and could still say so."""
    return ModelProcessDied(
        f"the model process ran out of memory: {detail}", reason=LimitReason.MEMORY, hint=_HINTS[LimitReason.MEMORY]
    )


def _unforced(
    report: ExitReport, limits: ResourceLimits, output: str, ended_by_runner: bool, kernel_ran_out_of_memory: bool
) -> tuple[LimitReason, str]:
    memory = (
        f"ran out of memory (limit {limits.memory_bytes >> 20} MiB)" if limits.memory_bytes else "ran out of memory"
    )
    if report.code == MEMORY_EXIT_CODE:
        return LimitReason.MEMORY, memory
    if report.code is not None:
        return LimitReason.CRASHED, f"ended itself with exit code {report.code}"
    name = signal_name(report.signal or 0)
    if report.signal == signal.SIGKILL and kernel_ran_out_of_memory and not ended_by_runner:
        return LimitReason.MEMORY, "was ended by the kernel because the machine ran out of memory"
    if report.signal == signal.SIGKILL:
        return LimitReason.KILLED, "was ended" if ended_by_runner else "was killed (SIGKILL)"
    if _MEMORY_WORDS.search(output[-4096:]):
        return LimitReason.MEMORY, memory
    return LimitReason.CRASHED, f"crashed ({name})"

"""The filter on system calls, as a BPF program written here: no library is needed, and none can be missing.

An allow list: one process of many threads that computes, and works on files. It allows no new process or program, no
socket, no signal to other processes, and no kernel feature that computing does not need.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kafkaml.errors import SandboxUnavailable
from mlcode_executor.sandbox import syscalls
from mlcode_executor.sandbox.system import machine

__all__ = ["build_filter", "install"]

# Architectures as ``linux/audit.h`` numbers them.
_ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Calls of the x32 interface have this bit; their numbers mean other calls.
_X32_BIT = 0x40000000

_RET_ALLOW, _RET_ERRNO, _RET_KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_LD_WORD, _AND, _JEQ, _JGE, _RET = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER_OFFSET, _ARCHITECTURE_OFFSET, _ARGUMENTS_OFFSET = 0, 4, 16
_INSTRUCTION = struct.Struct("<HBBI")

_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2

# Flags of clone. A thread has both; a new process does not.
_CLONE_VM_AND_THREAD = 0x00000100 | 0x00010000
_MAP_SHARED_AND_ANONYMOUS = 0x01 | 0x20
_O_ACCMODE_AND_TRUNC = os.O_ACCMODE | os.O_TRUNC
# Commands of fcntl by which a process has signals sent, or holds others up: F_SETOWN, F_SETSIG, F_SETOWN_EX,
# F_SETLEASE, F_NOTIFY.
_REFUSED_FCNTL = (8, 10, 15, 1024, 1026)
# Harmless options of prctl: PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ,
# PR_GET_NO_NEW_PRIVS, PR_SET_VMA.
_ALLOWED_PRCTL = (3, 15, 16, 21, 23, 39, 0x53564D41)
# Harmless requests of ioctl: TCGETS (isatty), TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX.
_ALLOWED_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# TIOCSTI and TIOCLINUX fake another process's terminal input.
_REFUSED_IOCTL_WITH_GPU = (0x5412, 0x541C)


@dataclass(frozen=True)
class _When:
    """If the low half of argument ``index``, masked, equals ``value``, the call ends in ``action``."""

    index: int
    value: int
    action: int
    mask: int = 0xFFFFFFFF


def _refuse(number: int) -> int:
    return _RET_ERRNO | number


def build_filter(own_pid: int, *, gpu: bool, architecture: str = "") -> bytes:
    """Return the program for the process ``own_pid``; with ``gpu`` the driver's calls pass.

    Raises SandboxUnavailable on a machine whose system calls are not known here.
    """
    architecture = architecture or machine()
    if architecture not in _ARCHITECTURES:
        raise SandboxUnavailable(
            f"no system call filter for {architecture}: expected {' or '.join(_ARCHITECTURES)}",
            hint="run on x86_64 or aarch64, or turn isolation off for code that you trust",
        )
    numbers = syscalls.NUMBERS[architecture]
    denied = _refuse(errno.EPERM)
    program = [
        (_LD_WORD, 0, 0, _ARCHITECTURE_OFFSET),
        (_JEQ, 1, 0, _ARCHITECTURES[architecture]),
        (_RET, 0, 0, _RET_KILL_PROCESS),
        (_LD_WORD, 0, 0, _NUMBER_OFFSET),
        (_JGE, 0, 1, _X32_BIT),
        (_RET, 0, 0, _refuse(errno.ENOSYS)),
    ]
    for names, action in (
        (syscalls.ALLOWED, _RET_ALLOW),
        (syscalls.PRETENDED, _refuse(0)),
        (syscalls.REFUSED, denied),
    ):
        for name in names:
            program += _case(numbers.get(name), [], action)
    for name, conditions, otherwise in _conditional(own_pid, gpu=gpu):
        program += _case(numbers.get(name), conditions, otherwise)
    program.append((_RET, 0, 0, _refuse(errno.ENOSYS)))
    return b"".join(_INSTRUCTION.pack(*instruction) for instruction in program)


def _conditional(own_pid: int, *, gpu: bool) -> Iterable[tuple[str, Sequence[_When], int]]:
    denied = _refuse(errno.EPERM)
    # Before version 3, Landlock lets O_TRUNC empty a file that may only be read.
    truncating = _When(1, os.O_TRUNC, denied, _O_ACCMODE_AND_TRUNC)
    yield "open", [truncating], _RET_ALLOW
    yield "openat", [_When(2, truncating.value, denied, truncating.mask)], _RET_ALLOW
    # Anonymous shared memory is refused without a GPU, because no limit counts it. The driver of a GPU needs it.
    shared = _When(3, _MAP_SHARED_AND_ANONYMOUS, _refuse(errno.ENOMEM), _MAP_SHARED_AND_ANONYMOUS)
    yield "mmap", [] if gpu else [shared], _RET_ALLOW
    yield "clone", [_When(0, _CLONE_VM_AND_THREAD, _RET_ALLOW, _CLONE_VM_AND_THREAD)], denied
    # clone3 is refused, because its flags lie in memory, where a filter cannot look. C libraries then fall back to
    # clone.
    yield "clone3", [], _refuse(errno.ENOSYS)
    yield "fcntl", [_When(1, command, denied) for command in _REFUSED_FCNTL], _RET_ALLOW
    if gpu:
        yield "ioctl", [_When(1, request, denied) for request in _REFUSED_IOCTL_WITH_GPU], _RET_ALLOW
    else:
        yield "ioctl", [_When(1, request, _RET_ALLOW) for request in _ALLOWED_IOCTL], _refuse(errno.ENOTTY)
    yield "kill", [_When(0, own_pid, _RET_ALLOW)], denied
    yield "tgkill", [_When(0, own_pid, _RET_ALLOW)], denied
    yield "prctl", [_When(0, option, _RET_ALLOW) for option in _ALLOWED_PRCTL], denied
    for name in ("prlimit64", "sched_setaffinity"):
        yield name, [_When(0, 0, _RET_ALLOW), _When(0, own_pid, _RET_ALLOW)], denied


def _case(number: int | None, conditions: Sequence[_When], otherwise: int) -> list[tuple[int, int, int, int]]:
    if number is None:
        return []
    block: list[tuple[int, int, int, int]] = []
    for condition in conditions:
        # The low half comes first, because both supported machines are little-endian.
        block.append((_LD_WORD, 0, 0, _ARGUMENTS_OFFSET + 8 * condition.index))
        if condition.mask != 0xFFFFFFFF:
            block.append((_AND, 0, 0, condition.mask))
        block += [(_JEQ, 0, 1, condition.value), (_RET, 0, 0, condition.action)]
    block.append((_RET, 0, 0, otherwise))
    return [(_JEQ, 0, len(block), number), *block]


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p)]


def install(program: bytes) -> None:
    """Impose the filter on this thread and everything it starts, forever. Needs ``no_new_privs``."""
    libc = ctypes.CDLL(None, use_errno=True)
    described = _Program(len(program) // _INSTRUCTION.size, program)
    if libc.prctl(_PR_SET_SECCOMP, ctypes.c_ulong(_SECCOMP_MODE_FILTER), ctypes.byref(described), 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"install the system call filter: {os.strerror(number)}")

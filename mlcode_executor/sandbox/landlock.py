"""Landlock: rules on files, TCP and signals that a process imposes on itself forever, without privilege."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from mlcode_executor.sandbox.system import raw_syscall

__all__ = ["Rules", "abi_version"]

# Numbers of Landlock's system calls, which are the same on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SYM = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12
_REFER, _TRUNCATE, _IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI = (1 << 13) - 1
# Rights by the ABI version that introduced them.
_LATER_RIGHTS = {2: _REFER, 3: _TRUNCATE, 5: _IOCTL_DEV}
_TCP_SINCE, _BIND_AND_CONNECT_TCP = 4, 0b11
_SCOPES_SINCE, _ABSTRACT_SOCKETS_AND_SIGNALS = 6, 0b11

_READ = _READ_FILE | _READ_DIR
_WORK = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER | _TRUNCATE
# Rights that make sense for a file; the kernel refuses the others there.
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("handled_access_fs", "handled_access_net", "scoped")]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32)]


def abi_version() -> int:
    """Return the version of Landlock that the kernel offers, 0 for none."""
    try:
        return raw_syscall("landlock version", _CREATE_RULESET, 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


@dataclass(frozen=True)
class Rules:
    """What a process may still reach: trees to read, folders to work in, devices to use. All else is refused."""

    readable: Iterable[str]
    workable: Iterable[str]
    devices: Iterable[str] = ()

    def enforce(self) -> None:
        """Impose the rules on this thread and everything it starts; paths that do not exist are left out.

        Needs ``no_new_privs``. Raises OSError where Landlock is missing.
        """
        version = abi_version()
        handled = _FIRST_ABI
        for since, right in _LATER_RIGHTS.items():
            handled |= right if version >= since else 0
        ruleset = _Ruleset(handled_access_fs=handled)
        size = 8
        if version >= _TCP_SINCE:
            ruleset.handled_access_net, size = _BIND_AND_CONNECT_TCP, 16
        if version >= _SCOPES_SINCE:
            ruleset.scoped, size = _ABSTRACT_SOCKETS_AND_SIGNALS, 24
        pointer = ctypes.byref(ruleset)
        rules = raw_syscall("landlock ruleset", _CREATE_RULESET, pointer, size, 0)  # type: ignore[arg-type]
        try:
            for rights, paths in (
                (_READ, self.readable),
                (_WORK, self.workable),
                (_READ_FILE | _WRITE_FILE | _IOCTL_DEV, self.devices),
            ):
                for path in paths:
                    # A folder that this machine does not have needs no permission.
                    with suppress(FileNotFoundError):
                        _allow(rules, path, rights & handled)
            raw_syscall("landlock restrict", _RESTRICT_SELF, rules, 0)
        finally:
            os.close(rules)


def _allow(rules: int, path: str, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not os.path.isdir(path):  # noqa: PTH112  follows links as O_PATH did
            rights &= _FILE_RIGHTS
        beneath = _PathBeneath(allowed_access=rights, parent_fd=descriptor)
        raw_syscall(
            f"landlock rule for {path}",
            _ADD_RULE,
            rules,
            _RULE_PATH_BENEATH,
            ctypes.byref(beneath),  # type: ignore[arg-type]
            0,
        )
    finally:
        os.close(descriptor)

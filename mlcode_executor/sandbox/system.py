"""The system calls that Python does not offer, by ctypes: namespaces, mounts, capabilities, process control.

Every function raises OSError naming what it did. Numbers are those of Linux's stable interface on x86_64 and aarch64.
"""

from __future__ import annotations

import ctypes
import os
import platform

__all__ = [
    "CLONE_NEWCGROUP",
    "CLONE_NEWIPC",
    "CLONE_NEWNET",
    "CLONE_NEWNS",
    "CLONE_NEWPID",
    "CLONE_NEWUSER",
    "CLONE_NEWUTS",
    "become_subreaper",
    "bind_mount",
    "die_with_parent",
    "drop_capabilities",
    "forbid_new_privileges",
    "machine",
    "make_dumpable",
    "make_mounts_private",
    "mount",
    "pivot_into",
    "raw_syscall",
    "set_host_name",
    "set_mount_attributes",
    "unshare",
]

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 36, 38, 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4

_CAPABILITY_VERSION_3 = 0x20080522
_MAX_CAPABILITIES = 64

_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 1, 2, 4, 8

_libc = ctypes.CDLL(None, use_errno=True)

# Calls without a wrapper in every C library: (x86_64, aarch64). Those above 400 are the same everywhere.
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442


def machine() -> str:
    """Return ``x86_64`` or ``aarch64``, the two that the sandbox knows; anything else as the kernel says it."""
    return platform.machine()


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def raw_syscall(what: str, number: int, *arguments: ctypes.c_void_p | bytes | int | None) -> int:
    """Make a system call by number; pointers are ctypes objects or bytes."""
    converted = [ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments]
    return _check(_libc.syscall(ctypes.c_long(number), *converted), what)


def unshare(flags: int) -> None:
    """Leave the namespaces that ``flags`` name for new ones."""
    _check(_libc.unshare(flags), f"unshare {flags:#x}")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode() or None
    )
    _check(result, f"mount {kind} on {target}")


def bind_mount(source: str, target: str) -> None:
    """Make ``source``, a file or folder with all that is mounted in it, appear at ``target``."""
    result = _libc.mount(source.encode(), target.encode(), None, ctypes.c_ulong(_MS_BIND | _MS_REC), None)
    _check(result, f"bind {source} to {target}")


def make_mounts_private() -> None:
    """Keep later mounts from being seen outside, and those outside from appearing here."""
    _check(_libc.mount(None, b"/", None, ctypes.c_ulong(_MS_REC | _MS_PRIVATE), None), "make mounts private")


class _MountAttributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("attr_set", "attr_clr", "propagation", "userns_fd")]


def set_mount_attributes(target: str, attributes: int, *, recursive: bool) -> None:
    """Add attributes (read-only, ...) to a mount; existing ones stay, as a user namespace demands."""
    change = _MountAttributes(attr_set=attributes)
    raw_syscall(
        f"set attributes of {target}",
        _MOUNT_SETATTR,
        _AT_FDCWD,
        target.encode(),
        _AT_RECURSIVE if recursive else 0,
        ctypes.byref(change),  # type: ignore[arg-type]
        ctypes.sizeof(change),
    )


def pivot_into(folder: str) -> None:
    """Make the mount at ``folder`` the root, and release the old one."""
    os.chdir(folder)
    # The new root is put over the old one, so that no folder for the old one is needed.
    raw_syscall("pivot_root", _PIVOT_ROOT[machine()], b".", b".")
    _check(_libc.umount2(b".", _MNT_DETACH), "release the old root")
    os.chdir("/")


def set_host_name(name: str) -> None:
    """Set the name of the machine, in a UTS namespace of its own."""
    _check(_libc.sethostname(name.encode(), len(name)), "set the host name")


def _prctl(what: str, option: int, *arguments: int) -> None:
    padded = [ctypes.c_ulong(argument) for argument in (*arguments, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *padded), what)


def become_subreaper() -> None:
    """Inherit orphaned descendants, so that they can be reaped here."""
    _prctl("become subreaper", _PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(number: int) -> None:
    """Get signal ``number`` when the parent's thread ends; a change of credentials afterwards undoes it."""
    _prctl("die with parent", _PR_SET_PDEATHSIG, number)


def make_dumpable() -> None:
    """Regain ownership of this process's files in procfs after a change of user, which writing the user map needs."""
    _prctl("make dumpable", _PR_SET_DUMPABLE, 1)


def forbid_new_privileges() -> None:
    """Make set-user-id programs harmless forever; seccomp and Landlock demand it."""
    _prctl("no_new_privs", _PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Give up every capability, and the ways to get one back."""
    for capability in range(_MAX_CAPABILITIES):
        try:
            _prctl("drop from bounding set", _PR_CAPBSET_DROP, capability)
        except OSError:
            # The kernel has no further capability, or we may not drop this one. Without privilege the bounding set is
            # useless anyway.
            break
    _prctl("clear ambient set", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _check(_libc.capset(ctypes.byref(header), ctypes.byref(data)), "drop capabilities")

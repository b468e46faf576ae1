"""Isolation level 1: a read-only view of what Python needs, and separate namespaces for everything else.

The fork server enters the view once (``enter_view``), so it holds no other file either; each guardian then opens
namespaces (``open_namespaces``) around the one process that it starts, which completes them from inside
(``finish_inside``). Works for root and, where the kernel lets them, for everybody.
"""

from __future__ import annotations

import glob
import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from mlcode_executor.sandbox import system
from mlcode_executor.sandbox.limits import Limits

__all__ = [
    "DEVICES",
    "NOBODY",
    "SCRATCH",
    "drop_to_nobody",
    "enter_view",
    "finish_inside",
    "gpu_devices",
    "open_namespaces",
    "resize_scratch",
]

NOBODY = 65534
SCRATCH = "/scratch"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

# How much a process may write before its limits are known, for caches of its framework.
_STANDBY_BYTES = 64 << 20
_STANDBY_FILES = 1024
_SCRATCH_FLAGS = system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC

_PACKAGES = ("kafkaml", "mlcode_executor")
_SYSTEM_TREES = ("/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin")
# The number and topology of cores, which OpenMP, TensorFlow and the C library read.
_HARDWARE = ("/sys/devices/system/cpu", "/sys/devices/system/node")
_ETC_FILES = ("ld.so.cache", "localtime")
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/:/usr/sbin/nologin\nmodel:x:65534:65534:model:/scratch:/usr/sbin/nologin\n",
    "group": "root:x:0:\nmodel:x:65534:\n",
}


def python_trees() -> list[str]:
    """Return the folders that Python and the packages here are read from, without duplicates or nested folders."""
    packages = Path(__file__).resolve().parents[2]
    trees = {sys.prefix, sys.base_prefix, *(str(packages / name) for name in _PACKAGES)}
    trees |= {os.path.realpath(tree) for tree in trees}
    known = sorted(tree for tree in trees if not tree.startswith("/usr/") and tree != "/usr")
    return [tree for tree in known if not any(tree.startswith(f"{other}/") for other in known)]


def readable_trees() -> list[str]:
    """Return all paths that a model process may read, except procfs and devices."""
    etc = [f"/etc/{name}" for name in _ETC_FILES]
    return [tree for tree in (*_SYSTEM_TREES, *python_trees(), *_HARDWARE, *etc) if os.path.exists(tree)]  # noqa: PTH110


def gpu_devices() -> list[str]:
    """Return the device files of NVIDIA's driver that this machine has."""
    return sorted(glob.glob("/dev/nvidia*") + glob.glob("/dev/nvidia-caps/*"))  # noqa: PTH207


def enter_view(folder: Path, *, remove: bool = False) -> None:
    """Replace this process's file system by the read-only view, and its user by nobody if it is root.

    The root of the view must be a mount; the empty ``folder`` is where it hangs until it becomes the root. With
    ``remove`` it and its parent are removed then, while that is still possible.
    """
    root = os.getuid() == 0
    hook = str(folder)
    if root:
        system.unshare(system.CLONE_NEWNS)
    else:
        _enter_user_namespace(system.CLONE_NEWNS)
    system.make_mounts_private()
    system.mount("view", hook, "tmpfs", system.MS_NOSUID | system.MS_NODEV, "mode=755,size=16m")
    _fill(hook)
    # The descriptor keeps the folder accessible once the rest of the old root is out of reach.
    above = os.open(folder.parent.parent, os.O_PATH | os.O_DIRECTORY)
    system.pivot_into(hook)
    if remove:
        for used in (folder.relative_to(folder.parents[1]), folder.parent.name):
            os.rmdir(used, dir_fd=above)
    os.close(above)
    if root:
        drop_to_nobody()


def drop_to_nobody() -> None:
    """Become the user nobody for good, and leave root's groups."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    system.make_dumpable()


def _fill(view: str) -> None:
    binds = _HARDWARE if not gpu_devices() else ("/sys",)
    for tree in (*_SYSTEM_TREES, *python_trees(), *binds):
        _show_tree(view, tree)
    for folder in ("etc", "dev", "proc", SCRATCH.lstrip("/")):
        Path(view, folder).mkdir(mode=0o755, parents=True, exist_ok=True)
    for name, text in _ACCOUNTS.items():
        Path(view, "etc", name).write_text(text, encoding="ascii")
    for name in _ETC_FILES:
        with suppress(FileNotFoundError):
            shutil.copyfile(f"/etc/{name}", f"{view}/etc/{name}")
    # Python itself may live under /tmp; programs then find the scratch folder by TMPDIR only.
    if not Path(view, "tmp").exists():
        Path(view, "tmp").symlink_to(SCRATCH)
    devices = [device for device in (*DEVICES, *gpu_devices()) if os.path.exists(device)]  # noqa: PTH110
    for device in devices:
        Path(view + device).parent.mkdir(parents=True, exist_ok=True)
        Path(view + device).touch()
    sealed = system.MOUNT_ATTR_RDONLY | system.MOUNT_ATTR_NOSUID | system.MOUNT_ATTR_NODEV
    system.set_mount_attributes(view, sealed, recursive=True)
    # Devices are bound after the rest was sealed, because a device behind "nodev" would not open.
    for device in devices:
        system.bind_mount(device, view + device)
        system.set_mount_attributes(view + device, system.MOUNT_ATTR_NOSUID | system.MOUNT_ATTR_NOEXEC, recursive=False)
    # procfs is writable, because the user map is written there. Each process later mounts its own procfs on top.
    system.bind_mount("/proc", f"{view}/proc")
    # Scratch space for the fork server itself, because frameworks make cache folders when they are imported.
    system.mount("scratch", f"{view}{SCRATCH}", "tmpfs", _SCRATCH_FLAGS, f"size={_STANDBY_BYTES},mode=1777")


def _show_tree(view: str, tree: str) -> None:
    path = Path(tree)
    target = Path(view + tree)
    if path.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(path.readlink())
    elif path.is_dir():
        target.mkdir(mode=0o755, parents=True, exist_ok=True)
        system.bind_mount(tree, str(target))


def _enter_user_namespace(further: int) -> None:
    """Open a user namespace in which this user is nobody, and the ``further`` ones, which then are its own."""
    uid, gid = os.getuid(), os.getgid()
    system.unshare(system.CLONE_NEWUSER | further)
    Path("/proc/self/setgroups").write_text("deny", encoding="ascii")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1", encoding="ascii")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1", encoding="ascii")


def open_namespaces() -> None:
    """In the guardian: open new namespaces of users, mounts, network, IPC, host name, cgroups and, for its next child,
    processes.
    """
    _enter_user_namespace(
        system.CLONE_NEWNS
        | system.CLONE_NEWNET
        | system.CLONE_NEWIPC
        | system.CLONE_NEWUTS
        | system.CLONE_NEWCGROUP
        | system.CLONE_NEWPID
    )
    system.set_host_name("model")
    system.mount(
        "scratch", SCRATCH, "tmpfs", _SCRATCH_FLAGS, f"size={_STANDBY_BYTES},nr_inodes={_STANDBY_FILES},mode=700"
    )


def resize_scratch(limits: Limits) -> None:
    """In the guardian: give the scratch folder the size that the limits allow."""
    options = f"size={limits.scratch_bytes},nr_inodes={limits.scratch_files}"
    system.mount("scratch", SCRATCH, "tmpfs", _SCRATCH_FLAGS | system.MS_REMOUNT, options)


def finish_inside(*, show_process: bool) -> None:
    """In the model process, the first of its process namespace: mount a procfs that shows no other process, or none at
    all.

    Through procfs a process can open again, for writing, what was passed to it for reading; only Landlock forbids
    that. So ``show_process`` must be False where there is no Landlock.
    """
    kind = "proc" if show_process else "tmpfs"
    system.mount(kind, "/proc", kind, system.MS_NOSUID | system.MS_NODEV | system.MS_NOEXEC)
    os.chdir(SCRATCH)

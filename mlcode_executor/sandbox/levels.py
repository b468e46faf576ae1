"""Chooses the best isolation level that works here, and closes it around a model process.

Level 1 (``namespaces``): namespaces, a read-only view, Landlock where the kernel has it, seccomp, limits. Level 2
(``landlock``): Landlock, seccomp, limits; needs no privilege at all, as in a pod. If neither works, nothing starts,
unless isolation was turned ``off`` explicitly.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from kafkaml.errors import SandboxUnavailable
from mlcode_executor.sandbox import landlock, namespaces, probes, seccomp, system
from mlcode_executor.sandbox.limits import Limits

__all__ = ["Level", "Sandbox", "remove_if_unused"]


class Level(StrEnum):
    """What surrounds a model process."""

    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    OFF = "off"


_HINT = (
    "allow unprivileged user namespaces (sysctls user.max_user_namespaces and "
    "kernel.apparmor_restrict_unprivileged_userns), or use a kernel with Landlock (5.13 or newer); "
    "KML_ISOLATION=off runs user code unprotected"
)


@dataclass
class Sandbox:
    """One fork server's isolation, chosen once and used for every process it forks."""

    level: Level
    landlock_abi: int
    # What the self-test found, by probe: True where the attempt was stopped.
    probes: dict[str, bool] = field(default_factory=dict)
    # Why a better level was not chosen.
    notes: list[str] = field(default_factory=list)
    # The server's own folder. At level 2 it holds the scratch folders; at level 1 it is gone once the view is entered.
    folder: Path = Path()

    @classmethod
    def prepare(cls, isolation: str, folder: Path) -> Sandbox:
        """Choose a level and put this process where its children need it to be; SandboxUnavailable if none works.

        Must be called before any thread starts. ``isolation`` is auto, namespaces, landlock or off; ``folder`` is empty
        and this server's own; ``leave`` removes it unless a process still uses it.
        """
        abi = landlock.abi_version()
        scratch = folder / "scratch"
        scratch.mkdir()
        if isolation == "off":
            return cls(Level.OFF, abi, folder=folder)
        notes: list[str] = []
        if isolation in ("auto", "namespaces"):
            problem = probes.attempt(lambda: _try_namespaces(scratch))
            if problem is None:
                namespaces.enter_view(scratch, remove=True)
                return cls(Level.NAMESPACES, abi)
            notes.append(f"namespaces: {problem}")
        if isolation in ("auto", "landlock"):
            problem = probes.attempt(_try_landlock)
            if problem is None:
                _leave_root(folder, scratch)
                return cls(Level.LANDLOCK, abi, notes=notes, folder=folder)
            notes.append(f"landlock: {problem}")
        raise SandboxUnavailable(f"no isolation works here ({'; '.join(notes)})", hint=_HINT)

    @property
    def name(self) -> str:
        """The level as shown to users."""
        return str(self.level)

    @property
    def has_gpu(self) -> bool:
        """Whether model processes may ask for a GPU here."""
        return bool(namespaces.gpu_devices())

    @property
    def own_scratch(self) -> str:
        """Where the fork server itself may write; frameworks make cache folders when they are imported."""
        if self.level is Level.NAMESPACES:
            return namespaces.SCRATCH
        own = self.folder / "scratch" / "own"
        own.mkdir(exist_ok=True)
        return str(own)

    def leave(self) -> None:
        """In the fork server, at its end: remove what it wrote, and its folder unless a process still uses it."""
        if self.level is not Level.NAMESPACES:
            shutil.rmtree(self.own_scratch, ignore_errors=True)
            remove_if_unused(self.folder)

    def open(self) -> str:
        """In the guardian, before it forks the model process: make its namespaces; returns its scratch folder."""
        if self.level is Level.NAMESPACES:
            namespaces.open_namespaces()
            return namespaces.SCRATCH
        return tempfile.mkdtemp(dir=self.folder / "scratch")

    def resize(self, limits: Limits) -> None:
        """Bound the scratch folder. Called in the guardian once the limits are known; other levels measure the folder
        instead.
        """
        if self.level is Level.NAMESPACES:
            namespaces.resize_scratch(limits)

    def close(self, scratch: str, *, gpu: bool) -> None:
        """In the model process: give up everything that it does not need. This is irreversible."""
        if self.level is Level.NAMESPACES:
            namespaces.finish_inside(show_process=self.landlock_abi > 0)
        os.chdir(scratch)
        if self.level is Level.OFF:
            return
        system.drop_capabilities()
        # The signal at the parent's death is requested after the last change of credentials, which would undo it.
        system.die_with_parent(signal.SIGKILL)
        system.forbid_new_privileges()
        if self.landlock_abi:
            _rules(scratch, gpu=gpu).enforce()
        seccomp.install(seccomp.build_filter(os.getpid(), gpu=gpu))

    def clean(self, scratch: str) -> None:
        """In the guardian, after the process has ended: remove its remains."""
        if self.level is not Level.NAMESPACES:
            shutil.rmtree(scratch, ignore_errors=True)
            # The fork server may have ended before this process, and then nobody else removes its folder.
            remove_if_unused(self.folder)

    def self_test(self) -> None:
        """Try in a forked process what must be impossible. Raises SandboxUnavailable if any of it works."""
        if self.level is Level.OFF:
            return
        self.probes = probes.run(self._enter_for_probes)
        escaped = [name for name, stopped in self.probes.items() if not stopped]
        if escaped:
            raise SandboxUnavailable(
                f"isolation level {self.level} does not hold here: {', '.join(escaped)}", hint="report this as a bug"
            )

    def _enter_for_probes(self) -> None:
        scratch = self.open()
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            self.clean(scratch)
            os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
        self.close(scratch, gpu=False)

    def describe(self) -> Mapping[str, object]:
        """Return the facts for users and the system page."""
        return {
            "isolation": self.name,
            "landlock_abi": self.landlock_abi,
            "probes": self.probes,
            "notes": self.notes,
        }


def remove_if_unused(folder: Path) -> None:
    """Remove the folder of a fork server, unless scratch folders of running processes lie in it."""
    with suppress(OSError):
        (folder / "scratch").rmdir()
    with suppress(OSError):
        folder.rmdir()


def _rules(scratch: str, *, gpu: bool) -> landlock.Rules:
    devices = [*namespaces.DEVICES, *(namespaces.gpu_devices() if gpu else [])]
    # A process may read only its own entry of procfs, and facts about the machine. At level 2 the rest of procfs
    # shows other processes.
    readable = [
        *namespaces.readable_trees(),
        "/proc/self",
        "/proc/cpuinfo",
        "/proc/meminfo",
        "/proc/stat",
        "/proc/version",
    ]
    if gpu:
        readable += ["/proc/driver/nvidia", "/proc/modules", "/proc/devices", "/sys"]
    return landlock.Rules(readable=readable, workable=[scratch], devices=devices)


def _leave_root(folder: Path, scratch: Path) -> None:
    """Give up root as far as the interpreter stays readable; ``scratch`` in ``folder`` goes to the new user."""
    if os.getuid() != 0:
        return
    if probes.attempt(_try_nobody) is None:
        folder.chmod(0o711)
        os.chown(scratch, namespaces.NOBODY, namespaces.NOBODY)
        namespaces.drop_to_nobody()
    else:
        # The interpreter lies in a folder that only root can read, so stay root. Without capabilities root is an
        # ordinary user.
        system.drop_capabilities()


def _try_nobody() -> None:
    namespaces.drop_to_nobody()
    for tree in namespaces.python_trees():
        os.listdir(tree)  # noqa: PTH208


def _try_namespaces(hook: Path) -> None:
    namespaces.enter_view(hook)
    namespaces.open_namespaces()
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        if status:
            raise OSError(f"a process inside ended with status {status}")
        return
    try:
        namespaces.finish_inside(show_process=True)
        os._exit(0)
    finally:
        os._exit(1)


def _try_landlock() -> None:
    if landlock.abi_version() == 0:
        raise OSError("this kernel has no Landlock, or it is turned off (boot parameter lsm=)")
    system.forbid_new_privileges()
    landlock.Rules(readable=["/usr"], workable=[]).enforce()
    seccomp.install(seccomp.build_filter(os.getpid(), gpu=False))

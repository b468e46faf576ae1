"""StateDir: the one folder that holds everything a local platform keeps, and the status of a running one.

Written by the supervisor; read by the command line, the SDK and the tests. Only its owner can access the folder.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Any

import orjson

from kafkaml.errors import RefusedError
from kafkaml.settings import default_state_dir
from kafkaml.system import write_atomically
from kafkaml.wire.framework import Framework

__all__ = ["ComponentState", "ComponentStatus", "PlatformStatus", "StateDir", "ephemeral_parent", "find_state_dir"]

# The kernel's limit for the path of a socket (sun_path), without the final NUL.
_MAX_SOCKET_PATH_BYTES = 107
_FOLDERS = ("kafka", "secrets", "artifacts", "run", "logs", "jobs", "slices", "cache")


class ComponentState(StrEnum):
    """The state of a component. FAILED: gave up, or is between two attempts after several crashes."""

    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class ComponentStatus:
    """One component as ``kafka-ml status`` shows it; ``address`` is empty where it listens on nothing."""

    name: str
    state: ComponentState
    pid: int | None = None
    address: str = ""
    restarts: int = 0
    seconds_to_ready: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class PlatformStatus:
    """The status of a platform, as written to ``run/status.json``."""

    supervisor_pid: int
    url: str
    bootstrap_servers: str
    components: tuple[ComponentStatus, ...] = ()
    api_ready: bool = False
    ready: bool = False
    stopping: bool = False
    problem: str = ""
    ephemeral: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        return orjson.dumps(asdict(self))

    @classmethod
    def from_bytes(cls, value: bytes) -> PlatformStatus:
        """Parse the output of ``to_bytes``; ValueError or KeyError for anything else."""
        document = orjson.loads(value)
        components = tuple(
            ComponentStatus(**{**component, "state": ComponentState(component["state"])})
            for component in document.pop("components")
        )
        return cls(**document, components=components)


class StateDir:
    """The paths inside a state folder. Creating the object touches nothing; ``prepare`` makes the folder.

    It has over 12 fields because each path in the folder is one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self.kafka = self.root / "kafka"
        self.database = self.root / "db.sqlite3"
        self.secrets = self.root / "secrets"
        self.artifacts = self.root / "artifacts"
        self.run = self.root / "run"
        self.logs = self.root / "logs"
        self.jobs = self.root / "jobs"
        self.status_file = self.run / "status.json"
        self.supervisor_pid = self.run / "supervisor.pid"
        self.cli_token = self.secrets / "cli_token"
        self.service_token = self.secrets / "service_token"
        self.django_secret = self.secrets / "django_secret"

    def prepare(self) -> None:
        """Create the folders, owner-only, and the secrets that do not exist yet."""
        longest = self.run / f"fork-{max(Framework, key=len)}.sock"
        if len(os.fsencode(longest)) > _MAX_SOCKET_PATH_BYTES:
            raise RefusedError(
                f"the state folder {self.root} is too deep: {longest} has {len(os.fsencode(longest))} bytes, and the "
                f"path of a socket at most {_MAX_SOCKET_PATH_BYTES}",
                hint="give a shorter --state-dir",
            )
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.root.chmod(0o700)
            for name in _FOLDERS:
                (self.root / name).mkdir(exist_ok=True, mode=0o700)
        except OSError as error:
            raise RefusedError(
                f"the state folder {self.root} cannot be used: {error.strerror}",
                hint="give another one: --state-dir, or --ephemeral for one that is removed at the end",
            ) from error
        for path in (self.service_token, self.django_secret):
            if not path.exists():
                write_atomically(path, secrets.token_urlsafe(48).encode())

    def lock(self) -> IO[bytes] | None:
        """Take the lock for running this platform, held while the returned file is open; None when another process
        holds it.
        """
        return self._locked(fcntl.LOCK_EX)

    def _locked(self, kind: int) -> IO[bytes] | None:
        file = (self.run / "supervisor.lock").open("wb")
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file

    def is_running(self) -> bool:
        """Whether a supervisor runs this platform now."""
        if not (self.run / "supervisor.lock").exists():
            return False
        # A shared lock is enough to look. Two processes that look at the same time must not take each other for a
        # supervisor.
        held = self._locked(fcntl.LOCK_SH)
        if held is None:
            return True
        held.close()
        return False

    def access(self) -> tuple[str, str] | None:
        """Return the address of the platform that runs here, and its owner's token (empty where it is not readable)."""
        status = self.read_status() if self.is_running() else None
        if status is None:
            return None
        try:
            return status.url, self.cli_token.read_text(encoding="utf-8").strip()
        except OSError:
            return status.url, ""

    def write_status(self, status: PlatformStatus) -> None:
        """Publish ``status`` atomically."""
        write_atomically(self.status_file, status.to_bytes())

    def read_status(self) -> PlatformStatus | None:
        """Return the last published status, even of a supervisor that is gone; None when nothing is readable."""
        try:
            return PlatformStatus.from_bytes(self.status_file.read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None


def ephemeral_parent() -> Path:
    """Return the folder in which ``kafka-ml up --ephemeral`` makes its state folders.

    Raises RefusedError if other users may write to it, or it is another user's.
    """
    parent = Path(tempfile.gettempdir()) / f"kafka-ml-{os.getuid()}"
    parent.mkdir(exist_ok=True, mode=0o700)
    information = parent.lstat()
    if not parent.is_dir() or parent.is_symlink() or information.st_uid != os.getuid() or information.st_mode & 0o077:
        raise RefusedError(
            f"{parent} is not a folder of yours alone", hint="remove it, or set TMPDIR to a folder of yours"
        )
    return parent


def find_state_dir(given: Path | None) -> StateDir:
    """Return the state folder for commands: the given one, otherwise the default.

    When the default is not running and exactly one ephemeral platform is, that one is meant.
    """
    if given is not None:
        return StateDir(given)
    default = StateDir(default_state_dir())
    if not default.is_running():
        parent = Path(tempfile.gettempdir()) / f"kafka-ml-{os.getuid()}"
        running = [state_dir for state_dir in map(StateDir, sorted(parent.glob("*/"))) if state_dir.is_running()]
        if len(running) == 1:
            return running[0]
    return default

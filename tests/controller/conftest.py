"""A platform without its web server: a database, real controllers as processes, tiny real workers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from backend.launchers.process import suspend_all
from tests.support import eventually
from tests.warm_workers import Forker

ROOT = Path(__file__).parents[2]
WORKERS = Path(__file__).parent / "workers"


def _environment(state: Path) -> dict[str, str]:
    """The environment of all processes of a platform."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(state),
        "PYTHONPATH": f"{WORKERS}{os.pathsep}{ROOT}",
        "KML_STATE_DIR": str(state),
    }


class Controller:
    """A controller's process, like a ``subprocess.Popen``. Its parent is the database process."""

    def __init__(self, platform: Platform, pid: int) -> None:
        self._platform = platform
        self.pid = pid
        self._status: int | None = None

    def send_signal(self, number: signal.Signals) -> None:
        if self._status is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def wait(self, timeout_seconds: float = 60) -> int:
        """Wait for the process to end; returns the exit status, or minus the signal."""
        eventually(self._has_ended, timeout_seconds, what=f"controller {self.pid} to end")
        assert self._status is not None
        return self._status

    def _has_ended(self) -> bool:
        if self._status is None:
            self._status = self._platform.status_of(pid=self.pid)
        return self._status is not None


class Platform:
    """A state folder on which controllers start and die. Calls like ``platform.add_training()`` reach its database."""

    def __init__(self, state: Path, forker: Forker, *, bootstrap_servers: str = "127.0.0.1:1") -> None:
        self.state = state
        self.fired = state / "fired"
        self.env = {
            **_environment(state),
            "KML_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "KML_WORKER_GRACE_SECONDS": "2",
            "KML_WARM_WORKERS": "false",
            "KML_FAILPOINT_LOG": str(self.fired),
        }
        self._controllers: list[Controller] = []
        ours, theirs = socket.socketpair()
        with ours, theirs:
            forker.ask(self.env, descriptor=theirs.fileno())
            self._database = ours.makefile("rwb")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._ask, name)

    def _ask(self, name: str, **arguments: Any) -> Any:
        self._database.write(orjson.dumps({"do": name, **arguments}) + b"\n")
        self._database.flush()
        answer = self._database.readline()
        assert answer, "the database process died"
        return orjson.loads(answer)

    def controller(self, *options: str, fail: str = "", **env: str) -> Controller:
        """Start a controller. The database process forks it, which saves the import of Django."""
        log = str(self.state / "controller.log")
        env = {**self.env, "KML_FAILPOINT": fail, **env}
        process = Controller(self, self._ask("fork_controller", options=options, env=env, log=log))
        self._controllers.append(process)
        return process

    def leads(self, process: Controller) -> None:
        """Wait until a controller leads."""
        eventually(lambda: f'"pid":{process.pid},' in self.lease(), 60)

    def gate(self, pk: int, verdict: str) -> None:
        """Decide what waiting and future attempts at a training do."""
        self._ask("decide", pk=pk, verdict=verdict)

    def starts(self) -> list[list[str]]:
        """Return (time, process id, name, replica, single or twin) for each start of a worker."""
        path = self.state / "starts"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def jobs(self) -> list[str]:
        """Return the names of all work known to the launcher."""
        return sorted(path.parent.name for path in (self.state / "jobs").glob("*/spec.json"))

    def log(self) -> str:
        return (self.state / "controller.log").read_text()

    def close(self) -> None:
        for process in self._controllers:
            process.kill()
            process.wait()
        # The database process ends when its last client closes the connection.
        self._database.close()
        suspend_all(self.state / "jobs", timeout_seconds=3)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with an empty database, for copying."""
    state = tmp_path_factory.mktemp("migrated")
    subprocess.run(
        [sys.executable, "-m", "backend.manage", "migrate", "--verbosity", "0"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KML_STATE_DIR": str(state)},
        check=True,
        timeout=120,
    )
    return state


@pytest.fixture(scope="session")
def forker(migrated: Path) -> Iterator[Forker]:
    """The process from which platforms are forked."""
    running = Forker("tests.controller.platform_process", env=_environment(migrated))
    yield running
    running.close()


@pytest.fixture
def platform(migrated: Path, forker: Forker, tmp_path: Path) -> Iterator[Platform]:
    state = tmp_path / "state"
    shutil.copytree(migrated, state)
    made = Platform(state, forker)
    yield made
    made.close()


@pytest.fixture
def broker_platform(migrated: Path, forker: Forker, tmp_path: Path, broker: Any) -> Iterator[Platform]:
    state = tmp_path / "state"
    shutil.copytree(migrated, state)
    made = Platform(state, forker, bootstrap_servers=broker.bootstrap_servers)
    yield made
    made.close()


def seconds_since(moment: float) -> float:
    return time.time() - moment

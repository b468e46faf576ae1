"""A platform without its web server: a database, real controllers as processes, tiny real workers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from backend.launchers.process import suspend_all
from tests.support import eventually

ROOT = Path(__file__).parents[2]
WORKERS = Path(__file__).parent / "workers"


class Platform:
    """One state folder; controllers on it start and die. Calls like ``platform.add_training()`` reach its database."""

    def __init__(self, state: Path, *, bootstrap_servers: str = "127.0.0.1:1") -> None:
        self.state = state
        self.fired = state / "fired"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(state),
            "PYTHONPATH": f"{WORKERS}{os.pathsep}{ROOT}",
            "KML_STATE_DIR": str(state),
            "KML_KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "KML_WORKER_GRACE_SECONDS": "2",
            "KML_WARM_WORKERS": "false",
            "KML_FAILPOINT_LOG": str(self.fired),
        }
        self._controllers: list[subprocess.Popen[bytes]] = []
        self._database = subprocess.Popen(
            [sys.executable, "-m", "tests.controller.platform_process"],
            env=self.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            assert self._database.stdin
            assert self._database.stdout
            self._database.stdin.write(orjson.dumps({"do": name, **arguments}) + b"\n")
            self._database.stdin.flush()
            answer = self._database.stdout.readline()
            assert answer, "the database process died"
            return orjson.loads(answer)

        if name.startswith("_"):
            raise AttributeError(name)
        return call

    def controller(self, *options: str, fail: str = "", **env: str) -> subprocess.Popen[bytes]:
        with (self.state / "controller.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.manage", "controller", *options],
                env={**self.env, "KML_FAILPOINT": fail, **env},
                stdout=log,
                stderr=log,
            )
        self._controllers.append(process)
        return process

    def leads(self, process: subprocess.Popen[bytes]) -> None:
        """Wait until a controller leads."""
        eventually(lambda: f'"pid":{process.pid},' in self.lease(), 60)

    def gate(self, pk: int, verdict: str) -> None:
        folder = self.state / "gates"
        folder.mkdir(exist_ok=True)
        temporary = folder / f".{pk}"
        temporary.write_text(verdict)
        temporary.replace(folder / str(pk))

    def starts(self) -> list[list[str]]:
        """Return (time, process id, name, replica, single or twin) of every worker's start."""
        path = self.state / "starts"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def jobs(self) -> list[str]:
        """Return the names of the work that the launcher knows."""
        return sorted(path.parent.name for path in (self.state / "jobs").glob("*/spec.json"))

    def log(self) -> str:
        return (self.state / "controller.log").read_text()

    def close(self) -> None:
        for process in self._controllers:
            process.send_signal(signal.SIGKILL)
            process.wait()
        self._database.terminate()
        self._database.communicate()
        suspend_all(self.state / "jobs", timeout_seconds=3)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state folder with an empty database, to be copied."""
    state = tmp_path_factory.mktemp("migrated")
    subprocess.run(
        [sys.executable, "-m", "backend.manage", "migrate", "--verbosity", "0"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "KML_STATE_DIR": str(state)},
        check=True,
        timeout=120,
    )
    return state


@pytest.fixture
def platform(migrated: Path, tmp_path: Path) -> Iterator[Platform]:
    state = tmp_path / "state"
    shutil.copytree(migrated, state)
    made = Platform(state)
    yield made
    made.close()


@pytest.fixture
def broker_platform(migrated: Path, tmp_path: Path, broker: Any) -> Iterator[Platform]:
    state = tmp_path / "state"
    shutil.copytree(migrated, state)
    made = Platform(state, bootstrap_servers=broker.bootstrap_servers)
    yield made
    made.close()


def seconds_since(moment: float) -> float:
    return time.time() - moment

"""Fixtures: real launchers in temporary folders. All that they started is killed at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.process import ProcessLauncher, suspend_all

ROOT = Path(__file__).parents[2]


class World:
    """A jobs folder with launchers on it (each as after a controller's restart), and the records of workers' starts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.jobs = path / "jobs"
        self.starts_file = path / "starts"
        self._launchers: list[ProcessLauncher] = []

    def launcher(self, **options: object) -> ProcessLauncher:
        arguments: dict[str, object] = {
            "base_env": {"PYTHONPATH": str(ROOT), "PROGRAM_STARTS": str(self.starts_file)},
            "grace_seconds": 1.0,
            "backoff_initial_seconds": 0.05,
            "backoff_max_seconds": 0.4,
        }
        launcher = ProcessLauncher(self.jobs, **(arguments | options))  # type: ignore[arg-type]
        self._launchers.append(launcher)
        return launcher

    def spec(
        self, do: str = "sleep", *, name: str = "kml-train-1-a1", always: bool = False, **more: object
    ) -> WorkSpec:
        arguments: dict[str, object] = {
            "name": name,
            "module": "tests.launchers.worker_program",
            "env": {"PROGRAM_DO": do, "KML_JOB_FRAMEWORK": "pytorch"},
            "token": "a-token",
            "restart": RestartPolicy.ALWAYS if always else RestartPolicy.NEVER,
        }
        return WorkSpec(**(arguments | more))  # type: ignore[arg-type]

    def starts(self) -> list[list[str]]:
        """Return (time, process id, name, replica, single or twin) for each start of a worker."""
        return [line.split() for line in self.starts_file.read_text().splitlines()] if self.starts_file.exists() else []

    def close(self) -> None:
        for launcher in self._launchers:
            launcher.close()
        suspend_all(self.jobs, timeout_seconds=3)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=["cold", "warm"])
def make_launcher(request: pytest.FixtureRequest, world: World) -> Callable[..., ProcessLauncher]:
    """Make a launcher that starts workers cold, or from a warm server that is ready."""
    from tests.support import eventually

    def make(**options: object) -> ProcessLauncher:
        if request.param == "cold":
            return world.launcher(**options)
        launcher = world.launcher(preload=("tests.launchers.preloaded",), **options)
        eventually(lambda: launcher.is_warm, 60)
        return launcher

    return make

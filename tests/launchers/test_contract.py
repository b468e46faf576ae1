"""The contract of every launcher, on which the controller is built. The fake one has to meet it too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.launchers.base import Launcher, Observed, Phase
from backend.launchers.kubernetes.launcher import KubernetesLauncher
from backend.launchers.kubernetes.settings import KubernetesSettings
from tests.launchers.conftest import World
from tests.launchers.fake_launcher import FakeLauncher
from tests.launchers.kubernetes.faulty_cluster import FaultyCluster
from tests.support import eventually

NAME = "kml-train-1-a1"


class Case:
    """A launcher, and a way to end its runs with an exit code."""

    def __init__(self, launcher: Launcher, end: Callable[[int], object], settle: Callable[[], object]) -> None:
        self.launcher = launcher
        self.end = end
        self.settle = settle

    def reaches(self, *phases: Phase) -> Observed:
        def look() -> Observed | None:
            self.settle()
            found = self.launcher.observe().get(NAME)
            return found if found is not None and found.phase in phases else None

        found = eventually(look)
        assert found is not None
        return found


@pytest.fixture(params=["fake", "process", "kubernetes"])
def case(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Iterator[Case]:
    gate = tmp_path / "gate"
    if request.param == "process":
        yield Case(world.launcher(), lambda code: gate.write_text(str(code)), lambda: None)
        return
    if request.param == "kubernetes":
        yield kubernetes_case(tmp_path)
        return
    fake = FakeLauncher()

    def settle() -> None:
        fake.finish_stops()
        for name in fake.work:
            fake.run(name)

    yield Case(fake, lambda code: fake.end(NAME, code), settle)


def kubernetes_case(tmp_path: Path) -> Case:
    cluster = FaultyCluster()
    launcher = KubernetesLauncher(
        api=cluster,
        settings=KubernetesSettings(),
        base_env={},
        logs_dir=tmp_path / "logs",
        clock=cluster.clock,
        wall_clock=cluster.clock,
        threads=False,
    )
    launcher.step()

    def settle() -> None:
        cluster.step()
        launcher.step()

    def end(code: int) -> None:
        for pod in cluster.pods_of(NAME):
            cluster.end(pod, code)

    return Case(launcher, end, settle)


def launch(case: Case, world: World, tmp_path: Path, *, always: bool = False, replicas: int = 1) -> None:
    case.launcher.launch(world.spec(f"exit-from:{tmp_path / 'gate'}", always=always, replicas=replicas))


def test_a_run_starts_runs_and_succeeds(case: Case, world: World, tmp_path: Path) -> None:
    launch(case, world, tmp_path)
    assert case.launcher.observe()[NAME].phase in (Phase.STARTING, Phase.RUNNING)
    assert case.reaches(Phase.RUNNING).failure is None
    case.end(0)
    assert (found := case.reaches(Phase.SUCCEEDED)).exit_code == 0
    assert found.failure is None


def test_a_run_that_fails_says_why_and_is_kept_until_forgotten(case: Case, world: World, tmp_path: Path) -> None:
    launch(case, world, tmp_path)
    case.reaches(Phase.RUNNING)
    # A real process must have begun before it can leave a log.
    eventually(lambda: case.launcher.logs(NAME)[0])
    case.end(4)
    found = case.reaches(Phase.FAILED)
    assert found.exit_code == 4
    assert found.failure is not None
    assert found.log_tail
    launch(case, world, tmp_path)
    assert case.reaches(Phase.FAILED).exit_code == 4
    case.launcher.forget(NAME)
    assert NAME not in case.launcher.observe()
    assert NAME in case.launcher.names()
    content, end = case.launcher.logs(NAME)
    assert end == len(content) > 0
    assert case.launcher.logs(NAME, offset=end) == (b"", end)
    assert case.launcher.logs(NAME, offset=-3)[0] == content[-3:]


def test_what_was_asked_to_stop_has_not_failed(case: Case, world: World, tmp_path: Path) -> None:
    for always in (False, True):
        launch(case, world, tmp_path, always=always)
        case.reaches(Phase.RUNNING)
        case.launcher.stop(NAME)
        case.launcher.stop(NAME)
        assert case.reaches(Phase.SUCCEEDED).failure is None
        case.launcher.forget(NAME)
        case.launcher.forget(NAME)
        assert case.launcher.observe() == {}


def test_services_know_how_many_replicas_are_wanted(case: Case, world: World, tmp_path: Path) -> None:
    for replicas in (2, 1, 3):
        launch(case, world, tmp_path, always=True, replicas=replicas)
        assert case.reaches(Phase.RUNNING, Phase.STARTING).replicas == replicas
    eventually(lambda: case.reaches(Phase.RUNNING).ready_replicas == 3)


def test_unknown_names_are_not_errors(case: Case) -> None:
    case.launcher.stop("kml-train-9-a9")
    case.launcher.forget("kml-train-9-a9")
    assert case.launcher.logs("kml-train-9-a9") == (b"", 0)
    assert case.launcher.observe() == {}


def test_logs_of_forgotten_work_are_pruned(case: Case, world: World, tmp_path: Path) -> None:
    launch(case, world, tmp_path)
    case.reaches(Phase.RUNNING)
    eventually(lambda: case.launcher.logs(NAME)[0])
    case.launcher.prune(older_than_seconds=-1)
    assert list(case.launcher.names()) == [NAME]
    case.launcher.stop(NAME)
    case.reaches(Phase.SUCCEEDED)
    case.launcher.forget(NAME)
    case.launcher.prune(older_than_seconds=-1)
    assert list(case.launcher.names()) == []
    case.launcher.close()

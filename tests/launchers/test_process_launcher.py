"""ProcessLauncher with real processes, started cold and from the warm server alike."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable

import psutil
import pytest

from backend.launchers.base import Observed, Phase
from backend.launchers.job_folder import JobFolder
from backend.launchers.process import ProcessLauncher
from kafkaml.wire.failure import FailureCategory
from tests.launchers.conftest import World
from tests.support import eventually, has_ended, is_over

NAME = "kml-train-1-a1"
MakeLauncher = Callable[..., ProcessLauncher]


def phase(launcher: ProcessLauncher, name: str = NAME) -> Phase | None:
    observed = launcher.observe().get(name)
    return observed.phase if observed else None


def ended(launcher: ProcessLauncher, name: str = NAME) -> Observed:
    return eventually(lambda: (found := launcher.observe()[name]).phase.ended and found)


def log_of(launcher: ProcessLauncher, name: str = NAME, replica: int = 0) -> str:
    return launcher.logs(name, replica=replica)[0].decode()


def test_a_run_goes_from_start_to_success(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    gate = world.path / "gate"
    launcher.launch(world.spec(f"wait-for:{gate},exit:0"))
    eventually(lambda: phase(launcher) is Phase.RUNNING)
    eventually(lambda: "started replica 0" in log_of(launcher))
    gate.touch()
    assert ended(launcher) == Observed(name=NAME, phase=Phase.SUCCEEDED, exit_code=0, log_tail="started replica 0\n")


def test_a_worker_sees_its_job_and_token_and_nothing_else(
    world: World, make_launcher: MakeLauncher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary")
    launcher = make_launcher()
    launcher.launch(world.spec("print-env", token="secret-token", env={"PROGRAM_DO": "print-env", "KML_JOB_X": "1"}))
    ended(launcher)
    names = log_of(launcher).splitlines()[1]
    assert "canary" not in names
    allowed = {"HOME", "LANG", "PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "TMPDIR", "TZ", "LC_CTYPE"}
    extra = {name.strip("'[],") for name in names.split()} - allowed
    assert {variable for variable in extra if not variable.startswith(("KML_JOB_", "PROGRAM_"))} == set()
    assert log_of(launcher).splitlines()[2] == "secret-token"
    token = world.jobs / NAME / "token"
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert "secret-token" not in (world.jobs / NAME / "spec.json").read_text()


@pytest.mark.parametrize(
    ("do", "exit_code", "category", "said"),
    [
        ("exit:3", 3, FailureCategory.INTERNAL, "exit code 3"),
        ("raise", 1, FailureCategory.INTERNAL, "the stars are not right"),
        ("import:no_such_package", 1, FailureCategory.CONFIGURATION, "no_such_package"),
        ("kill", -9, FailureCategory.LOST, "SIGKILL"),
    ],
)
def test_a_failed_run_says_why(
    world: World, make_launcher: MakeLauncher, do: str, exit_code: int, category: FailureCategory, said: str
) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec(do))
    observed = ended(launcher)
    assert (observed.phase, observed.exit_code) == (Phase.FAILED, exit_code)
    assert observed.failure is not None
    assert observed.failure.category is category
    assert said in observed.failure.cause
    assert "started replica 0" in observed.log_tail


def test_launching_twice_is_adopting(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec())
    launcher.launch(world.spec(token="renewed"))
    world.launcher().launch(world.spec(token="renewed"))
    eventually(lambda: phase(launcher) is Phase.RUNNING)
    eventually(world.starts)
    launcher.observe()
    assert len(world.starts()) == 1
    assert (world.jobs / NAME / "token").read_text() == "renewed"


def test_an_ended_run_is_kept_until_it_is_forgotten_and_its_log_longer(
    world: World, make_launcher: MakeLauncher
) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec("exit:4"))
    ended(launcher)
    launcher.launch(world.spec("exit:4"))
    assert ended(world.launcher()).exit_code == 4
    assert len(world.starts()) == 1
    launcher.forget(NAME)
    launcher.forget(NAME)
    assert launcher.observe() == {}
    assert log_of(launcher) == "started replica 0\n"
    assert launcher.names() == [NAME]
    assert sorted(path.name for path in (world.jobs / NAME).iterdir()) == ["log-0.txt"]
    launcher.prune(older_than_seconds=3600)
    assert launcher.names() == [NAME]
    launcher.prune(older_than_seconds=-1)
    assert launcher.names() == []


def test_what_runs_is_not_forgotten(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec())
    eventually(lambda: phase(launcher) is Phase.RUNNING)
    launcher.forget(NAME)
    assert phase(launcher) is Phase.RUNNING


def test_stop_ends_the_worker_and_all_it_started(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec("child,sleep"))
    eventually(lambda: "child" in log_of(launcher))
    child = psutil.Process(int(log_of(launcher).split()[-1]))
    launcher.stop(NAME)
    launcher.stop(NAME)
    assert ended(launcher).phase is Phase.SUCCEEDED
    eventually(lambda: is_over(child))


def test_what_a_worker_leaves_behind_dies_with_it(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec("child,exit:0"))
    assert ended(launcher).exit_code == 0
    child = int(log_of(launcher).split()[-1])
    eventually(lambda: has_ended(child))


def test_a_worker_that_ignores_sigterm_is_killed_after_the_grace(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher(grace_seconds=0.3)
    launcher.launch(world.spec("ignore-term,sleep"))
    eventually(lambda: "ignoring" in log_of(launcher))
    state = JobFolder(world.jobs / NAME).state(0)
    assert state is not None
    # The keeper, which kills after the grace period, is halted, so that the time before can be observed.
    os.kill(state.keeper.pid, signal.SIGSTOP)
    launcher.stop(NAME)
    assert phase(launcher) is Phase.STOPPING
    os.kill(state.keeper.pid, signal.SIGCONT)
    observed = ended(launcher)
    assert (observed.phase, observed.exit_code) == (Phase.SUCCEEDED, -9)


def test_stop_of_unknown_work_is_not_an_error(world: World, make_launcher: MakeLauncher) -> None:
    make_launcher().stop("kml-train-99-a1")


def test_a_flood_of_output_neither_fills_the_disk_nor_blocks(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec("flood:800,exit:0"))
    observed = eventually(lambda: (found := launcher.observe()[NAME]).phase.ended and found, 60)
    assert observed.exit_code == 0
    assert observed.log_tail.endswith("end of flood\n")
    on_disk = sum(path.stat().st_size for path in (world.jobs / NAME).iterdir())
    assert on_disk < 6 << 20
    content, end = launcher.logs(NAME, offset=0, max_bytes=100)
    assert end > 40 << 20
    assert content == b"x" * 100


def test_services_are_restarted_with_growing_pauses(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec("exit:5", always=True))
    eventually(lambda: len(world.starts()) >= 4)
    observed = launcher.observe()[NAME]
    assert observed.phase in (Phase.STARTING, Phase.RUNNING)
    assert observed.restarts >= 3
    eventually(lambda: (found := launcher.observe()[NAME]).failure and "exit code 5" in found.failure.cause)
    times = [float(start[0]) for start in world.starts()]
    assert times[3] - times[2] > 0.19
    launcher.stop(NAME)
    assert ended(launcher).phase is Phase.SUCCEEDED


def test_services_are_scaled_up_and_down(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()

    def ready(number: int, spec_replicas: int) -> None:
        launcher.launch(world.spec(always=True, replicas=spec_replicas))
        eventually(lambda: launcher.observe()[NAME].ready_replicas == number)

    ready(3, 3)
    # Replicas are awaited first, because each reports its start only then.
    eventually(lambda: len(world.starts()) == 3)
    ready(1, 1)
    assert (world.jobs / NAME / "lock-0").exists()
    ready(2, 2)
    eventually(lambda: [start[3] for start in world.starts()].count("1") == 2)
    assert all(start[4] == "single" for start in world.starts())
    launcher.stop(NAME)
    assert ended(launcher).ready_replicas == 0


def test_a_killed_replica_comes_back(world: World, make_launcher: MakeLauncher) -> None:
    launcher = make_launcher()
    launcher.launch(world.spec(always=True, replicas=2))
    eventually(lambda: len(world.starts()) == 2)
    os.kill(int(world.starts()[0][1]), 9)
    eventually(lambda: len(world.starts()) == 3)
    eventually(lambda: launcher.observe()[NAME].ready_replicas == 2)
    assert all(start[4] == "single" for start in world.starts())


def test_names_that_leave_the_folder_are_refused(world: World) -> None:
    launcher = world.launcher()
    for name in ("../x", "a/b", "", ".", "Kml", "a" * 64):
        with pytest.raises(ValueError, match="not a name of work"):
            launcher.logs(name)

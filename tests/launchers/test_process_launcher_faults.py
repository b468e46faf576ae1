"""The launcher killed at every fail-point, with real children: nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from backend.launchers.base import Phase
from backend.launchers.job_folder import JobFolder
from backend.launchers.process import suspend_all
from tests.launchers.conftest import ROOT, World
from tests.launchers.driver import RUN, SERVICE, spec_of
from tests.support import eventually

pytestmark = pytest.mark.faults


def drive(
    world: World, mode: str, *verbs: str, fail: str = "", do: str = "sleep"
) -> tuple[subprocess.Popen[bytes], Path]:
    """Start a driver with a fail-point; returns it, and the file in which fail-points record that they acted."""
    fired = world.path / "fired"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "DRIVER_DO": do,
        "KML_FAILPOINT": fail,
        "KML_FAILPOINT_LOG": str(fired),
    }
    command = [sys.executable, "-m", "tests.launchers.driver", str(world.jobs), str(world.starts_file), mode, *verbs]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE), fired


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("mode", ["cold", "warm"])
@pytest.mark.parametrize("verb", ["launch", "serve"])
@pytest.mark.parametrize(
    "point", ["launcher.before_intent", "launcher.after_intent", "launcher.locked", "launcher.started"]
)
def test_a_launcher_killed_while_it_launches(world: World, point: str, verb: str, mode: str) -> None:
    driver, fired = drive(world, mode, verb, fail=f"{point}:kill")
    assert driver.wait(60) == -signal.SIGKILL
    assert point in fired.read_text()
    driver.communicate()

    launcher = world.launcher()
    # The controller asks again as long as the row says so, so the test does too.
    launcher.launch(spec_of(verb))
    name, replicas = (RUN, 1) if verb == "launch" else (SERVICE, 2)
    eventually(lambda: launcher.observe()[name].ready_replicas == replicas)
    eventually(lambda: len(world.starts()) == replicas)
    assert [start[4] for start in world.starts()] == ["single"] * replicas
    assert len({(start[2], start[3]) for start in world.starts()}) == replicas


@pytest.mark.parametrize("mode", ["cold", "warm"])
def test_intent_alone_is_enough(world: World, mode: str) -> None:
    driver, _ = drive(world, mode, "launch", fail="launcher.after_intent:kill")
    driver.communicate(timeout=60)
    launcher = world.launcher()
    eventually(lambda: launcher.observe()[RUN].phase is Phase.RUNNING)


@pytest.mark.parametrize("mode", ["cold", "warm"])
@pytest.mark.parametrize("verb", ["launch", "serve"])
def test_workers_survive_the_launcher_and_are_adopted(world: World, verb: str, mode: str) -> None:
    driver, _ = drive(world, mode, verb)
    replicas = 1 if verb == "launch" else 2
    eventually(lambda: len(world.starts()) == replicas)
    kill(driver)
    launcher = world.launcher()
    name = RUN if verb == "launch" else SERVICE
    assert eventually(lambda: launcher.observe()[name].ready_replicas == replicas)
    launcher.launch(spec_of(verb))
    launcher.stop(name)
    assert eventually(lambda: (found := launcher.observe()[name]).phase.ended and found).phase is Phase.SUCCEEDED
    assert len(world.starts()) == replicas


@pytest.mark.parametrize("mode", ["cold", "warm"])
def test_an_exit_code_is_known_although_nobody_was_there(world: World, mode: str) -> None:
    gate = world.path / "gate"
    driver, _ = drive(world, mode, "launch", do=f"wait-for:{gate},exit:7")
    eventually(world.starts)
    kill(driver)
    gate.touch()
    eventually(lambda: not JobFolder(world.jobs / RUN).is_locked(0))
    observed = world.launcher().observe()[RUN]
    assert (observed.phase, observed.exit_code) == (Phase.FAILED, 7)


def test_services_are_restarted_although_nobody_is_there(world: World) -> None:
    driver, _ = drive(world, "cold", "serve")
    eventually(lambda: len(world.starts()) == 2)
    kill(driver)
    os.kill(int(world.starts()[0][1]), signal.SIGKILL)
    eventually(lambda: len(world.starts()) == 3)


def test_a_stop_is_carried_through_although_its_launcher_died(world: World) -> None:
    driver, fired = drive(world, "cold", "launch", "stop", fail="launcher.stop_written:kill")
    assert driver.wait(60) == -signal.SIGKILL
    driver.communicate()
    assert fired.exists()
    # No signal was sent, but the keeper finds the file.
    eventually(lambda: not JobFolder(world.jobs / RUN).is_locked(0))
    assert world.launcher().observe()[RUN].phase is Phase.SUCCEEDED


def test_a_half_done_forget_is_not_a_job_any_more(world: World) -> None:
    driver, _ = drive(world, "cold", "launch", "forget", fail="launcher.forget_half:kill", do="exit:0")
    assert driver.wait(60) == -signal.SIGKILL
    driver.communicate()
    launcher = world.launcher()
    assert launcher.observe() == {}
    assert launcher.logs(RUN)[0] == b"started replica 0\n"
    launcher.forget(RUN)
    # The name may be used again for a fresh run.
    launcher.launch(spec_of("launch"))
    eventually(lambda: len(world.starts()) == 2)


@pytest.mark.parametrize("mode", ["cold", "warm"])
@pytest.mark.parametrize("point", ["keeper.before_worker", "keeper.after_fork", "keeper.before_exit_recorded"])
def test_a_keeper_killed_takes_its_worker_along_and_the_run_is_lost_not_stuck(
    world: World, point: str, mode: str
) -> None:
    driver, fired = drive(world, mode, "launch", fail=f"{point}:kill", do="sleep:0.2,exit:0")
    eventually(lambda: fired.exists() and point in fired.read_text())
    kill(driver)
    launcher = world.launcher()
    observed = eventually(lambda: (found := launcher.observe()[RUN]).phase.ended and found)
    assert observed.phase is Phase.FAILED
    assert observed.exit_code is None
    assert observed.failure is not None
    assert observed.failure.category == "lost"
    assert len(world.starts()) <= 1
    for start in world.starts():
        eventually(lambda pid=int(start[1]): not _runs(pid))


def test_a_service_whose_keeper_was_killed_comes_back(world: World) -> None:
    launcher = world.launcher()
    launcher.launch(spec_of("serve"))
    eventually(lambda: launcher.observe()[SERVICE].ready_replicas == len(world.starts()) == 2)
    state = JobFolder(world.jobs / SERVICE).state(0)
    assert state is not None
    os.kill(state.keeper.pid, signal.SIGKILL)
    eventually(lambda: launcher.observe() and len(world.starts()) == 3)
    eventually(lambda: launcher.observe()[SERVICE].ready_replicas == 2)
    assert [start[4] for start in world.starts()] == ["single"] * 3


def test_two_launchers_at_once_start_no_twins(world: World) -> None:
    drivers = [drive(world, mode, "launch", "serve")[0] for mode in ("cold", "warm", "cold")]
    eventually(lambda: len(world.starts()) >= 3)
    launcher = world.launcher()
    eventually(lambda: launcher.observe()[SERVICE].ready_replicas == 2)
    for driver in drivers:
        kill(driver)
    assert sorted((start[2], start[3], start[4]) for start in world.starts()) == [
        (SERVICE, "0", "single"),
        (SERVICE, "1", "single"),
        (RUN, "0", "single"),
    ]


def test_suspended_services_come_back_and_runs_are_lost(world: World) -> None:
    launcher = world.launcher()
    launcher.launch(spec_of("serve"))
    launcher.launch(spec_of("launch"))
    eventually(lambda: len(world.starts()) == 3)
    assert suspend_all(world.jobs, timeout_seconds=60) == []
    assert not any(_runs(int(start[1])) for start in world.starts())
    after = world.launcher()
    eventually(lambda: after.observe()[SERVICE].ready_replicas == 2)
    run = after.observe()[RUN]
    assert run.phase is Phase.FAILED
    assert run.failure is not None
    assert "shut down" in run.failure.cause


def test_what_comes_back_gets_the_settings_of_today_and_no_older_ones(world: World) -> None:
    python = {"PYTHONPATH": str(ROOT), "PROGRAM_STARTS": str(world.starts_file)}
    launcher = world.launcher(base_env={**python, "PROGRAM_SAYS": "yesterday", "PROGRAM_SAID": "once"})
    spec = world.spec(name=SERVICE, always=True)
    launcher.launch(spec)
    eventually(world.starts)
    assert suspend_all(world.jobs, timeout_seconds=60) == []
    after = world.launcher(base_env={**python, "PROGRAM_SAYS": "today"})
    eventually(lambda: after.observe()[SERVICE].ready_replicas == 1 and len(world.starts()) == 2)
    environment = psutil.Process(int(world.starts()[1][1])).environ()
    assert environment["PROGRAM_SAYS"] == "today"
    # A setting that the platform no longer has is gone, and what belongs to the job stays.
    assert "PROGRAM_SAID" not in environment
    assert spec.env.items() <= environment.items()


def test_the_warm_server_ends_with_its_launcher(world: World) -> None:
    driver, _ = drive(world, "warm", "launch")
    eventually(world.starts)
    server = _server_of(driver.pid)
    kill(driver)
    eventually(lambda: not _runs(server.pid))
    assert _runs(int(world.starts()[0][1]))


def test_a_killed_warm_server_is_replaced_and_work_starts_meanwhile(world: World) -> None:
    launcher = world.launcher(preload=("tests.launchers.preloaded",))
    eventually(lambda: launcher.is_warm, 60)
    _server_of(os.getpid()).kill()
    launcher.launch(spec_of("launch"))
    eventually(lambda: launcher.observe()[RUN].phase is Phase.RUNNING)
    eventually(lambda: launcher.is_warm, 60)


def _server_of(pid: int) -> psutil.Process:
    for child in psutil.Process(pid).children():
        if _runs(child.pid) and "backend.launchers.worker_server" in child.cmdline():
            return child
    raise AssertionError("there is no warm server")


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False

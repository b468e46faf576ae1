"""The supervisor's promises, tested with small programs instead of the platform's own."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil
import pytest

from kafkaml.local.state import ComponentState, PlatformStatus, StateDir
from platform_local.supervisor import Component, Supervisor, log_tail
from tests.small_disk import SmallDisk
from tests.support import eventually, has_ended

FOREVER = "import signal\nprint('running', flush=True)\nsignal.pause()"


class RunningPlatform:
    """Runs a supervisor in the main thread until a status is seen, and keeps every status."""

    def __init__(self, tmp_path: Path) -> None:
        self.state = StateDir(tmp_path / "state")
        self.state.prepare()
        self.history: list[PlatformStatus] = []

    def component(self, name: str, program: str, **options: object) -> Component:
        script = self.state.root / f"{name}.py"
        script.write_text(program)
        return Component(
            name=name,
            prepare=lambda: [sys.executable, str(script)],
            env=dict(os.environ),
            **options,  # type: ignore[arg-type]
        )

    def run(
        self,
        components: Sequence[Component],
        until: Callable[[PlatformStatus], bool],
        *,
        stop_order: Sequence[Sequence[str]] | None = None,
    ) -> PlatformStatus:
        """Run until a status satisfies ``until``, then stop; returns the last status."""

        def on_change(status: PlatformStatus) -> None:
            self.history.append(status)
            if until(status):
                supervisor.request_stop()

        supervisor = Supervisor(
            state=self.state,
            components=components,
            stop_order=stop_order or [[component.name] for component in reversed(components)],
            status=PlatformStatus(os.getpid(), "http://x", "x:1"),
            on_change=on_change,
        )

        async def bounded() -> PlatformStatus:
            return await asyncio.wait_for(supervisor.run(), 120)

        return asyncio.run(bounded())

    def order_of(self, state: ComponentState) -> list[str]:
        """Return names in the order in which they first reached ``state``."""
        names: list[str] = []
        for status in self.history:
            names += [
                component.name
                for component in status.components
                if component.state == state and component.name not in names
            ]
        return names


@pytest.fixture
def platform(tmp_path: Path) -> RunningPlatform:
    return RunningPlatform(tmp_path)


def _state(status: PlatformStatus, name: str) -> ComponentState:
    return next(component.state for component in status.components if component.name == name)


def test_components_start_after_those_they_need_and_stop_in_the_opposite_order(platform: RunningPlatform) -> None:
    ready = platform.state.root / "first-is-ready"
    first = platform.component(
        "first", f"import pathlib\npathlib.Path({str(ready)!r}).touch()\n{FOREVER}", probe=ready.exists
    )
    setup = platform.component("setup", "print('done')", once=True, after=["first"])
    last = platform.component("last", FOREVER, after=["setup"])
    end = platform.run([first, setup, last], until=lambda status: status.ready)
    assert platform.order_of(ComponentState.READY) == ["first", "setup", "last"]
    assert platform.order_of(ComponentState.STOPPED) == ["last", "setup", "first"]
    assert end.problem == ""


def test_a_crashed_component_is_started_again(platform: RunningPlatform) -> None:
    flag = platform.state.root / "crashed-once"
    program = f"import pathlib, sys\np = pathlib.Path({str(flag)!r})\nif not p.exists():\n    p.touch(); sys.exit(3)\n"
    crashing = platform.component("crashing", program + FOREVER, probe=lambda: _text(platform, "crashing") != "")
    platform.run([crashing], until=lambda status: _state(status, "crashing") == ComponentState.READY)
    restarted = platform.history[-1].components[0]
    assert restarted.restarts == 1
    assert any("ended with status 3" in seen.components[0].detail for seen in platform.history)


def _text(platform: RunningPlatform, name: str) -> str:
    return log_tail(platform.state.logs / f"{name}.log")


def test_a_crashed_component_is_started_again_while_the_disk_is_full(tmp_path: Path) -> None:
    with SmallDisk(tmp_path / "state", megabytes=1) as disk:
        platform = RunningPlatform(tmp_path)
        component = platform.component("one", FOREVER)

        def until(status: PlatformStatus) -> bool:
            one = status.components[0]
            if one.state == ComponentState.READY and one.restarts == 1:
                disk.free()
                return True
            disk.fill()
            if one.state == ComponentState.READY and one.pid is not None:
                os.kill(one.pid, signal.SIGKILL)
            return False

        platform.run([component], until)
        written = platform.state.read_status()
    assert written is not None
    assert (written.components[0].state, written.components[0].restarts) == (ComponentState.STOPPED, 1)


def test_a_required_step_that_fails_ends_the_platform_with_its_own_words(platform: RunningPlatform) -> None:
    failing = platform.component("migrate", "import sys; sys.exit('no such table')", once=True, required=True)
    web = platform.component("web", FOREVER, after=["migrate"])
    end = platform.run([failing, web], until=lambda status: False)
    assert "migrate ended with status 1: no such table" in end.problem
    assert _state(end, "web") == ComponentState.STOPPED


def test_processes_that_were_there_before_it_are_left_alone(platform: RunningPlatform) -> None:
    with subprocess.Popen([sys.executable, "-c", FOREVER], start_new_session=True) as other:
        try:
            status = platform.run([platform.component("one", FOREVER)], lambda status: status.ready)
            assert [component.state for component in status.components] == [ComponentState.STOPPED]
            assert other.poll() is None
        finally:
            other.kill()


def test_a_component_that_ignores_the_polite_signal_is_killed_with_its_children(platform: RunningPlatform) -> None:
    program = (
        "import signal, subprocess, sys\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import signal; signal.signal(15, 1); signal.pause()'],"
        " start_new_session=True)\nprint(child.pid, flush=True)\nsignal.pause()\n"
    )
    stubborn = platform.component(
        "stubborn", program, probe=lambda: _text(platform, "stubborn") != "", grace_seconds=0.3
    )
    platform.run([stubborn], until=lambda status: status.ready)
    assert not psutil.pid_exists(int(_text(platform, "stubborn")))


def test_orphans_end_with_the_platform(platform: RunningPlatform) -> None:
    program = (
        "import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'],"
        " start_new_session=True)\nprint(child.pid, flush=True)\n"
    )
    spawner = platform.component("spawner", program, once=True)
    stays = platform.component("stays", FOREVER, after=["spawner"])
    platform.run([spawner, stays], until=lambda status: status.ready)
    assert not psutil.pid_exists(int(_text(platform, "spawner")))


def test_a_killed_supervisor_takes_its_components_along(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, pathlib, sys\n"
        "from kafkaml.local.state import PlatformStatus, StateDir\n"
        "from platform_local.supervisor import Component, Supervisor\n"
        f"state = StateDir(pathlib.Path({str(tmp_path)!r})); state.prepare()\n"
        "sleeper = Component(name='sleeper', env=dict(os.environ),\n"
        "    prepare=lambda: [sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "asyncio.run(Supervisor(state=state, components=[sleeper], stop_order=[['sleeper']],\n"
        "    status=PlatformStatus(os.getpid(), '', ''),\n"
        "    on_change=lambda status: print(status.components[0].pid, flush=True)).run())\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(120, supervisor.kill)
    watchdog.start()
    assert supervisor.stdout is not None
    pid = next(int(line) for line in supervisor.stdout if line.strip().isdigit())
    assert psutil.pid_exists(pid)
    supervisor.send_signal(signal.SIGKILL)
    supervisor.wait(60)
    watchdog.cancel()
    supervisor.stdout.close()
    eventually(lambda: has_ended(pid))

"""The life of a platform: started, started twice, stopped, killed, started again.

A start and an end take half a minute of a busy machine, so each test uses the platform as the one before left it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from kafka_ml_cli.exits import ExitCode
from kafkaml.local.state import ComponentState
from platform_local.broker import broker_answers
from platform_local.strays import platform_processes
from tests.conftest import TestBroker
from tests.platform import Platform
from tests.support import eventually, is_over

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def own_platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform of these tests, running or not. It has no executors, because these tests need none."""
    platform = Platform(tmp_path_factory.mktemp("own"), frameworks=())
    yield platform
    platform.__exit__()


@pytest.fixture
def running_platform(own_platform: Platform) -> Platform:
    """The same platform, started unless the test before left it running."""
    if not own_platform.state.is_running():
        own_platform.up()
    return own_platform


def _is_gone(pid: int) -> bool:
    try:
        return is_over(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return True


def test_secrets_belong_to_the_owner_alone(running_platform: Platform) -> None:
    assert running_platform.state.root.stat().st_mode & 0o077 == 0
    for path in running_platform.state.secrets.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600, path.name
    token = running_platform.state.cli_token.read_text().strip()
    for log in running_platform.state.logs.iterdir():
        assert token not in log.read_text(errors="replace"), log.name


def test_the_login_link_works_once(running_platform: Platform) -> None:
    link = running_platform.cli("login").stdout.strip()
    assert link.startswith(running_platform.status.url)
    with httpx.Client(trust_env=False) as browser:
        browser.get(link)
        who = browser.get(f"{running_platform.status.url}/api/session/").json()
        assert who["user"]["role"] == "admin"
    with httpx.Client(trust_env=False) as second:
        second.get(link)
        assert second.get(f"{running_platform.status.url}/api/session/").json()["user"] is None


def test_a_second_up_says_that_it_runs_already(running_platform: Platform) -> None:
    for arguments in (["up"], ["up", "--detach"]):
        done = running_platform.cli(*arguments)
        assert done.returncode == 0
        assert f"runs already at {running_platform.status.url}" in done.stdout


def test_a_killed_component_comes_back(running_platform: Platform) -> None:
    for name in ("web", "controller", "broker"):
        killed = running_platform.pid_of(name)
        os.kill(killed, signal.SIGKILL)

        def is_back(name: str = name, killed: int = killed) -> bool:
            component = next(component for component in running_platform.status.components if component.name == name)
            return component.state == ComponentState.READY and component.pid != killed and component.restarts >= 1

        eventually(is_back, 180, what=f"{name} to be ready again")
    assert running_platform.client.models.list() == []
    assert broker_answers(running_platform.bootstrap_servers)


def test_up_serves_down_leaves_nothing_and_a_later_start_keeps_everything(running_platform: Platform) -> None:
    before = running_platform.status
    assert all(component.state == ComponentState.READY for component in before.components)
    assert broker_answers(before.bootstrap_servers)
    made = running_platform.client.users.create(username="ada", role="viewer", password="")
    pids = [component.pid for component in before.components if component.pid is not None] + [before.supervisor_pid]
    done = running_platform.cli("down")
    assert done.returncode == 0, done.stderr
    assert [pid for pid in pids if not _is_gone(pid)] == []
    assert platform_processes(running_platform.state.root) == []
    assert running_platform.cli("status").returncode == ExitCode.UNREACHABLE
    began = time.monotonic()
    running_platform.up("--wait", "api", "--port", before.url.rpartition(":")[2])
    seconds = time.monotonic() - began
    after = running_platform.status
    assert (after.url, after.bootstrap_servers) == (before.url, before.bootstrap_servers)
    assert running_platform.client.users.get(made.id).username == "ada"
    # The promised 6 s are measured by the benchmark START. On a shared machine this bound only detects a start that
    # waits for some time limit.
    assert seconds < 120
    # A second start waits for the rest of the one under way.
    running_platform.up()
    assert running_platform.status.ready
    assert running_platform.status.supervisor_pid == after.supervisor_pid


def test_up_works_and_down_cleans_up_after_a_killed_supervisor(running_platform: Platform) -> None:
    _kill_supervisor(running_platform)
    running_platform.up()
    assert running_platform.client.models.list() == []
    pids = [component.pid for component in running_platform.status.components if component.pid is not None]
    _kill_supervisor(running_platform)
    done = running_platform.cli("down")
    assert done.returncode == 0, done.stderr
    assert [pid for pid in pids if not _is_gone(pid)] == []
    assert platform_processes(running_platform.state.root) == []


def _kill_supervisor(platform: Platform) -> None:
    os.kill(platform.status.supervisor_pid, signal.SIGKILL)
    eventually(lambda: not platform.state.is_running(), 60)


def test_a_busy_port_that_was_insisted_on_is_refused_with_its_holder(own_platform: Platform) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        done = own_platform.cli("up", "--port", str(port), "--quiet")
    assert done.returncode == ExitCode.REFUSED
    assert f"port {port} for the web server is taken by process {os.getpid()}" in done.stderr
    assert platform_processes(own_platform.state.root) == []


def test_ctrl_c_ends_everything_and_an_ephemeral_platform_leaves_no_folder(short_path: Path) -> None:
    command = [sys.executable, "-m", "kafka_ml_cli.main", "up", "--ephemeral", "--port", "0", "--broker-port", "0"]
    env = {**os.environ, "TMPDIR": str(short_path)}
    env.pop("KML_STATE_DIR")
    process = subprocess.Popen(
        [*command, "--frameworks", ""], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env
    )
    try:
        assert process.stdout is not None
        output = ""
        for line in process.stdout:
            output += line
            if "Log in (once" in line:
                break
        folder = next((short_path / f"kafka-ml-{os.getuid()}").iterdir())
        processes = platform_processes(folder)
        assert processes, output
        process.send_signal(signal.SIGINT)
        output += process.communicate(timeout=180)[0]
        assert process.returncode == 0, output
    finally:
        process.kill()
    assert [started.pid for started in processes if not _is_gone(started.pid)] == []
    assert not folder.exists()


def test_someone_elses_broker_is_used_and_left_alone(own_platform: Platform, broker: TestBroker) -> None:
    own_platform.up("--bootstrap-servers", broker.bootstrap_servers, "--port", "0")
    assert own_platform.bootstrap_servers == broker.bootstrap_servers
    assert "broker" not in {component.name for component in own_platform.status.components}
    own_platform.cli("down")
    assert broker_answers(broker.bootstrap_servers)

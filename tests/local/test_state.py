"""The state folder, ports and logs of a platform."""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from kafkaml.errors import BrokenError, RefusedError
from kafkaml.local.state import ComponentState, ComponentStatus, PlatformStatus, StateDir, find_state_dir
from platform_local import setup
from platform_local.display import recent_lines, short_detail
from platform_local.jars import BROKER_JARS
from platform_local.platform import down
from platform_local.ports import choose_port, describe_holder, is_free
from platform_local.processes import read_pid, record_pid
from platform_local.supervisor import log_tail
from tests.support import has_ended


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    state.prepare()
    before = state.service_token.read_text()
    state.prepare()
    assert state.service_token.read_text() == before
    assert len(before) >= 43
    assert state.service_token.stat().st_mode & 0o777 == 0o600
    assert state.root.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_used_is_refused(short_path: Path) -> None:
    (short_path / "file").write_text("")
    with pytest.raises(RefusedError, match="cannot be used"):
        StateDir(short_path / "file" / "state").prepare()
    with pytest.raises(RefusedError, match="too deep"):
        StateDir(short_path / ("long" * 30)).prepare()


def test_only_one_supervisor_holds_a_folder(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.prepare()
    assert not state.is_running()
    first = state.lock()
    assert first is not None
    assert state.is_running()
    assert StateDir(tmp_path).lock() is None
    first.close()
    assert not state.is_running()


def test_a_status_is_read_as_it_was_written(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.prepare()
    assert state.read_status() is None
    component = ComponentStatus("web", ComponentState.READY, 7, "http://x", 2, 1.5, "")
    status = PlatformStatus(1, "http://x", "x:1", (component,), api_ready=True)
    state.write_status(status)
    assert state.read_status() == status
    state.status_file.write_text("{")
    assert state.read_status() is None


def test_a_running_platform_gives_its_owner_address_and_token(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.prepare()
    state.write_status(PlatformStatus(1, "http://x", "x:1"))
    assert state.access() is None
    held = state.lock()
    assert held is not None
    assert state.access() == ("http://x", "")
    state.cli_token.write_text("secret\n")
    assert state.access() == ("http://x", "secret")
    held.close()


def test_the_one_ephemeral_platform_that_runs_is_meant(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(short_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(short_path))
    ephemeral = StateDir(short_path / f"kafka-ml-{os.getuid()}" / "abc")
    ephemeral.prepare()
    default = short_path / "home" / ".local" / "share" / "kafka-ml"
    assert find_state_dir(None).root == default
    held = ephemeral.lock()
    assert find_state_dir(None).root == ephemeral.root
    assert find_state_dir(short_path / "given").root == short_path / "given"
    assert held is not None
    held.close()


def test_a_pid_file_never_names_a_later_process_of_the_same_number(tmp_path: Path) -> None:
    path = tmp_path / "x.pid"
    record_pid(path, os.getpid())
    assert read_pid(path) == psutil.Process()
    path.write_bytes(path.read_bytes().replace(b'"started":"', b'"started":"1'))
    assert b'"started":"1' in path.read_bytes()
    assert read_pid(path) is None


_SUPERVISOR = """
import os, pathlib, sys, time
from kafkaml.local.state import PlatformStatus, StateDir
state = StateDir(pathlib.Path(sys.argv[1]))
held = state.lock()
state.write_status(PlatformStatus(int(sys.argv[2] or os.getpid()), "", ""))
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts a process that holds the platform's lock without a pid file, and whose status names a process."""
    started = []

    def start(named: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _SUPERVISOR, str(tmp_path), named]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_supervisor_without_its_pid_file_is_stopped_by_its_status(
    tmp_path: Path, supervise: Callable[[str], subprocess.Popen[str]]
) -> None:
    StateDir(tmp_path).prepare()
    process = supervise("")
    assert down(StateDir(tmp_path))
    assert has_ended(process.pid)


def test_what_cannot_be_stopped_is_not_said_to_be(
    tmp_path: Path, supervise: Callable[[str], subprocess.Popen[str]]
) -> None:
    StateDir(tmp_path).prepare()
    ended = subprocess.Popen(["true"])
    ended.wait()
    process = supervise(str(ended.pid))
    with pytest.raises(BrokenError, match="still runs"):
        down(StateDir(tmp_path))
    assert process.poll() is None


def test_two_that_look_do_not_take_each_other_for_a_supervisor(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.prepare()
    looking = state._locked(fcntl.LOCK_SH)
    assert looking is not None
    assert not state.is_running()
    looking.close()


def test_a_wanted_port_that_is_busy_gives_way_or_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = other.getsockname()[1]
        assert not is_free(busy)
        assert str(os.getpid()) in describe_holder(busy)
        assert choose_port(busy, explicit=False, purpose="test") != busy
        with pytest.raises(RefusedError, match=rf"port {busy} for the test is taken by process {os.getpid()}"):
            choose_port(busy, explicit=True, purpose="test")
    assert choose_port(busy, explicit=True, purpose="test") == busy


def test_a_jar_that_was_changed_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = BROKER_JARS.folder
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    BROKER_JARS.folder.mkdir(parents=True)
    for jar in real.glob("*.jar"):
        (BROKER_JARS.folder / jar.name).symlink_to(jar)
    assert len(BROKER_JARS.ensure()) == 46
    changed = BROKER_JARS.folder / "kafka_2.13-4.3.1.jar"
    changed.unlink()
    changed.write_bytes(b"something else")
    with pytest.raises(BrokenError, match="has SHA-256"):
        BROKER_JARS.ensure()


def test_set_up_is_needed_until_it_was_done_for_these_migrations(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.prepare()
    assert setup.is_needed(state)
    state.database.touch()
    state.cli_token.touch()
    (state.run / "set-up").write_text(setup.fingerprint())
    assert not setup.is_needed(state)
    (state.run / "set-up").write_text("of other migrations")
    assert setup.is_needed(state)


def test_log_lines_are_shown_for_people(tmp_path: Path) -> None:
    (tmp_path / "web.log").write_text(
        'plain\n{"event":"started","level":"info","timestamp":"2026-01-01T10:11:12Z","port":80,"logger":"x"}\n'
    )
    assert [line.plain.split() for line in recent_lines(tmp_path, "", 10)] == [
        ["web", "plain"],
        ["web", "10:11:12", "started", "port=80"],
    ]


def test_the_end_of_a_log_is_whole_lines_after_a_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("old\n" + "\n".join(f"line {number}" for number in range(100)) + "\n")
    assert log_tail(path, start=4, max_bytes=20) == "line 98\nline 99"
    assert log_tail(path, start=0).startswith("old")
    assert log_tail(tmp_path / "missing") == ""


def test_a_detail_with_a_traceback_becomes_one_line() -> None:
    detail = 'ended with status 1: Traceback\n  File "x"\nValueError: no'
    assert short_detail(detail) == "ended with status 1: ValueError: no"
    assert short_detail("waits") == "waits"
    event = 'ended with status 1: {"event":"cannot start","error":"no port"}'
    assert short_detail(event) == "ended with status 1: cannot start: no port"

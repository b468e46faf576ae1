"""The runner's handle of a model process: calls and their errors, lifetimes, and that nothing is left behind."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from kafkaml.errors import (
    BrokenError,
    DeadlineExceeded,
    FailedError,
    ModelProcessDied,
    SandboxUnavailable,
    UserCodeError,
)
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor import fork_server
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime
from mlcode_executor.shared_array import SharedArray
from tests.fork_servers import RunningForkServer, running_fork_server
from tests.support import eventually, is_over

LIMITS = ResourceLimits(memory_bytes=512 << 20)


@pytest.fixture(scope="module")
def server() -> Iterator[RunningForkServer]:
    with running_fork_server(OwnRuntime.PLAIN, "auto") as running:
        yield running


@pytest.fixture
def process(server: RunningForkServer) -> Iterator[ModelProcess]:
    with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as running:
        yield running


def run(process: ModelProcess, code: str, timeout_seconds: float = 60) -> dict[str, object]:
    return process.call("run", {"code": code}, timeout_seconds=timeout_seconds)


def test_values_keep_their_types_and_what_is_not_a_number(process: ModelProcess) -> None:
    result = run(
        process, "result = {'nan': float('nan'), 'inf': float('-inf'), 'big': 2**60, 'text': 'ü', 'none': None}"
    )
    assert math.isnan(result.pop("nan"))  # type: ignore[arg-type]
    assert result == {"inf": float("-inf"), "big": 2**60, "text": "ü", "none": None}


def test_arrays_and_files_travel_by_descriptor(process: ModelProcess, tmp_path: Path) -> None:
    target = tmp_path / "artifact"
    with (
        SharedArray.allocate((1000, 3), np.float32, writable=False) as features,
        SharedArray.allocate((1000,), np.int64) as out,
        target.open("wb") as file,
    ):
        features.array[:] = np.arange(3000).reshape(1000, 3)
        code = "import os\narrays['out'][:] = arrays['features'].sum(axis=1)\nos.write(files['model'], b'weights')"
        process.call(
            "run",
            {"code": code},
            arrays={"features": features, "out": out},
            files={"model": file.fileno()},
            timeout_seconds=60,
        )
        np.testing.assert_array_equal(out.array, features.array.sum(axis=1))
    assert target.read_bytes() == b"weights"


def test_a_closed_array_is_refused_and_the_process_lives(process: ModelProcess) -> None:
    array = SharedArray.allocate((3,), np.int64)
    array.close()
    with pytest.raises(BrokenError, match="closed arrays: features"):
        process.call("run", {"code": ""}, arrays={"features": array}, timeout_seconds=60)
    assert run(process, "result = {'x': 1}") == {"x": 1}


def test_events_come_in_order_before_the_result(process: ModelProcess) -> None:
    events: list[tuple[str, dict[str, object]]] = []
    process.call(
        "run",
        {"code": "for i in range(3): emit('progress', {'batch': i})"},
        timeout_seconds=60,
        on_event=lambda name, data: events.append((name, data)),
    )
    assert events == [("progress", {"batch": 0}), ("progress", {"batch": 1}), ("progress", {"batch": 2})]


def test_an_error_in_the_callback_ends_the_process_and_passes(process: ModelProcess) -> None:
    def refuse(name: str, data: object) -> None:
        raise LookupError("a newer attempt took over")

    with pytest.raises(LookupError):
        process.call("run", {"code": "emit('epoch', {})"}, timeout_seconds=60, on_event=refuse)
    assert not process.alive


def test_user_code_errors_carry_line_and_traceback_and_the_next_call_works(process: ModelProcess) -> None:
    with pytest.raises(UserCodeError) as caught:
        run(process, "x = 1\nx / 0")
    assert (caught.value.line, caught.value.source) == (2, "code")
    assert "ZeroDivisionError" in caught.value.message
    assert run(process, "result = {'fine': True}") == {"fine": True}


def test_output_is_kept_bounded(process: ModelProcess) -> None:
    run(process, "print('first')\nfor i in range(20000): print('line', i)")
    eventually(lambda: "line 19999\n" in process.output)
    assert len(process.output) < 66_000
    assert "first" not in process.output
    assert process.output.startswith("[older output was dropped]")


def test_a_listener_that_fails_does_not_stop_the_output(server: RunningForkServer) -> None:
    def fail(_data: bytes) -> None:
        raise LookupError

    with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket, on_output=fail) as process:
        run(process, "for i in range(20000): print('line', i)")
        eventually(lambda: "line 19999\n" in process.output)


def test_a_call_that_takes_too_long_ends_the_process(process: ModelProcess) -> None:
    started = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"did not finish within 0.2 s"):
        run(process, "import time\ntime.sleep(100)", timeout_seconds=0.2)
    # The end comes well before the 100 s of the sleep.
    assert time.monotonic() - started < 60
    assert not process.alive
    with pytest.raises(FailedError):
        run(process, "pass")


def test_closing_from_another_thread_ends_a_call(process: ModelProcess) -> None:
    threading.Timer(0.2, process.close).start()
    with pytest.raises(ModelProcessDied) as caught:
        run(process, "import time\ntime.sleep(100)")
    assert caught.value.reason == "killed"
    process.close()


@pytest.mark.parametrize(
    ("limits", "code", "reason"),
    [
        (ResourceLimits(memory_bytes=64 << 20), "x = bytearray(1 << 30)", "memory"),
        (ResourceLimits(cpu_seconds=1), "while True: pass", "cpu_time"),
        (ResourceLimits(wall_seconds=1), "import time\ntime.sleep(100)", "wall_time"),
        (ResourceLimits(), "import os\nos._exit(7)", "crashed"),
        (ResourceLimits(), "import ctypes\nctypes.string_at(0)", "crashed"),
        (ResourceLimits(), "while True: print('x' * 100000)", "output"),
        (
            ResourceLimits(),
            "import os\nos.write(2, b\"terminate called after throwing 'std::bad_alloc'\")\nos.abort()",
            "memory",
        ),
    ],
    ids=["memory", "cpu", "wall", "exit", "crash", "output", "bad_alloc"],
)
def test_the_reason_of_an_end_is_precise(
    server: RunningForkServer, limits: ResourceLimits, code: str, reason: str
) -> None:
    with (
        ModelProcess.start(OwnRuntime.PLAIN, limits, fork_server=server.socket) as process,
        pytest.raises(ModelProcessDied) as caught,
    ):
        run(process, code)
    assert caught.value.reason == reason
    assert caught.value.hint


def test_no_limits_is_allowed(server: RunningForkServer) -> None:
    limits = ResourceLimits(memory_bytes=0, cpu_seconds=0, file_bytes=0, wall_seconds=0)
    with ModelProcess.start(OwnRuntime.PLAIN, limits, fork_server=server.socket) as process:
        assert run(process, "result = {'size': len(bytearray(600 << 20))}") == {"size": 600 << 20}


def test_files_above_the_limit_are_refused(server: RunningForkServer) -> None:
    limits = ResourceLimits(file_bytes=1 << 20)
    with (
        ModelProcess.start(OwnRuntime.PLAIN, limits, fork_server=server.socket) as process,
        pytest.raises(UserCodeError, match="OSError"),
    ):
        run(process, "with open('f', 'wb') as f:\n    for _ in range(3): f.write(b'x' * (1 << 20))")


def test_the_process_starts_clean(process: ModelProcess) -> None:
    result = run(
        process,
        "import os, threading, random\n"
        "result = {'fds': len(os.listdir('/proc/self/fd')), 'threads': threading.active_count(),"
        " 'cwd': os.listdir('.'), 'random': [random.random(), float(np.random.random())]}",
    )
    # The process has standard streams, the channel, and the descriptors of one directory listing.
    assert result["fds"] <= 5  # type: ignore[operator]
    assert (result["threads"], result["cwd"]) == (1, [])


def test_two_processes_draw_different_numbers(server: RunningForkServer) -> None:
    drawn = []
    for _ in range(2):
        with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as process:
            drawn.append(run(process, "import random\nresult = {'n': [random.random(), float(np.random.random())]}"))
    assert drawn[0] != drawn[1]


def test_many_runners_at_once_each_get_their_own(server: RunningForkServer) -> None:
    def work(number: int) -> object:
        with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as process:
            run(process, f"kept = {number}")
            return run(process, f"result = {{'number': {number}}}")["number"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(24))) == list(range(24))
    server.await_idle()


def test_a_private_fork_server_ends_with_its_process() -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        run_privately(Path(folder))


def run_privately(folder: Path) -> None:
    threads = threading.active_count()
    with ModelProcess.start(OwnRuntime.PLAIN, LIMITS) as process:
        assert run(process, "result = {'x': 1}") == {"x": 1}
        below = [running for running in psutil.process_iter(["cmdline"]) if str(folder) in str(running.info["cmdline"])]
        # There are the warm process, the guardian and the model process; the next pair may be standing by.
        assert len(below) >= 3
    eventually(lambda: all(is_over(running) for running in below))
    # There may be fewer, because threads of earlier tests may end meanwhile.
    eventually(lambda: threading.active_count() <= threads)
    assert set(folder.glob("kml-*")) == set()


def test_an_unreachable_fork_server_is_named() -> None:
    with pytest.raises(BrokenError, match=r"cannot reach the fork server at /nowhere/x\.sock"):
        ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server="/nowhere/x.sock", start_timeout_seconds=0.2)


def test_another_isolation_than_the_server_has_is_refused(server: RunningForkServer) -> None:
    with pytest.raises(SandboxUnavailable, match="'off' was asked for"):
        ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket, isolation="off")
    server.await_idle()


def test_status_tells_level_and_probes(server: RunningForkServer) -> None:
    status = fork_server.server_status(server.socket)
    assert status["runtime"] == "plain"
    assert status["isolation"] in ("namespaces", "landlock")
    assert len(status["probes"]) >= 12
    assert all(status["probes"].values())


def test_a_second_server_on_the_same_socket_refuses_to_start(server: RunningForkServer) -> None:
    command = [sys.executable, "-m", "mlcode_executor.fork_server", "--runtime", "plain", "--socket", server.socket]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert finished.returncode == 1
    assert "listens on" in finished.stderr
    assert fork_server.server_status(server.socket)["runtime"] == "plain"


def test_the_socket_is_its_owners_alone(server: RunningForkServer) -> None:
    assert Path(server.socket).stat().st_mode & 0o777 == 0o600


RUNNER = """
import sys, time
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime
process = ModelProcess.start(OwnRuntime.PLAIN, ResourceLimits(), fork_server=sys.argv[1], isolation=sys.argv[2])
print(process.pid, flush=True)
process.call("run", {"code": "while True: pass"}, timeout_seconds=100)
"""


@pytest.mark.parametrize("isolation", ["", "namespaces", "landlock", "off"], ids=lambda name: name or "warm server")
def test_a_killed_runner_takes_its_model_process_along(
    server: RunningForkServer, isolation: str, tmp_path: Path
) -> None:
    arguments = [server.socket if not isolation else "", isolation or "auto"]
    runner = subprocess.Popen(
        [sys.executable, "-c", RUNNER, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    assert runner.stdout is not None
    pid = int(runner.stdout.readline())
    model = psutil.Process(pid)
    below = psutil.Process(runner.pid).children(recursive=True)
    runner.kill()
    runner.wait(60)
    # The end comes well before the 100 s that the call may take.
    eventually(lambda: is_over(model))
    eventually(lambda: all(is_over(running) for running in below))
    assert list(tmp_path.iterdir()) == []
    runner.stdout.close()


def test_a_scratch_folder_outlives_the_server_that_made_it() -> None:
    with running_fork_server(OwnRuntime.PLAIN, "landlock", arguments=["--recycle-requests", "1"]) as server:
        (first,) = psutil.Process(server.pid).children()
        with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as process:
            run(process, "open('kept', 'w').write('x')")
            eventually(lambda: is_over(first), 60)
            assert run(process, "result = {'kept': open('kept').read()}") == {"kept": "x"}


def test_a_running_model_process_survives_the_death_of_the_warm_one() -> None:
    with running_fork_server(OwnRuntime.PLAIN, "auto") as server:
        with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as process:
            run(process, "kept = 1")
            (warm,) = psutil.Process(server.pid).children()
            warm.kill()
            with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as other:
                assert run(other, "result = {'x': 1}") == {"x": 1}
            assert run(process, "result = {'x': 2}") == {"x": 2}
        server.await_idle()


def test_a_killed_keeper_leaves_nothing_once_its_runners_are_gone() -> None:
    with running_fork_server(OwnRuntime.PLAIN, "auto") as server:
        process = ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket)
        below = server.descendants()
        os.kill(server.pid, signal.SIGKILL)
        assert run(process, "result = {'x': 2}") == {"x": 2}
        process.close()
        eventually(lambda: all(is_over(running) for running in below))


def test_no_request_is_lost_while_the_warm_process_is_replaced() -> None:
    def work(number: int) -> object:
        with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as process:
            return run(process, f"result = {{'number': {number}}}")["number"]

    with running_fork_server(OwnRuntime.PLAIN, "auto", arguments=["--recycle-requests", "5"]) as server:
        seen = {child.pid for child in psutil.Process(server.pid).children()}
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(work, range(40))) == list(range(40))
        # The first guardian goes once its successor is ready, which on a busy machine comes after all requests were
        # served.
        eventually(lambda: not seen & {child.pid for child in psutil.Process(server.pid).children()}, 60)
        server.await_idle()


def test_a_private_fork_server_that_cannot_start_says_why() -> None:
    with pytest.raises(BrokenError, match="no isolation works here"):
        ModelProcess.start(OwnRuntime.PLAIN, LIMITS, isolation="nonsense", start_timeout_seconds=90)


def test_a_fork_server_that_cannot_start_answers_so(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/fork.sock"
        command = [sys.executable, "-m", "mlcode_executor.fork_server", "--runtime", "onnx", "--socket", path]
        # The address space is too small to import anything large.
        keeper = subprocess.Popen(["prlimit", "--as=60000000", *command], stderr=subprocess.DEVNULL)
        try:
            with pytest.raises(BrokenError, match="cannot start"):
                ModelProcess.start(OwnRuntime.ONNX, LIMITS, fork_server=path, start_timeout_seconds=90)
        finally:
            keeper.terminate()
            keeper.wait(60)

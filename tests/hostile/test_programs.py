"""Hostile programs in the real sandbox: each is contained, nothing of it survives, and the next request works."""

from __future__ import annotations

import os
import socket
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from kafkaml.errors import DeadlineExceeded, ModelProcessDied, UserCodeError
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.process import LimitReason, ModelProcess
from mlcode_executor.runtimes import OwnRuntime
from mlcode_executor.shared_array import SharedArray
from tests.fork_servers import UNPRIVILEGED, RunningForkServer, running_fork_server
from tests.hostile.programs import FILES, KERNEL, NETWORK, PROGRAMS, Program
from tests.support import eventually

pytestmark = pytest.mark.hostile

# On a busy machine one second of CPU time takes many seconds. So only the limit that a program should hit is small; all
# others are large.
LIMITS = ResourceLimits(memory_bytes=256 << 20, cpu_seconds=5, file_bytes=16 << 20, wall_seconds=60)
CALL_SECONDS = 70.0
# How many seconds after its limit a program may still exist.
SLACK_SECONDS = 20.0


@dataclass
class Surroundings:
    """Things that a hostile program would like to reach."""

    canary: str
    secret_file: str
    repository: str
    tcp_port: int
    udp_port: int
    runner_pid: int
    server_pid: int
    server_socket: str

    def fill_in(self, code: str) -> str:
        for name, fact in asdict(self).items():
            code = code.replace("{" + name + "}", str(fact))
        return code


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[RunningForkServer]:
    isolation, as_user = request.param
    os.environ["HOSTILE_TOKEN"] = "canary-of-the-environment"
    prefix = UNPRIVILEGED if as_user else ()
    with running_fork_server(OwnRuntime.PLAIN, isolation, prefix=prefix) as running:
        yield running


# Isolation and program are separate parameters, because pytest starts another server for each combination in one list.
ISOLATIONS = ("namespaces", "landlock")
AS_ROOT = [pytest.param((isolation, False), id=isolation) for isolation in ISOLATIONS]
# If root runs the tests, programs that try to escape are run by an unprivileged user as well.
AS_USER = [pytest.param((isolation, True), id=f"{isolation}-as-user") for isolation in ISOLATIONS if UNPRIVILEGED]


def name_of(program: Program) -> str:
    return program.name.replace(" ", "-")


@pytest.fixture
def surroundings(server: RunningForkServer, tmp_path: Path) -> Iterator[Surroundings]:
    canary = f"canary{uuid.uuid4().hex}"
    secret = tmp_path / "secret"
    secret.write_text(canary)
    secret.chmod(0o644)
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        udp.bind(("127.0.0.1", 0))
        abstract.bind(f"\0{canary}")
        abstract.listen()
        yield Surroundings(
            canary=canary,
            secret_file=str(secret),
            repository=str(Path(__file__).parents[2]),
            tcp_port=tcp.getsockname()[1],
            udp_port=udp.getsockname()[1],
            runner_pid=os.getpid(),
            server_pid=server.pid,
            server_socket=server.socket,
        )
        for listener in (tcp, udp, abstract):
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.recv(1) if listener is udp else listener.accept()
    assert secret.read_text() == canary
    assert not Path("/tmp", canary).exists()


def limits_for(program: Program) -> ResourceLimits:
    """Return limits of which the program should hit one and no other."""
    if program.dies == {LimitReason.WALL_TIME}:
        return replace(LIMITS, wall_seconds=2)
    return replace(LIMITS, cpu_seconds=1) if LimitReason.CPU_TIME in program.dies else LIMITS


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("server", AS_USER, indirect=True)
@pytest.mark.parametrize("program", [*FILES, *NETWORK, *KERNEL], ids=name_of)
def test_hostile_program_of_a_user_is_contained(
    program: Program, server: RunningForkServer, surroundings: Surroundings, tmp_path: Path
) -> None:
    contain(program, server, surroundings, tmp_path)


@pytest.mark.parametrize("server", AS_ROOT, indirect=True)
@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_hostile_program_is_contained(
    program: Program, server: RunningForkServer, surroundings: Surroundings, tmp_path: Path
) -> None:
    contain(program, server, surroundings, tmp_path)


def contain(program: Program, server: RunningForkServer, surroundings: Surroundings, tmp_path: Path) -> None:
    before = open_descriptors()
    code = surroundings.fill_in(program.code)
    started = time.monotonic()
    limits = limits_for(program)
    with ModelProcess.start(OwnRuntime.PLAIN, limits, fork_server=server.socket, isolation=server.isolation) as process:
        judge(program, process, code, tmp_path)
    assert time.monotonic() - started < CALL_SECONDS + SLACK_SECONDS
    server.await_idle()
    # There may be fewer, because descriptors of earlier tests may close meanwhile.
    eventually(lambda: open_descriptors() <= before)
    assert len(process.output) <= (64 << 10) + 100
    with ModelProcess.start(OwnRuntime.PLAIN, LIMITS, fork_server=server.socket) as following:
        assert following.call("echo", {"x": 1}, timeout_seconds=60)["params"] == {"x": 1}


def judge(program: Program, process: ModelProcess, code: str, tmp_path: Path) -> None:
    given = tmp_path / "given"
    np.arange(1000, dtype=np.int64).tofile(given)
    given.chmod(0o666)
    file = os.open(given, os.O_RDONLY)
    died: ModelProcessDied | None = None
    refused: UserCodeError | None = None
    result = None
    try:
        with SharedArray.allocate((1000,), np.int64, writable=False) as array:
            result = process.call(
                "run", {"code": code}, arrays={"given": array}, files={"file": file}, timeout_seconds=CALL_SECONDS
            )
    except ModelProcessDied as error:
        died = error
    except UserCodeError as error:
        refused = error
    except DeadlineExceeded:
        if not program.may_hang:
            raise
    finally:
        os.close(file)
    assert (np.fromfile(given, dtype=np.int64) == np.arange(1000)).all()
    if died is not None:
        assert died.reason in program.dies, f"{died.message}\n{process.output}"
        assert died.hint
    elif refused is not None:
        assert program.refused, f"{refused.message}\n{refused.traceback_text}"
        assert len(refused.message) <= 8192
    elif result is not None:
        assert program.reports, f"it was expected to die or be refused, but answered {result}"
        assert result == {"escaped": []}

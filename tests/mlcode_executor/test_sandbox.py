"""The levels of isolation: which is chosen where, what the system call filter decides, and how limits are derived."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Mapping
from pathlib import Path

import pytest

from kafkaml.errors import SandboxUnavailable
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor import fork_server
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime
from mlcode_executor.sandbox import levels, namespaces, probes, seccomp, syscalls
from mlcode_executor.sandbox.levels import Level, Sandbox
from mlcode_executor.sandbox.limits import Limits
from tests.fork_servers import UNPRIVILEGED, running_fork_server

ALLOW, KILL = "allow", "kill"
ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}


def decide(program: bytes, architecture: int, number: int, *arguments: int) -> str | int:
    """Run a filter as the kernel does; returns allow, kill or the errno."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *(arguments + (0,) * 6)[:6])
    accumulator, at = 0, 0
    instructions = list(struct.iter_unpack("<HBBI", program))
    while True:
        code, yes, no, value = instructions[at]
        at += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x54:
            accumulator &= value
        elif code == 0x15:
            at += yes if accumulator == value else no
        elif code == 0x35:
            at += yes if accumulator >= value else no
        elif code == 0x06:
            action = value & 0xFFFF0000
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(action, value & 0xFFFF)
        else:
            raise AssertionError(f"unknown instruction {code:#x}")


@pytest.fixture(params=["x86_64", "aarch64"])
def machine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def verdict(machine: str, name: str, *arguments: int, gpu: bool = False) -> str | int:
    program = seccomp.build_filter(42, gpu=gpu, architecture=machine)
    return decide(program, ARCHITECTURES[machine], syscalls.NUMBERS[machine][name], *arguments)


def test_computing_is_allowed(machine: str) -> None:
    for name in ("read", "write", "futex", "munmap", "exit_group", "openat", "recvmsg", "sendmsg", "clock_gettime"):
        assert verdict(machine, name) == ALLOW, name


def test_everything_else_is_refused(machine: str) -> None:
    for name in syscalls.REFUSED:
        if name in syscalls.NUMBERS[machine]:
            assert verdict(machine, name) == errno.EPERM, name
    program = seccomp.build_filter(42, gpu=False, architecture=machine)
    known = set(syscalls.NUMBERS[machine].values())
    for number in set(range(600)) - known:
        assert decide(program, ARCHITECTURES[machine], number) == errno.ENOSYS, number


def test_other_doors_into_the_kernel_are_shut(machine: str) -> None:
    program = seccomp.build_filter(42, gpu=False, architecture=machine)
    i386 = 0x40000003
    assert decide(program, i386, 20) == KILL
    assert decide(program, ARCHITECTURES[machine], 0x40000000) == errno.ENOSYS


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("clone", (0x3D0F00,), ALLOW),  # a thread, as pthread_create makes one
        ("clone", (0x01200011,), errno.EPERM),  # a process, as fork makes one
        ("clone", (0x4111,), errno.EPERM),  # vfork
        ("clone", (0x10000011,), errno.EPERM),  # a user namespace
        ("clone3", (), errno.ENOSYS),
        ("kill", (42, 9), ALLOW),
        ("kill", (0, 9), errno.EPERM),
        ("kill", (2**32 - 1, 9), errno.EPERM),
        ("kill", (43, 9), errno.EPERM),
        ("tgkill", (42, 50, 6), ALLOW),
        ("tgkill", (43, 50, 6), errno.EPERM),
        ("mmap", (0, 4096, 3, 0x22), ALLOW),  # private
        ("mmap", (0, 4096, 1, 0x01, 3), ALLOW),  # a shared file
        ("mmap", (0, 4096, 3, 0x21), errno.ENOMEM),  # shared without a file
        ("openat", (0, 0, os.O_RDONLY), ALLOW),
        ("openat", (0, 0, os.O_WRONLY | os.O_TRUNC | os.O_CREAT), ALLOW),
        ("openat", (0, 0, os.O_RDONLY | os.O_TRUNC), errno.EPERM),
        ("fcntl", (3, 1), ALLOW),
        ("fcntl", (3, 8), errno.EPERM),
        ("ioctl", (3, 0x5401), ALLOW),
        ("ioctl", (3, 0x5412), errno.ENOTTY),
        ("prctl", (15,), ALLOW),
        ("prctl", (1,), errno.EPERM),
        ("prctl", (4,), errno.EPERM),
        ("prlimit64", (0,), ALLOW),
        ("prlimit64", (1,), errno.EPERM),
        ("sched_setaffinity", (0,), ALLOW),
        ("sched_setaffinity", (1,), errno.EPERM),
        ("fchmod", (3,), 0),  # reported as done, but ignored
    ],
)
def test_arguments_decide(machine: str, name: str, arguments: tuple[int, ...], expected: str | int) -> None:
    assert verdict(machine, name, *arguments) == expected


def test_a_gpu_opens_its_driver_and_no_more(machine: str) -> None:
    assert verdict(machine, "ioctl", 3, 0x462A, gpu=True) == ALLOW
    assert verdict(machine, "ioctl", 3, 0x5412, gpu=True) == errno.EPERM
    assert verdict(machine, "mmap", 0, 4096, 3, 0x21, gpu=True) == ALLOW
    assert verdict(machine, "socket", gpu=True) == errno.EPERM


def test_an_unknown_machine_is_refused() -> None:
    with pytest.raises(SandboxUnavailable, match="riscv64"):
        seccomp.build_filter(1, gpu=False, architecture="riscv64")


@pytest.mark.parametrize(
    ("limits", "scratch"),
    [
        (ResourceLimits(memory_bytes=4 << 30, file_bytes=8 << 30), 1 << 30),
        (ResourceLimits(memory_bytes=4 << 30, file_bytes=1 << 20), 1 << 20),
        (ResourceLimits(memory_bytes=1 << 20, file_bytes=8 << 30), 64 << 20),
        (ResourceLimits(memory_bytes=0, file_bytes=0), 1 << 30),
        (ResourceLimits(memory_bytes=0, file_bytes=5), 5),
    ],
)
def test_scratch_follows_memory_and_files(limits: ResourceLimits, scratch: int) -> None:
    assert Limits.of(limits).scratch_bytes == scratch


@pytest.mark.parametrize(
    ("isolation", "working", "expected"),
    [
        ("landlock", {"landlock"}, Level.LANDLOCK),
        ("auto", {"landlock"}, Level.LANDLOCK),
        ("off", set(), Level.OFF),
        ("auto", set(), None),
        ("namespaces", {"landlock"}, None),
        ("landlock", {"namespaces"}, None),
    ],
)
def test_the_best_level_that_works_is_taken_and_none_is_an_error(
    isolation: str, working: set[str], expected: Level | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results: Mapping[bool, str | None] = {True: None, False: "not here"}
    outcomes = iter([results[name in working] for name in ("namespaces", "landlock") if isolation in ("auto", name)])
    monkeypatch.setattr(probes, "attempt", lambda _action: next(outcomes))
    monkeypatch.setattr(levels, "_leave_root", lambda _folder, _scratch: None)
    if expected is None:
        with pytest.raises(SandboxUnavailable, match="not here") as caught:
            Sandbox.prepare(isolation, tmp_path)
        assert "KML_ISOLATION=off" in caught.value.hint
    else:
        assert Sandbox.prepare(isolation, tmp_path).level is expected


def test_without_landlock_level_one_shows_no_procfs(tmp_path: Path) -> None:
    def enter() -> None:
        (tmp_path / "view").mkdir()
        namespaces.enter_view(tmp_path / "view")
        sandbox = Sandbox(Level.NAMESPACES, landlock_abi=0)
        scratch = sandbox.open()
        child = os.fork()
        if child:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        sandbox.close(scratch, gpu=False)
        assert list(Path("/proc").iterdir()) == []

    found = probes.run(enter)
    if not any(found.values()):
        pytest.skip("this machine allows no user namespaces")
    assert found == dict.fromkeys(probes.PROBES, True)


@pytest.mark.parametrize("isolation", ["namespaces", "landlock"])
def test_an_ordinary_user_gets_both_levels(isolation: str) -> None:
    with running_fork_server(OwnRuntime.PLAIN, isolation, prefix=UNPRIVILEGED) as server:
        status = fork_server.server_status(server.socket)
        assert status["isolation"] == isolation
        assert all(status["probes"].values())
        with ModelProcess.start(OwnRuntime.PLAIN, ResourceLimits(), fork_server=server.socket) as process:
            code = "import os\nresult = {'uid': os.getuid()}"
            uid = process.call("run", {"code": code}, timeout_seconds=60)["uid"]
        assert uid == (65534 if isolation == "namespaces" else 4242 if UNPRIVILEGED else os.getuid())
        server.await_idle()


def test_where_namespaces_are_forbidden_landlock_is_taken() -> None:
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'
    prefix = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"]
    with running_fork_server(OwnRuntime.PLAIN, "auto", prefix=prefix) as server:
        status = fork_server.server_status(server.socket)
        assert status["isolation"] == "landlock"
        assert status["notes"][0].startswith("namespaces: ")
        assert all(status["probes"].values())

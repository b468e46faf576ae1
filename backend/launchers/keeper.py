"""The keeper: one small process per replica that starts it, keeps its log, and records how it ended.

The controller may die at any moment, but the keeper stays. It leads a session of its own, adopts what the worker leaves
behind and kills it when the worker ends, restarts ALWAYS work with back-off, and completes a stop (SIGTERM, then
SIGKILL after the grace) even without the controller. Worker and keeper share the replica's lock and the worker dies
with its keeper, so the lock is right whichever of them is killed.

Started by ``process`` through ``worker_server`` (a fork that has everything imported) or, cold, as
``python -m backend.launchers.keeper FOLDER REPLICA LOCK_DESCRIPTOR``.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType

from backend.launchers.job_folder import JobFolder, ReplicaState, read_json
from backend.launchers.replica_log import LogWriter
from kafkaml.failpoints import failpoint
from kafkaml.process_id import ProcessId
from kafkaml.system import become_subreaper, die_with_parent, memory_kills, write_atomically

__all__ = ["WorkerCommand", "keep"]

# How often a keeper looks for a stop file. A signal makes it look immediately.
_LOOK_SECONDS = 1.0
# Limit for the steps after a worker's end: killing what it left behind, reading the rest of its output.
_CLEANUP_SECONDS = 5.0
_READ_BYTES = 1 << 16
# The exit code that `sysexits.h` calls an operating system error, for a worker that could not even be forked.
_EXIT_NOT_STARTED = 71


@dataclass(frozen=True)
class WorkerCommand:
    """What the receiving process has to become: ``python -m module`` with exactly this environment."""

    module: str
    env: Mapping[str, str]


@dataclass(frozen=True)
class _Policy:
    always: bool
    grace_seconds: float
    initial_seconds: float
    max_seconds: float
    stable_seconds: float


def keep(folder: JobFolder, replica: int, lock_descriptor: int) -> WorkerCommand:
    """Look after one replica until it is over. Returns in the worker process only; the keeper itself never returns."""
    try:
        return _Keeper(folder, replica, lock_descriptor).run()
    except _KeeperDone:
        os._exit(0)
    except OSError:
        # The error goes to keeper.log. The launcher finds the lock free and tries again.
        traceback.print_exc()
        os._exit(_EXIT_NOT_STARTED)


class _KeeperDone(BaseException):
    """Raised once everything is recorded: the keeper may end."""


class _Keeper:
    def __init__(self, folder: JobFolder, replica: int, lock_descriptor: int) -> None:
        spec = read_json(folder.spec_file)
        me = ProcessId.of(os.getpid())
        if spec is None or me is None:
            # The work was stopped and forgotten in the meantime.
            raise _KeeperDone
        self._folder = folder
        self._replica = replica
        self._lock_descriptor = lock_descriptor
        self._module = str(spec["module"])
        self._env = {
            **spec["env"],
            "KML_JOB_NAME": folder.name,
            "KML_JOB_REPLICA": str(replica),
            "KML_JOB_TOKEN_FILE": str(folder.token_file),
        }
        self._policy = _Policy(
            always=spec["restart"] == "always",
            grace_seconds=spec["grace_seconds"],
            initial_seconds=spec["backoff_initial_seconds"],
            max_seconds=spec["backoff_max_seconds"],
            stable_seconds=spec["backoff_stable_seconds"],
        )
        before = folder.state(replica)
        self._state = ReplicaState(keeper=me, restarts=before.restarts + 1 if before is not None else 0)
        self._log = LogWriter(folder.path, replica)
        self._asked_to_end = False
        self._failures = 0
        self._wakeup_read, self._wakeup_write = os.pipe()

    def run(self) -> WorkerCommand:
        """Keep the replica; returns in each worker process that is forked."""
        self._set_up()
        # Nothing that a second start would repeat happens before the first state is on disk.
        write_atomically(self._folder.state_file(self._replica), self._state.to_bytes())
        failpoint("keeper.before_worker")
        while not self._must_end():
            started = time.monotonic()
            kills_before = memory_kills()
            output, worker = self._fork_worker()
            if worker == 0:
                return self._become_worker(output)
            code = self._watch(worker, output) if worker > 0 else _EXIT_NOT_STARTED
            self._state = replace(
                self._state,
                phase="backoff",
                exit_code=code,
                ended_at=time.time(),
                out_of_memory=code == -signal.SIGKILL and not self._must_end() and memory_kills() > kills_before,
            )
            if not self._policy.always or self._must_end():
                break
            self._failures = 1 if time.monotonic() - started >= self._policy.stable_seconds else self._failures + 1
            self._wait_before_restart(code)
        self._finish()
        raise _KeeperDone

    def _set_up(self) -> None:
        with contextlib.suppress(PermissionError):
            os.setsid()
        become_subreaper()
        os.set_blocking(self._wakeup_read, False)
        os.set_blocking(self._wakeup_write, False)
        signal.set_wakeup_fd(self._wakeup_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, _ignore)
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def _on_terminate(self, _number: int, _frame: FrameType | None) -> None:
        self._asked_to_end = True

    def _must_end(self) -> bool:
        return self._asked_to_end or self._folder.must_stop(self._replica)

    def _fork_worker(self) -> tuple[int, int]:
        """Return (its output's descriptor, process id); 0 in the worker itself, -1 when it could not be started."""
        read, write = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            os.close(read)
            os.close(write)
            self._log.write(f"[could not start the worker: {error}]\n".encode())
            return -1, -1
        if pid == 0:
            os.close(read)
            return write, 0
        os.close(write)
        os.set_blocking(read, False)
        with contextlib.suppress(OSError):
            # Keeper and worker both move the worker into its own process group, because either may run first.
            os.setpgid(pid, pid)
        failpoint("keeper.after_fork")
        self._state = replace(
            self._state,
            worker=ProcessId.of(pid),
            phase="running",
            started_at=time.time(),
        )
        self._write_state()
        return read, pid

    def _become_worker(self, output: int) -> WorkerCommand:
        keeper = self._state.keeper.pid
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with contextlib.suppress(OSError):
            os.setpgid(0, 0)
        die_with_parent(signal.SIGKILL, keeper)
        self._log.close()
        for descriptor in (self._wakeup_read, self._wakeup_write):
            os.close(descriptor)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.close(output)
        # The worker holds the lock too: alive means keeper or worker.
        os.set_inheritable(self._lock_descriptor, True)
        os.chdir(self._folder.path)
        return WorkerCommand(self._module, self._env)

    def _watch(self, worker: int, output: int) -> int:
        """Pump the worker's output until it ended and everything it started is gone; return its exit code."""
        poll = select.poll()
        poll.register(output, select.POLLIN)
        poll.register(self._wakeup_read, select.POLLIN)
        kill_at = float("inf")
        code: int | None = None
        while code is None:
            for descriptor, _ in poll.poll(_LOOK_SECONDS * 1000):
                if descriptor == self._wakeup_read:
                    _drain(self._wakeup_read)
                elif not self._pump(output):
                    poll.unregister(output)
            code = _reap(worker)
            if code is None and kill_at == float("inf") and self._must_end():
                _kill_group(worker, signal.SIGTERM)
                kill_at = time.monotonic() + self._policy.grace_seconds
            if code is None and time.monotonic() >= kill_at:
                _kill_group(worker, signal.SIGKILL)
        deadline = time.monotonic() + _CLEANUP_SECONDS
        _kill_group(worker, signal.SIGKILL)
        _kill_children(deadline)
        while self._pump(output, deadline) and time.monotonic() < deadline:
            select.select([output], [], [], 0.1)
        os.close(output)
        return code

    def _pump(self, output: int, deadline: float = float("inf")) -> bool:
        """Copy what the worker wrote so far; return whether more may come."""
        # One call copies a bounded amount, so that a flood of output does not keep the keeper from looking at signals.
        for _ in range(64):
            try:
                content = os.read(output, _READ_BYTES)
            except BlockingIOError:
                return True
            if not content:
                return False
            self._log.write(content)
            if time.monotonic() >= deadline:
                return True
        return True

    def _wait_before_restart(self, code: int) -> None:
        delay = min(self._policy.initial_seconds * 2 ** min(self._failures - 1, 16), self._policy.max_seconds)
        self._state = replace(self._state, restarts=self._state.restarts + 1, worker=None)
        self._write_state()
        self._log.write(f"[exit code {code}; started again in {delay:g} s]\n".encode())
        until = time.monotonic() + delay
        while (left := until - time.monotonic()) > 0 and not self._must_end():
            select.select([self._wakeup_read], [], [], min(left, _LOOK_SECONDS))
            _drain(self._wakeup_read)

    def _finish(self) -> None:
        stopped = self._folder.must_stop(self._replica)
        self._state = replace(
            self._state,
            phase="ended",
            stopped=stopped,
            # A run that finished on its own while being asked to end counts as finished.
            suspended=self._asked_to_end and not stopped and self._state.exit_code != 0,
            ended_at=self._state.ended_at or time.time(),
        )
        failpoint("keeper.before_exit_recorded")
        # The lock stays held until the end is on disk, however long the disk is full.
        while not self._write_state() and self._folder.path.exists():
            time.sleep(1)

    def _write_state(self) -> bool:
        try:
            write_atomically(self._folder.state_file(self._replica), self._state.to_bytes())
        except OSError:
            return False
        return True


def _ignore(_number: int, _frame: FrameType | None) -> None:
    """Having a handler, unlike SIG_IGN, lets the wake-up descriptor report the signal and keeps exit codes."""


def _drain(descriptor: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(descriptor, 4096):
            continue


def _reap(worker: int) -> int | None:
    """Reap every child that ended; return the worker's exit code (negative for a signal) if it was one of them."""
    code: int | None = None
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            if pid == worker:
                code = os.waitstatus_to_exitcode(status)
    return code


def _kill_group(worker: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(worker, number)


def _kill_children(deadline: float) -> None:
    """Kill what the worker left behind. The kernel made us its parent, even of processes that left its
    process group.
    """
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                continue
        except ChildProcessError:
            return
        for pid in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.002)


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for entry in Path("/proc").iterdir() if sys.platform == "linux" else ():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[1] == me:
                    found.append(int(entry.name))
    return found


def _main() -> None:
    folder, replica, lock_descriptor = sys.argv[1:]
    command = keep(JobFolder(Path(folder)), int(replica), int(lock_descriptor))
    # The option -P keeps a worker from importing modules from the folder that it happens to run in.
    os.execve(sys.executable, [sys.executable, "-P", "-m", command.module], dict(command.env))  # noqa: S606


if __name__ == "__main__":
    _main()

"""The warm parent of model processes: imports a framework once, and forks a process for each request.

``python -m mlcode_executor.fork_server --runtime tensorflow --socket PATH`` is a *keeper*: it owns the socket and
starts the *warm* process, which has an empty environment, holds no credential and never runs an operation of the
framework. The keeper replaces the warm process every few hundred requests and when it dies; requests wait in the
socket's backlog meanwhile, and running model processes are not touched. A runner without a server starts a warm process
of its own (``PrivateForkServer``).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from kafkaml.errors import BrokenError
from kafkaml.wire.framework import Framework
from mlcode_executor.protocol import Channel, ChannelClosed, FrameError, error_from_json, error_to_json
from mlcode_executor.runtimes import OwnRuntime, Runtime, environment_of, runtime_named
from mlcode_executor.sandbox.levels import remove_if_unused
from mlcode_executor.sandbox.system import become_subreaper

__all__ = ["PrivateForkServer", "connect", "main", "server_status"]

# Length of the socket's queue, where requests wait while the warm process is replaced.
BACKLOG = 128
# Requests after which the warm process is replaced. Every fork inherits its address layout, so what a hostile child
# learnt about it becomes useless.
RECYCLE_REQUESTS = 500
# A killed warm process is replaced immediately; one that cannot start is retried at this interval.
RESTART_SECONDS = 2.0
_STOP_SECONDS = 5.0


def warm_environment(runtime: Runtime) -> dict[str, str]:
    """Return the environment of a warm process. It is minimal, because procfs shows it to every child forever."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/nonexistent",
        # In a checkout that is not installed, the packages lie next to this one.
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "PYTHONDONTWRITEBYTECODE": "1",
        # Hashing is fixed, so that the same seed gives the same training in every child.
        "PYTHONHASHSEED": "0",
        # Without these settings the packages start threads, or write files, at import.
        "OPENBLAS_NUM_THREADS": "1",
        # OpenMP's threads spin by default while they wait for each other. A PyTorch training of 0.4 s took 4 to 16 s
        # that way when another process kept one of two cores busy. With sleeping threads it took 0.7 to 0.9 s.
        "OMP_WAIT_POLICY": "PASSIVE",
        "ORT_DISABLE_TELEMETRY": "1",
        "MPLBACKEND": "Agg",
        **environment_of(runtime, "/scratch"),
    }


def connect(path: str, deadline: float) -> socket.socket:
    """Connect to a fork server, waiting for its socket to appear; BrokenError after ``deadline``."""
    while True:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(max(0.001, deadline - time.monotonic()))
            connection.connect(path)
        except (OSError, TimeoutError) as error:
            connection.close()
            if time.monotonic() >= deadline:
                raise BrokenError(
                    f"cannot reach the fork server at {path}: {error}", hint="is it running? `kafka-ml status` shows it"
                ) from error
            time.sleep(0.02)
        else:
            return connection


def server_status(path: str, *, timeout_seconds: float = 30) -> dict[str, Any]:
    """Return a fork server's status: runtime, isolation level, probes, requests served, versions."""
    deadline = time.monotonic() + timeout_seconds
    with connect(path, deadline) as connection:
        channel = Channel(connection)
        try:
            channel.send({"request": "status"}, deadline=deadline)
            status, _ = channel.receive(deadline=deadline)
        except (ChannelClosed, FrameError, TimeoutError) as error:
            raise BrokenError(f"the fork server at {path} does not answer: {error}", hint="see its log") from error
    if "refused" in status:
        raise error_from_json(status["refused"])
    return status


def _listen(path: Path) -> socket.socket:
    """Bind a socket that only its owner can connect to; BrokenError if a live server has the path."""
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            if probe.connect_ex(str(path)) == 0:
                raise BrokenError(f"a fork server listens on {path} already", hint="stop it first: `kafka-ml down`")
        path.unlink()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    except OSError as error:
        raise BrokenError(
            f"cannot listen on {path} ({len(str(path))} characters): {error}",
            hint="a socket's path holds at most 107 characters; choose a shorter --state-dir",
        ) from error
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


class WarmProcess:
    """A handle on a warm process, which ends on request or with this process, and sends lines of text."""

    def __init__(
        self,
        runtime: Runtime,
        isolation: str,
        listener: socket.socket,
        *,
        recycle_requests: int = RECYCLE_REQUESTS,
        log: IO[bytes] | None = None,
    ) -> None:
        # The warm process's own folder. At level 1 its view is mounted here until it enters the view. At level 2 the
        # scratch folders of its children lie here.
        self.folder = tempfile.mkdtemp(prefix="kml-warm-")
        alive, self._lifeline = os.pipe2(os.O_CLOEXEC)
        self.messages, status = os.pipe2(os.O_CLOEXEC)
        self.was_ready = False
        self._process = subprocess.Popen(
            [
                # Neither the current folder nor the user's own packages may be imported from.
                *(sys.executable, "-P", "-s", "-m", "mlcode_executor.warm"),
                *("--runtime", runtime, "--isolation", isolation, "--folder", self.folder),
                f"--listen-fd={listener.fileno()}",
                f"--lifeline-fd={alive}",
                f"--status-fd={status}",
                f"--recycle-requests={recycle_requests}",
            ],
            env=warm_environment(runtime),
            pass_fds=[listener.fileno(), alive, status],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            # Ctrl-C in a terminal goes to the whole process group, but the parent decides when this process ends.
            start_new_session=True,
        )
        self.pid = self._process.pid
        os.close(alive)
        os.close(status)

    def read(self) -> str:
        """Wait for the process's next line and return it; ``""`` when the process has died."""
        message = os.read(self.messages, 4096).decode()
        self.was_ready = self.was_ready or "ready" in message
        return message

    def stop(self) -> None:
        """End the warm process and the process on standby. Model processes in use live on with their guardians."""
        if self._lifeline < 0:
            return
        os.close(self._lifeline)
        os.close(self.messages)
        self._lifeline = -1
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)
        remove_if_unused(Path(self.folder))


class PrivateForkServer:
    """A warm process for one runner, gone when ``close`` is called or this process dies."""

    def __init__(self, runtime: Runtime, isolation: str) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the server
        # This server has a single client, so its socket's file can be removed once that has connected. Nothing is left
        # then even if this process is killed.
        with tempfile.TemporaryDirectory(prefix="kml-fork-") as folder, _listen(Path(folder) / "fork.sock") as listener:
            self._warm = WarmProcess(runtime, isolation, listener, log=self._log)
            self.connection = connect(f"{folder}/fork.sock", time.monotonic() + 1)

    def last_words(self) -> str:
        """Return the tail of the server's output, for the message about its failure."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - 2000))
        return self._log.read().decode(errors="replace").strip()

    def close(self) -> None:
        """End the server and wait for it; model processes it forked must have been closed before."""
        self.connection.close()
        self._warm.stop()
        shutil.rmtree(self._warm.folder, ignore_errors=True)
        self._log.close()


class Keeper:
    """Owns the socket and keeps exactly one warm process behind it, two while one replaces the other."""

    def __init__(self, runtime: Runtime, isolation: str, listener: socket.socket, recycle_requests: int) -> None:
        self._recycle_requests = recycle_requests
        self._runtime = runtime
        self._isolation = isolation
        self._listener = listener
        self._warm: WarmProcess | None = None
        self._next: WarmProcess | None = None
        self._wakeup, wakeup_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._stopping = False
        self._folders: list[str] = []
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT."""
        try:
            while not self._stopping:
                if self._warm is None:
                    self._warm, self._next = self._next or self._start(), None
                self._step(self._warm)
        finally:
            for server in (self._warm, self._next):
                if server is not None:
                    server.stop()
            for folder in self._folders:
                shutil.rmtree(folder, ignore_errors=True)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    def _start(self) -> WarmProcess:
        warm = WarmProcess(self._runtime, self._isolation, self._listener, recycle_requests=self._recycle_requests)
        # Folders that running processes still use when their server ends are removed at the end.
        self._folders = [folder for folder in self._folders if Path(folder).exists()] + [warm.folder]
        return warm

    def _step(self, warm: WarmProcess) -> None:
        both = [server for server in (warm, self._next) if server is not None]
        readable, _, _ = select.select([self._wakeup, *(server.messages for server in both)], [], [])
        if self._wakeup in readable:
            os.read(self._wakeup, 4096)
        if warm.messages in readable:
            self._hear(warm)
        if self._next is not None and self._next.messages in readable:
            self._hear_successor(self._next)
        _reap_orphans([server.pid for server in both])

    def _hear(self, warm: WarmProcess) -> None:
        message = warm.read()
        if message == "":
            warm.stop()
            self._warm = None
            if not warm.was_ready:
                # Close the socket, or clients would wait for a process that cannot start. Pause, because trying without
                # pause would load the machine.
                self._refuse_waiting()
                time.sleep(RESTART_SECONDS)
        elif "recycle" in message and self._next is None:
            self._next = self._start()

    def _hear_successor(self, successor: WarmProcess) -> None:
        message = successor.read()
        if message == "":
            successor.stop()
            self._next = None
        elif "ready" in message:
            if self._warm is not None:
                self._warm.stop()
            self._warm, self._next = successor, None

    def _refuse_waiting(self) -> None:
        refusal = error_to_json(
            BrokenError(
                f"the fork server for {self._runtime} cannot start", hint="its log says why; see `kafka-ml logs`"
            )
        )
        self._listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                connection, _ = self._listener.accept()
                with connection, contextlib.suppress(ChannelClosed, TimeoutError):
                    Channel(connection).send({"refused": refusal}, deadline=time.monotonic() + 1)


def _reap_orphans(not_these: Sequence[int]) -> None:
    """Reap guardians that outlived their warm process; the keeper inherits them because it is their subreaper."""
    with contextlib.suppress(ChildProcessError):
        while True:
            found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is None or found.si_pid in not_these:
                return
            os.waitpid(found.si_pid, 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a keeper."""
    parser = argparse.ArgumentParser(prog="python -m mlcode_executor.fork_server", description=__doc__)
    parser.add_argument("--runtime", type=runtime_named, choices=[*Framework, *OwnRuntime], required=True)
    parser.add_argument("--socket", type=Path, required=True, help="path of the socket to listen on, mode 0600")
    parser.add_argument("--isolation", default="auto", choices=["auto", "namespaces", "landlock", "off"])
    parser.add_argument(
        "--recycle-requests",
        type=int,
        default=RECYCLE_REQUESTS,
        help="replace the warm process after this number of requests",
    )
    options = parser.parse_args(arguments)
    try:
        listener = _listen(options.socket)
    except BrokenError as error:
        parser.exit(1, f"{error.message}\n{error.hint}\n")
    become_subreaper()
    try:
        Keeper(options.runtime, options.isolation, listener, options.recycle_requests).run()
    finally:
        options.socket.unlink(missing_ok=True)


if __name__ == "__main__":
    main()

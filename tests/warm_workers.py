"""Forks workers from a process with imported packages, which saves each worker most of a second.

The process (``python -m tests.warm_workers``) uses the launchers' own ``backend.launchers.worker_server``, without
their keepers and job folders. Each process of tests has one of its own, from when it first starts a worker.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any

import orjson

from backend.launchers.keeper import WorkerCommand
from backend.launchers.warm_start import worker_base_environment
from backend.launchers.worker_server import become, receive_line, receive_request, warm_up
from tests.support import eventually

__all__ = ["Forker", "WarmWorker", "forker_of"]

_ROOT = Path(__file__).resolve().parents[1]
_PACKAGES = ("kafka_control_logger", "model_inference", "model_training")


class WarmWorker:
    """A process that runs ``python -m module``; used like the ``subprocess.Popen`` of a cold start.

    Its output goes to the file ``output``, or can be read from ``stdout``. ``forker`` is the process to fork from,
    unless it is the workers' own.
    """

    def __init__(
        self, module: str, *, env: Mapping[str, str], output: IO[bytes] | None = None, forker: Forker | None = None
    ) -> None:
        self._forker = forker or _workers()
        self.returncode: int | None = None
        self.stdout: IO[str] | None = None
        if output:
            writable = os.dup(output.fileno())
        else:
            readable, writable = os.pipe()
            self.stdout = open(readable, encoding="utf-8", errors="replace")  # noqa: SIM115  closed by ``wait``
        try:
            self.pid: int = self._forker.ask({"module": module, "env": dict(env)}, descriptor=writable)
        finally:
            os.close(writable)

    def poll(self) -> int | None:
        """Return the exit status (minus the signal), or None while the process runs."""
        if self.returncode is None:
            self.returncode = self._forker.ask({"status": self.pid})
        return self.returncode

    def wait(self, timeout: float = 60) -> int:
        """Wait for the process to end; AssertionError when that takes longer than ``timeout`` seconds."""
        eventually(lambda: self.poll() is not None, timeout, what=f"worker {self.pid} to end")
        assert self.returncode is not None
        return self.returncode

    def communicate(self, timeout: float = 60) -> tuple[str, None]:
        """Wait for the process to end, and return the output that was not read yet."""
        assert self.stdout
        deadline = time.monotonic() + timeout
        parts: list[bytes] = []
        with self.stdout:
            while not parts or parts[-1]:
                left = deadline - time.monotonic()
                ready, _, _ = select.select([self.stdout], [], [], max(left, 0))
                assert ready, f"worker {self.pid} did not end within {timeout:g} s: {b''.join(parts)[-5000:]!r}"
                parts.append(os.read(self.stdout.fileno(), 1 << 16))
        self.wait(max(deadline - time.monotonic(), 1))
        return b"".join(parts).decode(errors="replace"), None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forker:
    """A process that forks others: ``python -m module DESCRIPTOR PACKAGE...``. It answers one question at a time.

    First it reports that it has imported all packages. Each answer is a line of JSON.
    """

    def __init__(self, module: str, *packages: str, env: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), *packages],
                cwd=_ROOT,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._connection = ours
        self._lock = threading.Lock()
        missing = orjson.loads(receive_line(ours))
        assert not missing, missing

    def ask(self, question: Mapping[str, Any], *, descriptor: int | None = None) -> Any:
        """Send a question together with a descriptor; return the answer."""
        with self._lock:
            line = orjson.dumps(question) + b"\n"
            socket.send_fds(self._connection, [line], [] if descriptor is None else [descriptor])
            answer = receive_line(self._connection)
        assert answer, "the process that others are forked from died"
        return orjson.loads(answer)

    def close(self) -> None:
        """End this process; those that it forked continue."""
        self._connection.close()
        self._process.wait()


@cache
def forker_of(*packages: str) -> Forker:
    """Return the process that has imported the packages. The first call starts it."""
    forker = Forker("tests.warm_workers", *packages, env=worker_base_environment())
    atexit.register(forker.close)
    return forker


def _workers() -> Forker:
    return forker_of(*_PACKAGES)


def _serve(connection: socket.socket) -> WorkerCommand | None:
    """Fork on request and report the children.

    Returns a command in each child, and None in the server when its connection is closed.
    """
    while True:
        line, descriptors = receive_request(connection)
        if not line:
            return None
        request = orjson.loads(line)
        if pid := request.get("status"):
            ended, status = os.waitpid(pid, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if ended else None
        else:
            answer = os.fork()
            if not answer:
                connection.close()
                for number in (1, 2):
                    os.dup2(descriptors[0], number)
                os.close(descriptors[0])
                return WorkerCommand(request["module"], request["env"])
            os.close(descriptors[0])
        connection.sendall(orjson.dumps(answer) + b"\n")


def _main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    connection.sendall(orjson.dumps(warm_up(sys.argv[2:])) + b"\n")
    command = _serve(connection)
    if command is None:
        # The process exits at once: it holds nothing, and a tidy end of all imported packages would take a while.
        os._exit(0)
    become(command)


if __name__ == "__main__":
    _main()

"""Starts a real fork server for tests, and finds the processes under it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil

from kafkaml.system import die_with_parent
from mlcode_executor import fork_server
from mlcode_executor.runtimes import Runtime
from tests.support import eventually

# The processes of an idle server: the warm process, the standby guardian, and its model process.
IDLE_PROCESSES = 3

# Command prefix that runs a command as an unprivileged user; empty when the tests are unprivileged themselves.
UNPRIVILEGED = [str(Path(__file__).with_name("unprivileged.sh")), sys.base_prefix] if os.getuid() == 0 else []


@dataclass(frozen=True)
class RunningForkServer:
    """A fork server in a process of its own."""

    runtime: Runtime
    isolation: str
    socket: str
    pid: int

    def descendants(self) -> list[psutil.Process]:
        """Return every process under the server."""
        try:
            return psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def await_idle(self, timeout_seconds: float = 30) -> None:
        """Wait until every request's processes are gone; AssertionError names those that survived."""

        def idle() -> bool:
            return len([descendant for descendant in self.descendants() if descendant.is_running()]) <= IDLE_PROCESSES

        eventually(idle, timeout_seconds, what=f"nothing but the warm processes under {self.pid}")


@contextmanager
def running_fork_server(
    runtime: Runtime,
    isolation: str,
    *,
    prefix: Sequence[str] = (),
    arguments: Sequence[str] = (),
) -> Iterator[RunningForkServer]:
    """Run a server until the block ends; ``prefix`` precedes its command (to change the user), ``arguments`` follow."""
    with tempfile.TemporaryDirectory(prefix="kml-test-") as folder:
        if prefix:
            # The other user creates the socket in this folder.
            Path(folder).chmod(0o777)
        path = str(Path(folder) / "fork.sock")
        log = Path(folder, "log").open("w+b")  # noqa: SIM115  closed below
        command = [sys.executable, "-m", "mlcode_executor.fork_server", "--runtime", runtime, "--socket", path]
        process = subprocess.Popen(
            [*prefix, *command, "--isolation", isolation, *arguments],
            stdout=log,
            stderr=log,
            cwd=Path(__file__).parents[1],
            # The server dies with the tests, even if they are killed. The kernel cannot do so for a server of another
            # user.
            preexec_fn=partial(die_with_parent, signal.SIGTERM, os.getpid()),
        )
        try:
            try:
                fork_server.server_status(path, timeout_seconds=150)
            except Exception as error:
                log.seek(0)
                raise AssertionError(f"the fork server did not start: {log.read().decode()}") from error
            yield RunningForkServer(runtime, isolation, path, process.pid)
        finally:
            process.terminate()
            process.wait(60)
            log.close()

"""ForkServerChild: the warm fork server of a service: found where one listens, otherwise started as a child."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from kafkaml.errors import BrokenError
from kafkaml.logs import get_logger
from kafkaml.wire.limits import ResourceLimits
from mlcode_executor.fork_server import server_status
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import OwnRuntime, Runtime

__all__ = ["ForkServerChild"]

_logger = get_logger(__name__)

# Time limit for the server to start, which allows for a cold import of TensorFlow on a busy machine.
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0
_POLL_SECONDS = 0.05

# Limit for a trial without a framework, which takes a tenth of a second on an idle machine.
_PROBE_SECONDS = 30.0


class ForkServerChild:
    """A fork server at ``path`` (a private path if None), ready once ``__enter__`` returned; a context manager.

    Runners of trainings and inferences may use the same socket. ``level`` is the isolation level in force. Raises
    BrokenError when no level works (SandboxUnavailable) or the server ends before it is ready.
    """

    def __init__(self, runtime: Runtime, path: Path | None, *, isolation: str) -> None:
        self._runtime = runtime
        self._isolation = isolation
        self._folder = None if path else tempfile.TemporaryDirectory(prefix="kml-fork-")
        self.path = str(path or Path(str(self._folder and self._folder.name)) / "fork.sock")
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self.level = ""

    def __enter__(self) -> Self:
        try:
            if not _listens(self.path):
                _require_isolation(self._isolation)
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-m", "mlcode_executor.fork_server", "--runtime", str(self._runtime)),
                        *("--socket", self.path, "--isolation", self._isolation),
                    ],
                    stdin=subprocess.DEVNULL,
                )
            self.level = self._await_ready()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def ended(self) -> int | None:
        """The exit status of a server that ended on its own, otherwise None."""
        return None if self._process is None or self._stopping else self._process.poll()

    def wait(self) -> int | None:
        """Block until the server ends; returns its status, or None if it was asked to end or is not our child."""
        if self._process is None:
            return None
        status = self._process.wait()
        return None if self._stopping else status

    def close(self) -> None:
        """End the server if it is our child; model processes that others started live on."""
        self._stopping = True
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(_STOP_SECONDS)
        if self._folder is not None:
            self._folder.cleanup()

    def _await_ready(self) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and (status := self._process.poll()) is not None:
                raise BrokenError(f"the fork server for {self._runtime} ended with status {status}; see its log above")
            # The server's socket takes connections before the framework is imported, but the answer comes only
            # afterwards.
            with contextlib.suppress(BrokenError, OSError):
                return str(server_status(self.path, timeout_seconds=2.0)["isolation"])
            time.sleep(_POLL_SECONDS)
        raise BrokenError(f"the fork server for {self._runtime} was not ready within {_START_SECONDS:g} s")


def _require_isolation(isolation: str) -> None:
    """Raise BrokenError now, where a fork server would keep trying."""
    if isolation == "off":
        _logger.warning("isolation is off: user code can do whatever this user can")
        return
    limits = ResourceLimits()
    with ModelProcess.start(OwnRuntime.PLAIN, limits, isolation=isolation, start_timeout_seconds=_PROBE_SECONDS):
        return


def _listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0

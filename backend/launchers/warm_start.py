"""WorkerServer: the launcher's handle on ``worker_server``, the process that forks workers in milliseconds.

A missing server is not an error; the caller then starts its worker cold.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path

from backend.launchers.worker_server import MAX_LINE_BYTES, receive_line
from kafkaml.logs import get_logger

__all__ = ["WorkerServer", "worker_base_environment"]

logger = get_logger(__name__)

# A process that is to be forked must have one thread; NumPy's libraries start one per core when they are loaded.
_NO_THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# A fork takes milliseconds; a server that is silent for this long hangs and is replaced.
_ANSWER_SECONDS = 3.0
_FIRST_RETRY_SECONDS = 1.0
_MAX_RETRY_SECONDS = 60.0
# Variables that every program needs. Only fault tests set the last two (see kafkaml.failpoints).
_BASE_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "PYTHONPATH", "KML_FAILPOINT", "KML_FAILPOINT_LOG")


class WorkerServer:
    """Starts the server in the background, restarts it with back-off when it died, and ends it with ``close``."""

    def __init__(self, *, preload: Sequence[str], env: Mapping[str, str]) -> None:
        self._preload = tuple(preload)
        self._env = dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: socket.socket | None = None
        self._ready = False
        self._deaths = 0
        self._retry_at = 0.0

    def is_ready(self) -> bool:
        """Whether a fork can be asked for now. Starts the server when it does not run; never waits."""
        if self._process is not None and self._process.poll() is not None:
            self._drop("it ended")
        if self._connection is None:
            if time.monotonic() >= self._retry_at:
                self._start()
            return False
        if not self._ready and wait([self._connection], 0):
            line = receive_line(self._connection)
            if not line:
                self._drop("it ended while it imported")
                return False
            self._ready = True
            self._deaths = 0
            if missing := json.loads(line).get("missing"):
                logger.warning("some modules of the workers cannot be imported", missing=missing)
        return self._ready

    def fork(self, folder: Path, replica: int, lock_descriptor: int) -> bool:
        """Hand over a replica and its lock; False when nothing was sent, so the caller must start the replica another
        way.

        True does not promise a process. Once the caller has released the lock, a held lock shows that there is one.
        Starting another with the same lock after a doubtful answer could make twins.
        """
        if not self.is_ready() or self._connection is None:
            return False
        request = json.dumps({"folder": str(folder), "replica": replica}).encode() + b"\n"
        if len(request) > MAX_LINE_BYTES:
            return False
        try:
            self._connection.settimeout(_ANSWER_SECONDS)
            socket.send_fds(self._connection, [request], [lock_descriptor])
            if not receive_line(self._connection):
                self._drop("it ended while it forked")
        except OSError as error:
            self._drop(str(error))
        return True

    def close(self) -> None:
        """End the server. Workers that it forked go on."""
        self._end()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-m", "backend.launchers.worker_server", str(theirs.fileno())]
        try:
            # Use a separate session, because the supervisor handles Ctrl-C and this server ends by its socket.
            self._process = subprocess.Popen(
                [*command, ",".join(self._preload)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={**self._env, **_NO_THREADS},
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            self._back_off(str(error))
            return
        finally:
            theirs.close()
        self._connection = ours
        self._ready = False

    def _drop(self, reason: str) -> None:
        self._end()
        self._back_off(reason)

    def _back_off(self, reason: str) -> None:
        self._deaths += 1
        delay = min(_FIRST_RETRY_SECONDS * 2 ** min(self._deaths - 1, 16), _MAX_RETRY_SECONDS)
        self._retry_at = time.monotonic() + delay
        logger.warning("the warm start of workers is off for a while; workers start cold", reason=reason, seconds=delay)

    def _end(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._ready = False
        if self._process is not None:
            # Killing the server is safe: it has nothing to save, and the workers that it forked do not need it.
            self._process.kill()
            self._process.wait()
        self._process = None


def worker_base_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the little of ``env`` (this process's by default) that a program needs to run at all."""
    source = os.environ if env is None else env
    return {name: source[name] for name in _BASE_VARIABLES if name in source}

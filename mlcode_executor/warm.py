"""The warm process behind a fork server's socket: imports one framework, then only forks.

Started by ``fork_server.py`` alone. It has one thread and never runs an operation of the framework: either would make
children hang. The guardians it forks take the requests, so one client cannot make the others wait.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import math
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from kafkaml.errors import SandboxUnavailable
from mlcode_executor.runtimes import Runtime, import_runtime, runtime_named
from mlcode_executor.sandbox.guardian import Warmth, stand_by
from mlcode_executor.sandbox.levels import Sandbox

__all__ = ["main"]

# The warm process is also replaced after this long; see fork_server.RECYCLE_REQUESTS for the reason.
RECYCLE_SECONDS = 3600.0
# How long to wait at the end for the guardian on standby, shorter than the keeper waits before it kills.
_LEAVE_SECONDS = 4.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Import, check, and fork until the lifeline closes."""
    parser = argparse.ArgumentParser(prog="python -m mlcode_executor.warm")
    parser.add_argument("--runtime", type=runtime_named, required=True)
    parser.add_argument("--isolation", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--status-fd", type=int, required=True)
    parser.add_argument("--recycle-requests", type=int, required=True)
    options = parser.parse_args(arguments)
    # Ctrl-C in a terminal reaches the whole group; the keeper decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started = time.monotonic()
    try:
        sandbox = Sandbox.prepare(options.isolation, options.folder)
    except SandboxUnavailable as error:
        parser.exit(3, f"{error.message}\n{error.hint}\n")
    # Frameworks make cache folders when they are imported. These folders belong in the scratch folder.
    os.environ.update(HOME=sandbox.own_scratch, TMPDIR=sandbox.own_scratch)
    module = import_runtime(options.runtime)
    _require_one_thread(options.runtime)
    gc.collect()
    # Freeze objects, because otherwise the collector touches, and so copies, every page of the framework in each child.
    gc.freeze()
    listener = socket.socket(fileno=options.listen_fd)
    warmth = Warmth(
        runtime=options.runtime,
        module=module,
        sandbox=sandbox,
        import_seconds=time.monotonic() - started,
    )
    sandbox.self_test()
    try:
        _Nursery(warmth, listener, options.lifeline_fd, options.status_fd, options.recycle_requests).run()
    finally:
        sandbox.leave()


class _Nursery:
    """Keeps one guardian with a model process standing by; the guardian itself takes the next request."""

    def __init__(
        self, warmth: Warmth, listener: socket.socket, lifeline: int, status: int, recycle_requests: int
    ) -> None:
        self._warmth = warmth
        self._listener = listener
        self._lifeline = lifeline
        self._status = status
        self._taken, self._taken_writer = os.pipe2(os.O_CLOEXEC)
        self._wakeup, wakeup_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        warmth.private_descriptors = (status, self._taken, self._wakeup, wakeup_writer)
        self._recycle_at = time.monotonic() + RECYCLE_SECONDS
        self._recycle_requests: float = recycle_requests
        self._standing_by = 0
        self._failures = 0

    def run(self) -> None:
        """Fork until the lifeline closes."""
        # Several processes wait on the socket, and a late one must not block in accept.
        self._listener.setblocking(False)
        self._say("ready")
        while True:
            if not self._standing_by:
                self._fork()
            watched = (self._taken, self._lifeline, self._wakeup)
            readable, _, _ = select.select(watched, [], [], RECYCLE_SECONDS)
            if self._lifeline in readable:
                self._reap_before_leaving()
                return
            if self._taken in readable:
                self._warmth.served += len(os.read(self._taken, 1))
                self._standing_by = self._failures = 0
            if self._wakeup in readable:
                os.read(self._wakeup, 4096)
                self._reap()
            if self._warmth.served >= self._recycle_requests or time.monotonic() > self._recycle_at:
                self._recycle_at = self._recycle_requests = math.inf
                self._say("recycle")

    def _fork(self) -> None:
        # Flush, because every child would print text that waits in a buffer.
        sys.stdout.flush()
        sys.stderr.flush()
        self._standing_by = os.fork()
        if self._standing_by:
            return
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            stand_by(self._warmth, self._listener, self._lifeline, self._taken_writer)
        except BaseException:  # noqa: BLE001  a forked process must not return into the server's loop
            traceback.print_exc()
        finally:
            os._exit(1)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                if pid != self._standing_by or select.select([self._taken], [], [], 0)[0]:
                    continue
                # The guardian died without a request, perhaps killed for memory. Do not fork in a tight loop.
                self._standing_by = 0
                self._failures += 1
                time.sleep(min(5.0, 0.1 * 2**self._failures))

    def _reap_before_leaving(self) -> None:
        """Wait for the guardian on standby. Serving ones live on, and the keeper reaps them."""
        deadline = time.monotonic() + _LEAVE_SECONDS
        taken = bool(select.select([self._taken], [], [], 0)[0])
        with contextlib.suppress(ChildProcessError):
            while self._standing_by and not taken and (remaining := deadline - time.monotonic()) > 0:
                if os.waitpid(self._standing_by, os.WNOHANG)[0]:
                    break
                select.select([self._wakeup], [], [], remaining)
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wakeup, 4096)
        self._standing_by = 0
        self._reap()

    def _say(self, word: str) -> None:
        # A parent that has died cannot be notified. The lifeline shows its death.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._status, f"{word}\n".encode())


def _require_one_thread(runtime: Runtime) -> None:
    threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads) != 1:
        raise SandboxUnavailable(
            f"importing {runtime} started threads ({', '.join(threads)}): a fork would lose them and could hang",
            hint="find the package that starts them and set its variable in mlcode_executor/fork_server.py",
        )


if __name__ == "__main__":
    main()
    # Skip the interpreter's shutdown, because frameworks complain at length when their modules are torn down.
    os._exit(0)

"""The warm process behind a fork server's socket: imports one framework, then only accepts and forks.

Started by ``fork_server.py`` alone. It has one thread and never runs an operation of the framework: either would
make children hang. Each request is read by the forked guardian, so that no client can make the others wait.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
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
from mlcode_executor.runtimes import Runtime, import_runtime
from mlcode_executor.sandbox.guardian import Warmth, guard
from mlcode_executor.sandbox.levels import Sandbox

__all__ = ["main"]

# A fork inherits the parent's address layout: what one child learnt of it is worth nothing after these.
RECYCLE_REQUESTS = 500
RECYCLE_SECONDS = 3600.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Import, check, and fork until the lifeline closes."""
    parser = argparse.ArgumentParser(prog="python -m mlcode_executor.warm")
    parser.add_argument("--runtime", type=Runtime, required=True)
    parser.add_argument("--isolation", required=True)
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--lifeline-fd", type=int, required=True)
    parser.add_argument("--status-fd", type=int, default=-1)
    options = parser.parse_args(arguments)
    # Ctrl-C in a terminal reaches the whole group; the keeper decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started = time.monotonic()
    try:
        sandbox = Sandbox.prepare(options.isolation)
    except SandboxUnavailable as error:
        parser.exit(3, f"{error.message}\n{error.hint}\n")
    module = import_runtime(options.runtime)
    _require_one_thread(options.runtime)
    gc.collect()
    # Else the collector touches, and so copies, every page of the framework in each child.
    gc.freeze()
    listener = socket.socket(fileno=options.listen_fd)
    warmth = Warmth(
        runtime=options.runtime,
        module=module,
        sandbox=sandbox,
        private_descriptors=(options.listen_fd, options.lifeline_fd, options.status_fd),
        import_seconds=time.monotonic() - started,
    )
    sandbox.self_test()
    _Acceptor(warmth, listener, options.lifeline_fd, options.status_fd).run()


class _Acceptor:
    def __init__(self, warmth: Warmth, listener: socket.socket, lifeline: int, status: int) -> None:
        self._warmth = warmth
        self._listener = listener
        self._lifeline = lifeline
        self._status = status
        self._recycle_at = time.monotonic() + RECYCLE_SECONDS
        self._told = False

    def run(self) -> None:
        wakeup, wakeup_writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wakeup_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        self._warmth.private_descriptors += (wakeup, wakeup_writer)
        self._listener.setblocking(False)
        self._say("ready")
        while True:
            readable, _, _ = select.select([self._listener, self._lifeline, wakeup], [], [], RECYCLE_SECONDS)
            if self._lifeline in readable:
                return
            if wakeup in readable:
                os.read(wakeup, 4096)
                _reap()
            if self._listener in readable:
                self._accept()
            if self._warmth.served >= RECYCLE_REQUESTS or time.monotonic() > self._recycle_at:
                self._recycle()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            # Another warm process took it, or the client left.
            return
        with connection:
            self._warmth.served += 1
            # Text that waits in a buffer would be printed by every child.
            sys.stdout.flush()
            sys.stderr.flush()
            if os.fork() == 0:
                _in_child(self._warmth, connection)

    def _recycle(self) -> None:
        if not self._told:
            self._told = True
            self._say("recycle")

    def _say(self, word: str) -> None:
        if self._status >= 0:
            # The keeper may be gone; the lifeline says so.
            with contextlib.suppress(BrokenPipeError):
                os.write(self._status, f"{word}\n".encode())


def _in_child(warmth: Warmth, connection: socket.socket) -> None:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        guard(warmth, connection)
    except BaseException:  # noqa: BLE001  a forked process must not return into the server's loop
        traceback.print_exc()
    finally:
        os._exit(1)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _require_one_thread(runtime: Runtime) -> None:
    threads = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    if len(threads) != 1:
        raise SandboxUnavailable(
            f"importing {runtime} started threads ({', '.join(threads)}): a fork would lose them and could hang",
            hint="find the package that starts them and set its variable in mlcode_executor/fork_server.py",
        )


if __name__ == "__main__":
    main()

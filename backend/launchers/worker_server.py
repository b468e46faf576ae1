"""A process that has the workers' modules imported already and forks them: start-up in milliseconds, memory shared.

Importing what a runner needs takes about half a second; a fork takes a few milliseconds. The server only imports (it
never opens a connection or starts a thread) and holds no credential. It serves one launcher through the socket it was
started with and ends when that closes, also by the launcher's death; what it forked lives on.

Protocol: requests and answers are JSON lines. ``{"folder", "replica"}`` with the replica's lock as passed descriptor is
answered by ``{"pid"}``. The first line, unasked, is ``{"ready": true, "missing": {module: reason}}``.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import sys
import threading
from pathlib import Path

from backend.launchers.job_folder import JobFolder
from backend.launchers.keeper import WorkerCommand, keep
from kafkaml.failpoints import failpoint

__all__ = ["MAX_LINE_BYTES", "become", "receive_line", "receive_request", "warm_up"]

# The largest size of a line. A request needs less, because it holds only a path and a number.
MAX_LINE_BYTES = 1 << 16


def receive_line(connection: socket.socket) -> bytes:
    """Return the next line; empty when the other side is gone. The peers take turns, so at most one line is in the
    socket.
    """
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(MAX_LINE_BYTES)
        if not part:
            return b""
        line += part
    return line


def warm_up(packages: list[str]) -> dict[str, str]:
    """Import the packages for processes that are forked from now on; return what could not be imported, and why."""
    missing = _preload(packages)
    if (threads := threading.active_count()) > 1:
        raise RuntimeError(f"importing the workers' modules started {threads - 1} threads; a fork would lose them")
    # Freeze imported objects, because the collector's marks would make every worker copy all of them.
    gc.collect()
    gc.freeze()
    return missing


def _preload(packages: list[str]) -> dict[str, str]:
    """Import the packages and all their modules but ``__main__``; return what could not be imported, and why."""
    missing: dict[str, str] = {}
    for package in packages:
        try:
            found = importlib.import_module(package)
            names = [module.name for module in pkgutil.walk_packages(getattr(found, "__path__", ()), f"{package}.")]
        except ImportError as error:
            missing[package] = str(error)
            continue
        for name in names:
            if not name.endswith("__main__"):
                try:
                    importlib.import_module(name)
                except ImportError as error:
                    missing[name] = str(error)
    return missing


def _serve(connection: socket.socket) -> WorkerCommand | None:
    """Fork a keeper per request; returns a command in each worker, and None in the server when its launcher is gone."""
    while True:
        line, descriptors = receive_request(connection)
        if not line:
            return None
        request = json.loads(line)
        failpoint("worker_server.before_fork")
        pid = os.fork()
        if pid == 0:
            connection.close()
            folder = JobFolder(Path(request["folder"]))
            _detach_output(folder)
            return keep(folder, request["replica"], descriptors[0])
        for descriptor in descriptors:
            os.close(descriptor)
        connection.sendall(json.dumps({"pid": pid}).encode() + b"\n")


def receive_request(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Return the next line, empty when the other side is gone, and the descriptors that came with it, one at most."""
    line, descriptors, _, _ = socket.recv_fds(connection, MAX_LINE_BYTES, 1)
    while line and not line.endswith(b"\n"):
        part = connection.recv(MAX_LINE_BYTES)
        if not part:
            return b"", descriptors
        line += part
    return line, descriptors


def _detach_output(folder: JobFolder) -> None:
    # A keeper outlives the controller, so it must not hold on to its terminal or pipe.
    descriptor = os.open(folder.path / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    os.close(descriptor)


def become(command: WorkerCommand) -> None:
    """Look like a fresh ``python -m module`` with the command's environment."""
    os.environ.clear()
    os.environ.update(command.env)
    for path in reversed(command.env.get("PYTHONPATH", "").split(os.pathsep)):
        if path and path not in sys.path:
            sys.path.insert(0, path)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, write_through=True)  # type: ignore[union-attr]
    if "numpy" in sys.modules:
        # Every fork would otherwise draw the same "random" numbers.
        sys.modules["numpy"].random.seed()
    sys.argv = [command.module]
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)


def _main() -> None:
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    missing = warm_up([part for part in sys.argv[2].split(",") if part])
    # Keepers are reaped by the kernel; each sets its own handler again.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    connection.sendall(json.dumps({"ready": True, "missing": missing}).encode() + b"\n")
    command = _serve(connection)
    if command is None:
        # Exit at once: there is nothing to save, and an orderly end of all imported modules would take a while.
        os._exit(0)
    become(command)


if __name__ == "__main__":
    _main()

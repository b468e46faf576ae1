"""TCP ports of this machine: choosing a free one, and saying who holds a busy one."""

from __future__ import annotations

import socket

import psutil

from kafkaml.errors import RefusedError

__all__ = ["LOOPBACK", "choose_port", "describe_holder", "free_port", "is_free"]

LOOPBACK = "127.0.0.1"

# How far above a wanted port another is looked for, before any free one is taken.
_NEIGHBOURS = 20


def free_port() -> int:
    """Return a port that nobody listens on at the loopback address now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether a server could listen on ``port`` of the loopback address now."""
    with socket.socket() as probe:
        # SO_REUSEADDR is set, as servers set it, because connections of an ended server that linger in TIME_WAIT would
        # otherwise make a port look busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def describe_holder(port: int) -> str:
    """Name the process that listens on ``port``, as well as our permissions let us see it."""
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"process {connection.pid} ({' '.join(process.cmdline())[:80] or process.name()})"
    except psutil.Error:
        return "another process"
    return "another process"


def choose_port(wanted: int, *, explicit: bool, purpose: str) -> int:
    """Return ``wanted`` when it is free, the next free one when the user did not insist.

    Raises RefusedError, naming the process in the way, when ``explicit``.
    """
    if wanted == 0:
        return free_port()
    if is_free(wanted):
        return wanted
    if explicit:
        raise RefusedError(
            f"port {wanted} for the {purpose} is taken by {describe_holder(wanted)}",
            hint="stop that process, or give another port, or none to have a free one chosen",
        )
    for port in range(wanted + 1, wanted + 1 + _NEIGHBOURS):
        if is_free(port):
            return port
    return free_port()

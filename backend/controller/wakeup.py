"""A hint that something may have changed: one datagram to the controller's socket. Losing it costs one interval.

``wake_controller`` is called in any process after a commit; ``WakeUp`` is the controller's end.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from multiprocessing.connection import wait
from pathlib import Path

from backend.config.environment import environment
from kafkaml.system import socket_address

__all__ = ["WakeUp", "wake_controller"]

_NAME = "controller.sock"


def wake_controller() -> None:
    """Make the controller start a round now. Never raises, never waits, because the controller starts one
    soon anyway.
    """
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        with socket_address(environment().state_dir / "run", _NAME) as address:
            sender.sendto(b"!", address)


class WakeUp:
    """Waits for hints and signals. Where the file system has no sockets, it wakes after each interval only."""

    def __init__(self, state_dir: Path) -> None:
        self._socket: socket.socket | None = None
        self._path = state_dir / "run" / _NAME
        self._signal_read, self._signal_write = os.pipe()
        os.set_blocking(self._signal_read, False)
        os.set_blocking(self._signal_write, False)

    def listen(self) -> None:
        """Take the socket over from the last leader; only the leader may call this."""
        if self._socket is not None:
            return
        receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._path.unlink(missing_ok=True)
            with socket_address(self._path.parent, _NAME) as address:
                receiver.bind(address)
        except OSError:
            receiver.close()
            return
        receiver.setblocking(False)
        self._socket = receiver

    def watch_signals(self) -> None:
        """Let signals end a wait; the caller installs the handlers."""
        signal.set_wakeup_fd(self._signal_write, warn_on_full_buffer=False)

    def interrupt(self) -> None:
        """End the present or next wait, from another thread."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._signal_write, b"!")

    def wait(self, timeout_seconds: float) -> None:
        """Return at a hint, a signal, or after the time."""
        sources: list[int | socket.socket] = [self._signal_read]
        if self._socket is not None:
            sources.append(self._socket)
        ready = wait(sources, max(0.0, timeout_seconds))
        with contextlib.suppress(BlockingIOError):
            while self._signal_read in ready and os.read(self._signal_read, 4096):
                continue
        with contextlib.suppress(BlockingIOError):
            while self._socket is not None and self._socket in ready:
                self._socket.recv(16)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._path.unlink(missing_ok=True)
        for descriptor in (self._signal_read, self._signal_write):
            os.close(descriptor)

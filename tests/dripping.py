"""A server that answers one drop of data at a time, forever."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["dripping_server"]


@contextmanager
def dripping_server(beginning: bytes, drop: bytes) -> Iterator[str]:
    """The address of a server that answers its first request with ``beginning`` and then with a ``drop`` at a time."""
    left = threading.Event()

    def drip(listener: socket.socket) -> None:
        with suppress(OSError):
            connection = listener.accept()[0]
            with connection:
                connection.recv(4096)
                connection.sendall(beginning)
                while not left.wait(0.05):
                    connection.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            left.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)

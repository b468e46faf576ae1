"""The server's worker: it also bounds how long a connection may say nothing, and how many there are."""

from __future__ import annotations

from typing import Any

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

__all__ = ["Worker"]


class _Connection(ASGIProtocol):  # type: ignore[misc]
    """A connection that waits for its first request no longer than for later ones."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if self.worker.nr_conns > self.worker.worker_connections:
            transport.abort()
        else:
            # The server would wait forever for the first request, so a thousand clients that send a byte occasionally
            # would exhaust it. The server stops the timer when a request's headers have arrived.
            self._arm_keepalive_timer()


# The server has no setting for the class of its connections.
gasgi.ASGIProtocol = _Connection


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """The server's worker class, named in its configuration so that the server uses our connections."""

"""Counts how often its page was asked for, in a Redis that all copies of it share, and says which copy answered.

Speaks to Redis on its own, so that its image needs nothing but Python: a command is a line, an answer is one, too
(https://redis.io/docs/latest/develop/reference/protocol-spec/).
"""

from __future__ import annotations

import os
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = os.environ.get("NAME", "world")
VERSION = os.environ.get("VERSION", "1")
REDIS = (os.environ.get("REDIS_HOST", "redis"), int(os.environ.get("REDIS_PORT", "6379")))


def hits() -> int:
    """Return the count after adding one; OSError when Redis cannot be reached or refuses."""
    with socket.create_connection(REDIS, timeout=2) as connection, connection.makefile("rb") as answers:
        connection.sendall(b"INCR hits\r\n")
        answer: bytes = answers.readline()
    if not answer.startswith(b":"):
        raise OSError(f"Redis answered {answer!r}")
    return int(answer[1:])


class Page(BaseHTTPRequestHandler):
    """The page, and ``/healthz``, which answers as long as the program runs, whatever Redis does."""

    def do_GET(self) -> None:
        """Answer a request for the page or for ``/healthz``."""
        if self.path == "/healthz":
            return self._answer(200, "ok\n")
        try:
            return self._answer(200, f"Hello {NAME}! Version {VERSION} on {socket.gethostname()}: visit {hits()}\n")
        except OSError as error:
            return self._answer(503, f"The counter is unavailable ({error}): try again\n")

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Page).serve_forever()

"""Registry: a small real HTTP server that registers announcements as the backend does, with faults on demand."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from kafkaml.control import ControlMessage
from kafkaml.errors import ControlMessageError

TOKEN = "service-token-of-the-test"


class Registry:
    """``registered``: how often each place was registered as new (must be once). ``posts``: requests per place.

    ``fail_next(n, status)`` makes the next n requests fail before their effect, or after it (``after=True``).
    """

    def __init__(self) -> None:
        self.registered: Counter[tuple[str, str, int, int]] = Counter()
        self.values: dict[int, bytes | None] = {}
        self.posts: Counter[int] = Counter()
        self.statuses: list[int] = []
        self._failures: list[tuple[int, bool]] = []
        self._lock = threading.Lock()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None

    def fail_next(self, count: int, status: int, *, after: bool = False) -> None:
        with self._lock:
            self._failures += [(status, after)] * count

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                allowed = self.headers["authorization"] == f"Bearer {TOKEN}"
                status, document = registry.answer(self.path, body) if allowed else (401, {})
                registry.statuses.append(status)
                content = orjson.dumps(document)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *args: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
        assert path == "/api/announcements/"
        document = orjson.loads(body)
        with self._lock:
            self.posts[document["offset"]] += 1
            status, after = self._failures.pop(0) if self._failures else (0, False)
            if status and not after:
                return status, {"detail": "told to fail"}
            value = None if document["value"] is None else base64.b64decode(document["value"])
            try:
                ControlMessage.from_bytes(value)
            except ControlMessageError as error:
                return 422, {"detail": error.message}
            place = (document["cluster"], document["topic"], document["partition"], document["offset"])
            known = self.registered[place] > 0
            if not known:
                self.registered[place] += 1
                self.values[document["offset"]] = value
            return (status, {"detail": "told to fail"}) if status else (200 if known else 201, {})

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

"""FakeExecutor: an executor's HTTP service that answers what the test wants; the real one has tests of its own."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

REPORT = {
    "summary": "a model",
    "inputs": [{"name": "x", "shape": [None, 8, 8], "dtype": "float32"}],
    "outputs": [{"name": "y", "shape": [None, 10], "dtype": "float32"}],
    "parameters": 650,
    "trainable_parameters": 650,
    "warnings": [],
}


class FakeExecutor:
    """Says that everything is valid, unless ``error`` says otherwise, and reports ``report``.

    ``status`` other than 200 is answered to everything. ``requests`` holds what was asked: (path, headers, body).
    """

    def __init__(self) -> None:
        self.error: dict[str, Any] | None = None
        self.report = REPORT
        self.status = 200
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                fake.requests.append((self.path, dict(self.headers.items()), body))
                self._answer(fake._verdict())

            def do_GET(self) -> None:
                self._answer({"status": "ok", "isolation": "namespaces", "versions": {"keras": "3"}})

            def _answer(self, document: dict[str, Any]) -> None:
                content = json.dumps(document).encode()
                self.send_response(fake.status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_arguments: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def _verdict(self) -> dict[str, Any]:
        if self.error is not None:
            return {"valid": False, "error": self.error, "output": "printed"}
        return {"valid": True, "report": self.report, "output": ""}

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

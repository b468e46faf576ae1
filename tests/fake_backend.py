"""FakeBackend: the job API over real HTTP, in memory, with faults that tests switch on.

For tests of the worker's side alone; tests of the whole pipeline use the real backend.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import orjson

from kafkaml.jobs import Framework, InferenceJob, TrainingJob


@dataclass
class Upload:
    """What arrived of one artifact."""

    sha256: str
    content: bytearray = field(default_factory=bytearray)
    complete: bool = False


class FakeBackend:
    """Serves ``plan`` and keeps what workers report. A context manager; ``stop`` and ``start`` keep the same port.

    ``fail_next(n, status)`` answers the next n requests with that status, before or (``after=True``) after their
    effect. ``attempt`` is the newest attempt: requests of older ones get 409.
    """

    def __init__(self) -> None:
        self.plan: dict[str, Any] = {}
        self.attempt = 1
        self.tokens = {"first-token-of-the-job"}
        self.renewable: set[str] = set()
        self.renewals = 0
        self.events: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.failures: list[dict[str, Any]] = []
        self.stats: list[dict[str, Any]] = []
        self.uploads: dict[str, Upload] = {}
        self.downloads: dict[str, bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.cut_downloads_after: list[int] = []
        self._seen: set[tuple[int, int]] = set()
        self._faults: list[tuple[int, bool]] = []
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0

    def fail_next(self, count: int, status: int, *, after: bool = False) -> None:
        with self._lock:
            self._faults += [(status, after)] * count

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        backend = self

        class Handler(_Handler):
            fake = backend

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def training_job(self, folder: Path, *, attempt: int = 1, framework: Framework = Framework.PYTORCH) -> TrainingJob:
        """Return a job of this backend, its token file under ``folder``."""
        return TrainingJob(
            name=f"kml-train-7-a{attempt}",
            attempt=attempt,
            framework=framework,
            backend_url=self.url,
            token_file=str(self._token_file(folder)),
            state_dir=str(folder),
            result_id=7,
        )

    def inference_job(self, folder: Path) -> InferenceJob:
        """Return a replica's job of this backend, its token file under ``folder``."""
        return InferenceJob(
            name="kml-infer-5-a1",
            attempt=1,
            framework=Framework.PYTORCH,
            backend_url=self.url,
            token_file=str(self._token_file(folder)),
            state_dir=str(folder),
            inference_id=5,
            replica=0,
        )

    def _token_file(self, folder: Path) -> Path:
        path = folder / "token"
        path.write_text(sorted(self.tokens)[0])
        return path

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        return [each["data"] for each in self.events if each["type"] == kind]

    # --- called by the handler, under the lock ---------------------------------------------------------------------

    def take_fault(self, *, after: bool) -> int:
        with self._lock:
            if self._faults and self._faults[0][1] == after:
                return self._faults.pop(0)[0]
        return 0

    def answer(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        split = urlsplit(path)
        with self._lock:
            self.requests.append((method, split.path))
            token = headers.get("authorization", "").removeprefix("Bearer ")
            renews = split.path == "/api/jobs/token/" and token in self.renewable
            if token not in self.tokens and not renews:
                return 401, b'{"detail": "token expired"}', {}
            if split.path == "/api/jobs/token/":
                self.renewals += 1
                fresh = f"renewed-token-number-{self.renewals}"
                self.tokens.add(fresh)
                return 200, orjson.dumps({"token": fresh, "expires_at": "2030-01-01T00:00:00Z"}), {}
            document = orjson.loads(body) if body and method == "POST" else {}
            attempt = document.get("attempt") or int(parse_qs(split.query).get("attempt", ["0"])[0])
            if attempt != self.attempt:
                return 409, b'{"detail": "a newer attempt exists"}', {}
            return self._route(method, split.path, headers, body, document)

    def _route(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, document: dict[str, Any]
    ) -> tuple[int, bytes, dict[str, str]]:
        match = re.fullmatch(r"/api/jobs/(training|inference)/\d+/(?:(\w+)/)?(?:([\w.-]+)/)?", path)
        if match is None:
            return 404, b"{}", {}
        kind, action, name = match.groups()
        if action is None:
            return 200, orjson.dumps(self.plan), {}
        if action == "artifacts" and kind == "inference":
            return self._download(name, headers)
        if action == "artifacts":
            return self._upload(method, name, headers, body)
        if action == "events":
            for event in document["events"]:
                if (document["attempt"], event["seq"]) not in self._seen:
                    self._seen.add((document["attempt"], event["seq"]))
                    self.events.append(event)
        else:
            kept = {"finish": self.outcomes, "fail": self.failures, "stats": self.stats}[action]
            kept.append(document.get("outcome") or document.get("failure") or document)
        return 200, b"{}", {}

    def _upload(
        self, method: str, name: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, bytes, dict[str, str]]:
        sha256 = headers["x-content-sha256"]
        upload = self.uploads.get(name)
        if method == "HEAD":
            if upload is None or upload.sha256 != sha256:
                return 404, b"", {}
            return 200, b"", {"X-Bytes-Received": str(len(upload.content))}
        if upload is None or upload.sha256 != sha256:
            upload = self.uploads[name] = Upload(sha256)
        place = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers["content-range"])
        assert place is not None
        start, _, total = (int(each) for each in place.groups())
        if start > len(upload.content):
            return 416, b"{}", {}
        upload.content[start:] = body
        if len(upload.content) < total:
            return 202, b"{}", {}
        upload.complete = hashlib.sha256(upload.content).hexdigest() == sha256
        return (201 if upload.complete else 422), orjson.dumps({"sha256": sha256}), {}

    def _download(self, name: str, headers: Mapping[str, str]) -> tuple[int, bytes, dict[str, str]]:
        content = self.downloads[name]
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return 416, b"", {}
        extra = {"X-Cut-After": str(self.cut_downloads_after.pop(0))} if self.cut_downloads_after else {}
        return (206 if start else 200), content[start:], extra


class _Handler(BaseHTTPRequestHandler):
    fake: FakeBackend
    protocol_version = "HTTP/1.1"

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        status, content, extra = self.fake.take_fault(after=False), b"{}", dict[str, str]()
        if not status:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, content, extra = self.fake.answer(self.command, self.path, headers, body)
            status = self.fake.take_fault(after=True) or status
        cut = extra.pop("X-Cut-After", None)
        self.send_response(status)
        for name, value in extra.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if cut is None else content[: int(cut)])
        if cut is not None:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_HEAD = _handle

    def log_message(self, *_args: object) -> None:
        """Keep the tests' output free of request lines."""

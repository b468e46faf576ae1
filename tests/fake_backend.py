"""FakeBackend: the job API over real HTTP, in memory, with faults that tests switch on.

For tests of the worker's side alone; tests of the whole pipeline use the real backend.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson

from kafkaml.system import write_atomically
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.report import Saved
from kafkaml.wire.worker import FIRST_WORKER, BrokerAccess, Join, WorkerJob
from tests.local_server import Answer, LocalServer, json_answer

# A worker with this token may join any inference.
WORKER_TOKEN = "token-of-a-worker-elsewhere"


@dataclass
class Upload:
    """The received part of an uploaded artifact."""

    sha256: str
    content: bytearray = field(default_factory=bytearray)
    complete: bool = False


class FakeBackend(LocalServer):
    """Serves ``plan``, and ``downloads`` by name and version; keeps the reports of workers. A context manager.

    ``stop`` and ``start`` keep the same port.

    ``fail_next(n, status)`` answers the next n requests with that status, before or (``after=True``) after their
    effect. ``attempt`` is the newest attempt; requests of older ones get 409.
    """

    def __init__(self) -> None:
        super().__init__()
        self.plan: dict[str, Any] = {}
        self.attempt = 1
        self.tokens = {"first-token-of-the-job"}
        self.renewable: set[str] = set()
        self.renewals = 0
        self.events: list[dict[str, Any]] = []
        self.outcomes: list[dict[str, Any]] = []
        self.finishes: list[dict[str, Any]] = []
        # Reported versions by the step that they follow.
        self.versions: dict[int, dict[str, Any]] = {}
        self.failures: list[dict[str, Any]] = []
        self.checkpoints: list[Checkpoint] = []
        self.stats: list[dict[str, Any]] = []
        self.uploads: dict[str, Upload] = {}
        self.downloads: dict[tuple[str, int], bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.cut_downloads_after: list[int] = []
        self._seen: set[tuple[int, int]] = set()
        self._faults: list[tuple[int, bool]] = []
        self._lock = threading.Lock()

    def fail_next(self, count: int, status: int, *, after: bool = False) -> None:
        with self._lock:
            self._faults += [(status, after)] * count

    def training_job(self, folder: Path, *, attempt: int = 1, framework: Framework = Framework.PYTORCH) -> TrainingJob:
        """Return a training job for this backend; its token file is under ``folder``."""
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
        """Return a replica's job for this backend; its token file is under ``folder``."""
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

    def _worker_job(self, join: Join) -> WorkerJob:
        return WorkerJob(
            inference=join.inference,
            attempt=self.attempt,
            framework=Framework.PYTORCH,
            replica=FIRST_WORKER,
            token=sorted(self.tokens)[0],
            expires_at=datetime(2030, 1, 1, tzinfo=UTC),
            # The addresses are empty, because the worker's own settings take precedence.
            kafka=BrokerAccess(bootstrap_servers="", security_protocol="PLAINTEXT"),
        )

    def _token_file(self, folder: Path) -> Path:
        path = folder / "token"
        # The file is replaced atomically, because replicas that read it may be starting right now.
        write_atomically(path, sorted(self.tokens)[0].encode())
        return path

    def events_of(self, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events if event["type"] == kind]

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if status := self._take_fault(after=False):
            return Answer(status)
        answer = self._answer(method, path, headers, body)
        if status := self._take_fault(after=True):
            return replace(answer, status=status)
        return answer

    def _take_fault(self, *, after: bool) -> int:
        with self._lock:
            if self._faults and self._faults[0][1] == after:
                return self._faults.pop(0)[0]
        return 0

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        split = urlsplit(path)
        with self._lock:
            self.requests.append((method, split.path))
            token = headers.get("authorization", "").removeprefix("Bearer ")
            if split.path == "/api/jobs/workers/" and token == WORKER_TOKEN:
                return json_answer(200, self._worker_job(Join.model_validate_json(body)).to_json())
            renews = split.path == "/api/jobs/token/" and token in self.renewable
            if token not in self.tokens and not renews:
                return json_answer(401, {"detail": "token expired"})
            if split.path == "/api/jobs/token/":
                self.renewals += 1
                fresh = f"renewed-token-number-{self.renewals}"
                self.tokens.add(fresh)
                return json_answer(200, {"token": fresh, "expires_at": "2030-01-01T00:00:00Z"})
            document = orjson.loads(body) if body and method == "POST" else {}
            attempt = document.get("attempt") or int(parse_qs(split.query).get("attempt", ["0"])[0])
            if attempt != self.attempt:
                return json_answer(409, {"detail": "a newer attempt exists"})
            version = int(parse_qs(split.query).get("version", ["1"])[0])
            return self._route(method, split.path, headers, body, document, version)

    def _route(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes, document: dict[str, Any], version: int
    ) -> Answer:
        match = re.fullmatch(r"/api/jobs/(training|inference)/\d+/(?:(\w+)/)?(?:([\w.-]+)/)?", path)
        if match is None:
            return Answer(404)
        kind, action, name = match.groups()
        if action is None:
            return json_answer(200, self.plan)
        if action == "artifacts" and kind == "inference":
            return self._download(self.downloads[name, version], headers)
        if action == "artifacts" and method == "GET":
            # A download is named by the plan, and any attempt may have uploaded it.
            return self._download(bytes(self.uploads[name].content), headers)
        if action == "artifacts":
            return self._upload(method, name, headers, body)
        if action == "events":
            for event in document["events"]:
                if (document["attempt"], event["seq"]) not in self._seen:
                    self._seen.add((document["attempt"], event["seq"]))
                    self.events.append(event)
        elif action == "checkpoint":
            saved = Saved.model_validate(document).checkpoint
            assert self.uploads[saved.name].complete
            assert self.uploads[saved.name].sha256 == saved.sha256
            self.checkpoints.append(saved)
        elif action == "versions":
            self.versions.setdefault(document["step"], document)
            return json_answer(200, {"number": list(self.versions).index(document["step"]) + 1})
        else:
            self.finishes += [document] if action == "finish" else []
            kept = {"finish": self.outcomes, "fail": self.failures, "stats": self.stats}[action]
            kept.append(document.get("outcome") or document.get("failure") or document)
        return json_answer(200, {"revision": self.plan.get("revision", 0)}) if action == "stats" else Answer(200)

    def _upload(self, method: str, name: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sha256 = headers["x-content-sha256"]
        upload = self.uploads.get(name)
        if method == "HEAD":
            if upload is None or upload.sha256 != sha256:
                return Answer(404, b"")
            return Answer(200, b"", {"X-Bytes-Received": str(len(upload.content))})
        if upload is None or upload.sha256 != sha256:
            upload = self.uploads[name] = Upload(sha256)
        place = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", headers["content-range"])
        assert place is not None
        start, _, total = (int(group) for group in place.groups())
        if start > len(upload.content):
            return Answer(416)
        upload.content[start:] = body
        if len(upload.content) < total:
            return Answer(202)
        upload.complete = hashlib.sha256(upload.content).hexdigest() == sha256
        return json_answer(201 if upload.complete else 422, {"sha256": sha256})

    def _download(self, content: bytes, headers: Mapping[str, str]) -> Answer:
        start = int(headers.get("range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start >= len(content):
            return Answer(416, b"")
        cut = self.cut_downloads_after.pop(0) if self.cut_downloads_after else None
        return Answer(206 if start else 200, content[start:], cut_after=cut)

"""Registry: a small real HTTP server that registers announcements like the backend, with faults on demand."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from kafkaml.control import ControlMessage
from kafkaml.errors import ControlMessageError
from tests.local_server import Answer, LocalServer, json_answer

TOKEN = "service-token-of-the-test"


class Registry(LocalServer):
    """``registered``: how often each place was registered as new (must be once). ``posts``: requests per place.

    ``heartbeats`` holds the logger's reports about itself. ``fail_next(n, status)`` makes the next n requests fail
    before their effect, or after it (``after=True``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.registered: Counter[tuple[str, str, int, int]] = Counter()
        self.values: dict[int, bytes | None] = {}
        self.posts: Counter[int] = Counter()
        self.statuses: list[int] = []
        self.heartbeats: list[dict[str, Any]] = []
        self._failures: list[tuple[int, bool]] = []
        self._lock = threading.Lock()

    def fail_next(self, count: int, status: int, *, after: bool = False) -> None:
        with self._lock:
            self._failures += [(status, after)] * count

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        allowed = headers["authorization"] == f"Bearer {TOKEN}"
        if (method, path) == ("POST", "/api/heartbeats/"):
            self.heartbeats += [orjson.loads(body)] if allowed else []
            return json_answer(204 if allowed else 401, {})
        assert (method, path) == ("POST", "/api/announcements/")
        status, document = self._register(orjson.loads(body)) if allowed else (401, {})
        self.statuses.append(status)
        return json_answer(status, document)

    def _register(self, document: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        with self._lock:
            self.posts[document["offset"]] += 1
            status, after = self._failures.pop(0) if self._failures else (0, False)
            if status and not after:
                return status, {"detail": "asked to fail"}
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
            return (status, {"detail": "asked to fail"}) if status else (200 if known else 201, {})

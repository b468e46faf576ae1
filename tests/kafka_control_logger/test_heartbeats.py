"""The logger's heartbeats to the backend are regular and never block the logger."""

from __future__ import annotations

import httpx
import orjson
import pytest

from kafka_control_logger import heartbeats
from kafka_control_logger.heartbeats import HttpHeartbeats


def test_the_backend_is_notified_once_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, said = [100.0], []

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["authorization"]) == ("/api/heartbeats/", "Bearer secret")
        said.append(orjson.loads(request.content))
        return httpx.Response(204)

    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: clock[0])
    reported = HttpHeartbeats("http://backend", token=lambda: "secret", transport=httpx.MockTransport(answer))
    for seconds, what in ((100.0, "reading"), (109.9, "too soon"), (110.0, "x" * 1000)):
        clock[0] = seconds
        reported(what)
    assert said == [
        {"component": "control-logger", "version": "0.1.0", "doing": "reading"},
        {"component": "control-logger", "version": "0.1.0", "doing": "x" * 200},
    ]
    reported.close()


def test_a_backend_that_is_unreachable_and_a_token_that_is_not_there_stop_nothing() -> None:
    def refuse(_request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody listens")

    def no_token() -> str:
        raise FileNotFoundError("service_token")

    HttpHeartbeats("http://backend", token=lambda: "secret", transport=httpx.MockTransport(refuse))("reading")
    HttpHeartbeats("http://backend", token=no_token, transport=httpx.MockTransport(refuse))("reading")
    denied = httpx.MockTransport(lambda _request: httpx.Response(401))
    HttpHeartbeats("http://backend", token=lambda: "old", transport=denied)("reading")

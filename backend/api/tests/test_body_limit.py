"""Bodies that are too large are refused before anything is done with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from backend.config import asgi
from backend.config.asgi import BodyLimit, Message, Receive, Send

MEGABYTE = b"x" * (1 << 20)


async def reads_all(_scope: Any, receive: Receive, send: Send) -> None:
    """An application like Django: reads the body, then answers; leaves without an answer when the client has gone."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        if not message.get("more_body"):
            break
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def status_of(path: str, method: str, megabytes: int, *, declared: bool) -> int:
    pieces: Iterator[bytes] = iter([MEGABYTE] * megabytes)
    sent: list[Message] = []

    async def receive() -> Message:
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", str(megabytes << 20).encode())] if declared else []
    scope = {"type": "http", "path": path, "method": method, "headers": headers}
    await BodyLimit(reads_all)(scope, receive, send)
    return int(sent[0]["status"])


@pytest.mark.asyncio
@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize(
    ("path", "method", "megabytes", "status"),
    [
        ("/api/models/", "POST", 8, 200),
        ("/api/models/", "POST", 9, 413),
        ("/api/jobs/training/1/artifacts/m/", "PUT", 64, 200),
        ("/api/jobs/training/1/artifacts/m/", "PUT", 65, 413),
        ("/api/jobs/training/1/events/", "POST", 9, 413),
    ],
)
async def test_bodies_are_limited(path: str, method: str, megabytes: int, status: int, declared: bool) -> None:
    assert await status_of(path, method, megabytes, declared=declared) == status


@pytest.mark.asyncio
@pytest.mark.parametrize(("seconds", "status"), [(60, 200), (1000, 408)])
async def test_a_body_that_does_not_come_is_given_up(
    monkeypatch: pytest.MonkeyPatch, seconds: float, status: int
) -> None:
    """4 MiB at once may take minutes; one client must not hold a place for hours."""
    monkeypatch.setattr(asgi, "_seconds_since", lambda _began: seconds)
    assert await status_of("/api/models/", "POST", 4, declared=True) == status


@pytest.mark.asyncio
async def test_a_websocket_is_refused() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read")

    await BodyLimit(reads_all)({"type": "websocket", "path": "/api/events/"}, receive, send)
    assert sent == [{"type": "websocket.close"}]

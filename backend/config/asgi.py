"""The ASGI application that the server runs: Django behind limits on the size and the time of request bodies."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib import import_module
from typing import Any, cast

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.config.settings")

from django.conf import settings
from django.core.asgi import get_asgi_application

__all__ = ["BodyLimit", "application"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_MAX_BODY_BYTES = 8 << 20
# Pieces of artifacts; a piece is spooled before it is stored.
_MAX_PIECE_BYTES = 64 << 20
# A body must come faster than this in the long run. A slow line does; a client that only holds a place does not.
_PATIENCE_SECONDS = 30.0
_BYTES_PER_SECOND = 16 << 10

# Statuses, and bodies in the form of the API's problem documents.
_TOO_LARGE = (
    413,
    b"""{"type":"urn:kafka-ml:problem:too_large","title":"Too large","status":413,\
"detail":"the body is larger than this address takes"}""",
)
_TOO_SLOW = (
    408,
    b"""{"type":"urn:kafka-ml:problem:too_slow","title":"Too slow","status":408,\
"detail":"the body does not come to its end"}""",
)


class BodyLimit:
    """Refuses bodies above a limit, and bodies that arrive too slowly.

    Django spools a whole body to disk before anyone asks who sends it.
    """

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # The platform has no websockets. Django would raise an error for a request of that type.
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        piece = scope["method"] == "PUT" and scope["path"].startswith("/api/jobs/")
        limit = _MAX_PIECE_BYTES if piece else _MAX_BODY_BYTES
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            await _refuse(send, *_TOO_LARGE)
            return
        received = 0
        refusal: tuple[int, bytes] | None = None
        answered = False
        began = time.monotonic()

        async def counted() -> Message:
            nonlocal received, refusal
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                # A body without a declared length is only refused here, when it has become too long.
                refusal = _TOO_LARGE
            elif message.get("more_body") and _seconds_since(began) > _PATIENCE_SECONDS + received / _BYTES_PER_SECOND:
                refusal = _TOO_SLOW
            # To Django, a refused body looks like a client that disconnected.
            return {"type": "http.disconnect"} if refusal else message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self._inner(scope, counted, noted)
        if refusal and not answered:
            await _refuse(send, *refusal)


def _seconds_since(began: float) -> float:
    return time.monotonic() - began


async def _refuse(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


_django = cast(Application, get_asgi_application())
# Import now, because the first request would otherwise wait for the import of all views.
import_module(settings.ROOT_URLCONF)
application = BodyLimit(_django)

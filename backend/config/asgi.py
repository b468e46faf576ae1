"""The ASGI application that the server runs: Django behind a limit on the size of request bodies."""

from __future__ import annotations

import os
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
_TOO_LARGE = (
    b'{"type":"urn:kafka-ml:problem:too_large","title":"Too large","status":413,'
    b'"detail":"the body is larger than this address takes"}'
)


class BodyLimit:
    """Refuses bodies above a limit. Django spools a whole body to disk before anyone asks who sends it."""

    def __init__(self, inner: Application) -> None:
        self._inner = inner

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        piece = scope["method"] == "PUT" and scope["path"].startswith("/api/jobs/")
        limit = _MAX_PIECE_BYTES if piece else _MAX_BODY_BYTES
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared) > limit:
            await _refuse(send)
            return
        received = 0
        answered = False

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            # A body of undeclared length: for Django it is as if the client had gone away.
            return {"type": "http.disconnect"} if received > limit else message

        async def noted(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self._inner(scope, counted, noted)
        if received > limit and not answered:
            await _refuse(send)


async def _refuse(send: Send) -> None:
    headers = [(b"content-type", b"application/problem+json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": _TOO_LARGE})


_django = cast(Application, get_asgi_application())
# Imported now, or the first request would wait for all views to be.
import_module(settings.ROOT_URLCONF)
application = BodyLimit(_django)

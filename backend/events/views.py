"""GET /api/events/: what changes, live, as server-sent events. One stream per page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from backend.api.authentication import AccessTokenAuthentication, BrowserAuthentication, effective_role
from backend.api.errors import Problem, problem_of, problem_response
from backend.api.renderers import to_json_bytes
from backend.events.broadcast import BROADCASTER, EventRow, TooManyPages
from backend.events.services import TOPICS

__all__ = ["event_stream"]

_HEARTBEAT_SECONDS = 15.0
# Who was signed out or lost their role stops seeing events after at most this long.
_CHECK_SECONDS = 30.0
_RETRY_MS = 2_000


async def event_stream(request: HttpRequest) -> HttpResponseBase:
    """Stream events of ``?topics=results,inferences`` (all without it), from ``Last-Event-ID`` on or from now."""
    if request.method != "GET":
        return problem_response(request, Problem(405, "only GET is possible here", "method_not_allowed"))
    problem = await sync_to_async(_refusal)(request)
    if problem is not None:
        return problem_response(request, problem)
    wanted = {name for name in request.GET.get("topics", "").split(",") if name} or set(TOPICS)
    last = request.headers.get("Last-Event-ID", "") or request.GET.get("last_event_id", "")
    if unknown := wanted - set(TOPICS):
        detail = f"topics {', '.join(sorted(unknown))[:100]}: expected some of {', '.join(TOPICS)}"
        return problem_response(request, Problem(400, detail, "validation"))
    if last and not (last.isascii() and last.isdigit() and len(last) < 19):
        return problem_response(request, Problem(400, "Last-Event-ID is not a number of ours", "validation"))
    return StreamingHttpResponse(
        _stream(request, wanted, int(last) if last else None),
        content_type="text/event-stream",
        # The last one is for proxies, which would otherwise collect events until their buffer is full.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(request: HttpRequest, wanted: set[str], last_id: int | None) -> AsyncIterator[bytes]:
    try:
        async with BROADCASTER.subscribe() as (queue, begins_after):
            yield b"retry: %d\n: connected\n\n" % _RETRY_MS
            if last_id is None:
                last_id = begins_after
                # An id without data: where a page that loses the connection now goes on.
                yield b"id: %d\n\n" % last_id
            elif last_id > begins_after or 0 < last_id < await BROADCASTER.oldest_id() - 1:
                # Another database, or a page that slept for longer than events are kept.
                last_id = begins_after
                yield b"id: %d\nevent: reset\ndata: {}\n\n" % last_id
            while rows := await BROADCASTER.after(last_id):
                last_id = rows[-1].id
                for row in rows:
                    if row.topic in wanted:
                        yield _written(row)
            async for chunk in _live(request, wanted, queue, last_id):
                yield chunk
    except TooManyPages:
        yield b"event: busy\ndata: {}\n\n"


async def _live(
    request: HttpRequest, wanted: set[str], queue: asyncio.Queue[EventRow | None], last_id: int
) -> AsyncIterator[bytes]:
    checked = time.monotonic()
    while True:
        if time.monotonic() - checked > _CHECK_SECONDS:
            checked = time.monotonic()
            if await sync_to_async(_refusal)(request) is not None:
                return
        try:
            row = await asyncio.wait_for(queue.get(), _HEARTBEAT_SECONDS)
        except TimeoutError:
            yield b": alive\n\n"
            continue
        if row is None:
            return
        if row.id > last_id and row.topic in wanted:
            yield _written(row)


def _written(row: EventRow) -> bytes:
    # JSON has no line breaks outside its strings, where they are escaped: one data line is enough.
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (row.id, row.topic.encode(), to_json_bytes(row.payload))


def _refusal(request: HttpRequest) -> Problem | None:
    """Return why the request may not listen; None when it may. Reads the session and the user afresh."""
    fresh = HttpRequest()
    fresh.META, fresh.COOKIES, fresh.method = request.META, request.COOKIES, "GET"
    authenticators = [AccessTokenAuthentication(), BrowserAuthentication()]
    try:
        role = effective_role(Request(_with_session(fresh), authenticators=authenticators))
    except APIException as error:
        return problem_of(error)
    return Problem(401, "sign in first", "not_authenticated") if role is None else None


def _with_session(request: HttpRequest) -> HttpRequest:
    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    SessionMiddleware(answer).process_request(request)
    AuthenticationMiddleware(answer).process_request(request)
    return request

"""GET /api/events/: what changes, live, as server-sent events. One stream per page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backend.api import sse
from backend.api.errors import Problem, problem_response
from backend.events.broadcast import BROADCASTER, EventRow, TooManyPages
from backend.events.services import TOPICS

__all__ = ["ALIVE_SECONDS", "event_stream"]

# A page that has heard nothing for five seconds says so: two signs of life may be late.
ALIVE_SECONDS = 2.0


async def event_stream(request: HttpRequest) -> HttpResponseBase:
    """Stream events of ``?topics=results,inferences`` (all without it), from ``Last-Event-ID`` on or from now.

    In silence an event ``alive`` comes every two seconds.
    """
    if (refused := await sse.refusal(request)) is not None:
        return refused
    wanted = {name for name in request.GET.get("topics", "").split(",") if name} or set(TOPICS)
    last = request.headers.get("Last-Event-ID", "") or request.GET.get("last_event_id", "")
    if unknown := wanted - set(TOPICS):
        detail = f"topics {', '.join(sorted(unknown))[:100]}: expected some of {', '.join(TOPICS)}"
        return problem_response(request, Problem(400, detail, "validation"))
    if last and not (last.isascii() and last.isdigit() and len(last) < 19):
        return problem_response(request, Problem(400, "Last-Event-ID is not a number of ours", "validation"))
    return sse.event_stream_response(_stream(request, wanted, int(last) if last else None))


async def _stream(request: HttpRequest, wanted: set[str], last_id: int | None) -> AsyncIterator[bytes]:
    try:
        async with BROADCASTER.subscribe() as (queue, begins_after):
            yield sse.RETRY
            if last_id is None:
                last_id = begins_after
                # Send an id without data, so that a page that loses the connection now continues from there.
                yield b"id: %d\n\n" % last_id
            elif last_id > max(begins_after, await BROADCASTER.newest_id()) or (
                0 < last_id < await BROADCASTER.oldest_id() - 1
            ):
                # The page's last event is unknown: the database is another one, or the page slept for longer than
                # events are kept.
                last_id = begins_after
                yield sse.event("reset", {}, event_id=last_id)
            while rows := await BROADCASTER.after(last_id):
                last_id = rows[-1].id
                for row in rows:
                    if row.topic in wanted:
                        yield _written(row)
            async for chunk in _live(request, wanted, queue, last_id):
                yield chunk
    except TooManyPages:
        yield sse.event("busy", {})


async def _live(
    request: HttpRequest, wanted: set[str], queue: asyncio.Queue[EventRow | None], last_id: int
) -> AsyncIterator[bytes]:
    check = sse.ListenerCheck(request)
    heard = time.monotonic()
    while await check.passes():
        try:
            row = await asyncio.wait_for(queue.get(), max(0.0, heard + ALIVE_SECONDS - time.monotonic()))
        except TimeoutError:
            # The sign of life is an event, because browsers do not pass comments on to pages.
            chunk = sse.event("alive", {})
        else:
            if row is None:
                return
            if row.id <= last_id or row.topic not in wanted:
                continue
            chunk = _written(row)
        heard = time.monotonic()
        yield chunk


def _written(row: EventRow) -> bytes:
    return sse.event(row.topic, row.payload, event_id=row.id)

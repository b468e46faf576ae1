"""Server-sent events, once for all streams: who may listen, framing, signs of life, and live readings of Kafka.

A stream of what a blocking reader finds (a topic's tail, an inference's predictions) is a ``Source``: a thread of its
own polls it, and asks it for frames at a limited rate. Between two frames, and while a slow page has not taken the last
one, the source only aggregates, so memory and traffic stay bounded. The source is closed when the stream ends, because
the page disconnects, loses its rights, or takes nothing for a minute.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol

from asgiref.sync import sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api.errors import Problem, problem_of, problem_response
from backend.api.renderers import to_json_bytes
from kafkaml.errors import KafkaMLError
from kafkaml.logs import get_logger

__all__ = [
    "ALIVE",
    "HEARTBEAT_SECONDS",
    "RETRY",
    "ListenerCheck",
    "Source",
    "event",
    "event_stream_response",
    "refusal",
    "source_response",
    "source_stream",
]

logger = get_logger(__name__)

# One event: its name and its data, written as JSON.
Frame = tuple[str, object]

HEARTBEAT_SECONDS = 15.0
# A user who was signed out or lost their role stops seeing anything after at most this long.
CHECK_SECONDS = 30.0
ALIVE = b": alive\n\n"
# How soon a page that lost the connection tries again, in milliseconds.
RETRY = b"retry: 2000\n: connected\n\n"
_RETRY_AFTER_PROBLEM = b"retry: 5000\n"
_IDLE_POLL_SECONDS = 0.25
# A page that silently vanished takes nothing any more. The limit is the time of four signs of life.
_ABANDONED_SECONDS = 60.0
# The most streams per process, because each needs a thread and a connection to Kafka.
_MAX_SOURCES = 40
_open_sources = 0


class Source(Protocol):
    """What a stream shows. All methods are called in one thread, which may block; ``close`` always, and last.

    Errors of ours (KafkaMLError) reach the page as an event ``problem`` that holds the problem document, and end the
    stream; the page connects again after five seconds.
    """

    def poll(self, timeout_seconds: float) -> None:
        """Read what is available; return as soon as something was, at the latest after ``timeout_seconds``."""
        ...

    def frames(self) -> Sequence[Frame]:
        """Return the frames to send now, empty without news: everything read since the last call, aggregated."""
        ...

    def close(self) -> None:
        """Close the connections of the source."""
        ...


def event(name: str, data: object, *, event_id: int | None = None) -> bytes:
    """Return one event as it goes over the wire."""
    # JSON has no line breaks outside its strings, where they are escaped, so one data line is enough.
    written = b"event: %s\ndata: %s\n\n" % (name.encode(), to_json_bytes(data))
    return written if event_id is None else b"id: %d\n%s" % (event_id, written)


def event_stream_response(chunks: AsyncIterator[bytes]) -> HttpResponseBase:
    """Return the response that sends ``chunks`` as they come."""
    return StreamingHttpResponse(
        chunks,
        content_type="text/event-stream",
        # The last header stops proxies from buffering events.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def refusal(request: HttpRequest) -> HttpResponse | None:
    """Return the refusal for a client that may not listen; None when ``request`` may."""
    if request.method != "GET":
        return problem_response(request, Problem(405, "only GET is possible here", "method_not_allowed"))
    problem = await sync_to_async(_identity_problem)(request)
    return None if problem is None else problem_response(request, problem)


class ListenerCheck:
    """Checks regularly whether the listener still has the right to listen."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self._checked = time.monotonic()

    async def passes(self) -> bool:
        """Whether the stream may go on; reads session and user again when the last check is long ago."""
        if time.monotonic() - self._checked <= CHECK_SECONDS:
            return True
        self._checked = time.monotonic()
        return await sync_to_async(_identity_problem)(self._request) is None


async def source_stream(
    request: HttpRequest, prepare: Callable[[], Callable[[], Source]], *, frames_per_second: float
) -> HttpResponseBase:
    """Return the stream of a source, or the problem of a request that may not or cannot have it.

    ``prepare`` looks at the request in a thread and may use the database; it returns what opens the source.
    """
    if (denied := await refusal(request)) is not None:
        return denied
    try:
        open_source = await sync_to_async(prepare)()
    except (KafkaMLError, APIException) as error:
        problem = problem_of(error)
        assert problem is not None
        return problem_response(request, problem)
    return source_response(request, open_source, frames_per_second=frames_per_second)


def source_response(
    request: HttpRequest, open_source: Callable[[], Source], *, frames_per_second: float = 20.0
) -> HttpResponseBase:
    """Return the stream of a source, or 503 when this process serves as many as allowed.

    ``open_source`` is called in the source's own thread and may block; it must not use the database. Call ``refusal``
    first.
    """
    if _open_sources >= _MAX_SOURCES:
        problem = Problem(
            503,
            f"{_open_sources} live views are open here already: expected at most {_MAX_SOURCES}",
            "busy",
            hint="close views that nobody looks at, or try again in a minute",
            headers={"Retry-After": "30"},
        )
        return problem_response(request, problem)
    return event_stream_response(_source_chunks(request, open_source, 1.0 / frames_per_second))


async def _source_chunks(
    request: HttpRequest, open_source: Callable[[], Source], interval_seconds: float
) -> AsyncIterator[bytes]:
    # Count the stream only when reading begins, because one that is never read would never be uncounted.
    global _open_sources
    _open_sources += 1
    bridge = _Bridge(open_source, interval_seconds)
    check = ListenerCheck(request)
    try:
        yield RETRY
        bridge.start()
        while await check.passes():
            try:
                chunk = await asyncio.wait_for(bridge.take(), HEARTBEAT_SECONDS)
            except TimeoutError:
                chunk = ALIVE
            if chunk is None:
                return
            yield chunk
    finally:
        bridge.stop()
        _open_sources -= 1


class _Bridge:
    """A thread that polls a source and hands what it sends to one reader in the event loop, a chunk at a time."""

    def __init__(self, open_source: Callable[[], Source], interval_seconds: float) -> None:
        self._open_source = open_source
        self._interval_seconds = interval_seconds
        self._loop = asyncio.get_running_loop()
        self._chunks: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._stopped = threading.Event()
        # The event is set while the reader waits, so that there is never more than one chunk under way.
        self._wanted = threading.Event()
        self._reader_seen = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="live-source", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end and close the source; returns immediately."""
        self._stopped.set()

    async def take(self) -> bytes | None:
        """Return the next chunk; None: the source ended."""
        self._reader_seen = time.monotonic()
        if self._chunks.empty():
            self._wanted.set()
        return await self._chunks.get()

    def _run(self) -> None:
        try:
            source = self._open_source()
            try:
                self._pump(source)
            finally:
                source.close()
        except KafkaMLError as error:
            self._hand_over(_RETRY_AFTER_PROBLEM + event("problem", _document(problem_of(error))))
        except Exception:
            logger.exception("a live view broke")
            self._hand_over(_RETRY_AFTER_PROBLEM + event("problem", _document(None)))
        self._hand_over(None)

    def _pump(self, source: Source) -> None:
        due = 0.0
        while not self._stopped.is_set() and not self._abandoned():
            wait = due - time.monotonic()
            source.poll(wait if wait > 0 else _IDLE_POLL_SECONDS)
            if time.monotonic() < due or not self._wanted.is_set():
                continue
            if frames := source.frames():
                due = time.monotonic() + self._interval_seconds
                self._hand_over(b"".join(event(name, data) for name, data in frames))

    def _abandoned(self) -> bool:
        return time.monotonic() - self._reader_seen > _ABANDONED_SECONDS

    def _hand_over(self, chunk: bytes | None) -> None:
        self._wanted.clear()
        try:
            self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)
        except RuntimeError:
            # The loop is closed because the process ends.
            self._stopped.set()


def _document(problem: Problem | None) -> dict[str, object]:
    return (problem or Problem(500, "something of ours broke; the log tells more", "internal")).to_json()


def _identity_problem(request: HttpRequest) -> Problem | None:
    """Return why the request may not listen; None when it may. Reads the session and the user afresh."""
    fresh = HttpRequest()
    fresh.META, fresh.COOKIES, fresh.method = request.META, request.COOKIES, "GET"
    authenticators = APIView().get_authenticators()
    try:
        user = Request(_with_session(fresh), authenticators=authenticators).user
    except APIException as error:
        return problem_of(error)
    return Problem(401, "sign in first", "not_authenticated") if not user.is_active else None


def _with_session(request: HttpRequest) -> HttpRequest:
    def answer(_request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    SessionMiddleware(answer).process_request(request)
    AuthenticationMiddleware(answer).process_request(request)
    return request

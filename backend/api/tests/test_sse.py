"""Live views: what a source sends arrives, summed up and bounded; whatever ends the stream closes the source."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Sequence

import orjson
import pytest
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, StreamingHttpResponse
from django.test import RequestFactory

from backend.api import sse
from kafkaml.errors import StreamUnavailable
from tests.support import eventually


class Numbers:
    """Counts how often it was polled; each frame says how many polls it sums up."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.polls = 0
        self.unsent = 0
        self.frames_sent = 0
        self.fails_after = fails_after
        self.closed = threading.Event()

    def poll(self, timeout_seconds: float) -> None:
        time.sleep(min(timeout_seconds, 0.001))
        self.polls += 1
        self.unsent += 1
        if self.fails_after is not None and self.polls > self.fails_after:
            raise StreamUnavailable("the topic is gone", hint="make it again")

    def frames(self) -> Sequence[tuple[str, object]]:
        count, self.unsent = self.unsent, 0
        self.frames_sent += 1
        return [("numbers", {"count": count})]

    def close(self) -> None:
        self.closed.set()


@pytest.fixture(autouse=True)
def _anyone_may_listen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_identity_problem", lambda _request: None)
    monkeypatch.setattr(sse, "_open_sources", 0)


def a_request() -> HttpRequest:
    request = RequestFactory().get("/x/")
    request.user = AnonymousUser()
    return request


def stream_of(source: sse.Source, **options: float) -> AsyncGenerator[bytes]:
    response = sse.source_response(a_request(), lambda: source, **options)
    assert isinstance(response, StreamingHttpResponse)
    return response.streaming_content.__aiter__()  # type: ignore[union-attr,return-value]


async def closed(source: Numbers) -> None:
    assert await asyncio.to_thread(source.closed.wait, 60)


def counts(chunk: bytes) -> int:
    return int(orjson.loads(chunk.split(b"data: ")[1])["count"])


@pytest.mark.asyncio
async def test_frames_come_at_most_so_often_and_lose_nothing() -> None:
    source = Numbers()
    stream = stream_of(source, frames_per_second=20)
    assert await anext(stream) == sse.RETRY
    began = time.monotonic()
    chunks = [await anext(stream) for _ in range(6)]
    assert time.monotonic() - began >= 0.24
    # One of them sums several polls up as soon as the source's thread gets the processor between two frames.
    while max(map(counts, chunks[1:])) == 1:
        chunks.append(await anext(stream))
    assert sum(map(counts, chunks)) <= source.polls
    await stream.aclose()
    await closed(source)


@pytest.mark.asyncio
async def test_a_slow_page_gets_one_frame_that_sums_up() -> None:
    source = Numbers()
    stream = stream_of(source, frames_per_second=1000)
    await anext(stream)
    await anext(stream)
    # Longer than many frames would take.
    polls = source.polls + 100
    await asyncio.to_thread(eventually, lambda: source.polls >= polls)
    assert source.frames_sent <= 2
    await anext(stream)
    assert counts(await anext(stream)) < source.polls
    await stream.aclose()
    await closed(source)


@pytest.mark.asyncio
async def test_an_error_of_ours_reaches_the_page_and_ends_the_stream() -> None:
    source = Numbers(fails_after=0)
    text = b"".join([chunk async for chunk in stream_of(source)]).decode()
    assert "event: problem" in text
    assert '"detail":"the topic is gone","hint":"make it again"' in text
    assert source.closed.is_set()


@pytest.mark.asyncio
async def test_an_unexpected_error_tells_nothing_of_its_text() -> None:
    def open_source() -> sse.Source:
        raise RuntimeError("secret")

    response = sse.source_response(a_request(), open_source)
    assert isinstance(response, StreamingHttpResponse)
    text = b"".join([chunk async for chunk in response.streaming_content]).decode()  # type: ignore[union-attr]
    assert "event: problem" in text
    assert "secret" not in text


@pytest.mark.asyncio
async def test_a_page_that_vanished_silently_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Numbers()
    stream = stream_of(source)
    await anext(stream)
    await anext(stream)
    # Nobody takes the next chunk, and nobody says so.
    monkeypatch.setattr(sse, "_ABANDONED_SECONDS", 0.05)
    await closed(source)


@pytest.mark.asyncio
async def test_who_is_signed_out_sees_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Numbers()
    stream = stream_of(source)
    await anext(stream)
    await anext(stream)
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0)
    monkeypatch.setattr(sse, "_identity_problem", lambda _request: object())
    async with asyncio.timeout(60):
        assert [chunk async for chunk in stream] == []
    await closed(source)


@pytest.mark.asyncio
async def test_a_quiet_source_gives_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "HEARTBEAT_SECONDS", 0.05)
    source = Numbers()
    monkeypatch.setattr(source, "frames", list)
    stream = stream_of(source)
    assert [await anext(stream) for _ in range(3)] == [sse.RETRY, sse.ALIVE, sse.ALIVE]
    await stream.aclose()
    await closed(source)


@pytest.mark.asyncio
async def test_a_process_serves_only_that_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_MAX_SOURCES", 1)
    source = Numbers()
    stream = stream_of(source)
    await anext(stream)
    await anext(stream)
    busy = sse.source_response(a_request(), Numbers)
    assert busy.status_code == 503
    assert orjson.loads(busy.content)["type"] == "urn:kafka-ml:problem:busy"  # type: ignore[attr-defined]
    await stream.aclose()
    await closed(source)
    assert sse.source_response(a_request(), Numbers).status_code == 200

"""Server-sent events: catching up, live, closed to strangers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.test import AsyncClient
from django.utils import timezone

from backend.accounts.models import Role, User
from backend.accounts.services import create_token
from backend.api import sse
from backend.api.actors import SYSTEM
from backend.events import broadcast, views
from backend.events.models import Event
from backend.events.services import prune_events, publish

# The reader has a connection of its own, so what it reads must be committed.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broadcaster(monkeypatch: pytest.MonkeyPatch):
    """A broadcaster per test: each test has a loop of its own."""
    fresh = broadcast.Broadcaster()
    monkeypatch.setattr(views, "BROADCASTER", fresh)
    # No signs of life among what tests wait for, however slow the machine is.
    monkeypatch.setattr(views, "ALIVE_SECONDS", 60.0)
    yield fresh
    fresh._thread.submit(connections.close_all).result()
    fresh._thread.shutdown()


@pytest.fixture
def token(db: None) -> str:
    user = User.objects.create(username="watcher", role=Role.VIEWER)
    return create_token(actor=SYSTEM, user=user, name="x", role=Role.VIEWER, days=1)[1]


async def get(token: str, query: str = "", headers: dict[str, str] | None = None):
    return await AsyncClient().get(
        f"/api/events/{query}", headers={"authorization": f"Bearer {token}", **(headers or {})}
    )


async def listen(token: str, query: str = "", last: int | None = None) -> AsyncIterator[bytes]:
    answer = await get(token, query, {} if last is None else {"last-event-id": str(last)})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream"
    return answer.streaming_content.__aiter__()


async def until(stream: AsyncIterator[bytes], condition: Callable[[str], bool]) -> str:
    text = ""
    async with asyncio.timeout(60):
        while not condition(text):
            text += (await anext(stream)).decode()
    return text


publish_now: Callable[..., Awaitable[None]] = sync_to_async(publish)


@pytest.mark.asyncio
async def test_events_arrive_live_and_only_those_asked_for(token: str) -> None:
    stream = await listen(token, "?topics=results")
    await until(stream, lambda text: "id: 0" in text)
    await publish_now("inferences", {"id": 1})
    await publish_now("results", {"id": 2, "text": "line\nbreak"})
    text = await until(stream, lambda text: "event:" in text)
    assert text.endswith('event: results\ndata: {"id":2,"text":"line\\nbreak"}\n\n')


@pytest.mark.asyncio
async def test_a_page_catches_up_where_it_stopped(token: str) -> None:
    for number in range(1, 6):
        await publish_now("results", {"id": number})
    ids = [pk async for pk in Event.objects.values_list("id", flat=True)]
    stream = await listen(token, last=ids[2])
    text = await until(stream, lambda text: text.count("event:") == 2)
    assert f"id: {ids[3]}" in text
    assert f"id: {ids[4]}" in text
    await publish_now("results", {"id": 6})
    text = await until(stream, lambda text: "event:" in text)
    assert text.count('{"id":6}') == 1


@pytest.mark.asyncio
async def test_a_page_that_slept_too_long_starts_again(token: str) -> None:
    for number in range(3):
        await publish_now("results", {"id": number})
    first = await Event.objects.afirst()
    await Event.objects.exclude(pk=(await Event.objects.alast()).pk).adelete()
    text = await until(await listen(token, last=first.pk), lambda text: "event:" in text)
    assert "event: reset" in text


@pytest.mark.asyncio
async def test_a_number_of_another_database_starts_again(token: str) -> None:
    text = await until(await listen(token, last=999_999), lambda text: "event:" in text)
    assert "event: reset" in text


@pytest.mark.asyncio
async def test_strangers_and_nonsense_are_refused(token: str) -> None:
    assert (await AsyncClient().get("/api/events/")).status_code == 401
    assert (await get("x")).status_code == 401
    assert (await get(token, "?topics=secrets")).status_code == 400
    assert (await get(token, headers={"last-event-id": "x"})).status_code == 400
    posted = await AsyncClient().post("/api/events/", headers={"authorization": f"Bearer {token}"})
    assert posted.status_code == 405


@pytest.mark.asyncio
async def test_a_session_listens_too(db: None) -> None:
    client = AsyncClient()
    await client.aforce_login(await User.objects.acreate(username="page", role=Role.VIEWER))
    answer = await client.get("/api/events/")
    assert answer.status_code == 200


@pytest.mark.asyncio
async def test_who_signs_out_stops_seeing(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "CHECK_SECONDS", 0)
    monkeypatch.setattr(views, "ALIVE_SECONDS", 0.05)
    stream = await listen(token)
    await until(stream, lambda text: "alive" in text)
    await User.objects.aupdate(is_active=False)
    async with asyncio.timeout(60):
        rest = [chunk async for chunk in stream]
    assert len(rest) <= 1


@pytest.mark.asyncio
async def test_in_silence_and_among_what_was_not_asked_for_there_are_signs_of_life(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "ALIVE_SECONDS", 0.05)
    stream = await listen(token, "?topics=results")
    alive = "event: alive\ndata: {}\n\n"
    await until(stream, lambda text: text.count(alive) == 2)
    for number in range(3):
        await publish_now("inferences", {"id": number})
    assert "inferences" not in await until(stream, lambda text: alive in text)


@pytest.mark.asyncio
async def test_a_page_that_reads_too_slowly_is_asked_to_connect_again(
    token: str, broadcaster: broadcast.Broadcaster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "_QUEUE", 3)

    @sync_to_async
    @transaction.atomic
    def publish_more_than_it_holds() -> None:
        for number in range(6):
            publish("results", {"id": number})

    async with broadcaster.subscribe() as (queue, _):
        # Visible together, so handed out together: this page cannot read in between, however slow the machine is.
        await publish_more_than_it_holds()
        async with asyncio.timeout(60):
            while (row := await queue.get()) is not None:
                assert row.topic == "results"


def test_old_events_are_forgotten() -> None:
    publish("results", {"id": 1})
    Event.objects.update(created_at=timezone.now() - timedelta(days=1))
    publish("results", {"id": 2})
    assert prune_events() == 1
    assert [event.payload for event in Event.objects.all()] == [{"id": 2}]

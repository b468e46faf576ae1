"""Broadcaster: one reader of the event table per process, however many pages are open.

Readers of other processes see the same events, because everything goes through the table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from django.db import DatabaseError, connection
from django.db.models import Min

from backend.events.models import Event
from backend.events.services import newest_event
from kafkaml.logs import get_logger

__all__ = ["BROADCASTER", "Broadcaster", "EventRow", "TooManyPages"]

logger = get_logger(__name__)

T = TypeVar("T")

_POLL_SECONDS = 0.2
_AFTER_ERROR_SECONDS = 2.0
_BATCH = 1_000
# A page that is this far behind must reconnect, and catches up from the table.
_QUEUE = 2_000
_MAX_PAGES = 500


class TooManyPages(Exception):
    """This process already serves as many streams as it may."""


@dataclass(frozen=True)
class EventRow:
    """One event."""

    id: int
    topic: str
    payload: dict[str, object]


class Broadcaster:
    """Hands each new event to every subscriber. Lives in one event loop; reads the database in one thread."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[EventRow | None]] = set()
        self._task: asyncio.Task[None] | None = None
        self._last_id = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="events")

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[tuple[asyncio.Queue[EventRow | None], int]]:
        """Give a queue of events and the id after which it begins. None in the queue asks the page to connect again."""
        if len(self._queues) >= _MAX_PAGES:
            raise TooManyPages
        queue: asyncio.Queue[EventRow | None] = asyncio.Queue(_QUEUE)
        if self._task is None or self._task.done():
            self._last_id = await self.newest_id()
            self._task = asyncio.get_running_loop().create_task(self._run())
        self._queues.add(queue)
        try:
            yield queue, self._last_id
        finally:
            self._queues.discard(queue)

    async def newest_id(self) -> int:
        """Return the id of the newest event, 0 when there is none."""
        return await self._in_thread(_newest_id)

    async def after(self, last_id: int) -> list[EventRow]:
        """Return up to a batch of events after ``last_id``."""
        return await self._in_thread(_read, last_id)

    async def oldest_id(self) -> int:
        """Return the id of the oldest event that is kept, 0 when there is none."""
        return await self._in_thread(_oldest_id)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _run(self) -> None:
        while self._queues:
            try:
                rows = await self.after(self._last_id)
            except DatabaseError:
                logger.warning("events cannot be read, trying again", exc_info=True)
                await asyncio.sleep(_AFTER_ERROR_SECONDS)
                continue
            for row in rows:
                self._last_id = row.id
                self._hand_out(row)
            if len(rows) < _BATCH:
                await asyncio.sleep(_POLL_SECONDS)

    def _hand_out(self, row: EventRow) -> None:
        for queue in list(self._queues):
            if queue.full():
                self._queues.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait(row)


def _read(last_id: int) -> list[EventRow]:
    # The reading thread lives as long as the process, so a broken database connection must be replaced.
    connection.close_if_unusable_or_obsolete()
    rows = Event.objects.filter(id__gt=last_id).order_by("id").values_list("id", "topic", "payload")[:_BATCH]
    return [EventRow(*row) for row in rows]


def _newest_id() -> int:
    connection.close_if_unusable_or_obsolete()
    return newest_event()


def _oldest_id() -> int:
    connection.close_if_unusable_or_obsolete()
    return Event.objects.aggregate(oldest=Min("id"))["oldest"] or 0


BROADCASTER = Broadcaster()

"""Waiting for something on the platform, by its live events. Used by ``Runs.wait_for``."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from kafkaml.errors import ApiError, DeadlineExceeded
from kafkaml.sdk.connection import Connection

__all__ = ["wait_until"]

T = TypeVar("T")

# Events tell when to look; this bounds how long a missed one can go unnoticed.
_LOOK_AT_LEAST_EVERY_SECONDS = 2.0
_RECONNECT_SECONDS = 1.0


def wait_until(
    look: Callable[[], T | None], connection: Connection, *, topic: str, number: int, what: str, timeout_seconds: float
) -> T:
    """Call ``look`` now and after each event of ``topic`` about ``number`` until it returns something; return that.

    Exceptions of ``look`` pass, except that an unreachable API (ApiError of status 0) is tried again until the time
    is over. Raises DeadlineExceeded then.
    """
    deadline = time.monotonic() + timeout_seconds
    news: queue.SimpleQueue[None] = queue.SimpleQueue()
    stop = threading.Event()
    listener = threading.Thread(
        target=_listen, args=(connection, topic, number, news, stop), daemon=True, name="sdk-events"
    )
    listener.start()
    try:
        while True:
            try:
                found = look()
            except ApiError as error:
                if error.status or time.monotonic() > deadline:
                    raise
                found = None
            if found is not None:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                raise DeadlineExceeded(
                    f"waited {timeout_seconds:g} s for {what}", hint="kafka-ml status; kafka-ml logs"
                )
            with contextlib.suppress(queue.Empty):
                news.get(timeout=min(left, _LOOK_AT_LEAST_EVERY_SECONDS))
                # Several events of one moment are one reason to look.
                while True:
                    news.get_nowait()
    finally:
        stop.set()


def _listen(
    connection: Connection, topic: str, number: int, news: queue.SimpleQueue[None], stop: threading.Event
) -> None:
    while not stop.is_set():
        with contextlib.suppress(ApiError, RuntimeError):
            for event in connection.events(topic, silence_timeout_seconds=30):
                # Replicas of all inferences report every two seconds; a look for each would ask for the same again.
                if event is None or event.data.get("id") == number:
                    news.put(None)
                if stop.is_set():
                    return
        stop.wait(_RECONNECT_SECONDS)

"""bounded: a request over HTTP that ends in time, whatever the server does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import httpx

from kafkaml.daemon_thread import in_daemon_thread

__all__ = ["bounded"]

T = TypeVar("T")


def bounded(client: httpx.Client, seconds: float, ask: Callable[[], T]) -> T:
    """Return ``ask()``, which uses ``client`` and may take ``seconds``.

    Raises httpx.ReadTimeout after that, and closes the client.

    httpx limits the time to the next byte, so a server that sends its headers drop by drop can hold a caller for days.
    A closed connection ends the abandoned thread at its next byte, or at the client's own limit.
    """
    try:
        return in_daemon_thread(ask, name="bounded-http").result(seconds)
    except TimeoutError as error:
        client.close()
        raise httpx.ReadTimeout(f"no whole answer within {seconds:g} s") from error

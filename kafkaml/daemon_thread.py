"""in_daemon_thread: a call that does not keep the process from ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["in_daemon_thread"]

T = TypeVar("T")


def in_daemon_thread(function: Callable[[], T], *, name: str) -> Future[T]:
    """Run ``function`` in a thread that does not keep the process alive, unlike an executor's threads."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # noqa: BLE001 - raised in the caller by the future
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future

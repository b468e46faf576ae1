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
    threading.Thread(target=_run, args=(function, future), name=name, daemon=True).start()
    return future


def _run(function: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:  # noqa: BLE001 - raised in the caller by the future
        future.set_exception(error)
    finally:
        # An error holds this call by its traceback. Together with the future, which holds the error, it would keep
        # everything that the function uses until a garbage collection.
        del function, future

"""Run one function in a thread beside the caller, and have it end when the caller does. Used by RunContext."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["in_background"]

T = TypeVar("T")

# How long a thread that was told to end is waited for; it is a daemon, so the process ends without it.
_JOIN_SECONDS = 5.0


class _Abandoned(Exception):
    """Raised inside the thread, by its progress callback, after the caller left."""


@contextmanager
def in_background(function: Callable[[Callable[[int, int], None]], T]) -> Iterator[Future[T]]:
    """Start ``function(checkpoint)`` in a thread and yield its future.

    The function must call ``checkpoint(done, total)`` now and then: it raises once the ``with`` block was left.
    """
    left = threading.Event()
    future: Future[T] = Future()

    def checkpoint(_done: int, _total: int) -> None:
        if left.is_set():
            raise _Abandoned

    def run() -> None:
        try:
            future.set_result(function(checkpoint))
        except BaseException as error:  # noqa: BLE001 - handed to whoever asks for the result
            future.set_exception(error)

    thread = threading.Thread(target=run, name="background", daemon=True)
    thread.start()
    try:
        yield future
    finally:
        left.set()
        thread.join(_JOIN_SECONDS)

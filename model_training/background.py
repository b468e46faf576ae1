"""Run one function in a thread next to the caller, and end it when the caller leaves. Used by RunContext."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

__all__ = ["in_background"]

T = TypeVar("T")

# How long to wait for the thread after asking it to end. It is a daemon, so the process can end without it.
_JOIN_SECONDS = 5.0


class _Abandoned(Exception):
    """Raised inside the thread, by its progress callback, once the caller has left."""


@contextmanager
def in_background(function: Callable[[Callable[[int, int], None]], T]) -> Iterator[Future[T]]:
    """Start ``function(checkpoint)`` in a thread and yield its future.

    The function must call ``checkpoint(done, total)`` regularly, which raises once the ``with`` block has been left.
    """
    left = threading.Event()
    future: Future[T] = Future()

    def checkpoint(_done: int, _total: int) -> None:
        if left.is_set():
            raise _Abandoned

    def run() -> None:
        try:
            future.set_result(function(checkpoint))
        except BaseException as error:  # noqa: BLE001 - raised in the caller by the future
            future.set_exception(error)

    thread = threading.Thread(target=run, name="background", daemon=True)
    thread.start()
    try:
        yield future
    finally:
        left.set()
        thread.join(_JOIN_SECONDS)

"""ReadAhead: an iterator that works in a thread, one item ahead of its consumer. Used by RunContext."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from typing import Generic, TypeVar

__all__ = ["ReadAhead"]

T = TypeVar("T")

# How long to wait for the thread after asking it to end. It is a daemon, so the process can end without it.
_JOIN_SECONDS = 10.0
_WAITING_SECONDS = 1.0


class ReadAhead(Generic[T]):
    """Iterates over what ``make(is_left)`` generates, in a thread that holds at most one item.

    The generator should end, or yield, soon after ``is_left()`` becomes true, which means that the caller has left. The
    thread calls ``while_waiting`` repeatedly while its item is not taken.
    """

    def __init__(
        self, make: Callable[[Callable[[], bool]], Generator[T]], *, while_waiting: Callable[[], None]
    ) -> None:
        self._make = make
        self._while_waiting = while_waiting
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._error: BaseException | None = None
        self._over = self._left = False

    @classmethod
    @contextmanager
    def of(
        cls,
        make: Callable[[Callable[[], bool]], Generator[T]],
        *,
        while_waiting: Callable[[], None] = lambda: None,
    ) -> Iterator[ReadAhead[T]]:
        """Start the thread, and end it with the block."""
        ahead = cls(make, while_waiting=while_waiting)
        thread = threading.Thread(target=ahead._run, name="read-ahead", daemon=True)
        thread.start()
        try:
            yield ahead
        finally:
            ahead._leave()
            thread.join(_JOIN_SECONDS)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._over)
            if self._items:
                self._changed.notify_all()
                return self._items.pop()
            if self._error is not None:
                raise self._error
            raise StopIteration

    def _run(self) -> None:
        try:
            with closing(self._make(lambda: self._left)) as items:
                for item in items:
                    with self._changed:
                        self._items.append(item)
                        self._changed.notify_all()
                        # The next item is made only after this one was taken, so that the thread never holds two.
                        while not self._changed.wait_for(lambda: not self._items or self._left, _WAITING_SECONDS):
                            self._while_waiting()
                        if self._left:
                            return
        except BaseException as error:  # noqa: BLE001 - raised in the consumer by the next call
            self._error = error
        finally:
            with self._changed:
                self._over = True
                self._changed.notify_all()

    def _leave(self) -> None:
        with self._changed:
            self._left = True
            self._changed.notify_all()

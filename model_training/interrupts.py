"""How a run is ended from outside: SIGTERM (somebody stopped it) and word of the backend (a newer attempt, deleted).

Both raise Interrupted in the main thread, wherever it waits, so that the ``with`` blocks on the way out clean up.
Wired by ``__main__``; a mode that has something to keep holds a stop back until its step is done.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Self

from kafkaml.errors import ApiError

__all__ = ["Interrupted", "Interrupts"]


class Interrupted(BaseException):
    """This run must end now. ``error`` is the backend's reason, None when it was stopped by a signal.

    A BaseException, because no ``except Exception`` on the way may keep the run alive.
    """

    def __init__(self, error: ApiError | None) -> None:
        super().__init__("stopped" if error is None else error.message)
        self.error = error


class Interrupts:
    """Turns SIGTERM and SIGINT, and ``end`` from any thread, into one Interrupted in the main thread.

    A context manager around the run; only the first interrupt counts, so that cleaning up is not interrupted itself.
    """

    def __init__(self) -> None:
        self._error: ApiError | None = None
        self._raised = False
        self._holds = 0
        self._main_thread = threading.main_thread().ident or 0
        self.stopped = False

    def end(self, error: ApiError) -> None:
        """End the run because of what the backend said; returns at once."""
        self._error = error
        signal.pthread_kill(self._main_thread, signal.SIGTERM)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a stop by a signal wait until the block is over; ``stopped`` says that one waits.

        What the backend says is not held back: what such a run would keep nobody takes.
        """
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if self.stopped:
            self._raise()

    def check(self) -> None:
        """Raise Interrupted when a stop came that was held back, and what held it back did not end well."""
        with self.held():
            pass

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stopped = self.stopped or self._error is None
        if not self._holds or self._error is not None:
            self._raise()

    def _raise(self) -> None:
        if self._raised:
            return
        self._raised = True
        raise Interrupted(self._error)

"""Ends a run from outside: by SIGTERM (stopped) and by the backend's answer (a newer attempt, deleted).

Both raise Interrupted in the main thread, wherever it waits, so that the ``with`` blocks on the way out clean up. Wired
by ``__main__``; a mode with something to keep delays a stop until its step is done.
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

    A context manager around the run; only the first interrupt counts, so that cleaning up is not interrupted.
    """

    def __init__(self) -> None:
        self._error: ApiError | None = None
        self._raised = False
        self._holds = 0
        self._main_thread = threading.main_thread().ident or 0
        self.stopped = False

    def end(self, error: ApiError) -> None:
        """End the run because of the backend's answer; returns immediately."""
        self._error = error
        signal.pthread_kill(self._main_thread, signal.SIGTERM)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let a stop by a signal wait until the block is over; ``stopped`` says that one waits.

        An end by the backend is not delayed, because the backend would refuse what such a run keeps.
        """
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
        if self.stopped:
            self._raise()

    def check(self) -> None:
        """Raise Interrupted when a stop was delayed and the delayed step failed."""
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

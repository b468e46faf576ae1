"""Django's SQLite, with turns: threads of this process that want to write wait in a queue instead of in SQLite.

SQLite lets one connection write. The others look again after pauses of up to 100 ms, and the one that looks at the
right moment is next. Among fifty writers some have bad luck for 20 seconds and fail with "database is locked". The
settings name this package; the module is called ``base`` because Django looks for that name.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from django.db.backends.sqlite3 import base

__all__ = ["DatabaseWrapper"]

# A limit, because a transaction may hang. The next one then waits in SQLite, which has its own limit.
_LONGEST_WAIT_SECONDS = 20.0


class _Turns:
    """One turn, given to threads in the order in which they asked. A lock could be taken by one that asked later."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_taken = False
        self._waiting: deque[threading.Event] = deque()

    def take(self) -> bool:
        """Wait for the turn; returns whether it came in time."""
        mine = threading.Event()
        with self._lock:
            if not self._is_taken:
                self._is_taken = True
                return True
            self._waiting.append(mine)
        if mine.wait(_LONGEST_WAIT_SECONDS):
            return True
        with self._lock:
            if mine.is_set():
                return True
            self._waiting.remove(mine)
            return False

    def pass_on(self) -> None:
        """Give the turn to who has waited longest."""
        with self._lock:
            if self._waiting:
                self._waiting.popleft().set()
            else:
                self._is_taken = False


_turns = _Turns()


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that has the turn from the begin of its transaction to the end.

    It overrides what Django calls then, which its types leave out.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._has_turn = False

    def _start_transaction_under_autocommit(self) -> None:
        self._has_turn = _turns.take()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]
        except BaseException:
            self._end_turn()
            raise

    def _commit(self) -> None:
        super()._commit()  # type: ignore[misc]
        # A commit that fails is followed by a rollback.
        self._end_turn()

    def _rollback(self) -> None:
        try:
            super()._rollback()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]
        finally:
            self._end_turn()

    def _end_turn(self) -> None:
        if self._has_turn:
            self._has_turn = False
            _turns.pass_on()

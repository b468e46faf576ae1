"""Store: what the controller reads and writes of the rows. The real one is ``django_store``; the seam keeps the loop
and its tests free of a database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from backend.controller.rows import Row, Subject
from kafkaml.wire.failure import Failure

__all__ = ["Store"]


class Store(Protocol):
    """Rows of trainings and inferences.

    Every write names the attempt that it is about and does nothing, returning False, when the row is gone, has another
    attempt by now, or (for marks) has ended; so a decision on a stale row does no harm.
    """

    def rows(self, subjects: Collection[Subject]) -> Sequence[Row]:
        """Return every row that has not ended or must still stop, and those of ``subjects`` that exist."""
        ...

    def begin_attempt(self, subject: Subject, attempt: int) -> bool:
        """Make ``attempt`` the intended one, when the row's is the one before and it is still wanted."""
        ...

    def mark_launched(self, subject: Subject, attempt: int, *, max_replicas: int | None = None) -> bool:
        """Note that the launcher took the attempt; ``max_replicas`` as it was told."""
        ...

    def mark_running(self, subject: Subject, attempt: int) -> bool: ...

    def show_obstacle(self, subject: Subject, attempt: int, failure: Failure) -> bool:
        """Show what keeps the work from starting, while it waits."""
        ...

    def forgive_tries(self, subject: Subject, attempt: int) -> bool:
        """Count a training's present attempt as its first."""
        ...

    def show_ready(self, subject: Subject, attempt: int, replicas: int, failure: Failure | None, log_tail: str) -> bool:
        """Show that so many replicas serve: with some the inference runs, with none it waits."""
        ...

    def show_scale(self, subject: Subject, attempt: int, replicas: int) -> bool:
        """Show that the lag asks for so many replicas of an inference."""
        ...

    def mark_stopped(self, subject: Subject, attempt: int, log_tail: str) -> bool: ...

    def mark_failed(self, subject: Subject, attempt: int, failure: Failure, log_tail: str) -> bool: ...

    def retry(self, subject: Subject, attempt: int, failure: Failure, at: float, log_tail: str) -> bool: ...

    def keep_log(self, subject: Subject, attempt: int, log_tail: str) -> bool: ...

    def mint_token(self, subject: Subject, attempt: int) -> str:
        """Return a new credential of this attempt."""
        ...

    def prepare_launch(self, subject: Subject) -> None:
        """Make what the work needs before it starts (the topics of an inference); raises BrokenError."""
        ...

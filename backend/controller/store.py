"""Store: what the controller reads and writes of the rows. The real one is ``django_store``; the seam keeps the loop
and its tests free of a database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from backend.controller.actions import RowAction
from backend.controller.rows import Row, Subject

__all__ = ["Store"]


class Store(Protocol):
    """Rows of trainings and inferences.

    Every write names its attempt and returns False, without effect, when the row is gone, has another attempt by now,
    or (for marks) has ended. A decision on a stale row therefore does no harm.
    """

    def rows(self, subjects: Collection[Subject]) -> Sequence[Row]:
        """Return every row that has not ended or must still stop, and those of ``subjects`` that exist."""
        ...

    def apply(self, action: RowAction) -> bool:
        """Write an action down. BeginAttempt needs a row that is still wanted, and that has the attempt before."""
        ...

    def mint_token(self, subject: Subject, attempt: int) -> str:
        """Return a new credential of this attempt."""
        ...

    def prepare_launch(self, subject: Subject) -> None:
        """Create what the run needs before it starts (the topics of an inference); raises BrokenError."""
        ...

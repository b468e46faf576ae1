"""Failure: why something failed, and what to do."""

from __future__ import annotations

from enum import StrEnum

from kafkaml.wire.message import Message, Name, Text

__all__ = ["Failure", "FailureCategory"]


class FailureCategory(StrEnum):
    """Why something failed; decides the icon, the hint and whether a retry makes sense."""

    USER_CODE = "user_code"
    DATA = "data"
    ARGUMENTS = "arguments"
    OUT_OF_MEMORY = "out_of_memory"
    TIME_LIMIT = "time_limit"
    BROKER = "broker"
    # The process or pod vanished without saying why: killed, evicted, machine restarted.
    LOST = "lost"
    CONFIGURATION = "configuration"
    INTERNAL = "internal"

    @property
    def retryable(self) -> bool:
        """Whether the same run may succeed when started again without a change."""
        return self in (FailureCategory.BROKER, FailureCategory.LOST)


class Failure(Message):
    """Why a run failed: ``cause`` is what happened, ``hint`` what to do.

    ``line`` is that of the user's own code, 1-based in ``source`` (``code`` or ``imports``).
    """

    category: FailureCategory
    cause: Text
    hint: Text = ""
    traceback_text: Text = ""
    line: int | None = None
    source: Name = ""

"""Failure: why something failed, and what to do."""

from __future__ import annotations

from enum import StrEnum

from kafkaml.wire.message import Message, Name, Text

__all__ = ["Failure", "FailureCategory"]


class FailureCategory(StrEnum):
    """What kind of problem ended a run. The platform restarts it automatically after ``broker`` and ``lost`` alone.

    * ``user_code``: The model's code raised an error.
    * ``data``: The stream cannot be read, or does not fit the model.
    * ``arguments``: An argument of the deployment was refused.
    * ``out_of_memory``: The memory limit was reached.
    * ``time_limit``: A time limit was reached.
    * ``broker``: Kafka did not answer or refused a request.
    * ``lost``: The process or pod ended without a reason: it was killed or evicted, or its machine restarted.
    * ``configuration``: A setting of the platform or of its cluster is wrong.
    * ``internal``: Kafka-ML itself failed. Please report it.
    """

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
    """Why a run failed. ``cause`` says what happened, and ``hint`` what to do.

    ``line`` is a line of the user's code, counted from 1. ``source`` says in which of the texts ``code`` and
    ``imports`` it is.
    """

    category: FailureCategory
    cause: Text
    hint: Text = ""
    traceback_text: Text = ""
    line: int | None = None
    source: Name = ""

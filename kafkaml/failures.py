"""Maps an exception to the Failure that users read. The only place that decides this; pure. Called by the workers."""

from __future__ import annotations

import errno
import uuid

from kafkaml.errors import (
    ArgumentsError,
    BrokerError,
    DeadlineExceeded,
    FailedError,
    KafkaMLError,
    ModelProcessDied,
    RefusedError,
    SandboxUnavailable,
    SettingsError,
    StreamUnavailable,
    UserCodeError,
)
from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["failure_of"]

# The first match decides, so the most specific come first.
_CATEGORIES: tuple[tuple[type[KafkaMLError], FailureCategory], ...] = (
    (UserCodeError, FailureCategory.USER_CODE),
    (ArgumentsError, FailureCategory.ARGUMENTS),
    (SettingsError, FailureCategory.CONFIGURATION),
    (SandboxUnavailable, FailureCategory.CONFIGURATION),
    (RefusedError, FailureCategory.DATA),
    (StreamUnavailable, FailureCategory.DATA),
    (DeadlineExceeded, FailureCategory.TIME_LIMIT),
    (BrokerError, FailureCategory.BROKER),
    # Every remaining FailedError means that the disk is full.
    (FailedError, FailureCategory.CONFIGURATION),
)

_DEATHS: dict[str, tuple[FailureCategory, str]] = {
    "memory": (
        FailureCategory.OUT_OF_MEMORY,
        "use a smaller batch size or model, or raise the memory limit",
    ),
    "cpu_time": (FailureCategory.TIME_LIMIT, "raise the CPU time limit, or give the model less to do"),
    "wall_time": (FailureCategory.TIME_LIMIT, "raise the time limit, or give the model less to do"),
    "output": (FailureCategory.USER_CODE, "print less in the model's code"),
    "crashed": (FailureCategory.USER_CODE, "a library crashed under the model's code: its last output is in the log"),
    "killed": (
        FailureCategory.LOST,
        "something else ended the model process, often because memory runs short: run fewer programs at once",
    ),
}


def failure_of(error: BaseException) -> Failure:
    """Return the Failure for ``error``. For an unexpected one its text ends in an id that is also in the log."""
    if isinstance(error, UserCodeError):
        return Failure(
            category=FailureCategory.USER_CODE,
            cause=error.message,
            hint=error.hint,
            traceback_text=error.traceback_text,
            line=error.line,
            source=error.source,
        )
    if isinstance(error, ModelProcessDied):
        category, hint = _DEATHS.get(error.reason, _DEATHS["crashed"])
        return Failure(category=category, cause=error.message, hint=error.hint or hint)
    for kind, category in _CATEGORIES:
        if isinstance(error, kind):
            return Failure(category=category, cause=error.message, hint=error.hint)
    if isinstance(error, MemoryError):
        return Failure(
            category=FailureCategory.OUT_OF_MEMORY,
            cause="the runner ran out of memory",
            hint="give the machine or the pod more memory",
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(
            category=FailureCategory.CONFIGURATION,
            cause=f"no space left on the disk: {error}",
            hint="free space under the state folder and start it again",
        )
    message = error.message if isinstance(error, KafkaMLError) else f"{type(error).__name__}: {error}"
    return Failure(
        category=FailureCategory.INTERNAL,
        cause=f"{message} [{uuid.uuid4().hex[:12]}]",
        hint="this is a fault of the platform, not of the model: the log has the details under the id in brackets",
    )

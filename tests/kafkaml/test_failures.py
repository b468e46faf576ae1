from __future__ import annotations

import errno

import pytest

from kafkaml.errors import (
    ArgumentsError,
    BrokerError,
    BrokerTimeout,
    DeadlineExceeded,
    DecodeError,
    FailedError,
    ModelProcessDied,
    SandboxUnavailable,
    StreamUnavailable,
    UserCodeError,
)
from kafkaml.failures import failure_of
from kafkaml.shapes import DataMismatch
from kafkaml.wire.failure import Failure, FailureCategory


@pytest.mark.parametrize(
    ("error", "category"),
    [
        (ArgumentsError("epochs must be a whole number"), FailureCategory.ARGUMENTS),
        (DecodeError("cannot reshape 783 bytes"), FailureCategory.DATA),
        (StreamUnavailable("deleted by retention"), FailureCategory.DATA),
        (DataMismatch("(8, 8) is not (28, 28)"), FailureCategory.DATA),
        (ModelProcessDied("died", reason="memory"), FailureCategory.OUT_OF_MEMORY),
        (ModelProcessDied("died", reason="wall_time"), FailureCategory.TIME_LIMIT),
        (ModelProcessDied("died", reason="cpu_time"), FailureCategory.TIME_LIMIT),
        (ModelProcessDied("died", reason="killed"), FailureCategory.LOST),
        (ModelProcessDied("died", reason="crashed"), FailureCategory.USER_CODE),
        (DeadlineExceeded("too long"), FailureCategory.TIME_LIMIT),
        (BrokerError("refused"), FailureCategory.BROKER),
        (FailedError("the disk is full"), FailureCategory.CONFIGURATION),
        (BrokerTimeout("unknown"), FailureCategory.BROKER),
        (SandboxUnavailable("no level"), FailureCategory.CONFIGURATION),
        (OSError(errno.ENOSPC, "No space left on device"), FailureCategory.CONFIGURATION),
        (MemoryError(), FailureCategory.OUT_OF_MEMORY),
        (ZeroDivisionError("division by zero"), FailureCategory.INTERNAL),
    ],
)
def test_every_error_has_a_category_a_cause_and_survives_json(error: Exception, category: FailureCategory) -> None:
    failure = failure_of(error)
    assert failure.category is category
    assert failure.cause
    assert Failure.model_validate(failure.to_json()) == failure


def test_the_users_error_keeps_its_place() -> None:
    error = UserCodeError("ValueError: no", traceback_text="line 3, in call", line=3, source="code", hint="look")
    assert failure_of(error) == Failure(
        category=FailureCategory.USER_CODE,
        cause="ValueError: no",
        hint="look",
        traceback_text="line 3, in call",
        line=3,
        source="code",
    )


def test_out_of_memory_says_what_to_change() -> None:
    assert "batch size" in failure_of(ModelProcessDied("died", reason="memory")).hint


def test_a_fault_of_ours_carries_an_id_that_differs_each_time() -> None:
    first, second = failure_of(KeyError("x")), failure_of(KeyError("x"))
    assert first.cause.startswith("KeyError: 'x' [")
    assert first.cause != second.cause

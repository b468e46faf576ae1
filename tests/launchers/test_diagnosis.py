"""The end of a worker in words."""

from __future__ import annotations

import signal

import pytest

from backend.launchers.diagnosis import Ending, diagnose
from kafkaml.wire.failure import FailureCategory
from kafkaml.wire.state import WorkerExit

TRACEBACK = """starting
Traceback (most recent call last):
  File "/x/model_training/__main__.py", line 3, in <module>
{last}
"""


def test_exit_code_zero_is_not_a_failure() -> None:
    assert diagnose(Ending(exit_code=0)) is None


@pytest.mark.parametrize(
    ("ending", "category", "said"),
    [
        (Ending(exit_code=None), FailureCategory.LOST, "vanished"),
        (Ending(exit_code=-9), FailureCategory.LOST, "SIGKILL"),
        (Ending(exit_code=137), FailureCategory.LOST, "SIGKILL"),
        (Ending(exit_code=-9, out_of_memory=True), FailureCategory.OUT_OF_MEMORY, "memory"),
        (Ending(exit_code=-15), FailureCategory.LOST, "SIGTERM"),
        (Ending(exit_code=-signal.SIGSEGV), FailureCategory.INTERNAL, "SIGSEGV"),
        (Ending(exit_code=-signal.SIGXCPU), FailureCategory.TIME_LIMIT, "processor time"),
        (Ending(exit_code=-signal.SIGUSR1), FailureCategory.INTERNAL, "SIGUSR1"),
        (Ending(exit_code=1, suspended=True), FailureCategory.LOST, "shut down"),
        (Ending(exit_code=3), FailureCategory.INTERNAL, "exit code 3"),
        (Ending(exit_code=WorkerExit.FAILURE_NOT_REPORTED), FailureCategory.LOST, "could not tell"),
        (Ending(exit_code=WorkerExit.SUPERSEDED), FailureCategory.LOST, "superseded"),
        (Ending(exit_code=WorkerExit.STOPPED), FailureCategory.LOST, "SIGTERM"),
    ],
)
def test_endings_without_a_word(ending: Ending, category: FailureCategory, said: str) -> None:
    failure = diagnose(ending)
    assert failure is not None
    assert failure.category is category
    assert said in failure.cause
    assert failure.hint


@pytest.mark.parametrize(
    ("last", "category", "said", "hint"),
    [
        ("ModuleNotFoundError: No module named 'torch'", FailureCategory.CONFIGURATION, "torch", "'torch'"),
        ("kafkaml.errors.SettingsError: KML_X is missing", FailureCategory.CONFIGURATION, "KML_X", "setting"),
        ("MemoryError: Unable to allocate 9 GiB", FailureCategory.OUT_OF_MEMORY, "allocate", "batch size"),
        ("kafkaml.errors.BrokerTimeout: no answer", FailureCategory.BROKER, "no answer", "Kafka"),
        ("ValueError: the stars are not right", FailureCategory.INTERNAL, "stars", "log"),
    ],
)
def test_the_last_exception_in_the_log_is_the_cause(last: str, category: FailureCategory, said: str, hint: str) -> None:
    failure = diagnose(Ending(exit_code=1, log_tail=TRACEBACK.format(last=last)))
    assert failure is not None
    assert failure.category is category
    assert said in failure.cause
    assert hint in failure.hint
    assert failure.traceback_text.startswith("Traceback")
    assert "starting" not in failure.traceback_text


def test_only_passing_troubles_are_tried_again() -> None:
    lost = diagnose(Ending(exit_code=-9))
    crashed = diagnose(Ending(exit_code=-11))
    assert lost is not None
    assert lost.category.retryable
    assert crashed is not None
    assert not crashed.category.retryable

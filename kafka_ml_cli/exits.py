"""Exit codes of ``kafka-ml``, and which error ends with which."""

from __future__ import annotations

from enum import IntEnum

from kafkaml import errors

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """What scripts can rely on; also shown by ``kafka-ml --help``."""

    OK = 0
    # A training, an inference or the platform failed, or Kafka-ML itself has a fault.
    FAILED = 1
    # Wrong usage, or the input was refused: fix it and try again.
    REFUSED = 2
    # The platform or the broker cannot be reached.
    UNREACHABLE = 3
    # The object that the command names does not exist.
    NOT_FOUND = 4
    # The token is wrong or expired, or its owner may not do this.
    NOT_ALLOWED = 5
    # What the command waited for did not happen within the time limit.
    TIMED_OUT = 6
    INTERRUPTED = 130


def exit_code_of(error: errors.KafkaMLError) -> ExitCode:
    """Return the exit code for ``error``."""
    if isinstance(error, errors.ApiError):
        return _exit_code_of_status(error.status)
    if isinstance(error, errors.DeadlineExceeded):
        return ExitCode.TIMED_OUT
    if isinstance(error, errors.RefusedError):
        return ExitCode.REFUSED
    if isinstance(error, errors.BrokerError):
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED


def _exit_code_of_status(status: int) -> ExitCode:
    if status == 0:
        return ExitCode.UNREACHABLE
    if status == 404:
        return ExitCode.NOT_FOUND
    if status in (401, 403):
        return ExitCode.NOT_ALLOWED
    return ExitCode.REFUSED if status < 500 else ExitCode.FAILED

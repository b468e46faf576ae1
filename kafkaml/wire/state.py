"""Where a run is, and how a worker's process ends."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["RunState", "WorkerExit"]


class RunState(StrEnum):
    """Where a training result or an inference is; the API, the commands and the web UI use these words.

    WAITING is for data, or for the next try; STOPPED is a user's wish; FAILED carries a Failure.
    """

    CREATED = "created"
    WAITING = "waiting"
    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        return self in (RunState.FINISHED, RunState.STOPPED, RunState.FAILED)


class WorkerExit(IntEnum):
    """How a worker ends, for a launcher that sees only the exit code. Others mean that the process was lost."""

    # The backend confirmed the outcome.
    FINISHED = 0
    # The backend confirmed a Failure that says more than this code.
    FAILURE_REPORTED = 10
    # The worker failed and could not report that to the backend; the log holds the reason.
    FAILURE_NOT_REPORTED = 11
    # A newer attempt exists, or the run was deleted, so there is nothing to do.
    SUPERSEDED = 12
    # SIGTERM ended the worker; a shell would show this number.
    STOPPED = 143

"""Where a run is, and how a worker's process ends."""

from __future__ import annotations

from enum import IntEnum, StrEnum

__all__ = ["RunState", "WorkerExit"]


class RunState(StrEnum):
    """The state of a training run or of an inference.

    * ``created``: It was created, and nothing has been started for it.
    * ``waiting``: It waits for data, or for the next attempt.
    * ``running``: It trains or serves.
    * ``finished``: It ended successfully.
    * ``stopped``: A user stopped it.
    * ``failed``: It ended with a failure.
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

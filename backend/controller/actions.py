"""What the controller can do: small values that ``reconcile`` decides on and ``execute`` carries out, those of the rows
by the store.

Each may be carried out twice, or be interrupted and decided again, without harm.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.controller.rows import Subject
from kafkaml.wire.failure import Failure

__all__ = [
    "Action",
    "BeginAttempt",
    "Forget",
    "ForgiveTries",
    "KeepLog",
    "Launch",
    "MarkFailed",
    "MarkLaunched",
    "MarkRunning",
    "MarkStopped",
    "Retry",
    "RowAction",
    "ShowObstacle",
    "ShowReady",
    "ShowScale",
    "Stop",
]


@dataclass(frozen=True)
class BeginAttempt:
    """Write down that ``attempt`` is intended; everything older is refused from now on."""

    subject: Subject
    attempt: int


@dataclass(frozen=True)
class Launch:
    """Start the work of an intended attempt, or adopt it; changes the scale of an inference that runs."""

    subject: Subject
    attempt: int


@dataclass(frozen=True)
class MarkLaunched:
    """The launcher took the attempt, and was told the greatest number of replicas that the lag may ask for."""

    subject: Subject
    attempt: int
    max_replicas: int | None


@dataclass(frozen=True)
class Stop:
    """Ask for the end of work."""

    subject: Subject
    name: str


@dataclass(frozen=True)
class Forget:
    """Remove what the launcher keeps of ended work."""

    subject: Subject
    name: str


@dataclass(frozen=True)
class KeepLog:
    """Store the end of an ended attempt's log with its row, before it is forgotten."""

    subject: Subject
    attempt: int
    log_tail: str


@dataclass(frozen=True)
class MarkRunning:
    """The training's process runs."""

    subject: Subject
    attempt: int


@dataclass(frozen=True)
class ShowObstacle:
    """The training cannot start yet, and ``failure`` says why; it goes on waiting."""

    subject: Subject
    attempt: int
    failure: Failure


@dataclass(frozen=True)
class ForgiveTries:
    """The attempt has run for so long that earlier failures count no more."""

    subject: Subject
    attempt: int


@dataclass(frozen=True)
class ShowReady:
    """So many replicas of an inference serve now; with none, ``failure`` says why where that is known."""

    subject: Subject
    attempt: int
    replicas: int
    failure: Failure | None = None
    log_tail: str = ""


@dataclass(frozen=True)
class ShowScale:
    """The lag asks for so many replicas of an inference now."""

    subject: Subject
    attempt: int
    replicas: int


@dataclass(frozen=True)
class MarkStopped:
    """What the person wanted to stop has stopped."""

    subject: Subject
    attempt: int
    log_tail: str


@dataclass(frozen=True)
class MarkFailed:
    """The attempt failed, and for good."""

    subject: Subject
    attempt: int
    failure: Failure
    log_tail: str


@dataclass(frozen=True)
class Retry:
    """The attempt failed by something that may pass; a new one is due at ``at`` (seconds since 1970)."""

    subject: Subject
    attempt: int
    failure: Failure
    at: float
    log_tail: str


RowAction = (
    BeginAttempt
    | ForgiveTries
    | KeepLog
    | MarkLaunched
    | MarkRunning
    | ShowObstacle
    | ShowReady
    | ShowScale
    | MarkStopped
    | MarkFailed
    | Retry
)
Action = RowAction | Launch | Stop | Forget

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
class _OfAttempt:
    subject: Subject
    attempt: int


@dataclass(frozen=True)
class BeginAttempt(_OfAttempt):
    """Write down that ``attempt`` is intended; everything older is refused from now on."""


@dataclass(frozen=True)
class Launch(_OfAttempt):
    """Start the work of an intended attempt, or adopt it; changes the scale of an inference that runs."""


@dataclass(frozen=True)
class MarkLaunched(_OfAttempt):
    """The launcher took the attempt, and was told the greatest number of replicas that the lag may ask for."""

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
class KeepLog(_OfAttempt):
    """Store the end of an ended attempt's log with its row, before it is forgotten."""

    log_tail: str


@dataclass(frozen=True)
class MarkRunning(_OfAttempt):
    """The training's process runs."""


@dataclass(frozen=True)
class ShowObstacle(_OfAttempt):
    """The training cannot start yet, and ``failure`` says why; it goes on waiting."""

    failure: Failure


@dataclass(frozen=True)
class ForgiveTries(_OfAttempt):
    """The attempt has run for so long that earlier failures count no more."""


@dataclass(frozen=True)
class ShowReady(_OfAttempt):
    """So many replicas of an inference serve now; with none, ``failure`` says why where that is known."""

    replicas: int
    failure: Failure | None = None
    log_tail: str = ""


@dataclass(frozen=True)
class ShowScale(_OfAttempt):
    """The lag asks for so many replicas of an inference now."""

    replicas: int


@dataclass(frozen=True)
class MarkStopped(_OfAttempt):
    """What the person wanted to stop has stopped."""

    log_tail: str


@dataclass(frozen=True)
class MarkFailed(_OfAttempt):
    """The attempt failed, and for good."""

    failure: Failure
    log_tail: str


@dataclass(frozen=True)
class Retry(_OfAttempt):
    """The attempt failed by something that may pass; a new one is due at ``at`` (seconds since 1970)."""

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

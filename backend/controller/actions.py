"""What the controller can do: small values that ``reconcile`` decides on and ``execute`` carries out.

The store carries out the actions that change rows. Each action is idempotent: carrying it out twice, or interrupting
and repeating it, does no harm.
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
    """Record that ``attempt`` is intended; reports of older attempts are refused from now on."""


@dataclass(frozen=True)
class Launch(_OfAttempt):
    """Start the work of an intended attempt, or adopt it; also changes the scale of a running inference."""


@dataclass(frozen=True)
class MarkLaunched(_OfAttempt):
    """Record that the launcher took the attempt, and up to how many replicas its autoscaler may go."""

    max_replicas: int | None


@dataclass(frozen=True)
class Stop:
    """Ask for the end of work."""

    subject: Subject
    name: str


@dataclass(frozen=True)
class Forget:
    """Remove what the launcher still holds of ended work."""

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
    """The training cannot start yet, and ``failure`` says why; it keeps waiting."""

    failure: Failure


@dataclass(frozen=True)
class ForgiveTries(_OfAttempt):
    """The attempt has run for long enough that earlier failures no longer count."""


@dataclass(frozen=True)
class ShowReady(_OfAttempt):
    """The number of replicas of an inference that serve now; with none, ``failure`` is the reason if known."""

    replicas: int
    failure: Failure | None = None
    log_tail: str = ""


@dataclass(frozen=True)
class ShowScale(_OfAttempt):
    """The number of replicas that the autoscaler wants for an inference now."""

    replicas: int


@dataclass(frozen=True)
class MarkStopped(_OfAttempt):
    """The run that the user wanted to stop has stopped."""

    log_tail: str


@dataclass(frozen=True)
class MarkFailed(_OfAttempt):
    """The attempt failed, and for good."""

    failure: Failure
    log_tail: str


@dataclass(frozen=True)
class Retry(_OfAttempt):
    """The attempt failed for a temporary reason; a new one is due at ``at`` (seconds since 1970)."""

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

"""Desired state as values: what the controller has to know of a training result or an inference, and no more."""

from __future__ import annotations

from dataclasses import dataclass

from backend.launchers.base import Autoscale
from backend.launchers.names import RunKind, WorkName, work_name
from kafkaml.wire.failure import Failure
from kafkaml.wire.framework import Framework
from kafkaml.wire.state import RunState

__all__ = ["Row", "Subject"]


@dataclass(frozen=True, order=True)
class Subject:
    """Whose state it is: one training result or one inference."""

    kind: RunKind
    number: int

    def attempt(self, attempt: int) -> str:
        """Return the name of the work of one attempt."""
        return work_name(self.kind, self.number, attempt)

    @classmethod
    def of(cls, name: WorkName) -> Subject:
        return cls(name.kind, name.number)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row, as the person and the workers left it.

    ``wanted``: the person wants it to run. ``ready``: everything it needs is there (for a training: its stream).
    ``attempt`` 0: never begun. ``tries`` counts attempts since the person last asked, or since one ran for long; 0: a
    new one is to begin.
    ``launched`` is False while the attempt is only intended. Times are seconds since 1970. ``failure`` is what the last
    attempt reported or was found to have died of, or what keeps the present one from starting. ``replica_failures`` are
    what live replicas of this attempt say keeps them from serving. ``workers_serving`` counts those elsewhere, which no
    launcher knows of.

    ``cluster`` names another cluster to run in, and ``backend_url`` is where we are reached from there; empty: our own.
    ``endless`` work is never too long. With ``autoscale``, ``replicas`` is the least number of replicas;
    ``launched_max_replicas`` is the greatest that the launcher was told, and ``scaled_to_shown`` how many the person
    sees that the lag asks for.
    """

    subject: Subject
    framework: Framework
    wanted: bool
    state: RunState
    attempt: int
    tries: int
    launched: bool
    ready: bool = True
    failure: Failure | None = None
    next_retry_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    replicas: int = 1
    replicas_serving: int = 0
    workers_serving: int = 0
    ready_replicas_shown: int = 0
    replica_failures: tuple[Failure, ...] = ()
    autoscale: Autoscale | None = None
    launched_max_replicas: int | None = None
    scaled_to_shown: int | None = None
    gpu: int = 0
    endless: bool = False
    cluster: str = ""
    backend_url: str = ""

    @property
    def max_replicas(self) -> int | None:
        """The greatest number of replicas that the lag may ask for; None where it asks for nothing."""
        return None if self.autoscale is None else self.autoscale.max_replicas

    def may_have(self, replicas: int) -> bool:
        """Whether so many replicas are right."""
        return self.replicas <= replicas <= max(self.replicas, self.max_replicas or 0)

    @property
    def work(self) -> str | None:
        """The name of the current attempt's work; None before the first."""
        return self.subject.attempt(self.attempt) if self.attempt else None

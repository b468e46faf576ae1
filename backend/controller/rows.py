"""Desired state as values: exactly what the controller has to know about a training result or an inference."""

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
    """The owner of a state: one training result or one inference."""

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
    """One row, as the user and the workers left it.

    ``wanted``: the user wants it to run. ``ready``: everything it needs is there (for a training: its stream).
    ``attempt`` 0: never begun. ``tries`` counts attempts since the user last started it, or since one ran for long; 0:
    a new one should begin. ``launched`` is False while the attempt is only intended. Times are seconds since 1970.
    ``failure`` is the reported or diagnosed failure of the last attempt, or the obstacle to the start of the present
    one. ``replica_failures`` are reported by live replicas that cannot serve. ``workers_serving`` counts workers
    elsewhere, which no launcher knows.

    ``cluster`` names another cluster to run in, and ``backend_url`` is our address as seen from there. Empty: our own
    cluster and address. ``endless`` work has no time limit. With ``autoscale``, ``replicas`` is the least number of
    replicas; ``launched_max_replicas`` is the greatest number that the launcher knows, and ``scaled_to_shown`` the
    replica count that the UI currently shows as wanted by the autoscaler.
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
        """The greatest number of replicas that the autoscaler may choose; None without autoscaling."""
        return None if self.autoscale is None else self.autoscale.max_replicas

    def may_have(self, replicas: int) -> bool:
        """Whether ``replicas`` is an allowed number."""
        return self.replicas <= replicas <= max(self.replicas, self.max_replicas or 0)

    @property
    def work(self) -> str | None:
        """The name of the current attempt's work; None before the first."""
        return self.subject.attempt(self.attempt) if self.attempt else None

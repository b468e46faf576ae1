"""The seam between the control plane and what runs workers: processes on a laptop, Jobs and Deployments in a cluster.

Called by ``backend.controller`` only. Imports no Django, because a launcher knows specifications and observations but
not rows. Launchers keep no state that a restart would lose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from kafkaml.wire.failure import Failure
from kafkaml.wire.limits import ResourceLimits

__all__ = ["Autoscale", "Launcher", "Observed", "Phase", "RestartPolicy", "WorkSpec"]


class RestartPolicy(StrEnum):
    """NEVER: runs once, its end is kept until ``forget``. ALWAYS: started again, with back-off, until stopped."""

    NEVER = "never"
    ALWAYS = "always"


class Phase(StrEnum):
    """The state of a piece of work. UNKNOWN means neither alive nor dead: ask again and decide nothing."""

    STARTING = "starting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPING = "stopping"
    UNKNOWN = "unknown"

    @property
    def ended(self) -> bool:
        return self in (Phase.SUCCEEDED, Phase.FAILED)


@dataclass(frozen=True, kw_only=True)
class Autoscale:
    """Scale ALWAYS work on its consumer group's lag, with one more replica per ``lag_per_replica`` records of lag.

    ``WorkSpec.replicas`` is then the least number, ``max_replicas`` the greatest. ``bootstrap_servers`` is where the
    scaler reads the lag of ``group`` on ``topic``; empty means the platform's own Kafka.
    """

    topic: str
    group: str
    max_replicas: int
    lag_per_replica: int = 1000
    bootstrap_servers: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkSpec:
    """One piece of work. ``name`` is deterministic and DNS-safe, so that a second launch adopts the first.

    ``module`` is the worker's Python package (``model_training``, ``model_inference``); ``env`` the job's environment
    without secrets; ``token`` the job's credential, which the launcher delivers as a file at ``KML_JOB_TOKEN_FILE``.
    ``autoscale`` lets the runtime choose the replicas between two bounds; a launcher that cannot do so runs
    ``replicas``. ``cluster`` names another cluster to run in; empty is the platform's own. ``grace_seconds`` is the
    time between the request to end and the kill, for work that needs longer than the launcher's default.
    """

    name: str
    module: str
    env: Mapping[str, str]
    token: str
    restart: RestartPolicy
    replicas: int = 1
    limits: ResourceLimits = field(default_factory=ResourceLimits)
    gpu: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    autoscale: Autoscale | None = None
    cluster: str = ""
    grace_seconds: int = 0


@dataclass(frozen=True, kw_only=True)
class Observed:
    """The observed state of one name.

    ``replicas`` is how many are wanted (by the autoscaler, where there is one), ``ready_replicas`` how many run.
    ``failure`` says why the work FAILED. While STARTING, it is what keeps the work from starting (no node has room, the
    image is missing, a crashed replica waits to be started again), and it disappears with that obstacle. While UNKNOWN,
    it may be the reason. ``log_tail`` is the end of the log of a process that ended. Work that ended because it was
    asked to stop is SUCCEEDED, whatever its ``exit_code``. An ``exit_code`` is negative for a signal, and None when the
    end was not observed.
    """

    name: str
    phase: Phase
    replicas: int = 1
    ready_replicas: int = 0
    restarts: int = 0
    exit_code: int | None = None
    failure: Failure | None = None
    log_tail: str = ""


class Launcher(Protocol):
    """Starts and stops work by name. All methods may be repeated; none waits longer than a few seconds.

    Errors of the runtime itself raise kafkaml.errors.BrokenError: the outcome is then unknown and the caller observes
    before it decides again.
    """

    def launch(self, spec: WorkSpec) -> None:
        """Start ``spec``, or adopt it when the name exists already; changes ``replicas`` of existing ALWAYS work."""
        ...

    def stop(self, name: str) -> None:
        """Ask for the end of ``name`` and of all it started; unknown names are allowed. Does not wait."""
        ...

    def forget(self, name: str) -> None:
        """Remove what is kept of ended work except its log; unknown names are allowed."""
        ...

    def observe(self) -> Mapping[str, Observed]:
        """Return everything of ours that exists, ended work included until it is forgotten."""
        ...

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        """Return at most ``max_bytes`` of the log from byte ``offset``, and the offset to continue from.

        A negative ``offset`` counts from the end. Works while running and after the end.
        """
        ...

    def names(self) -> Sequence[str]:
        """Return the names that have a log, running or not."""
        ...

    def prune(self, *, older_than_seconds: float) -> None:
        """Remove logs of forgotten work that were last written longer ago than this."""
        ...

    def close(self) -> None:
        """Release the resources of this object; work continues."""
        ...

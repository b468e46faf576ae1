"""FakeLauncher behaves like a launcher, so that a test needs no processes to see what the controller does.

It passes the same contract tests as the real ones. Tests can also decide what happens to runs, and make calls fail
before or after their effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.launchers.base import Observed, Phase, RestartPolicy, WorkSpec
from kafkaml.errors import BrokenError
from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["FakeLauncher"]


@dataclass
class _Work:
    spec: WorkSpec
    phase: Phase = Phase.STARTING
    restarts: int = 0
    exit_code: int | None = None
    failure: Failure | None = None
    stop_asked: bool = False
    # The number of running replicas: that of the spec, or the autoscaler's choice since.
    replicas: int = 1


@dataclass
class FakeLauncher:
    """Runs in a dictionary. ``fail_before`` / ``fail_after``: how many of the next calls raise, without / with effect.

    ``unknown`` holds names for which ``observe`` returns UNKNOWN. ``launches`` lists every name in order of its start.
    """

    work: dict[str, _Work] = field(default_factory=dict)
    log_texts: dict[str, str] = field(default_factory=dict)
    launches: list[str] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    fail_before: int = 0
    fail_after: int = 0

    # --- the contract ----------------------------------------------------------------------------------------------

    def launch(self, spec: WorkSpec) -> None:
        self._maybe_fail_before()
        known = self.work.get(spec.name)
        if known is None:
            self.work[spec.name] = _Work(spec, replicas=spec.replicas)
            self.launches.append(spec.name)
            self.log_texts[spec.name] = f"log of {spec.name}"
        elif known.spec.restart is RestartPolicy.ALWAYS:
            known.spec = replace(known.spec, replicas=spec.replicas, autoscale=spec.autoscale, token=spec.token)
            most = max(spec.replicas, spec.autoscale.max_replicas) if spec.autoscale else spec.replicas
            known.replicas = min(max(known.replicas, spec.replicas), most)
        self._maybe_fail_after()

    def stop(self, name: str) -> None:
        self._maybe_fail_before()
        if name in self.work and not self.work[name].phase.ended:
            self.work[name].stop_asked = True
            self.work[name].phase = Phase.STOPPING
        self._maybe_fail_after()

    def forget(self, name: str) -> None:
        self._maybe_fail_before()
        if name in self.work and self.work[name].phase.ended:
            del self.work[name]
        self._maybe_fail_after()

    def observe(self) -> Mapping[str, Observed]:
        self._maybe_fail_before()
        return {
            name: Observed(
                name=name,
                phase=Phase.UNKNOWN if name in self.unknown else work.phase,
                replicas=work.replicas,
                ready_replicas=work.replicas if work.phase is Phase.RUNNING else 0,
                restarts=work.restarts,
                exit_code=work.exit_code,
                failure=work.failure,
                log_tail=self.log_texts[name] if work.phase.ended else "",
            )
            for name, work in self.work.items()
        }

    def logs(self, name: str, *, replica: int = 0, offset: int = 0, max_bytes: int = 65536) -> tuple[bytes, int]:
        content = self.log_texts.get(name, "").encode() if replica == 0 else b""
        start = max(0, len(content) + offset) if offset < 0 else min(offset, len(content))
        part = content[start : start + max_bytes]
        return part, start + len(part)

    def names(self) -> Sequence[str]:
        return sorted(self.log_texts)

    def prune(self, *, older_than_seconds: float) -> None:
        for name in set(self.log_texts) - set(self.work):
            del self.log_texts[name]

    def close(self) -> None:
        """Close nothing, because nothing is held."""

    # --- what tests make happen ------------------------------------------------------------------------------------

    def run(self, name: str) -> None:
        """Let the process run."""
        if self.work[name].phase is Phase.STARTING:
            self.work[name].phase, self.work[name].failure = Phase.RUNNING, None

    def obstruct(self, name: str, failure: Failure | None) -> None:
        """Set the failure that keeps the run from starting, or clear it."""
        if self.work[name].phase is Phase.STARTING:
            self.work[name].failure = failure

    def end(self, name: str, exit_code: int | None = 0, category: FailureCategory = FailureCategory.LOST) -> None:
        """End the process on its own; a run with ALWAYS is started again."""
        work = self.work[name]
        failure = None
        if exit_code != 0 and not work.stop_asked:
            failure = Failure(category=category, cause=f"exit code {exit_code}")
        if work.spec.restart is RestartPolicy.ALWAYS and not work.stop_asked:
            work.restarts += 1
            work.phase, work.failure = Phase.STARTING, failure
            return
        work.exit_code, work.failure = exit_code, failure
        work.phase = Phase.SUCCEEDED if failure is None else Phase.FAILED

    def scale(self, name: str, replicas: int) -> None:
        """Let the autoscaler choose ``replicas``, if it is in use and they are within its bounds."""
        work = self.work[name]
        if work.spec.autoscale is not None and work.spec.replicas <= replicas <= work.spec.autoscale.max_replicas:
            work.replicas = replicas

    def finish_stops(self) -> None:
        """End everything that was asked to stop."""
        for work in self.work.values():
            if work.phase is Phase.STOPPING:
                work.phase, work.exit_code = Phase.SUCCEEDED, -15

    def vanish(self, name: str) -> None:
        """Remove the run without anyone's knowledge."""
        del self.work[name]

    def _maybe_fail_before(self) -> None:
        if self.fail_before:
            self.fail_before -= 1
            raise BrokenError("the runtime cannot be reached")

    def _maybe_fail_after(self) -> None:
        if self.fail_after:
            self.fail_after -= 1
            raise BrokenError("the runtime did not answer; whether it did what was asked is unknown")

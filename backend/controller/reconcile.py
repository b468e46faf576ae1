"""reconcile: desired rows and observed work -> actions. Step (4) of the journey of a sample.

Pure, so that each decision of the controller is a value that a test compares. ``loop`` calls it and ``execute`` carries
the actions out. No action records success: the worker of a training reports that itself. Next: a launched training
begins in ``model_training.__main__``, which runs the mode of its plan.

It is level-triggered: it compares states and never uses changes, so it may be interrupted anywhere and called again.
The rules in short:

- an attempt is written down before its work is launched, and work is launched under the attempt's name;
- at most one attempt of a row is alive: a new one begins when the work of all others has ended;
- work without a row, and work of an older attempt, is stopped, then forgotten;
- work that ended without a report is observed twice (the report may be on its way), then the row fails with the
  diagnosis; temporary failures are tried again (``retries``);
- ended work is forgotten only after the row holds its log;
- an obstacle to the start of a training is shown and never ends it, because waiting costs nothing, the obstacle may go,
  and the user can stop the training;
- between the user's two numbers of replicas the autoscaler chooses, and its choice is only shown;
- a state unknown to the launcher (``Phase.UNKNOWN``) decides nothing; the reason may be shown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backend.controller.actions import (
    Action,
    BeginAttempt,
    Forget,
    ForgiveTries,
    KeepLog,
    Launch,
    MarkFailed,
    MarkRunning,
    MarkStopped,
    Retry,
    ShowObstacle,
    ShowReady,
    ShowScale,
    Stop,
)
from backend.controller.rows import Row, Subject
from backend.launchers.base import Observed, Phase
from backend.launchers.names import RunKind, parse_work_name
from backend.runs.retries import FORGIVEN_AFTER_SECONDS, retry_delay_seconds, should_retry
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.state import RunState

__all__ = ["Decision", "reconcile"]

# How often an end without a report must be observed before it counts.
LOOKS = 2
# How long a worker may take to leave after it reported its end.
LINGER_SECONDS = 30.0
# An inference whose replicas keep crashing for a lasting reason fails after this many restarts.
MAX_CRASHES = 5


@dataclass(frozen=True)
class Decision:
    """``actions`` in the order in which they are to be carried out.

    ``looks`` counts, by the name of work, how often its end was seen without a report; the next call needs it.
    """

    actions: tuple[Action, ...] = ()
    looks: Mapping[str, int] = field(default_factory=dict)


def reconcile(
    rows: Iterable[Row], observed: Mapping[str, Observed], *, now: float, looks: Mapping[str, int] | None = None
) -> Decision:
    """Decide what to do.

    ``rows`` holds every row that has not ended and every row that has work in ``observed``; it was read *after*
    ``observed``, so that a report made before an end is in it. ``now`` is in seconds since 1970.
    """
    work: dict[Subject, dict[int, Observed]] = defaultdict(dict)
    for name, seen in observed.items():
        if (parsed := parse_work_name(name)) is not None:
            work[Subject.of(parsed)][parsed.attempt] = seen
    actions: list[Action] = []
    new_looks: dict[str, int] = {}
    for row in rows:
        attempts = work.pop(row.subject, {})
        actions += _old_attempts(row, attempts)
        look = _RowDecision(row, attempts, now, looks or {}, new_looks)
        actions += look.decide()
    for subject, attempts in work.items():
        for seen in attempts.values():
            actions += _end(subject, seen)
    return Decision(tuple(actions), new_looks)


def _end(subject: Subject, seen: Observed) -> list[Action]:
    """Stop and forget work that is not wanted any more."""
    if seen.phase in (Phase.UNKNOWN, Phase.STOPPING):
        return []
    return [Forget(subject, seen.name)] if seen.phase.ended else [Stop(subject, seen.name)]


def _old_attempts(row: Row, attempts: Mapping[int, Observed]) -> list[Action]:
    return [
        action for attempt, seen in attempts.items() if attempt != row.attempt for action in _end(row.subject, seen)
    ]


class _RowDecision:
    """Decides the actions for one row."""

    def __init__(
        self,
        row: Row,
        attempts: Mapping[int, Observed],
        now: float,
        looks: Mapping[str, int],
        new_looks: dict[str, int],
    ) -> None:
        self._row = row
        self._subject = row.subject
        self._seen = attempts.get(row.attempt)
        self._others_alive = any(not seen.phase.ended for attempt, seen in attempts.items() if attempt != row.attempt)
        self._now = now
        self._looks = looks
        self._new_looks = new_looks

    def decide(self) -> list[Action]:
        if self._seen is not None and self._seen.phase is Phase.UNKNOWN:
            return self._unknown(self._seen)
        if not self._row.wanted:
            return self._unwanted()
        if self._row.state.ended:
            return self._ended()
        # The last attempt failed and is to be tried again, or there was none since the user started the work.
        if self._row.next_retry_at is not None or not self._row.tries:
            return self._between_attempts(due=self._now >= (self._row.next_retry_at or 0.0))
        if not self._row.launched:
            return [] if self._others_alive else [Launch(self._subject, self._row.attempt)]
        return self._training() if self._subject.kind is RunKind.TRAINING else self._inference()

    def _unknown(self, seen: Observed) -> list[Action]:
        """Show why the state is unknown, unless replicas report that they serve.

        Replicas can go on serving while nobody can reach their cluster to ask about them.
        """
        row = self._row
        waits = row.wanted and not row.state.ended and row.next_retry_at is None
        silent = self._subject.kind is RunKind.INFERENCE and not (row.replicas_serving or row.workers_serving)
        if not waits or not silent or seen.failure is None or seen.failure == row.failure:
            return []
        return [ShowReady(self._subject, row.attempt, 0, seen.failure)]

    # --- not to run ------------------------------------------------------------------------------------------------

    def _unwanted(self) -> list[Action]:
        if self._seen is not None and not self._seen.phase.ended:
            return _end(self._subject, self._seen)
        if not self._row.state.ended:
            return [MarkStopped(self._subject, self._row.attempt, self._tail)]
        return self._keep_and_forget()

    def _ended(self) -> list[Action]:
        if self._seen is not None and not self._seen.phase.ended:
            # Stop the replicas of a failed inference, because they would restart endlessly. A training's worker that
            # reported its failure ends on its own.
            overdue = self._now - (self._row.ended_at or 0) > LINGER_SECONDS
            if overdue or self._subject.kind is RunKind.INFERENCE:
                return _end(self._subject, self._seen)
            return []
        return self._keep_and_forget()

    def _keep_and_forget(self) -> list[Action]:
        if self._seen is None:
            return []
        keep: list[Action] = [KeepLog(self._subject, self._row.attempt, self._tail)] if self._tail else []
        return [*keep, Forget(self._subject, self._seen.name)]

    # --- to run ----------------------------------------------------------------------------------------------------

    def _between_attempts(self, *, due: bool) -> list[Action]:
        if self._seen is not None:
            if self._seen.phase.ended:
                return self._keep_and_forget()
            # A worker that reported its failure may still be ending before the retry is due.
            return _end(self._subject, self._seen) if due else []
        if not due or not self._row.ready or self._others_alive:
            return []
        attempt = self._row.attempt + 1
        return [BeginAttempt(self._subject, attempt), Launch(self._subject, attempt)]

    def _training(self) -> list[Action]:
        seen = self._seen
        if seen is None:
            return self._after_looks(
                Failure(
                    category=FailureCategory.LOST,
                    cause="the worker vanished without a trace: neither a process nor its exit code is left",
                    hint="it is tried again automatically; was the state folder cleaned up while Kafka-ML ran?",
                )
            )
        if seen.phase is Phase.RUNNING and self._row.state is not RunState.RUNNING:
            return [MarkRunning(self._subject, self._row.attempt)]
        if not seen.phase.ended:
            return self._obstacle(seen) + self._forgiven(seen)
        return self._after_looks(self._unreported_end(seen))

    def _obstacle(self, seen: Observed) -> list[Action]:
        # Show the obstacle until the training runs, because between two pulls of a missing image the obstacle
        # disappears briefly.
        if seen.phase is not Phase.STARTING or seen.failure is None or seen.failure == self._row.failure:
            return []
        return [ShowObstacle(self._subject, self._row.attempt, seen.failure)]

    def _forgiven(self, seen: Observed) -> list[Action]:
        started = self._row.started_at
        if seen.phase is not Phase.RUNNING or self._row.tries < 2 or started is None:
            return []
        long_enough = self._now - started > FORGIVEN_AFTER_SECONDS
        return [ForgiveTries(self._subject, self._row.attempt)] if long_enough else []

    def _inference(self) -> list[Action]:
        seen = self._seen
        if seen is not None and seen.phase.ended:
            return self._after_looks(self._unreported_end(seen))
        if seen is not None and seen.phase is Phase.STOPPING:
            return []
        if seen is None or not self._row.may_have(seen.replicas) or self._bounds_changed:
            # The work vanished or has to be scaled. Launching again adopts existing work.
            return [Launch(self._subject, self._row.attempt)]
        if (failure := self._hopeless(seen)) is not None:
            return [
                MarkFailed(self._subject, self._row.attempt, failure, self._tail),
                Stop(self._subject, seen.name),
            ]
        return [*self._show_scale(seen), *self._show_ready(seen)]

    @property
    def _bounds_changed(self) -> bool:
        """Whether the launcher has not been given the present bounds of autoscaling yet."""
        return self._row.max_replicas != self._row.launched_max_replicas

    def _show_scale(self, seen: Observed) -> list[Action]:
        if self._row.autoscale is None or seen.replicas == self._row.scaled_to_shown:
            return []
        return [ShowScale(self._subject, self._row.attempt, seen.replicas)]

    def _show_ready(self, seen: Observed) -> list[Action]:
        # A killed replica cannot report that it stopped serving.
        own_serving = min(self._row.replicas_serving, seen.ready_replicas)
        # Show the failure of one replica while others serve, because users want to know why only two of three do.
        failure = seen.failure if own_serving < max(1, seen.replicas) else None
        serving = own_serving + self._row.workers_serving
        if not serving and failure is None:
            # A known failure stays until something serves.
            failure = self._row.failure
        state = RunState.RUNNING if serving else RunState.WAITING
        shown = (self._row.ready_replicas_shown, self._row.state, self._row.failure)
        if shown == (serving, state, failure):
            return []
        return [ShowReady(self._subject, self._row.attempt, serving, failure, seen.log_tail)]

    def _hopeless(self, seen: Observed) -> Failure | None:
        """Return why this inference will never serve, or None while there is hope."""
        for failure in self._row.replica_failures:
            if not failure.category.retryable:
                return failure
        serving = self._row.replicas_serving or self._row.workers_serving
        if serving or seen.restarts < MAX_CRASHES or seen.failure is None or seen.failure.category.retryable:
            return None
        return seen.failure

    # --- failing ---------------------------------------------------------------------------------------------------

    def _unreported_end(self, seen: Observed) -> Failure:
        if seen.failure is not None:
            return seen.failure
        if seen.exit_code == 0:
            return Failure(
                category=FailureCategory.INTERNAL,
                cause="the worker ended as if all were well, but never reported a result",
                hint="this is a fault of Kafka-ML; its log says more",
            )
        return Failure(
            category=FailureCategory.LOST,
            cause="the worker was stopped",
            hint="it is tried again automatically",
        )

    def _after_looks(self, failure: Failure) -> list[Action]:
        name = self._subject.attempt(self._row.attempt)
        count = self._looks.get(name, 0) + 1
        if count < LOOKS:
            self._new_looks[name] = count
            return []
        if not should_retry(failure, self._row.tries):
            return [MarkFailed(self._subject, self._row.attempt, failure, self._tail)]
        at = self._now + retry_delay_seconds(self._row.tries)
        return [Retry(self._subject, self._row.attempt, failure, at, self._tail)]

    @property
    def _tail(self) -> str:
        return self._seen.log_tail if self._seen is not None else ""

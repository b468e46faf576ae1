"""Executor: carries out actions independently, so that a failing one does not hold up the others."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backend.controller.actions import Action, Forget, KeepLog, Launch, MarkLaunched, ShowObstacle, Stop
from backend.controller.rows import Row, Subject
from backend.controller.store import Store
from backend.launchers.base import Launcher, RestartPolicy, WorkSpec
from backend.launchers.names import RunKind
from kafkaml.errors import KafkaMLError
from kafkaml.failpoints import failpoint
from kafkaml.logs import get_logger
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.job import InferenceJob, TrainingJob
from kafkaml.wire.limits import ResourceLimits

__all__ = ["Executor", "work_spec"]

logger = get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_MAX_PAUSE_SECONDS = 30.0
# A stopped incremental training finishes its window and stores its model before it ends.
_LEARNER_GRACE_SECONDS = 120
# A single refusal may be temporary, such as that of a restarting API server.
_SHOWN_FROM = 2


class Executor:
    """``launcher`` and ``store`` are where actions take effect; ``spec_of`` builds what is launched."""

    def __init__(
        self,
        *,
        store: Store,
        launcher: Launcher,
        spec_of: Callable[[Row, int, str], WorkSpec],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._launcher = launcher
        self._spec_of = spec_of
        self._clock = clock
        self._failures: dict[Subject, int] = {}
        self._not_before: dict[Subject, float] = {}

    def execute(
        self, actions: Sequence[Action], rows: Mapping[Subject, Row], *, may_act: Callable[[], bool] = lambda: True
    ) -> int:
        """Carry out ``actions`` in order until ``may_act`` says no; return how many succeeded.

        After a failure the subject's other actions are skipped, and the subject pauses, longer each time. The remaining
        actions will be decided again.
        """
        done = 0
        skipped: set[Subject] = set()
        failed: set[Subject] = set()
        tried: set[Subject] = set()
        for action in actions:
            subject = action.subject
            if not may_act():
                break
            if subject in skipped or self._clock() < self._not_before.get(subject, 0.0):
                continue
            tried.add(subject)
            try:
                applied = self._apply(action, rows)
            except Exception as error:  # noqa: BLE001 (one row's trouble, whatever it is, must not stop all others)
                self._rest(subject, action, error)
                failed.add(subject)
                skipped.add(subject)
                continue
            if applied:
                done += 1
            else:
                # The row changed since it was read: everything decided on it is stale.
                skipped.add(subject)
        for subject in tried - failed:
            self._failures.pop(subject, None)
            self._not_before.pop(subject, None)
        return done

    def _rest(self, subject: Subject, action: Action, error: Exception) -> None:
        count = self._failures[subject] = self._failures.get(subject, 0) + 1
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** min(count - 1, 16), _MAX_PAUSE_SECONDS)
        self._not_before[subject] = self._clock() + pause
        logger.warning(
            "an action failed and will be decided again",
            action=type(action).__name__,
            kind=subject.kind.value,
            id=subject.number,
            error=str(error),
            seconds=pause,
            # Errors raised on purpose explain themselves, so no traceback is needed.
            exc_info=None if isinstance(error, KafkaMLError) else error,
        )
        if isinstance(action, Launch) and isinstance(error, KafkaMLError) and count >= _SHOWN_FROM:
            self._show(subject, action.attempt, error)

    def _show(self, subject: Subject, attempt: int, error: KafkaMLError) -> None:
        """Show the user why the work is not launched; it will be tried again."""
        obstacle = Failure(category=FailureCategory.CONFIGURATION, cause=error.message, hint=error.hint)
        try:
            self._store.apply(ShowObstacle(subject, attempt, obstacle))
        except Exception as unwritten:  # noqa: BLE001 (one row's trouble must not stop all others here either)
            logger.warning("what keeps work from starting was not written", id=subject.number, error=str(unwritten))

    def _apply(self, action: Action, rows: Mapping[Subject, Row]) -> bool:
        subject = action.subject
        failpoint(f"controller.before_{type(action).__name__}")
        match action:
            case Launch(attempt=attempt):
                applied = self._launch(rows[subject], attempt)
            case Stop(name=name):
                self._launcher.stop(name)
                applied = True
            case Forget(name=name):
                self._launcher.forget(name)
                applied = True
            case _:
                # If the row is gone, the log is not needed any more and may be forgotten.
                applied = self._store.apply(action) or isinstance(action, KeepLog)
        failpoint(f"controller.after_{type(action).__name__}")
        return applied

    def _launch(self, row: Row, attempt: int) -> bool:
        self._store.prepare_launch(row.subject)
        token = self._store.mint_token(row.subject, attempt)
        failpoint("controller.token_minted")
        self._launcher.launch(self._spec_of(row, attempt, token))
        failpoint("controller.launched")
        return self._store.apply(MarkLaunched(row.subject, attempt, row.max_replicas))


def work_spec(
    row: Row, attempt: int, token: str, *, backend_url: str, state_dir: Path, limits: Mapping[RunKind, ResourceLimits]
) -> WorkSpec:
    """Return what runs one attempt of ``row``: the job without its plan, which the worker fetches with the token.

    ``limits`` are what plans allow the model process, by kind of work. The limits of the runtime have to be
    higher.
    """
    name = row.subject.attempt(attempt)
    allowed = limits[row.subject.kind]
    number = row.subject.number
    training = row.subject.kind is RunKind.TRAINING
    make = partial(TrainingJob, result_id=number) if training else partial(InferenceJob, inference_id=number, replica=0)
    job = make(
        name=name,
        attempt=attempt,
        framework=row.framework,
        backend_url=row.backend_url or backend_url,
        # The launcher decides where the token is stored, and replaces the empty path.
        token_file="",
        state_dir=str(state_dir),
        fork_server=_fork_server(state_dir, row.framework),
    )
    return WorkSpec(
        name=name,
        module="model_training" if training else "model_inference",
        env=job.to_env(),
        token=token,
        restart=RestartPolicy.NEVER if training else RestartPolicy.ALWAYS,
        replicas=1 if training else row.replicas,
        limits=replace(allowed, wall_seconds=0) if row.endless else allowed,
        gpu=row.gpu,
        autoscale=row.autoscale,
        cluster=row.cluster,
        grace_seconds=_LEARNER_GRACE_SECONDS if row.endless else 0,
        labels={"kafka-ml/kind": row.subject.kind.short, "kafka-ml/id": str(number)},
    )


def _fork_server(state_dir: Path, framework: Framework) -> str:
    """Return the socket of the warm fork server of a framework; empty when none is there."""
    path = state_dir / "run" / f"fork-{framework.value}.sock"
    return str(path) if path.exists() else ""

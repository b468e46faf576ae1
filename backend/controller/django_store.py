"""DjangoStore: reads the rows in the database, and changes them through the transitions of runs and of their apps."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from django.db import connection
from django.db.models import Q
from django.utils import timezone
from pydantic import ValidationError

from backend.api.job_tokens import mint
from backend.controller import actions
from backend.controller.actions import RowAction
from backend.controller.rows import Row, Subject
from backend.deployments.models import TrainingResult
from backend.inferences import transitions as inferences
from backend.inferences.models import SILENT_AFTER, Inference, ReplicaStats
from backend.launchers.base import Autoscale
from backend.launchers.names import RunKind
from backend.runs import transitions as runs
from backend.runs.models import ENDED_STATES, DesiredState, Run, model_of
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.failure import Failure
from kafkaml.wire.framework import Framework
from kafkaml.wire.replica import ReplicaState
from kafkaml.wire.state import RunState

__all__ = ["DjangoStore"]

# A silent replica does not change any row, so its silence is only noticed by reading again.
_KEPT_SECONDS = 1.0


class DjangoStore:
    """See Store. ``ensure_topics`` makes the topics of an inference and raises BrokerError when it cannot."""

    def __init__(self, *, ensure_topics: Callable[[Inference], None]) -> None:
        self._ensure_topics = ensure_topics
        self._rows: Sequence[Row] = ()
        self._rows_of: object = None
        self._rows_at = 0.0

    def rows(self, subjects: Collection[Subject]) -> Sequence[Row]:
        """See Store. Makes at most three queries, whatever the number of rows.

        The rows of the last read are returned again for a second as long as the database has not changed.
        """
        version = _database_version()
        of = (version, frozenset(subjects))
        if version is None or of != self._rows_of or time.monotonic() - self._rows_at > _KEPT_SECONDS:
            self._rows_at, self._rows_of = time.monotonic(), of
            self._rows = [*self._training_rows(_numbers(subjects, RunKind.TRAINING)), *self._inference_rows(subjects)]
        return self._rows

    def apply(self, action: RowAction) -> bool:
        number, attempt = action.subject.number, action.attempt
        model = model_of(action.subject.kind)
        match action:
            case actions.BeginAttempt():
                row = runs.register_attempt(model, number)
                return row is not None and row.attempt == attempt
            case actions.MarkLaunched(max_replicas=max_replicas) if model is Inference:
                return inferences.mark_launched(number, attempt, max_replicas=max_replicas)
            case actions.MarkLaunched():
                return runs.mark_launched(model, number, attempt)
            case actions.MarkRunning():
                return runs.mark_running(model, number, attempt)
            case actions.ShowObstacle(failure=failure):
                return runs.mark_obstacle(model, number, attempt, failure)
            case actions.ForgiveTries():
                return runs.forgive_tries(model, number, attempt)
            case actions.ShowReady(replicas=0, failure=obstacle, log_tail=log_tail):
                return inferences.mark_waiting(number, attempt, obstacle, log_tail=log_tail)
            case actions.ShowReady(replicas=replicas, failure=obstacle):
                return inferences.mark_running(number, attempt, ready_replicas=replicas, obstacle=obstacle)
            case actions.ShowScale(replicas=replicas):
                return inferences.mark_scaled(number, attempt, replicas)
            case actions.MarkStopped(log_tail=log_tail):
                return runs.mark_stopped(model, number, attempt, log_tail=log_tail)
            case actions.MarkFailed(failure=failure, log_tail=log_tail):
                return runs.mark_failed(model, number, attempt, failure, log_tail=log_tail)
            case actions.Retry(failure=failure, at=at, log_tail=log_tail):
                retry_at = datetime.fromtimestamp(at, tz=UTC)
                return runs.mark_failed(model, number, attempt, failure, retry_at=retry_at, log_tail=log_tail)
            case actions.KeepLog(log_tail=log_tail):
                return runs.store_log_tail(model, number, attempt, log_tail)

    def mint_token(self, subject: Subject, attempt: int) -> str:
        return mint(subject.kind, subject.number, attempt)

    def prepare_launch(self, subject: Subject) -> None:
        if subject.kind is RunKind.INFERENCE:
            inference = Inference.objects.filter(pk=subject.number).first()
            if inference is not None:
                self._ensure_topics(inference)

    def _training_rows(self, numbers: Collection[int]) -> Iterable[Row]:
        # Results that merely wait for their stream are not read, however many there are.
        idle = Q(stream=None, desired=DesiredState.RUN, attempt=0)
        active = ~Q(state__in=ENDED_STATES) & ~idle
        rows = TrainingResult.objects.filter(leader=None)
        found = rows.filter(active | Q(pk__in=numbers)).select_related("model", "deployment")
        columns = found.only(*_COMMON, "stream_id", "model__framework", "deployment__gpu", "deployment__mode")
        for result in columns.order_by("pk"):
            endless = TrainingMode(result.deployment.mode).online
            yield replace(_row(result, result.model.framework, gpu=result.deployment.gpu), endless=endless)

    def _inference_rows(self, subjects: Collection[Subject]) -> Iterable[Row]:
        numbers = _numbers(subjects, RunKind.INFERENCE)
        found = list(
            Inference.objects.filter(~Q(state__in=ENDED_STATES) | Q(pk__in=numbers))
            .select_related("result__model", "cluster")
            .only(*_COMMON, *_SCALE, *_PLACE, "ready_replicas", "gpu", "result__model__framework")
            .order_by("pk")
        )
        stats: dict[int, list[ReplicaStats]] = defaultdict(list)
        said = ReplicaStats.objects.select_related("worker").defer("worker__log_tail")
        for replica in said.filter(inference__in=[row.pk for row in found]) if found else ():
            stats[replica.inference_id].append(replica)
        oldest = timezone.now() - SILENT_AFTER
        for inference in found:
            fresh = [
                replica
                for replica in stats[inference.pk]
                if replica.attempt == inference.attempt and replica.updated_at > oldest
            ]
            current = [
                replica.report
                for replica in fresh
                if not replica.elsewhere and replica.replica < inference.current_replicas
            ]
            yield replace(
                _row(inference, inference.result.model.framework, gpu=inference.gpu),
                replicas=inference.replicas,
                autoscale=_autoscale(inference),
                launched_max_replicas=inference.launched_max_replicas,
                scaled_to_shown=inference.scaled_to,
                cluster=inference.cluster.name if inference.cluster else "",
                backend_url=inference.cluster.backend_url if inference.cluster else "",
                ready_replicas_shown=inference.ready_replicas,
                replicas_serving=sum(report.state is ReplicaState.RUNNING for report in current),
                workers_serving=sum(
                    replica.report.state is ReplicaState.RUNNING for replica in fresh if replica.elsewhere
                ),
                replica_failures=tuple(
                    report.error
                    for report in current
                    if report.state is ReplicaState.FAILED and report.error is not None
                ),
            )


_SCALE = ("replicas", "max_replicas", "launched_max_replicas", "scaled_to", "input_topic", "group_suffix")
_PLACE = ("cluster__name", "cluster__backend_url")
_COMMON = (
    "desired",
    "state",
    "attempt",
    "tries",
    "failure",
    "launched_at",
    "started_at",
    "ended_at",
    "next_retry_at",
)


def _row(run: Run, framework: str, *, gpu: int) -> Row:
    launched = run.launched_at is not None
    return Row(
        subject=Subject(run.kind, run.pk),
        framework=Framework(framework),
        gpu=gpu,
        ready=run.ready,
        wanted=run.desired == DesiredState.RUN,
        state=RunState(run.state),
        attempt=run.attempt,
        # Success resets the tries of a serving inference to 0, but here 0 would ask for a new attempt.
        tries=max(run.tries, 1) if launched else run.tries,
        launched=launched,
        failure=_failure(run.failure),
        next_retry_at=run.next_retry_at.timestamp() if run.next_retry_at else None,
        started_at=run.started_at.timestamp() if run.started_at else None,
        ended_at=run.ended_at.timestamp() if run.ended_at else None,
    )


def _autoscale(inference: Inference) -> Autoscale | None:
    if inference.max_replicas is None:
        return None
    return Autoscale(topic=inference.input_topic, group=inference.group, max_replicas=inference.max_replicas)


def _failure(document: object) -> Failure | None:
    """Read a failure; None also for one written by another version that this one does not understand."""
    if not document:
        return None
    try:
        return Failure.model_validate(document)
    except ValidationError:
        return None


def _database_version() -> tuple[int, int] | None:
    """Return a value that every change to an SQLite database changes, from any connection; None for other databases."""
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        # Asking for the version takes a microsecond. The queries that it saves take milliseconds, several times a
        # second, even on an idle laptop.
        cursor.execute("PRAGMA data_version")
        version: int = cursor.fetchone()[0]
    return version, connection.connection.total_changes


def _numbers(subjects: Collection[Subject], kind: RunKind) -> list[int]:
    return [subject.number for subject in subjects if subject.kind is kind]

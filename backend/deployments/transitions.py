"""How training results change state. Called by the controller and by the job API, never by views.

Every function locks its row, refuses what an older attempt says (returns False), and publishes the change.

    created -> waiting -> running -> finished | failed | stopped
                  ^          |
                  +-- retry -+     and ended -> waiting by services.restart_result
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.api.errors import NotFound, StaleAttempt
from backend.controller.retries import retry_delay_seconds, should_retry
from backend.deployments import history, storage
from backend.deployments.models import DesiredState, EpochRecord, TrainingResult
from backend.events.services import publish
from kafkaml.errors import RefusedError
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics, Progress
from kafkaml.wire.state import RunState

__all__ = [
    "MAX_LOG_TAIL",
    "forgive_tries",
    "mark_failed",
    "mark_finished",
    "mark_launched",
    "mark_obstacle",
    "mark_running",
    "mark_stopped",
    "next_retry",
    "publish_result",
    "register_attempt",
    "store_events",
    "store_log_tail",
]

MAX_LOG_TAIL = 64 << 10


def register_attempt(result_id: int) -> TrainingResult | None:
    """Count a new attempt before it is launched, and return the row; None when it is not wanted (any more).

    Until ``mark_launched`` the attempt is an intention: after a crash in between, launch the same number again.
    """
    with transaction.atomic():
        result = _lock(result_id)
        if result is None or result.ended or result.desired != DesiredState.RUN or result.stream_id is None:
            return None
        result.attempt += 1
        result.tries += 1
        result.state = RunState.WAITING
        result.launched_at = result.started_at = result.ended_at = result.next_retry_at = None
        result.progress = result.metrics = result.history = None
        result.last_event_seq = -1
        result.log_tail = ""
        result.save()
        publish_result(result)
    return result


def mark_launched(result_id: int, attempt: int) -> bool:
    """Note that the launcher took the attempt."""
    with transaction.atomic():
        result = _lock_attempt(result_id, attempt)
        if result is None:
            return False
        if result.launched_at is None:
            result.launched_at = timezone.now()
            result.save(update_fields=["launched_at", "updated_at"])
    return True


def mark_obstacle(result_id: int, attempt: int, failure: Failure) -> bool:
    """Note what keeps the attempt from starting; it goes on waiting, and the note goes when it runs."""
    document = failure.to_json()
    with transaction.atomic():
        result = _lock_attempt(result_id, attempt)
        if result is None:
            return False
        if result.state != RunState.WAITING or result.failure == document:
            return True
        result.failure = document
        result.save(update_fields=["failure", "updated_at"])
        publish_result(result)
    return True


def forgive_tries(result_id: int, attempt: int) -> bool:
    """Count the present attempt as the first: it has run for so long that what failed before says nothing of it."""
    with transaction.atomic():
        result = _lock_attempt(result_id, attempt)
        if result is None:
            return False
        result.tries = 1
        result.save(update_fields=["tries", "updated_at"])
    return True


def mark_running(result_id: int, attempt: int) -> bool:
    """Note that the attempt reads its data."""
    with transaction.atomic():
        result = _lock_attempt(result_id, attempt)
        if result is None:
            return False
        _run(result)
    return True


def mark_finished(result_id: int, attempt: int, outcome: TrainingOutcome) -> bool:
    """End the attempt well; True also when it was finished already. Raises RefusedError when an artifact is missing.

    An attempt that was only taken for lost may finish after all.
    """
    with transaction.atomic():
        result = _lock(result_id)
        if result is None or result.attempt != attempt:
            return False
        if result.state == RunState.FINISHED:
            return True
        taken_for_lost = (
            result.state == RunState.FAILED and (result.failure or {}).get("category") == FailureCategory.LOST
        )
        if result.ended and not taken_for_lost:
            return False
        _check_artifacts(result, outcome.artifacts)
        result.state = RunState.FINISHED
        _keep_outcome(result, outcome)
        result.failure = None
        result.next_retry_at = None
        now = timezone.now()
        result.started_at = result.started_at or now
        result.ended_at = now
        result.save()
        publish_result(result)
        storage.remove_attempts_before(result)
    return True


def mark_failed(
    result_id: int,
    attempt: int,
    failure: Failure,
    *,
    retry_at: datetime | None = None,
    log_tail: str = "",
    outcome: TrainingOutcome | None = None,
) -> bool:
    """End the attempt badly. With ``retry_at`` the result waits to be tried again then, otherwise it has failed.

    ``outcome`` is what was found all the same: kept where nothing is tried again.
    """
    with transaction.atomic():
        result = _lock_attempt(result_id, attempt)
        if result is None:
            # Reported twice is reported.
            return TrainingResult.objects.filter(pk=result_id, attempt=attempt, state=RunState.FAILED).exists()
        result.failure = failure.to_json()
        result.log_tail = log_tail[-MAX_LOG_TAIL:] or result.log_tail
        result.ended_at = timezone.now()
        if retry_at is not None and result.desired == DesiredState.RUN:
            result.state = RunState.WAITING
            result.next_retry_at = retry_at
            result.progress = None
        else:
            result.state = RunState.FAILED
            result.next_retry_at = None
            if outcome is not None:
                _keep_outcome(result, outcome)
        result.save()
        publish_result(result)
    return True


def mark_stopped(result_id: int, attempt: int | None = None, *, log_tail: str = "") -> bool:
    """Note that nothing runs any more, as the person wanted. ``attempt`` None: whichever is the present one."""
    with transaction.atomic():
        result = _lock(result_id) if attempt is None else _lock_attempt(result_id, attempt)
        if result is None or result.ended:
            return False
        result.state = RunState.STOPPED
        result.ended_at = timezone.now()
        result.next_retry_at = None
        result.log_tail = log_tail[-MAX_LOG_TAIL:] or result.log_tail
        result.save()
        publish_result(result)
    return True


def store_log_tail(result_id: int, attempt: int, text: str) -> bool:
    """Keep the end of the attempt's log, which outlives the process; also after the attempt ended."""
    rows = TrainingResult.objects.filter(pk=result_id, attempt=attempt)
    return bool(rows.update(log_tail=text[-MAX_LOG_TAIL:]))


def next_retry(failure: Failure, tries: int) -> datetime | None:
    """When to try again after ``tries`` failed tries; None when that makes no sense or was tried enough."""
    if not should_retry(failure, tries):
        return None
    return timezone.now() + timedelta(seconds=retry_delay_seconds(tries))


def store_events(result_id: int, attempt: int, events: Sequence[tuple[int, str, Any]]) -> None:
    """Take what an attempt reports: ``(seq, type, data)`` with data a Progress, EpochMetrics or None for running.

    Numbers that were seen already are skipped, so a report may be sent again. Raises NotFound or StaleAttempt.
    """
    with transaction.atomic():
        result = _lock(result_id)
        if result is None:
            raise NotFound(f"there is no result {result_id}")
        if result.attempt != attempt or result.ended:
            raise StaleAttempt(
                f"attempt {attempt} of result {result_id} is over: the present one is {result.attempt} ({result.state})"
            )
        fresh = [each for each in sorted(events, key=lambda each: each[0]) if each[0] > result.last_event_seq]
        if not fresh:
            return
        result.last_event_seq = fresh[-1][0]
        epochs = [data for _, _, data in fresh if isinstance(data, EpochMetrics)]
        EpochRecord.objects.bulk_create(
            [EpochRecord(result=result, attempt=attempt, **asdict(each)) for each in epochs], ignore_conflicts=True
        )
        if epochs:
            last = epochs[-1]
            for each in epochs:
                result.history = history.extended(result.history, each)
            result.metrics = {"epoch": last.epoch, "training": last.training, "validation": last.validation}
        for _, _, data in fresh:
            if isinstance(data, Progress):
                result.progress = asdict(data)
        _run(result, epochs=epochs)


def publish_result(result: TrainingResult, **more: Any) -> None:
    """Tell pages where a result is."""
    publish(
        "results",
        {
            "id": result.pk,
            "deployment": result.deployment_id,
            "state": result.state,
            "attempt": result.attempt,
            "progress": result.progress,
            "metrics": result.metrics,
            "failure": result.failure,
            **more,
        },
    )


def _run(result: TrainingResult, *, epochs: Sequence[EpochMetrics] = ()) -> None:
    if result.state != RunState.RUNNING:
        result.state = RunState.RUNNING
        result.failure = None
        result.next_retry_at = None
        result.ended_at = None
    result.started_at = result.started_at or timezone.now()
    result.launched_at = result.launched_at or result.started_at
    result.save()
    publish_result(result, epochs=[asdict(each) for each in epochs])


def _keep_outcome(result: TrainingResult, outcome: TrainingOutcome) -> None:
    document = outcome.to_json()
    matrix = document.pop("confusion_matrix")
    result.outcome = document
    result.confusion_matrix = None if matrix is None else {"matrix": matrix, "labels": list(outcome.labels)}


def _check_artifacts(result: TrainingResult, expected: Mapping[str, str]) -> None:
    stored = dict(result.artifacts.filter(attempt=result.attempt).values_list("name", "sha256"))
    missing = [name for name, sha256 in expected.items() if stored.get(name) != sha256]
    if missing:
        raise RefusedError(
            f"artifacts {', '.join(missing)} of result {result.pk} are not stored with the hash that the outcome names",
            hint="upload them before finishing",
        )


def _lock(result_id: int) -> TrainingResult | None:
    return TrainingResult.objects.select_for_update().filter(pk=result_id).first()


def _lock_attempt(result_id: int, attempt: int) -> TrainingResult | None:
    """Lock and return the row when ``attempt`` is its present one and has not ended."""
    result = _lock(result_id)
    return None if result is None or result.attempt != attempt or result.ended else result

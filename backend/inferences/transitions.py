"""How inferences change state. Called by the controller and by the job API, never by views.

    created -> waiting -> running -> failed | stopped
                  ^          |
                  +----------+     replicas are gone, or a crashed one waits to be started again

As with training, every function locks its row and returns False for what an older attempt says.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from backend.api.errors import NotFound, StaleAttempt
from backend.deployments.models import DesiredState
from backend.deployments.transitions import MAX_LOG_TAIL
from backend.events.services import publish
from backend.inferences.models import Inference, ProcessCount, ReplicaStats
from kafkaml.wire.failure import Failure
from kafkaml.wire.state import RunState

# No report of a process is later than this.
_LATEST_REPORT = timedelta(days=1)
_COUNTS = ("predicted", "dead_lettered", "restamped")

__all__ = [
    "count_process",
    "mark_failed",
    "mark_launched",
    "mark_obstacle",
    "mark_running",
    "mark_scaled",
    "mark_stopped",
    "mark_waiting",
    "publish_inference",
    "register_attempt",
    "store_log_tail",
    "store_stats",
    "store_warnings",
]


def register_attempt(inference_id: int) -> Inference | None:
    """Count a new attempt before it is launched, and return the row; None when it is not wanted (any more)."""
    with transaction.atomic():
        inference = _lock(inference_id)
        if inference is None or inference.ended or inference.desired != DesiredState.RUN:
            return None
        inference.attempt += 1
        inference.tries += 1
        inference.state = RunState.WAITING
        inference.launched_at = inference.started_at = inference.ended_at = inference.next_retry_at = None
        inference.ready_replicas = 0
        inference.scaled_to = None
        inference.save()
        ReplicaStats.objects.filter(inference=inference).delete()
        inference.process_counts.filter(updated_at__lt=timezone.now() - _LATEST_REPORT).delete()
        publish_inference(inference)
    return inference


def mark_launched(inference_id: int, attempt: int, *, max_replicas: int | None = None) -> bool:
    """Note that the launcher took the attempt, and the greatest number of replicas that it was told."""
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return False
        if inference.launched_at is None or inference.launched_max_replicas != max_replicas:
            inference.launched_at = inference.launched_at or timezone.now()
            inference.launched_max_replicas = max_replicas
            inference.save(update_fields=["launched_at", "launched_max_replicas", "updated_at"])
    return True


def mark_scaled(inference_id: int, attempt: int, replicas: int) -> bool:
    """Note how many replicas the lag asks for now."""
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return False
        if inference.scaled_to != replicas:
            inference.scaled_to = replicas
            inference.save(update_fields=["scaled_to", "updated_at"])
            publish_inference(inference)
    return True


def mark_running(
    inference_id: int, attempt: int, *, ready_replicas: int | None = None, obstacle: Failure | None = None
) -> bool:
    """Note that at least one replica answers; how many do, and what keeps the others, when that is known."""
    document = None if obstacle is None else obstacle.to_json()
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return False
        ready = inference.ready_replicas if ready_replicas is None else ready_replicas
        shown = (inference.state, inference.ready_replicas, inference.failure)
        if shown == (RunState.RUNNING, ready, document):
            return True
        inference.state = RunState.RUNNING
        inference.ready_replicas = ready
        inference.failure = document
        inference.tries = 0
        inference.started_at = inference.started_at or timezone.now()
        inference.launched_at = inference.launched_at or inference.started_at
        inference.save()
        publish_inference(inference)
    return True


def mark_waiting(inference_id: int, attempt: int, failure: Failure | None = None, *, log_tail: str = "") -> bool:
    """Note that no replica answers just now; ``failure`` says why while a crashed one waits to be started again."""
    document = None if failure is None else failure.to_json()
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return False
        if inference.state == RunState.WAITING and inference.failure == document:
            return True
        inference.state = RunState.WAITING
        inference.ready_replicas = 0
        inference.failure = document
        inference.log_tail = log_tail[-MAX_LOG_TAIL:] or inference.log_tail
        inference.save()
        publish_inference(inference)
    return True


def mark_obstacle(inference_id: int, attempt: int, failure: Failure) -> bool:
    """Note what keeps replicas from being launched, while none of them serves."""
    document = failure.to_json()
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return False
        if inference.state != RunState.WAITING or inference.failure == document:
            return True
        inference.failure = document
        inference.save(update_fields=["failure", "updated_at"])
        publish_inference(inference)
    return True


def mark_failed(
    inference_id: int, attempt: int, failure: Failure, *, retry_at: datetime | None = None, log_tail: str = ""
) -> bool:
    """End the attempt badly; with ``retry_at`` the inference waits to be started again then.

    The controller ends what runs of an inference that has failed.
    """
    with transaction.atomic():
        inference = _lock_attempt(inference_id, attempt)
        if inference is None:
            return Inference.objects.filter(pk=inference_id, attempt=attempt, state=RunState.FAILED).exists()
        retry = retry_at is not None and inference.desired == DesiredState.RUN
        inference.state = RunState.WAITING if retry else RunState.FAILED
        inference.next_retry_at = retry_at if retry else None
        inference.failure = failure.to_json()
        inference.ready_replicas = 0
        inference.log_tail = log_tail[-MAX_LOG_TAIL:] or inference.log_tail
        inference.ended_at = timezone.now()
        inference.save()
        publish_inference(inference)
    return True


def mark_stopped(inference_id: int, attempt: int | None = None, *, log_tail: str = "") -> bool:
    """Note that no replica runs any more, as the person wanted. ``attempt`` None: whichever is the present one."""
    with transaction.atomic():
        inference = _lock(inference_id) if attempt is None else _lock_attempt(inference_id, attempt)
        if inference is None or inference.ended:
            return False
        inference.state = RunState.STOPPED
        inference.ready_replicas = 0
        inference.ended_at = timezone.now()
        inference.next_retry_at = None
        inference.log_tail = log_tail[-MAX_LOG_TAIL:] or inference.log_tail
        inference.save()
        publish_inference(inference)
    return True


def store_log_tail(inference_id: int, attempt: int, text: str) -> bool:
    """Keep the end of the log, which outlives the processes; also after the attempt ended."""
    return bool(Inference.objects.filter(pk=inference_id, attempt=attempt).update(log_tail=text[-MAX_LOG_TAIL:]))


def store_warnings(inference_id: int, warnings: list[str]) -> None:
    """Replace the warnings of an inference, e.g. that it has more replicas than its topic has partitions."""
    Inference.objects.filter(pk=inference_id).update(warnings=warnings)


def count_process(inference_id: int, process: str, counts: dict[str, int]) -> None:
    """Take the counts of one process of a replica since its start into the inference's totals.

    May be told again, late, and of an attempt that is over: only what is new of that process is added.
    """
    with transaction.atomic():
        inference = _lock(inference_id)
        if inference is None:
            raise NotFound(f"there is no inference {inference_id}")
        known, _ = ProcessCount.objects.get_or_create(inference=inference, process=process)
        added = {name: max(0, counts.get(name, 0) - getattr(known, name)) for name in _COUNTS}
        if any(added.values()):
            ProcessCount.objects.filter(pk=known.pk).update(
                **{name: F(name) + more for name, more in added.items()}, updated_at=timezone.now()
            )
            Inference.objects.filter(pk=inference_id).update(**{name: F(name) + more for name, more in added.items()})


def store_stats(
    inference_id: int,
    attempt: int,
    replica: int,
    values: dict[str, Any],
    error: Failure | None,
    *,
    process: str = "",
) -> None:
    """Take what a replica says of itself: ``values`` are ReplicaStats' fields, ``state`` among them.

    ``process`` names the replica's process, whose counts ``values`` has. Raises NotFound or StaleAttempt. A failure
    that a new start would not mend fails the inference.
    """
    # Also of an attempt that is over: what was answered was answered.
    count_process(inference_id, process or f"{attempt}.{replica}", values)
    with transaction.atomic():
        inference = _lock(inference_id)
        if inference is None:
            raise NotFound(f"there is no inference {inference_id}")
        if inference.attempt != attempt or inference.ended:
            raise StaleAttempt(
                f"attempt {attempt} of inference {inference_id} is over: the present one is {inference.attempt} "
                f"({inference.state})"
            )
        document = None if error is None else error.to_json()
        ReplicaStats.objects.update_or_create(
            inference=inference, replica=replica, defaults={**values, "attempt": attempt, "error": document}
        )
        publish("inferences", {"id": inference_id, "replica": replica, "stats": {**values, "error": document}})
        if values["state"] == RunState.RUNNING and inference.state != RunState.RUNNING:
            mark_running(inference_id, attempt)
        elif error is not None and not error.category.retryable:
            mark_failed(inference_id, attempt, error)


def publish_inference(inference: Inference, **more: Any) -> None:
    """Tell pages where an inference is."""
    publish(
        "inferences",
        {
            "id": inference.pk,
            "result": inference.result_id,
            "state": inference.state,
            "attempt": inference.attempt,
            "replicas": inference.replicas,
            "max_replicas": inference.max_replicas,
            "current_replicas": inference.current_replicas,
            "ready_replicas": inference.ready_replicas,
            "failure": inference.failure,
            **more,
        },
    )


def _lock(inference_id: int) -> Inference | None:
    return Inference.objects.select_for_update().filter(pk=inference_id).first()


def _lock_attempt(inference_id: int, attempt: int) -> Inference | None:
    inference = _lock(inference_id)
    return None if inference is None or inference.attempt != attempt or inference.ended else inference

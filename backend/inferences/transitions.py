"""State changes of inferences, in addition to those of every run (``backend.runs``). Called by the controller and the
job API.

As there, every function locks its row and returns False for what an older attempt says.

    created -> waiting -> running -> failed | stopped
                  ^          |
                  +----------+     replicas are gone, or a crashed one waits to be started again
"""

from __future__ import annotations

from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from backend.api.errors import NotFound, WrongJob
from backend.events.services import publish
from backend.inferences.challenges import decide
from backend.inferences.minutes import add_counts, look_at
from backend.inferences.models import SILENT_AFTER, Inference, ProcessCount, ReplicaStats, Worker
from backend.inferences.swaps import store_swaps
from backend.inferences.workers import store_log
from backend.runs import transitions as runs
from backend.runs.transitions import MAX_LOG_TAIL, begin, locked, locked_for_report, publish_run
from kafkaml.wire import replica as wire
from kafkaml.wire.failure import Failure
from kafkaml.wire.report import Stats
from kafkaml.wire.state import RunState
from kafkaml.wire.worker import FIRST_WORKER

__all__ = [
    "mark_launched",
    "mark_running",
    "mark_scaled",
    "mark_waiting",
    "store_stats",
    "store_warnings",
]


# Within this time another replica reports again, even when one report is late.
_TOLD_AGAIN = timedelta(seconds=5)


def mark_launched(inference_id: int, attempt: int, *, max_replicas: int | None) -> bool:
    """Note that the launcher took the attempt, and the greatest number of replicas given to it."""
    with locked(Inference, inference_id, attempt) as inference:
        if inference is None:
            return False
        if inference.launched_max_replicas != max_replicas:
            inference.launched_max_replicas = max_replicas
            inference.save(update_fields=["launched_max_replicas", "updated_at"])
        return runs.mark_launched(Inference, inference_id, attempt)


def mark_scaled(inference_id: int, attempt: int, replicas: int) -> bool:
    """Note how many replicas the lag asks for now."""
    with locked(Inference, inference_id, attempt) as inference:
        if inference is None:
            return False
        if inference.scaled_to != replicas:
            inference.scaled_to = replicas
            inference.save(update_fields=["scaled_to", "updated_at"])
            publish_run(inference)
    return True


def mark_running(
    inference_id: int, attempt: int, *, ready_replicas: int | None = None, obstacle: Failure | None = None
) -> bool:
    """Note that at least one replica answers: how many do, and, when known, what keeps the others from it."""
    document = None if obstacle is None else obstacle.to_json()
    with locked(Inference, inference_id, attempt) as inference:
        if inference is None:
            return False
        ready = inference.ready_replicas if ready_replicas is None else ready_replicas
        shown = (inference.state, inference.ready_replicas, inference.failure)
        if shown == (RunState.RUNNING, ready, document):
            return True
        begin(inference)
        inference.ready_replicas = ready
        inference.failure = document
        inference.tries = 0
        inference.save()
        publish_run(inference)
    return True


def mark_waiting(inference_id: int, attempt: int, failure: Failure | None = None, *, log_tail: str = "") -> bool:
    """Note that no replica answers just now; ``failure`` says why while a crashed replica waits to be started again."""
    document = None if failure is None else failure.to_json()
    with locked(Inference, inference_id, attempt) as inference:
        if inference is None:
            return False
        if inference.state == RunState.WAITING and inference.failure == document:
            return True
        inference.state = RunState.WAITING
        inference.halt()
        inference.failure = document
        inference.log_tail = log_tail[-MAX_LOG_TAIL:] or inference.log_tail
        inference.save()
        publish_run(inference)
    return True


def store_warnings(inference_id: int, warnings: list[str]) -> None:
    """Replace the warnings of an inference, e.g. that it has more replicas than its topic has partitions."""
    Inference.objects.filter(pk=inference_id).update(warnings=warnings)


def store_stats(inference_id: int, said: Stats, worker: Worker | None = None) -> int:
    """Take a replica's report; returns the revision that it should serve. Raises NotFound or StaleAttempt.

    A failure that a restart would not fix fails the inference; that of a ``worker`` elsewhere is its machine's own.
    """
    if (said.replica >= FIRST_WORKER) if worker is None else (said.replica != worker.number):
        raise WrongJob(f"this token is not for replica {said.replica}")
    # Count reports of ended attempts too, because those answers were given.
    if said.previous is not None:
        _count_process(inference_id, said.previous.run, said.previous, said)
    process = said.run or f"{said.attempt}.{said.replica}"
    fresh = _count_process(inference_id, process, said, said, confidence=said.confidence)
    with locked_for_report(Inference, inference_id, said.attempt) as inference:
        restarted = fresh and _served_before(inference, said.replica)
        document = said.model_dump(mode="json", include=set(wire.ReplicaStats.model_fields))
        # Read the previous report before the new one is stored.
        known = ReplicaStats.objects.filter(inference=inference, replica=said.replica).values_list(
            "attempt", "document"
        )
        same = known.first() == (said.attempt, document)
        ReplicaStats.objects.update_or_create(
            inference=inference,
            replica=said.replica,
            defaults={"attempt": said.attempt, "document": document, "worker": worker},
        )
        if worker is not None:
            store_log(worker, said.log)
        turned = look_at(inference, restarted=restarted, refusal=said.last_refusal)
        # A quiet report repeats the last one, so a page that has read that one need not read anything again.
        quiet = same and not turned and not _one_fell_silent(inference)
        publish("inferences", {"id": inference_id, "replica": said.replica, "stats": document, "quiet": quiet})
        if turned:
            publish_run(inference)
        store_swaps(inference, said)
        decide(inference)
        if said.state is wire.ReplicaState.RUNNING and inference.state != RunState.RUNNING:
            mark_running(inference_id, said.attempt)
        elif worker is None and said.error is not None and not said.error.category.retryable:
            runs.mark_failed(Inference, inference_id, said.attempt, said.error)
        return inference.revision


def _one_fell_silent(inference: Inference) -> bool:
    """Whether a replica of the inference has fallen silent since about the time of the others' last reports."""
    since = [timezone.now() - replica.updated_at for replica in inference.reported_stats]
    return any(SILENT_AFTER < seconds < SILENT_AFTER + _TOLD_AGAIN for seconds in since)


def _served_before(inference: Inference, replica: int) -> bool:
    """Whether the replica's previous process was of this attempt, and did not report an orderly end."""
    said = ReplicaStats.objects.filter(inference=inference, replica=replica, attempt=inference.attempt).first()
    return said is not None and said.document.get("state") != wire.ReplicaState.STOPPED


def _newly_sure(confidence: wire.Confidence | None, known: ProcessCount) -> dict[str, float]:
    """Return the part of a process's confidence figures that it had not reported before."""
    if confidence is None or confidence.answers <= known.confidence_answers:
        return {}
    return {
        "confidence_answers": confidence.answers - known.confidence_answers,
        "confidence_total": max(0.0, confidence.total - known.confidence_total),
    }


def _count_process(
    inference_id: int,
    process: str,
    counts: wire.Counts,
    said: Stats,
    *,
    confidence: wire.Confidence | None = None,
) -> bool:
    """Add what one process of a replica has newly counted to the inference's totals and its minute. The minute also
    keeps how sure the process was.

    Reports may be repeated, late, and of an ended attempt; only what is new from that process is added. Returns whether
    the process is new.
    """
    names = wire.Counts.model_fields
    with locked(Inference, inference_id) as inference:
        if inference is None:
            raise NotFound(f"there is no inference {inference_id}")
        known, fresh = ProcessCount.objects.get_or_create(inference=inference, process=process)
        added = {name: max(0, getattr(counts, name) - getattr(known, name)) for name in names}
        if any(added.values()):
            sure = _newly_sure(confidence, known)
            revision = inference.revision if said.serving is None else said.serving.revision
            add_counts(inference_id, attempt=said.attempt, revision=revision, added={**added, **sure})
            ProcessCount.objects.filter(pk=known.pk).update(
                **{name: F(name) + more for name, more in {**added, **sure}.items()}, updated_at=timezone.now()
            )
            Inference.objects.filter(pk=inference_id).update(**{name: F(name) + more for name, more in added.items()})
            if said.attempt < inference.attempt and inference.counts_before is not None:
                # The report is late, so this is not an answer of the present attempt.
                before = {name: inference.counts_before.get(name, 0) + more for name, more in added.items()}
                Inference.objects.filter(pk=inference_id).update(counts_before=before)
        return fresh

"""State changes of trainings, in addition to those of every run (``backend.runs``). Called by the job API."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from backend.deployments import checkpoints, history, storage, versions
from backend.deployments.models import EpochRecord, TrainingResult
from backend.deployments.parts import (
    add_versions,
    keep_pending,
    locked_part,
    locked_part_for_report,
    publish_versions,
)
from backend.deployments.version_services import prune_versions
from backend.runs.transitions import begin, locked, mark_failed, next_retry, publish_row
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.failure import Failure, FailureCategory
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.report import EpochEvent, Event, Finish, NewVersion, ProgressEvent, WindowEvent
from kafkaml.wire.state import RunState

__all__ = ["mark_finished", "report_failure", "store_events", "store_version"]


def mark_finished(result_id: int, report: Finish) -> bool:
    """Record success of the attempt, with a last version; return True also when it was finished already.

    A follower's report is kept until its leader finishes. An attempt that was presumed lost may still finish. Raises
    RefusedError when an artifact is missing, or the leader finishes before its followers.
    """
    with locked_part(result_id) as found:
        if found is None or found[0].attempt != report.attempt:
            return False
        run, part = found
        if run.state == RunState.FINISHED:
            return True
        taken_for_lost = run.state == RunState.FAILED and (run.failure or {}).get("category") == FailureCategory.LOST
        if run.ended and not taken_for_lost:
            return False
        if part is not run:
            keep_pending(part, report)
            return True
        add_versions(run, report)
        run.state = RunState.FINISHED
        run.failure = run.failed_outcome = run.failed_confusion_matrix = None
        run.next_retry_at = None
        now = timezone.now()
        run.started_at = run.started_at or now
        run.ended_at = now
        run.save()
        publish_versions(run)
        if not TrainingMode(run.deployment.mode).online:
            # All epochs are done. An unbounded stream may continue, and so may its training.
            checkpoints.forget(run)
        for result_of_run in run.parts():
            prune_versions(result_of_run)
            storage.remove_attempts_before(result_of_run)
            # A checkpoint for which there was no room in time is not uploaded further.
            storage.remove_unfinished(result_of_run, before=result_of_run.attempt + 1)
    return True


def store_version(result_id: int, report: NewVersion) -> int:
    """Make a version of a training that continues, and return its number; a repeated report gives the same number.

    A follower's report is stored until its leader reports the same. Raises NotFound, StaleAttempt, or RefusedError when
    an artifact is missing, or the leader reports it before its followers.
    """
    with locked_part_for_report(result_id, report.attempt) as (run, part):
        known = versions.version_of_step(part, report.step)
        if known is not None:
            versions.drop_files(part, report.outcome)
            return known.number
        if part is not run:
            return keep_pending(part, report)
        version = add_versions(run, report)
        begin(run)
        run.save()
        for result_of_run in run.parts():
            prune_versions(result_of_run)
        publish_versions(run)
    return version.number


def report_failure(result_id: int, attempt: int, failure: Failure, *, outcome: TrainingOutcome | None) -> bool:
    """Record the failure that a worker reports. One that a restart may fix is tried again after a pause.

    ``outcome`` is what the attempt measured before it failed; it is kept unless the training is tried again.
    """
    with locked(TrainingResult, result_id) as result:
        return result is not None and mark_failed(
            TrainingResult,
            result_id,
            attempt,
            failure,
            retry_at=next_retry(failure, result.tries),
            keep=None if outcome is None else lambda failed: _keep_outcome(failed, outcome),
        )


def store_events(result_id: int, attempt: int, events: Sequence[Event]) -> None:
    """Store the events that an attempt reports.

    Events whose numbers were seen already are skipped, so a report may be sent again. Raises NotFound or StaleAttempt.
    """
    with locked_part_for_report(result_id, attempt) as (run, result):
        fresh = [event for event in sorted(events, key=lambda event: event.seq) if event.seq > result.last_event_seq]
        if not fresh:
            return
        result.last_event_seq = fresh[-1].seq
        epochs = [event.data for event in fresh if isinstance(event, EpochEvent)]
        documents = [epoch.to_json() for epoch in epochs]
        EpochRecord.objects.bulk_create(
            [EpochRecord(result=result, epoch=document["epoch"], document=document) for document in documents],
            ignore_conflicts=True,
        )
        if epochs:
            for metrics in epochs:
                result.history = history.extended(result.history, metrics)
            result.metrics = documents[-1]
        for event in fresh:
            if isinstance(event, ProgressEvent):
                result.progress = event.data.to_json()
            if isinstance(event, WindowEvent):
                result.window_end = event.data.to_json()
        if result is not run:
            result.save()
        began = run.state != RunState.RUNNING
        begin(run)
        run.save()
        if began:
            result.refresh_from_db(fields=["state", "failure"])
            for other in run.parts():
                if other.pk != result.pk:
                    publish_row(other)
        if not all(isinstance(event, WindowEvent) for event in fresh):
            publish_row(result, epochs=documents)


def _keep_outcome(result: TrainingResult, outcome: TrainingOutcome) -> None:
    result.failed_outcome, result.failed_confusion_matrix, _ = versions.outcome_documents(outcome)

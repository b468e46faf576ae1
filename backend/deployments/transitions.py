"""How trainings change state beside what every run does (``backend.runs``). Called by the job API."""

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
    """End the attempt well, with a last version; True also when it was finished already.

    Of a follower it is kept until its leader finishes. An attempt that was only taken for lost may finish after all.
    Raises RefusedError when an artifact is missing, or the leader finishes before its followers.
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
        if run.deployment.mode == TrainingMode.CLASSIC:
            # All epochs are done. A stream without end may go on, and so may what learnt it.
            checkpoints.forget(run)
        for each in run.parts():
            prune_versions(each)
            storage.remove_attempts_before(each)
    return True


def store_version(result_id: int, report: NewVersion) -> int:
    """Make a version of a training that goes on, and return its number; told again, it is the same one.

    Of a follower it is kept until the same is told of its leader. Raises NotFound, StaleAttempt, or RefusedError when
    an artifact is missing, or the leader tells it before its followers.
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
        for each in run.parts():
            prune_versions(each)
        publish_versions(run)
    return version.number


def report_failure(result_id: int, attempt: int, failure: Failure, *, outcome: TrainingOutcome | None) -> bool:
    """End the attempt badly, as its worker reports it; what a new start may mend is tried again after a pause.

    ``outcome`` is what was found all the same: kept where nothing is tried again.
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
    """Take what an attempt reports.

    Numbers that were seen already are skipped, so a report may be sent again. Raises NotFound or StaleAttempt.
    """
    with locked_part_for_report(result_id, attempt) as (run, result):
        fresh = [each for each in sorted(events, key=lambda each: each.seq) if each.seq > result.last_event_seq]
        if not fresh:
            return
        result.last_event_seq = fresh[-1].seq
        epochs = [each.data for each in fresh if isinstance(each, EpochEvent)]
        documents = [each.to_json() for each in epochs]
        EpochRecord.objects.bulk_create(
            [EpochRecord(result=result, epoch=each["epoch"], document=each) for each in documents],
            ignore_conflicts=True,
        )
        if epochs:
            for metrics in epochs:
                result.history = history.extended(result.history, metrics)
            result.metrics = documents[-1]
        for each in fresh:
            if isinstance(each, ProgressEvent):
                result.progress = each.data.to_json()
            if isinstance(each, WindowEvent):
                result.window_end = each.data.to_json()
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
        if not all(isinstance(each, WindowEvent) for each in fresh):
            publish_row(result, epochs=documents)


def _keep_outcome(result: TrainingResult, outcome: TrainingOutcome) -> None:
    result.failed_outcome, result.failed_confusion_matrix, _ = versions.outcome_documents(outcome)

"""Results that are trained in one run: locked together, and given their versions together.

The run is that of the top of a chain; an ordinary result is the only part of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from backend.api.errors import NotFound
from backend.deployments import versions
from backend.deployments.models import ResultVersion, TrainingResult
from backend.runs.transitions import check_attempt, locked, publish_row
from kafkaml.errors import RefusedError
from kafkaml.wire.report import Finish, NewVersion

__all__ = ["add_versions", "keep_pending", "locked_part", "locked_part_for_report", "publish_versions"]


@contextmanager
def locked_part(result_id: int) -> Iterator[tuple[TrainingResult, TrainingResult] | None]:
    """Lock a result's run until the block ends and yield it with the result, which may be the same row.

    Yields None when there is no such result. Callers save the run last, because saving it copies what it shares to its
    parts.
    """
    head = TrainingResult.objects.filter(pk=result_id).values_list("leader", flat=True).first() or result_id
    with locked(TrainingResult, head) as run:
        if run is not None:
            list(run.followers.select_for_update().order_by("pk").values_list("pk", flat=True))
        part = None if run is None else next((part for part in run.parts() if part.pk == result_id), None)
        yield None if run is None or part is None else (run, part)


@contextmanager
def locked_part_for_report(result_id: int, attempt: int) -> Iterator[tuple[TrainingResult, TrainingResult]]:
    """Lock the run and the result that ``attempt`` reports on; raises NotFound or StaleAttempt."""
    with locked_part(result_id) as found:
        if found is None:
            raise NotFound(f"there is no result {result_id}")
        check_attempt(found[0], attempt)
        yield found


def keep_pending(part: TrainingResult, report: NewVersion | Finish) -> int:
    """Store a follower's report until the leader of its run reports the same; return the number of its next version.

    A repeated report counts once. Raises RefusedError when a file is not stored.
    """
    versions.check_stored(part, report.outcome)
    part.pending = report.to_json()
    part.save(update_fields=["pending", "updated_at"])
    return part.last_version + 1


def add_versions(run: TrainingResult, report: NewVersion | Finish) -> ResultVersion:
    """Make a version of each part of a run, all of them current or none; return the leader's. The caller saves ``run``.

    Raises RefusedError when a file is not stored, or a follower has not reported the same before.
    """
    reports = [(part, _pending(part, report)) for part in run.companions()]
    if missing := [part for part, report_of_part in reports if report_of_part is None]:
        names = ", ".join(f"{part.pk} ({part.model.name})" for part in missing)
        raise RefusedError(
            f"the same is not said of results {names} yet: expected it before that of result {run.pk}, which leads them"
        )
    promotes = report.comparison is None or report.comparison.promotes
    for part, report_of_part in reports:
        assert report_of_part is not None
        versions.add_version(part, report_of_part, promotes=promotes)
        part.pending = part.failed_outcome = part.failed_confusion_matrix = None
        part.save()
    return versions.add_version(run, report, promotes=promotes)


def publish_versions(run: TrainingResult) -> None:
    """Notify pages of the last version of each part of a saved run."""
    for part in run.parts():
        publish_row(part, version=part.last_version)


def _pending(part: TrainingResult, report: NewVersion | Finish) -> NewVersion | Finish | None:
    """Return a follower's stored report if it is from the same attempt and for the same window (or the end)."""
    if part.pending is None:
        return None
    report_of_part = (
        type(report).model_validate(part.pending) if ("step" in part.pending) == hasattr(report, "step") else None
    )
    same = (
        report_of_part is not None
        and report_of_part.attempt == report.attempt
        and getattr(report_of_part, "step", None) == getattr(report, "step", None)
    )
    return report_of_part if same else None

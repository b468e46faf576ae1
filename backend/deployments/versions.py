"""Versions of results: making them, choosing the current one, finding them.

Called by the transitions of trainings, and by those who serve, show or promote a version. A version is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.dispatch import Signal

from backend.api.errors import NotFound
from backend.deployments import storage
from backend.deployments.announcing import announce
from backend.deployments.models import Artifact, ResultVersion, TrainingResult
from kafkaml.errors import RefusedError
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.report import Finish, NewVersion
from kafkaml.wire.version import VersionReason

__all__ = [
    "add_version",
    "artifacts_of",
    "check_stored",
    "current_changed",
    "drop_files",
    "make_current",
    "outcome_documents",
    "version_of",
    "version_of_step",
]


# A signal that is sent in the transaction in which a version becomes the current one. Its arguments are that
# ``version`` and the one ``before`` it, or None.
current_changed = Signal()


def version_of(result: TrainingResult, number: int | None = None) -> ResultVersion:
    """Return a version of a result, the current one without a number; raises NotFound."""
    if number is None:
        if result.current_version is None:
            raise NotFound(f"result {result.pk} has no version yet", hint="wait for its training")
        return result.current_version
    version = result.versions.filter(number=number).first()
    if version is None:
        raise NotFound(f"result {result.pk} has no version {number}", hint="its versions lists those that are kept")
    return version


def artifacts_of(version: ResultVersion) -> QuerySet[Artifact]:
    """Return the files of a version."""
    return version.artifacts.order_by("name")


def add_version(result: TrainingResult, report: NewVersion | Finish, *, promotes: bool) -> ResultVersion:
    """Make a version of what the present attempt uploaded; it becomes current if it ``promotes``.

    Called with the result's row locked; the caller saves it. Raises RefusedError when a file is not stored.
    """
    files = _files(result, report.outcome.artifacts)
    reason, step = VersionReason.TRAINED, None
    if isinstance(report, NewVersion):
        reason, step = VersionReason.IMPROVED, report.step
    comparison = report.comparison
    result.last_version += 1
    document, matrix, evaluation = outcome_documents(report.outcome)
    version = ResultVersion.objects.create(
        result=result,
        number=result.last_version,
        reason=reason,
        attempt=result.attempt,
        step=step,
        code=result.code,
        imports=result.imports,
        stream=result.stream,
        outcome=document,
        confusion_matrix=matrix,
        evaluation=evaluation,
        positions=report.positions,
        comparison=None if comparison is None else comparison.to_json(),
    )
    for file in files:
        # A file that earlier versions also have gets a row per version.
        if file.version_id is not None:
            file.pk = None
        file.version = version
        file.save()
    if promotes:
        make_current(result, version)
    return version


def make_current(result: TrainingResult, version: ResultVersion, *, by: str = "", why: str = "") -> None:
    """Let a version be the one that its result shows and that inferences follow; the caller saves the result.

    ``by`` is who chose it, and ``why``; empty where its training did.
    """
    before, result.current_version = result.current_version, version
    current_changed.send(sender=ResultVersion, version=version, before=before)
    announce(version, before, by=by, why=why)


def version_of_step(result: TrainingResult, step: int) -> ResultVersion | None:
    """Return the version that the present training made after a window, in this attempt or an earlier one."""
    return result.versions.filter(step=step, attempt__gte=result.first_attempt).first()


def outcome_documents(
    outcome: TrainingOutcome,
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]:
    """Return an outcome for a row, without its large parts; then these: ``{matrix, labels}`` and the evaluation."""
    document = outcome.to_json()
    matrix, evaluation = document.pop("confusion_matrix"), document.pop("evaluation")
    return document, None if matrix is None else {"matrix": matrix, "labels": document["labels"]}, evaluation


def drop_files(result: TrainingResult, outcome: TrainingOutcome) -> None:
    """Delete files that the present attempt uploaded for a version that an earlier attempt had made."""
    storage.remove(result, version=None, attempt=result.attempt, name__in=list(outcome.artifacts))


def check_stored(result: TrainingResult, outcome: TrainingOutcome) -> None:
    """Raise RefusedError unless the present attempt uploaded the files that an outcome names."""
    _files(result, outcome.artifacts)


def _files(result: TrainingResult, expected: Mapping[str, str]) -> list[Artifact]:
    """Return a row for each file that an outcome names, preferably a row without a version."""
    rows = result.artifacts.filter(attempt=result.attempt, name__in=list(expected))
    # The dictionary keeps the last of equal files, so rows without a version come last.
    stored = {(row.name, row.sha256): row for row in sorted(rows, key=lambda row: row.version_id is None)}
    missing = [name for name, sha256 in expected.items() if (name, sha256) not in stored]
    if missing:
        raise RefusedError(
            f"artifacts {', '.join(missing)} of result {result.pk} are not stored with the hash that the outcome names",
            hint="upload them first",
        )
    return [stored[name, sha256] for name, sha256 in expected.items()]

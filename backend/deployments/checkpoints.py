"""Checkpoints of trainings: stored, given to the next attempt, and dropped. Called by the job API and by the rows.

A checkpoint is an artifact with a special name. It counts once its worker reports the upload. The newest two are kept,
so that one is left if the file of the other is lost.
"""

from __future__ import annotations

import structlog

from backend.api.errors import NotFound
from backend.deployments import history, storage
from backend.deployments.models import Artifact, Checkpoint, TrainingResult
from backend.runs.transitions import locked_for_report, publish_row
from kafkaml.artifacts import is_checkpoint
from kafkaml.errors import RefusedError
from kafkaml.wire.checkpoint import Checkpoint as SavedCheckpoint
from kafkaml.wire.checkpoint import WindowEnd

__all__ = ["MAX_KEPT", "artifact_to_go_on_with", "begun_window", "forget", "go_back", "latest", "save"]

logger = structlog.get_logger(__name__)

MAX_KEPT = 2


def save(result_id: int, attempt: int, saved: SavedCheckpoint) -> None:
    """Register a checkpoint whose file is stored; a repeated report changes nothing.

    Raises NotFound, StaleAttempt, and RefusedError where its file is not stored as the report says.
    """
    with locked_for_report(TrainingResult, result_id, attempt) as result:
        known = result.checkpoints.filter(artifact__attempt=attempt, step__gte=saved.step).exists()
        if known:
            return
        Checkpoint.objects.create(
            result=result,
            artifact=_stored(result, saved),
            step=saved.step,
            records=saved.records,
            positions=saved.to_json()["positions"],
        )
        _prune(result)
        # The attempt got further than earlier ones, so their failures no longer count.
        result.tries = 1
        result.save(update_fields=["tries", "updated_at"])
        publish_row(result, checkpoint={"step": saved.step, "records": saved.records, "size": saved.size})


def latest(result: TrainingResult) -> Checkpoint | None:
    """Return where the next attempt continues: the newest checkpoint of its run with an existing file."""
    rows = Checkpoint.objects.filter(result=result.head).select_related("artifact").order_by("-id")
    return next((row for row in rows if storage.is_kept(row.artifact)), None)


def begun_window(result: TrainingResult, checkpoint: Checkpoint | None) -> WindowEnd | None:
    """Return the window after ``checkpoint`` (without one, the first window) if an attempt has begun it."""
    if result.window_end is None:
        return None
    begun = WindowEnd.model_validate(result.window_end)
    return begun if begun.step == (checkpoint.step if checkpoint else 0) + 1 else None


def go_back(result: TrainingResult) -> None:
    """Reset a locked row to its last checkpoint, or to the beginning; the caller saves.

    Later results are computed, and reported, again.
    """
    checkpoint = latest(result)
    if checkpoint is None and result.leader_id is None and result.checkpoints.exists():
        logger.warning(
            "the files of all checkpoints are gone: the training starts again from the beginning", result=result.pk
        )
    result.epochs.filter(epoch__gt=checkpoint.step if checkpoint else -1).delete()
    documents = list(result.epochs.values_list("document", flat=True))
    result.history = history.of(documents)
    result.metrics = documents[-1] if documents else None


def artifact_to_go_on_with(result: TrainingResult, name: str) -> Artifact:
    """Return a file of the present attempt, or the checkpoint of an earlier one; raises NotFound."""
    own = Artifact.objects.filter(result=result, attempt=result.attempt, name=name).first()
    earlier = result.checkpoints.filter(artifact__name=name).select_related("artifact").last()
    found = own or (earlier.artifact if earlier else None)
    if found is None:
        raise NotFound(f"result {result.pk} has no artifact {name!r} of this attempt, and no checkpoint of that name")
    return found


def forget(result: TrainingResult) -> None:
    """Drop all checkpoints of a training, because nothing will continue there; the caller saves."""
    result.window_end = None
    storage.remove(result, pk__in=[artifact.pk for artifact in result.artifacts.all() if is_checkpoint(artifact.name)])


def _stored(result: TrainingResult, saved: SavedCheckpoint) -> Artifact:
    """Return the file of a checkpoint of the present attempt."""
    files = Artifact.objects.filter(result=result, attempt=result.attempt, name=saved.name)
    artifact = files.filter(sha256=saved.sha256, size=saved.size).first()
    if artifact is None or saved.attempt != result.attempt or not is_checkpoint(saved.name):
        raise RefusedError(
            f"checkpoint {saved.name} of attempt {saved.attempt} is not stored as it says: expected {saved.size} bytes "
            f"with sha256 {saved.sha256} among the files of attempt {result.attempt}, named as a checkpoint",
            hint="upload it before",
        )
    return artifact


def _prune(result: TrainingResult) -> None:
    kept = {checkpoint.artifact_id for checkpoint in result.checkpoints.order_by("-id")[:MAX_KEPT]}
    # Attempts that died between an upload and its report left files that no checkpoint names.
    files = [artifact for artifact in result.artifacts.all() if is_checkpoint(artifact.name)]
    storage.remove(result, pk__in=[file.pk for file in files if file.pk not in kept])
    storage.remove_unfinished(result, before=result.attempt)

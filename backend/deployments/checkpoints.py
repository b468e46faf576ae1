"""Checkpoints of trainings: taken, given to the next attempt, and let go of. Called by the job API and by the rows.

A checkpoint is an artifact whose name says so. It counts from the moment that its worker says that it is uploaded; the
newest two are kept, so that there is one left where the file of the other is gone.
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
    """Take a checkpoint whose file is stored; told again it is the same one.

    Raises NotFound, StaleAttempt, and RefusedError where its file is not stored as it says.
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
        # It came further than the attempts before: their failures count no more.
        result.tries = 1
        result.save(update_fields=["tries", "updated_at"])
        publish_row(result, checkpoint={"step": saved.step, "records": saved.records, "size": saved.size})


def latest(result: TrainingResult) -> Checkpoint | None:
    """Return where the next attempt goes on: the newest checkpoint of its run whose file is there."""
    rows = Checkpoint.objects.filter(result=result.head).select_related("artifact").order_by("-id")
    return next((each for each in rows if storage.is_kept(each.artifact)), None)


def begun_window(result: TrainingResult, checkpoint: Checkpoint | None) -> WindowEnd | None:
    """Return the window behind ``checkpoint``, or the first one, where an attempt began it."""
    if result.window_end is None:
        return None
    begun = WindowEnd.model_validate(result.window_end)
    return begun if begun.step == (checkpoint.step if checkpoint else 0) + 1 else None


def go_back(result: TrainingResult) -> None:
    """Let a locked row stand where its last checkpoint is, or at the beginning; the caller saves.

    What was reported after it will be computed, and reported, again.
    """
    checkpoint = latest(result)
    if checkpoint is None and result.leader_id is None and result.checkpoints.exists():
        logger.warning("the files of all checkpoints are gone: the training begins anew", result=result.pk)
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
    """Let go of all checkpoints of a training: nothing goes on there any more; the caller saves."""
    result.window_end = None
    storage.remove(result, pk__in=[each.pk for each in result.artifacts.all() if is_checkpoint(each.name)])


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
    kept = {each.artifact_id for each in result.checkpoints.order_by("-id")[:MAX_KEPT]}
    # Among them files of attempts that died before they could say that one was uploaded.
    files = [each for each in result.artifacts.all() if is_checkpoint(each.name)]
    storage.remove(result, pk__in=[each.pk for each in files if each.pk not in kept])
    storage.remove_unfinished_before(result)

"""What people do with deployments and results: create, stop, restart, delete; and giving a stream to those that wait.

The functions that change states for the controller and the job API are re-exported from ``transitions``.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from backend.api.audit import Actor, record, state_hash
from backend.api.errors import Conflict, InUse, NotFound
from backend.configurations.models import Configuration
from backend.deployments import storage
from backend.deployments.models import ENDED_STATES, Artifact, Deployment, DesiredState, TrainingResult
from backend.deployments.transitions import (
    forgive_tries,
    mark_failed,
    mark_finished,
    mark_launched,
    mark_obstacle,
    mark_running,
    mark_stopped,
    next_retry,
    publish_result,
    register_attempt,
    store_events,
    store_log_tail,
)
from backend.events.services import publish
from backend.ml_models.models import MLModel
from backend.streams.models import Announcement
from kafkaml.wire.state import RunState

__all__ = [
    "assign_stream",
    "create_deployment",
    "delete_deployment",
    "forgive_tries",
    "mark_failed",
    "mark_finished",
    "mark_launched",
    "mark_obstacle",
    "mark_running",
    "mark_stopped",
    "next_retry",
    "register_attempt",
    "restart_result",
    "stop_deployment",
    "stop_result",
    "store_events",
    "store_log_tail",
]


def create_deployment(*, actor: Actor, configuration: Configuration, **values: Any) -> Deployment:
    """Create a deployment with one waiting result per model of its configuration.

    An announcement that arrived before under the same number belongs to no deployment (numbers are never reused), so
    it is not taken; it can be sent to this one.
    """
    with transaction.atomic():
        models = list(configuration.models.order_by("id"))
        if not models:
            raise Conflict(
                f"configuration {configuration.name!r} has no models: expected at least one", hint="add a model to it"
            )
        deployment = Deployment.objects.create(configuration=configuration, created_by=actor.user, **values)
        TrainingResult.objects.bulk_create(
            [
                TrainingResult(
                    deployment=deployment, model=model, code=model.code, imports=model.imports, state=RunState.WAITING
                )
                for model in models
            ]
        )
        record(actor, "create", deployment, after=state_hash(deployment))
        publish("deployments", {"id": deployment.pk, "change": "created"})
    return deployment


def delete_deployment(deployment: Deployment, *, actor: Actor) -> None:
    """Delete a deployment with its results and their files; refused while something runs or serves them."""
    with transaction.atomic():
        results = list(deployment.results.select_for_update())
        from backend.inferences.selectors import users_of_results

        if users := users_of_results([result.pk for result in results]):
            raise InUse(
                f"deployment {deployment.pk} is in use by {len(users)} inferences",
                users=users,
                hint="delete them first",
            )
        if busy := [result for result in results if _may_be_running(result)]:
            raise InUse(
                f"deployment {deployment.pk} is training",
                users=[{"type": "result", "id": result.pk, "name": result.state} for result in busy],
                hint="stop it first",
            )
        record(actor, "delete", deployment, before=state_hash(deployment))
        for result in results:
            storage.remove_result(result.pk)
        publish("deployments", {"id": deployment.pk, "change": "deleted"})
        deployment.delete()


def stop_deployment(deployment: Deployment, *, actor: Actor) -> None:
    """Ask for the end of everything of a deployment that has not ended."""
    with transaction.atomic():
        for result in deployment.results.exclude(state__in=ENDED_STATES).select_for_update():
            _stop(result, actor)


def stop_result(result: TrainingResult, *, actor: Actor) -> TrainingResult:
    """Ask for the end of one training; one that ended already stays as it is."""
    with transaction.atomic():
        locked = TrainingResult.objects.select_for_update().get(pk=result.pk)
        _stop(locked, actor)
    return locked


def restart_result(result: TrainingResult, *, actor: Actor, stream: Announcement | None = None) -> TrainingResult:
    """Train an ended result anew, on ``stream`` or the one it had, with the model's present code.

    What the earlier training gave is deleted, so it is refused while an inference serves it.
    """
    with transaction.atomic():
        locked = TrainingResult.objects.select_for_update().get(pk=result.pk)
        if not locked.ended:
            raise Conflict(f"result {locked.pk} is {locked.state}: expected an ended one", hint="stop it first")
        from backend.inferences.selectors import users_of_results

        if users := users_of_results([locked.pk]):
            raise InUse(
                f"result {locked.pk} is in use by {len(users)} inferences",
                users=users,
                hint="delete them first, or make a new deployment",
            )
        before = state_hash(locked)
        model = locked.model
        locked.code, locked.imports = model.code, model.imports
        locked.stream = stream or locked.stream
        locked.desired, locked.state = DesiredState.RUN, RunState.WAITING
        # Counts on: whatever is still on its way from the attempt that ended is refused from now on.
        locked.attempt += 1 if locked.attempt else 0
        locked.tries = 0
        locked.failure = locked.progress = locked.metrics = locked.history = None
        locked.outcome = locked.confusion_matrix = None
        locked.launched_at = locked.started_at = locked.ended_at = locked.next_retry_at = None
        locked.log_tail = ""
        locked.last_event_seq = -1
        locked.save()
        Artifact.objects.filter(result=locked).delete()
        locked.epochs.all().delete()
        storage.remove_attempts_before(locked)
        record(actor, "restart", locked, before=before, after=state_hash(locked))
        publish_result(locked)
    return locked


def assign_stream(announcement: Announcement) -> int:
    """Give a stream to the results of its deployment that wait for one; returns how many took it.

    Results that train or have trained keep theirs: a second stream is kept and can be used by ``restart_result``.
    """
    if announcement.deployment_number is None:
        return 0
    with transaction.atomic():
        waiting = list(
            TrainingResult.objects.select_for_update(of=("self",))
            .select_related("model")
            .filter(
                deployment_id=announcement.deployment_number,
                stream=None,
                desired=DesiredState.RUN,
                state__in=(RunState.CREATED, RunState.WAITING),
            )
        )
        for result in waiting:
            result.stream = announcement
            # A model that was mended while its result waited trains as it is now.
            result.code, result.imports = result.model.code, result.model.imports
            result.state = RunState.WAITING
            result.save(update_fields=["stream", "code", "imports", "state", "updated_at"])
            publish_result(result, stream=announcement.pk)
    return len(waiting)


def refresh_waiting_code(model: MLModel) -> int:
    """Let results that still wait for their stream train a model's new code; returns how many."""
    waiting = TrainingResult.objects.filter(model=model, stream=None).exclude(state__in=ENDED_STATES)
    return waiting.update(code=model.code, imports=model.imports)


def require_result(result_id: int) -> TrainingResult:
    """Return a result with what its plan needs; raises NotFound."""
    result = TrainingResult.objects.select_related("deployment", "model", "stream").filter(pk=result_id).first()
    if result is None:
        raise NotFound(f"there is no result {result_id}")
    return result


def _may_be_running(result: TrainingResult) -> bool:
    """Whether something may run for it: it was launched, or an attempt is about to be."""
    return not result.ended and result.stream_id is not None


def _stop(result: TrainingResult, actor: Actor) -> None:
    if result.ended:
        return
    before = state_hash(result)
    result.desired = DesiredState.STOPPED
    result.next_retry_at = None
    if result.attempt == 0:
        # Nothing was ever launched, so nothing needs to be ended first.
        result.state = RunState.STOPPED
        result.ended_at = timezone.now()
    result.save()
    record(actor, "stop", result, before=before, after=state_hash(result))
    publish_result(result, desired=result.desired)

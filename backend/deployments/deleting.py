"""Deleting deployments and results, unless they are training now or inferences serve them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InUse
from backend.api.uses import users
from backend.deployments import storage
from backend.deployments.models import Deployment, TrainingResult
from backend.events.services import publish
from kafkaml.text import counted

__all__ = ["delete_deployment", "delete_result", "deletion_of", "deletion_of_result"]


def deletion_of(deployment: Deployment) -> Deletion:
    """Return what deleting a deployment would do. A deployment that trains, or whose results are served, stays."""
    results = list(deployment.results.select_related("model").order_by("id"))
    return _deletion(str(deployment), results, [f"{counted(len(results), 'training run')} with metrics and logs"])


def deletion_of_result(result: TrainingResult) -> Deletion:
    """Return what deleting a result would do. Sub-models of a chain are deleted with the result of its top.

    The last run of a deployment stays with it, because a deployment without any would wait for nothing.
    """
    name = f"result {result.pk}"
    if result.leader_id is not None:
        leader = {"type": "result", "id": result.leader_id, "name": f"of deployment {result.deployment_id}"}
        message = f"{name} was trained together with result {result.leader_id}"
        return Deletion(obstacle=InUse(message, users=[leader], hint="delete that, and all of the chain goes"))
    parts = [result, *result.followers.select_related("model").order_by("id")]
    if not result.deployment.results.exclude(pk__in=[part.pk for part in parts]).exists():
        deployment = {"type": "deployment", "id": result.deployment_id, "name": str(result.deployment)}
        message = f"{name} is all that deployment {result.deployment_id} trains"
        return Deletion(obstacle=InUse(message, users=[deployment], hint="delete the deployment"))
    return _deletion(name, parts, ["its metrics and logs, and its notes"])


def delete_deployment(deployment: Deployment, *, actor: Actor) -> None:
    """Delete a deployment with its results and their files; refused while something runs or serves them."""
    with transaction.atomic():
        results = list(deployment.results.select_for_update())
        deletion_of(deployment).check()
        record(actor, "delete", deployment, before=state_hash(deployment))
        for result in results:
            storage.remove_result(result.pk)
        publish("deployments", {"id": deployment.pk, "change": "deleted"})
        deployment.delete()


def delete_result(result: TrainingResult, *, actor: Actor) -> None:
    """Delete a result with its versions and files, a chain as a whole; refused while it trains or is served."""
    with transaction.atomic():
        # Lock all results of the deployment, because two concurrent deletions must not leave it without any.
        locked = {row.pk: row for row in result.deployment.results.select_for_update()}
        if result.pk not in locked:
            return
        found = locked[result.pk]
        deletion_of_result(found).check()
        for follower in [found, *found.followers.all()]:
            record(actor, "delete", follower, before=state_hash(follower))
            storage.remove_result(follower.pk)
            publish("results", {"id": follower.pk, "change": "deleted", "deployment": follower.deployment_id})
        found.delete()


def _deletion(name: str, results: Sequence[TrainingResult], losses: Sequence[str]) -> Deletion:
    if served := [user for result in results for user in users("inference", result.inferences.all())]:
        message = f"{name} is in use by {counted(len(served), 'inference')}"
        return Deletion(obstacle=InUse(message, users=served, hint="delete them first"))
    if busy := [_training(result) for result in results if result.leader_id is None and result.may_have_work]:
        return Deletion(obstacle=InUse(f"{name} is training", users=busy, hint="stop it first"))
    models = {result.pk: result.artifacts.values("sha256").distinct().count() for result in results}
    trained = [
        f"the trained model {result.model.name} (result {result.pk}, {counted(models[result.pk], 'file')})"
        for result in results
        if models[result.pk]
    ]
    return Deletion(losses=[*losses, *trained], careful=bool(trained))


def _training(result: TrainingResult) -> dict[str, Any]:
    return {"type": "result", "id": result.pk, "name": result.state}

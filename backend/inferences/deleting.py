"""Deleting inferences, and what keeps them: replicas that may run, and shadows."""

from __future__ import annotations

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InUse
from backend.api.uses import users
from backend.events.services import publish
from backend.inferences.models import Inference
from kafkaml.text import counted

__all__ = ["delete_inference", "deletion_of"]


def deletion_of(inference: Inference) -> Deletion:
    """Return what deleting an inference would do. An inference with shadows, or whose replicas may run, stays."""
    name = f"inference {inference.pk}"
    if inference.may_have_work:
        replicas = {"type": "replicas", "id": inference.pk, "name": _replicas_of(inference)}
        return Deletion(obstacle=InUse(f"{name} is {inference.state}", users=[replicas], hint="stop it first"))
    if shadows := users("inference", inference.shadows.all()):
        message = f"{name} has {counted(len(shadows), 'shadow')}"
        return Deletion(obstacle=InUse(message, users=shadows, hint="delete them first"))
    losses = [
        f"where it stopped reading {inference.input_topic}: another inference begins where its start says",
        "its logs and numbers",
    ]
    if inference.visualization:
        losses.append("how its predictions are shown live")
    losses.append("topics, predictions and dead letters in Kafka stay")
    if changelog := inference.changelog_topic:
        losses.append(
            f"{changelog} stays too, with the last records of each key: nothing reads it any more, so it may be "
            "deleted from Kafka"
        )
    return Deletion(losses=losses)


def delete_inference(inference: Inference, *, actor: Actor) -> None:
    """Delete an inference; refused while its replicas may run."""
    with transaction.atomic():
        locked = Inference.objects.select_for_update().get(pk=inference.pk)
        deletion_of(locked).check()
        record(actor, "delete", locked, before=state_hash(locked))
        publish("inferences", {"id": locked.pk, "change": "deleted"})
        locked.delete()


def _replicas_of(inference: Inference) -> str:
    return counted(inference.replicas, "replica") if inference.replicas else "workers elsewhere"

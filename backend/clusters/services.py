"""Changes to other clusters and their tokens."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import InUse
from backend.api.uses import users
from backend.clusters.models import Cluster
from backend.clusters.token_files import remove_token, store_token
from backend.events.services import publish
from kafkaml.wire.state import RunState

__all__ = ["create_cluster", "delete_cluster", "update_cluster"]

# Fields that must not change while inferences run, because their work could not be found again.
_PLACE = ("host", "namespace")


def create_cluster(*, actor: Actor, token: str, **values: Any) -> Cluster:
    """Save a cluster and keep its token."""
    with transaction.atomic():
        cluster = Cluster.objects.create(created_by_id=actor.user_id, **values)
        record(actor, "create", cluster, after=state_hash(cluster), detail=cluster.name)
        publish("clusters", {"id": cluster.pk, "change": "created"})
        # Write the token last, so that no file is left of a cluster that could not be saved.
        store_token(cluster.pk, token)
    return cluster


def update_cluster(cluster: Cluster, *, actor: Actor, token: str = "", **values: Any) -> Cluster:
    """Change fields, and the token where a new one is given; the controller reconnects.

    Raises InUse for a change of address or namespace while inferences run in the cluster.
    """
    with transaction.atomic():
        locked = Cluster.objects.select_for_update().get(pk=cluster.pk)
        moved = [name for name in _PLACE if name in values and values[name] != getattr(locked, name)]
        live = locked.inferences.exclude(state__in=[state for state in RunState if state.ended])
        if moved and (served := users("inference", live)):
            raise InUse(
                f"cluster {locked.name!r} runs {len(served)} inferences: another {moved[0]} would lose them",
                users=served,
                hint="stop them first",
            )
        before = state_hash(locked)
        for name, value in values.items():
            setattr(locked, name, value)
        locked.save()
        detail = ", ".join([locked.name, *sorted(values), *(["token"] if token else [])])
        record(actor, "change", locked, before=before, after=state_hash(locked), detail=detail)
        publish("clusters", {"id": locked.pk, "change": "changed"})
        if token:
            store_token(locked.pk, token)
    return locked


def delete_cluster(cluster: Cluster, *, actor: Actor) -> None:
    """Delete a cluster without inferences, and its token; raises InUse otherwise."""
    with transaction.atomic():
        locked = Cluster.objects.select_for_update().get(pk=cluster.pk)
        if served := users("inference", locked.inferences.all()):
            raise InUse(
                f"cluster {locked.name!r} has {len(served)} inferences",
                users=served,
                hint="stop them where they run, and delete them",
            )
        record(actor, "delete", locked, before=state_hash(locked), detail=locked.name)
        publish("clusters", {"id": locked.pk, "change": "deleted"})
        locked.delete()
        transaction.on_commit(lambda: remove_token(cluster.pk))

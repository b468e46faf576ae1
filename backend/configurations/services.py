"""Changes to configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from backend.api.audit import Actor, record, state_hash
from backend.api.errors import InUse
from backend.configurations.models import Configuration
from backend.events.services import publish
from backend.ml_models.models import MLModel

__all__ = ["create_configuration", "delete_configuration", "update_configuration"]


def create_configuration(*, actor: Actor, models: Sequence[MLModel], **values: Any) -> Configuration:
    """Save a set of models."""
    with transaction.atomic():
        configuration = Configuration.objects.create(created_by=actor.user, **values)
        configuration.models.set(models)
        record(actor, "create", configuration, after=state_hash(configuration), detail=_names(models))
        publish("configurations", {"id": configuration.pk, "change": "created"})
    return configuration


def update_configuration(
    configuration: Configuration, *, actor: Actor, models: Sequence[MLModel] | None = None, **values: Any
) -> Configuration:
    """Change name, description or models; deployments that exist keep the models that they were made with."""
    with transaction.atomic():
        before = state_hash(configuration)
        for name, value in values.items():
            setattr(configuration, name, value)
        configuration.save()
        if models is not None:
            configuration.models.set(models)
        record(
            actor, "change", configuration, before=before, after=state_hash(configuration), detail=_names(models or ())
        )
        publish("configurations", {"id": configuration.pk, "change": "changed"})
    return configuration


def delete_configuration(configuration: Configuration, *, actor: Actor) -> None:
    """Delete a configuration without deployments; raises InUse otherwise."""
    with transaction.atomic():
        users = [
            {"type": "deployment", "id": pk, "name": f"deployment {pk}"}
            for pk in configuration.deployments.values_list("id", flat=True)[:100]
        ]
        if users:
            raise InUse(
                f"configuration {configuration.name!r} is in use by {len(users)} deployments",
                users=users,
                hint="delete them first",
            )
        record(actor, "delete", configuration, before=state_hash(configuration), detail=configuration.name)
        publish("configurations", {"id": configuration.pk, "change": "deleted"})
        configuration.delete()


def _names(models: Sequence[MLModel]) -> str:
    return ", ".join(model.name for model in models)

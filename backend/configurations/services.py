"""Changes to configurations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import InUse
from backend.api.uses import users
from backend.configurations.models import Configuration
from backend.events.services import publish
from backend.ml_models.models import MLModel

__all__ = ["create_configuration", "delete_configuration", "update_configuration"]


def create_configuration(*, actor: Actor, models: Sequence[MLModel], **values: Any) -> Configuration:
    """Save a set of models."""
    with transaction.atomic():
        configuration = Configuration.objects.create(created_by_id=actor.user_id, **values)
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
        if deployed := users("deployment", configuration.deployments.all()):
            raise InUse(
                f"configuration {configuration.name!r} is in use by {len(deployed)} deployments",
                users=deployed,
                hint="delete them first",
            )
        record(actor, "delete", configuration, before=state_hash(configuration), detail=configuration.name)
        publish("configurations", {"id": configuration.pk, "change": "deleted"})
        configuration.delete()


def _names(models: Sequence[MLModel]) -> str:
    return ", ".join(model.name for model in models)

"""Changes to configurations."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

from django.db import transaction
from django.db.models import Count

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InUse
from backend.api.uses import users
from backend.configurations.models import Configuration
from backend.events.services import publish
from backend.ml_models.chains import chain_of
from backend.ml_models.models import MLModel
from kafkaml.text import counted

__all__ = [
    "complete_chains",
    "configuration_of",
    "create_configuration",
    "delete_configuration",
    "deletion_of",
    "update_configuration",
    "with_chains",
]

# What is left of a long name when a number follows it.
_LONGEST_START = 90


def with_chains(models: Sequence[MLModel]) -> list[MLModel]:
    """Return the models with all sub-models of the chains that any of them is part of, because a chain trains as a
    whole.
    """
    whole = {model.pk: model for model in models}
    for model in models:
        if model.distributed:
            whole |= {member.pk: member for member in chain_of(model)}
    return list(whole.values())


def create_configuration(*, actor: Actor, models: Sequence[MLModel], **values: Any) -> Configuration:
    """Save a set of models, chains of sub-models whole."""
    with transaction.atomic():
        models = with_chains(models)
        configuration = Configuration.objects.create(created_by_id=actor.user_id, **values)
        configuration.models.set(models)
        record(actor, "create", configuration, after=state_hash(configuration), detail=_names(models))
        publish("configurations", {"id": configuration.pk, "change": "created"})
    return configuration


def configuration_of(model: MLModel, *, actor: Actor) -> tuple[Configuration, bool]:
    """Return the newest configuration of only this model, or of only its chain, and whether it was made for this.

    The configuration that is made has the name of the model, with a number where that name is taken.
    """
    with transaction.atomic():
        # Of two requests at the same time, the second finds what the first made.
        MLModel.objects.select_for_update().get(pk=model.pk)
        whole = {member.pk for member in with_chains([model])}
        of_this_size = Configuration.objects.annotate(size=Count("models")).filter(size=len(whole))
        for configuration in of_this_size.filter(pk__in=model.configurations.values("pk")).order_by("-pk"):
            if {member.pk for member in configuration.models.only("pk")} == whole:
                return configuration, False
        return create_configuration(actor=actor, models=[model], name=_free_name(model.name)), True


def _free_name(name: str) -> str:
    taken = set(Configuration.objects.filter(name__startswith=name[:_LONGEST_START]).values_list("name", flat=True))
    numbered = (f"{name[:_LONGEST_START]} ({number})" for number in count(2))
    return name if name not in taken else next(other for other in numbered if other not in taken)


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
            models = with_chains(models)
            configuration.models.set(models)
        record(
            actor, "change", configuration, before=before, after=state_hash(configuration), detail=_names(models or ())
        )
        publish("configurations", {"id": configuration.pk, "change": "changed"})
    return configuration


def complete_chains(model: MLModel, *, actor: Actor, **_signal: Any) -> None:
    """Add a sub-model that was put below, or above, others to the configurations that have those."""
    for configuration in Configuration.objects.filter(models__in=chain_of(model)).distinct():
        before = list(configuration.models.all())
        whole = with_chains(before)
        if len(whole) > len(before):
            update_configuration(configuration, actor=actor, models=whole)


def deletion_of(configuration: Configuration) -> Deletion:
    """Return what deleting a configuration would do; a configuration with deployments stays."""
    if deployed := users("deployment", configuration.deployments.all()):
        message = f"configuration {configuration.name!r} is in use by {counted(len(deployed), 'deployment')}"
        return Deletion(obstacle=InUse(message, users=deployed, hint="delete them first"))
    described = " and its description" if configuration.description else ""
    grouped = counted(configuration.models.count(), "model")
    return Deletion(losses=[f"the grouping of {grouped}{described}; the models themselves stay"])


def delete_configuration(configuration: Configuration, *, actor: Actor) -> None:
    """Delete a configuration without deployments; raises InUse otherwise."""
    with transaction.atomic():
        deletion_of(configuration).check()
        record(actor, "delete", configuration, before=state_hash(configuration), detail=configuration.name)
        publish("configurations", {"id": configuration.pk, "change": "deleted"})
        configuration.delete()


def _names(models: Sequence[MLModel]) -> str:
    return ", ".join(model.name for model in models)

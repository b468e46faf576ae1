"""Changes to models: saved only when an executor found the source valid."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.errors import InUse, InvalidField
from backend.events.services import publish
from backend.ml_models import executor, selectors
from backend.ml_models.models import MLModel
from backend.ml_models.signals import source_changed
from kafkaml.wire.framework import Framework

__all__ = ["create_model", "delete_model", "update_model"]

_SOURCE_FIELDS = ("framework", "imports", "code", "distributed")


def create_model(*, actor: Actor, **values: Any) -> MLModel:
    """Check and save a model; raises InvalidModel, or BrokenError when the executor is away."""
    model = MLModel(created_by_id=actor.user_id, **values)
    _check_upper(model)
    # Outside the transaction: a check takes seconds, and SQLite has one writer.
    model.report = _report(model)
    with transaction.atomic():
        model.save()
        record(actor, "create", model, after=state_hash(model))
        publish("models", {"id": model.pk, "change": "created"})
    return model


def update_model(model: MLModel, *, actor: Actor, **values: Any) -> MLModel:
    """Change a model; its source is checked again when it differs. Results that train or have trained keep theirs."""
    before = state_hash(model)
    source = {name: getattr(model, name) for name in _SOURCE_FIELDS}
    for name, value in values.items():
        setattr(model, name, value)
    _check_upper(model)
    changed = any(getattr(model, name) != source[name] for name in _SOURCE_FIELDS)
    if model.framework != source["framework"] and selectors.users_of(model):
        raise InvalidField(
            "framework", "the framework of a model in use cannot be changed", hint="save it as another model"
        )
    if changed:
        model.report = _report(model)
    with transaction.atomic():
        model.save()
        if changed:
            source_changed.send(MLModel, model=model)
        record(actor, "change", model, before=before, after=state_hash(model), detail=", ".join(sorted(values)))
        publish("models", {"id": model.pk, "change": "changed"})
    return model


def delete_model(model: MLModel, *, actor: Actor) -> None:
    """Delete a model that nothing uses; raises InUse otherwise."""
    with transaction.atomic():
        if users := selectors.users_of(model):
            raise InUse(
                f"model {model.name!r} is in use by {len(users)} others",
                users=users,
                hint="delete or change them first",
            )
        record(actor, "delete", model, before=state_hash(model), detail=model.name)
        publish("models", {"id": model.pk, "change": "deleted"})
        model.delete()


def _report(model: MLModel) -> dict[str, Any]:
    return executor.require_valid(
        Framework(model.framework), code=model.code, imports=model.imports, distributed=model.distributed
    )


def _check_upper(model: MLModel) -> None:
    """A chain of distributed models ends: no model is above itself."""
    above, seen = model.upper_model, {model.pk} if model.pk else set()
    if above is not None and not model.distributed:
        raise InvalidField("upper_model", "only a distributed model has an upper model", hint="set distributed")
    while above is not None:
        if above.pk in seen:
            raise InvalidField("upper_model", f"model {above.name!r} would be above itself")
        seen.add(above.pk)
        above = above.upper_model

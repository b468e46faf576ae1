"""Changes to models: saved only when an executor found the source valid."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InUse, InvalidField
from backend.events.services import publish
from backend.ml_models import chains, executor, selectors
from backend.ml_models.models import MLModel
from backend.ml_models.signals import linked, source_changed
from kafkaml.text import counted
from kafkaml.wire.framework import Framework

__all__ = ["create_model", "delete_model", "deletion_of", "update_model"]

_ANOTHER = "save it as another model"
_SOURCE_FIELDS = ("framework", "imports", "code", "distributed")


def create_model(*, actor: Actor, **values: Any) -> MLModel:
    """Check and save a model; raises InvalidModel, or BrokenError when the executor is unavailable."""
    model = MLModel(created_by_id=actor.user_id, **values)
    chains.check_links(model)
    # Check outside the transaction, because a check takes seconds and SQLite has only one writer.
    model.report = _report(model)
    with transaction.atomic():
        _check_chain(model)
        model.save()
        if model.upper_model is not None:
            linked.send(MLModel, model=model, actor=actor)
        record(actor, "create", model, after=state_hash(model))
        publish("models", {"id": model.pk, "change": "created"})
    return model


def update_model(model: MLModel, *, actor: Actor, **values: Any) -> MLModel:
    """Change a model; its source is checked again when it differs. Results that train or have trained keep theirs."""
    before = state_hash(model)
    source = {name: getattr(model, name) for name in _SOURCE_FIELDS}
    upper = model.upper_model
    for name, value in values.items():
        setattr(model, name, value)
    chains.check_links(model)
    changed = any(getattr(model, name) != source[name] for name in _SOURCE_FIELDS)
    if model.framework != source["framework"] and selectors.users_of(model):
        raise InvalidField("framework", "the framework of a model in use cannot be changed", hint=_ANOTHER)
    _check_place(model, upper, was_distributed=source["distributed"])
    if changed:
        model.report = _report(model)
    with transaction.atomic():
        _check_chain(model)
        model.save()
        if changed:
            source_changed.send(MLModel, model=model)
        if model.upper_model is not None and model.upper_model != upper:
            linked.send(MLModel, model=model, actor=actor)
        record(actor, "change", model, before=before, after=state_hash(model), detail=", ".join(sorted(values)))
        publish("models", {"id": model.pk, "change": "changed"})
    return model


def deletion_of(model: MLModel) -> Deletion:
    """Return what deleting a model would do; a model in use stays."""
    if users := selectors.users_of(model):
        others = "another" if len(users) == 1 else f"{len(users)} others"
        message = f"model {model.name!r} is in use by {others}"
        return Deletion(obstacle=InUse(message, users=users, hint="delete or change them first"))
    lines = counted(len(model.code.splitlines()), "line")
    return Deletion(losses=[f"its code: {lines}, which nothing else keeps"], careful=True)


def delete_model(model: MLModel, *, actor: Actor) -> None:
    """Delete a model that nothing uses; raises InUse otherwise."""
    with transaction.atomic():
        deletion_of(model).check()
        record(actor, "delete", model, before=state_hash(model), detail=model.name)
        publish("models", {"id": model.pk, "change": "deleted"})
        model.delete()


def _report(model: MLModel) -> dict[str, Any]:
    return executor.require_valid(
        Framework(model.framework), code=model.code, imports=model.imports, distributed=model.distributed
    )


def _check_chain(model: MLModel) -> None:
    """Check a model against its neighbours as they are in this transaction."""
    if model.distributed or model.pk:
        chains.lock_chains()
        if model.upper_model_id is not None:
            model.upper_model = MLModel.objects.filter(pk=model.upper_model_id).first()
            if model.upper_model is None:
                raise InvalidField("upper_model", "the upper model was deleted just now")
        chains.check_links(model)
        chains.check_shapes(model)


def _check_place(model: MLModel, upper: MLModel | None, *, was_distributed: bool) -> None:
    """Refuse a change of the chain while configurations or results use the model, because they rely on its place."""
    if (model.upper_model, model.distributed) == (upper, was_distributed):
        return
    if users := [user for user in selectors.users_of(model) if user["type"] != "model"]:
        raise InvalidField(
            "upper_model" if model.distributed == was_distributed else "distributed",
            f"a model's place in its chain cannot be changed while {users[0]['type']} {users[0]['name']!r} uses it",
            hint=_ANOTHER,
        )

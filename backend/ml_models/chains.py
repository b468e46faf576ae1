"""How sub-models of distributed models are linked: a line from below (edge) to the top (cloud), in which shapes fit.

Called where a model is saved, and where configurations and deployments take chains whole.
"""

from __future__ import annotations

from collections.abc import Iterable

from backend.api.errors import InvalidField
from backend.ml_models.models import MLModel
from kafkaml.chains import exits_gap, outputs_gap, shape_gap
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = [
    "chain_of",
    "chains_among",
    "check_links",
    "check_shapes",
    "lock_chains",
    "lower_of",
    "require_chains",
    "takers_among",
]

_FIELD = "upper_model"
_SHAPE_HINT = "change the code of one of the two; the sub-model below is asked for its outputs, the one above its input"


def lower_of(model: MLModel) -> MLModel | None:
    """Return the sub-model that sends to ``model``."""
    return MLModel.objects.filter(upper_model=model).exclude(pk=model.pk).first() if model.pk else None


def chain_of(model: MLModel) -> list[MLModel]:
    """Return the chain that a sub-model is part of, from below; an ordinary model is alone."""
    chain = [model]
    while chain[-1].upper_model is not None:
        chain.append(chain[-1].upper_model)
    while (lower := lower_of(chain[0])) is not None:
        chain.insert(0, lower)
    return chain


def chains_among(models: Iterable[MLModel]) -> list[list[MLModel]]:
    """Return the chains whose sub-models are all among ``models``, each from below; ordinary models are in none."""
    rows = {model.pk: model for model in models if model.distributed}
    lower = {row.upper_model_id: row for row in rows.values() if row.upper_model_id is not None}
    chains = []
    for top in (row for row in rows.values() if row.upper_model_id is None):
        chain = [top]
        while (below := lower.get(chain[0].pk)) is not None:
            chain.insert(0, below)
        chains.append(chain)
    return chains


def takers_among(models: Iterable[MLModel]) -> list[MLModel]:
    """Return those of ``models`` that take samples; the upper ones of a chain take the output of the one below."""
    found = list(models)
    upper = {sub_model.pk for chain in chains_among(found) for sub_model in chain[1:]}
    return [model for model in found if model.pk not in upper]


def lock_chains() -> None:
    """Lock all sub-models until the transaction ends, because a link is checked against the neighbours that it has by
    then.
    """
    list(MLModel.objects.select_for_update().filter(distributed=True).order_by("pk").values_list("pk", flat=True))


def require_chains(framework: Framework) -> None:
    """Raise InvalidField unless there can be distributed models of the framework."""
    if FRAMEWORKS[framework].chain is None:
        others = ", ".join(other.title for other in FRAMEWORKS.values() if other.chain is not None)
        raise InvalidField(
            "distributed",
            f"{FRAMEWORKS[framework].title} has no distributed models",
            hint=f"there are some of {others}",
        )


def check_links(model: MLModel) -> None:
    """Raise InvalidField unless the model may send to its upper model, and the one below it to it."""
    if model.distributed:
        require_chains(Framework(model.framework))
    lower, upper = lower_of(model), model.upper_model
    if lower is not None:
        _check_below(model, lower)
    if upper is None:
        return
    if not model.distributed:
        raise InvalidField(_FIELD, "only a distributed model has an upper model", hint="set distributed")
    if not upper.distributed:
        raise InvalidField(
            _FIELD, f"model {upper.name!r} is not distributed: expected a sub-model", hint="set distributed there first"
        )
    if upper.framework != model.framework:
        raise InvalidField(
            _FIELD,
            f"model {upper.name!r} is of {upper.framework} and this one of {model.framework}: expected one framework",
            hint="a chain is trained as one model",
        )
    _check_line(model, upper)


def check_shapes(model: MLModel) -> None:
    """Raise InvalidField unless the model's reported outputs suit its place in the chain and fit its neighbours."""
    if not model.distributed:
        return
    lower, upper = lower_of(model), model.upper_model
    _refuse_if(outputs_gap(model.name, _count(model), top=upper is None) if _count(model) else "")
    if upper is not None:
        _check_fit(model, upper)
    if lower is not None:
        _check_fit(lower, model)


def _check_below(model: MLModel, lower: MLModel) -> None:
    if not model.distributed:
        raise InvalidField(
            "distributed",
            f"model {lower.name!r} sends to this one: expected a distributed model",
            hint=f"take the upper model of {lower.name!r} away first",
        )
    if lower.framework != model.framework:
        raise InvalidField(
            "framework",
            f"model {lower.name!r}, which sends to this one, is of {lower.framework}: expected one framework",
            hint="save it as another model",
        )


def _check_line(model: MLModel, upper: MLModel) -> None:
    other = MLModel.objects.filter(upper_model=upper).exclude(pk=model.pk).first()
    if other is not None:
        raise InvalidField(
            _FIELD,
            f"model {other.name!r} is below {upper.name!r} already: expected one lower model at most",
            hint="save the upper model once more under another name, and choose that",
        )
    above: MLModel | None = upper
    seen = {model.pk} if model.pk else set()
    while above is not None:
        if above.pk in seen:
            raise InvalidField(_FIELD, f"model {above.name!r} would be above itself")
        seen.add(above.pk)
        above = above.upper_model


def _check_fit(lower: MLModel, upper: MLModel) -> None:
    framework = Framework(upper.framework)
    sends, takes = _shape(lower, "outputs", 0), _shape(upper, "inputs", 0)
    if sends is not None and takes is not None:
        _refuse_if(shape_gap(lower.name, sends, upper.name, takes, framework))
    one, other = _shape(lower, "outputs", -1), _shape(upper, "outputs", -1)
    if one is not None and other is not None:
        _refuse_if(exits_gap(lower.name, one, upper.name, other))


def _refuse_if(reason: str) -> None:
    if reason:
        raise InvalidField(_FIELD, reason, hint=_SHAPE_HINT)


def _count(model: MLModel) -> int:
    return len(model.report.get("outputs") or ())


def _shape(model: MLModel, which: str, index: int) -> list[int | None] | None:
    """Return the shape of one sample in a report; None where the report does not tell it."""
    specs = model.report.get(which) or ()
    return list(specs[index]["shape"][1:]) if specs else None

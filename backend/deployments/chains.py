"""The settings for training the chains of a deployment: parsed, and checked against their sub-models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.api.asked import problem_with, read_settings
from backend.api.errors import FieldProblem, InvalidFields
from backend.ml_models.chains import chains_among
from backend.ml_models.models import MLModel
from kafkaml.chains import close_name, known_name
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.choices import Targets
from kafkaml.wire.distributed import ChainTraining
from kafkaml.wire.framework import Framework

__all__ = ["OLD_FIELDS", "chain_problems", "checked_chain"]

_FIELD = "chain"
# Kafka-ML's first form had the settings of chains among the other fields of a deployment.
OLD_FIELDS = ("optimizer", "learning_rate", "loss", "metrics")


def checked_chain(values: Mapping[str, Any], models: Iterable[MLModel]) -> dict[str, Any] | None:
    """Return what a deployment keeps of how its chains are trained, None without chains.

    ``values`` are the fields of the deployment, which may include those of Kafka-ML's first form. Raises InvalidFields
    naming every field that is not accepted.
    """
    asked, problems = _judged(values, list(models))
    if problems:
        raise InvalidFields(problems)
    return None if asked is None else asked.to_json()


def chain_problems(values: Mapping[str, Any], models: Iterable[MLModel]) -> list[FieldProblem]:
    """Return what is wrong with the settings of chains: one problem for each field, ``chain.<name>`` or an old one."""
    return _judged(values, list(models))[1]


def _judged(values: Mapping[str, Any], models: Sequence[MLModel]) -> tuple[ChainTraining | None, list[FieldProblem]]:
    document: Mapping[str, Any] | None = values.get(_FIELD)
    old = {name: values[name] for name in OLD_FIELDS if values.get(name) is not None}
    chains = chains_among(models)
    if not chains:
        detail = "the configuration has no distributed model: its models say themselves what they are trained with"
        given = [*([_FIELD] if document is not None else []), *old]
        return None, [problem_with(name, detail) for name in given]
    problems = [
        problem_with(name, f"{_FIELD}.{name} says the same: expected one of the two")
        for name in old
        if name in (document or {})
    ]
    asked, found = read_settings(ChainTraining, _with_metrics({**(document or {}), **old}), field=_FIELD)
    if asked is not None:
        asked, named = _with_known_names(asked, {Framework(chain[0].framework) for chain in chains})
        found += [*named, *_weight_problems(asked, chains), *_metric_problems(values, asked)]
    problems += [_as_asked(problem, old) for problem in found]
    return asked, [*problems, *_combination_problems(values)]


def _with_metrics(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with metrics as a list. Users may also write them as text: ``mse, mae``."""
    metrics = given.get("metrics")
    if not isinstance(metrics, str):
        return dict(given)
    return {**given, "metrics": [part.strip() for part in metrics.split(",") if part.strip()]}


def _with_known_names(asked: ChainTraining, frameworks: set[Framework]) -> tuple[ChainTraining, list[FieldProblem]]:
    """Return the settings by the names that the frameworks have for them, and a problem for each that one lacks."""
    problems: list[FieldProblem] = []

    def known(field: str, text: str, accepted: Mapping[Framework, Sequence[str]]) -> str:
        for framework, expected in sorted(accepted.items()):
            if known_name(text, expected) is None:
                close = close_name(text, expected)
                detail = (
                    f"{FRAMEWORKS[framework].title} has no {text[:40]!r} here: expected one of {', '.join(expected)}"
                )
                problems.append(
                    problem_with(f"{_FIELD}.{field}", detail, hint=f"did you mean {close}?" if close else "")
                )
                return text
        return known_name(text, accepted[min(frameworks)]) or text

    # A framework without chains has no distributed model either.
    names = {framework: chain for framework in frameworks if (chain := FRAMEWORKS[framework].chain) is not None}
    metrics = [known("metrics", metric, {of: found.metrics for of, found in names.items()}) for metric in asked.metrics]
    changed = {
        "optimizer": known("optimizer", asked.optimizer, {of: found.optimizers for of, found in names.items()}),
        "loss": known("loss", asked.loss, {of: found.losses for of, found in names.items()}),
        "metrics": tuple(dict.fromkeys(metrics)),
    }
    return asked.model_copy(update=changed), problems


def _weight_problems(asked: ChainTraining, chains: Sequence[Sequence[MLModel]]) -> list[FieldProblem]:
    names = [model.name for chain in chains for model in chain]
    problems = []
    for name in asked.loss_weights:
        if name not in names:
            close = close_name(name, names)
            detail = f"there is no sub-model {name[:100]!r}: expected one of {', '.join(names)}"
            hint = f"did you mean {close}?" if close else ""
            problems.append(problem_with(f"{_FIELD}.loss_weights.{name}", detail, hint=hint))
    for chain in chains:
        if all(asked.loss_weights.get(model.name, 1.0) == 0 for model in chain):
            detail = f"no exit of {', '.join(model.name for model in chain)} counts: expected a weight above 0"
            problems.append(problem_with(f"{_FIELD}.loss_weights", detail))
    return problems


def _metric_problems(values: Mapping[str, Any], asked: ChainTraining) -> list[FieldProblem]:
    """Check that the exits measure the metric that incremental training watches."""
    watched = (values.get("incremental") or {}).get("monitoring_metric")
    measured = ("loss", *asked.metrics)
    if not watched or watched in measured:
        return []
    detail = f"the exits of the chain do not measure {str(watched)[:40]!r}: expected one of {', '.join(measured)}"
    return [problem_with("incremental.monitoring_metric", detail)]


def _combination_problems(values: Mapping[str, Any]) -> list[FieldProblem]:
    problems = []
    if values.get("semi_supervised") is not None:
        detail = "the exits of a distributed model are not equally sure of a pseudo-label: expected labelled data alone"
        problems.append(problem_with("semi_supervised", detail, hint="deploy its sub-models without semi_supervised"))
    if values.get("targets") == Targets.FEATURES:
        detail = "the exits of a distributed model predict labels: expected targets labels"
        problems.append(problem_with("targets", detail))
    return problems


def _as_asked(problem: FieldProblem, old: Mapping[str, Any]) -> FieldProblem:
    """Return a problem under the name by which the field was given."""
    name = problem.field.removeprefix(f"{_FIELD}.").partition(".")[0]
    if name not in old:
        return problem
    return FieldProblem(field=name, code=problem.code, detail=problem.detail, hint=problem.hint)

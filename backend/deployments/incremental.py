"""The settings of incremental deployments: parsed, checked against their models, put into plans."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from backend.api.asked import problem_with, read_settings
from backend.api.errors import FieldProblem, InvalidFields
from backend.deployments.models import Deployment
from backend.ml_models.models import MLModel
from kafkaml.control import ControlMessage
from kafkaml.metric_direction import known_direction
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.incremental import Incremental

__all__ = ["checked_incremental", "incremental_of", "incremental_problems"]

# The default share of each window that validates, as in Kafka-ML's first version.
_DEFAULT_RATE = 0.2
# The first version's form had two numbers for the share that validates.
_OLD_SHARE = ("numeratorBatch", "denominatorBatch")


def checked_incremental(
    mode: TrainingMode, document: Mapping[str, Any] | None, models: Iterable[MLModel]
) -> dict[str, Any] | None:
    """Return the settings as a deployment keeps them; raises InvalidFields naming every field that is not accepted."""
    asked, problems = _judged(mode, document, models)
    if problems:
        raise InvalidFields(problems)
    return None if asked is None else asked.to_json()


def incremental_problems(
    mode: TrainingMode, document: Mapping[str, Any] | None, models: Iterable[MLModel]
) -> list[FieldProblem]:
    """Return the problems of a deployment's settings, one per field, ``incremental.<name>``."""
    return _judged(mode, document, models)[1]


def incremental_of(deployment: Deployment, stream: ControlMessage) -> Incremental | None:
    """Return how a deployment trains on ``stream``, with the share that validates; None unless it is incremental."""
    if deployment.mode != TrainingMode.INCREMENTAL:
        return None
    asked = Incremental.model_validate(deployment.incremental or {})
    if asked.validation_rate is not None:
        return asked
    rate = stream.validation_rate or (_DEFAULT_RATE if asked.monitoring_metric or asked.indefinite else 0.0)
    return asked.model_copy(update={"validation_rate": rate})


def _judged(
    mode: TrainingMode, document: Mapping[str, Any] | None, models: Iterable[MLModel]
) -> tuple[Incremental | None, list[FieldProblem]]:
    if mode is not TrainingMode.INCREMENTAL:
        detail = "how a stream without end is learnt: expected mode incremental"
        return None, [] if document is None else [FieldProblem(field="incremental", code="incremental", detail=detail)]
    asked, problems = _read(document or {})
    return asked, [*problems, *_problems_with(models, asked)]


def _read(document: Mapping[str, Any]) -> tuple[Incremental, list[FieldProblem]]:
    """Return the settings, or the defaults where they cannot be read, and their problems."""
    given, problems = _with_share(dict(document))
    asked, found = read_settings(Incremental, given, field="incremental")
    problems += found
    if asked is None:
        return Incremental(), problems
    return _with_direction(asked, given), [*problems, *_combination_problems(asked, given)]


def _problems_with(models: Iterable[MLModel], asked: Incremental) -> list[FieldProblem]:
    """Return conflicts between models and settings: a metric that their reports do not have."""
    problems = []
    for model in models:
        metrics = model.report.get("metrics") or []
        if asked.monitoring_metric and metrics and asked.monitoring_metric not in metrics:
            close = difflib.get_close_matches(asked.monitoring_metric, metrics, n=1)
            detail = f"model {model.name} has no metric {asked.monitoring_metric!r}: expected {_either(metrics)}"
            problems.append(_problem("monitoring_metric", detail, hint=f"did you mean {close[0]}?" if close else ""))
    return problems


def _with_share(given: dict[str, Any]) -> tuple[dict[str, Any], list[FieldProblem]]:
    """Return ``given`` with the two numbers of the old form as a share."""
    numbers = [given.pop(name, None) for name in _OLD_SHARE]
    if numbers == [None, None]:
        return given, []
    if given.get("validation_rate") is not None:
        return given, [_problem("validation_rate", f"{' and '.join(_OLD_SHARE)} say the same: expected one of the two")]
    numerator, denominator = (
        default if number is None else number for number, default in zip(numbers, (1, 5), strict=True)
    )
    for name, number in zip(_OLD_SHARE, (numerator, denominator), strict=True):
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            return given, [_problem(name, f"got {str(number)[:40]!r}: expected a whole number")]
    if numerator >= denominator:
        return given, [_problem("numeratorBatch", f"{numerator} of {denominator} validate: expected fewer than all")]
    return {**given, "validation_rate": numerator / denominator}, []


def _with_direction(asked: Incremental, given: Mapping[str, Any]) -> Incremental:
    if not asked.monitoring_metric or asked.change is not None:
        return asked
    return Incremental.model_validate({**given, "change": known_direction(asked.monitoring_metric)})


def _combination_problems(asked: Incremental, given: Mapping[str, Any]) -> list[FieldProblem]:
    problems = []
    metric = asked.monitoring_metric
    if not metric:
        for name in ("change", "improvement"):
            if given.get(name) is not None:
                detail = "there is no metric that could improve: expected monitoring_metric as well"
                problems.append(_problem(name, detail, hint="for example loss or accuracy"))
    elif asked.change is None and known_direction(metric) is None:
        detail = f"whether {metric} gets better as it rises is not known: expected up or down"
        problems.append(_problem("change", detail))
    if asked.validation_rate == 0 and (metric or asked.indefinite):
        wanted = f"{metric} is measured on samples that validate" if metric else "nothing would say how well it learns"
        problems.append(_problem("validation_rate", f"{wanted}: expected more than 0", hint="for example 0.2"))
    return problems


def _problem(name: str, detail: str, *, hint: str = "") -> FieldProblem:
    return problem_with(f"incremental.{name}", detail, hint=hint)


def _either(names: Iterable[str]) -> str:
    return " or ".join(names)

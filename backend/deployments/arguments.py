"""Fit and evaluation arguments of a deployment: parsed as literals and checked against the frameworks' descriptions,
once.

What is stored is ``{framework: {purpose: {"text": ..., "values": ...}}}``: the text as typed, for users, and its
values, for plans.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from backend.api.errors import FieldProblem, InvalidFields
from backend.configurations.models import Configuration
from backend.configurations.services import with_chains
from backend.ml_models.models import MLModel
from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.frameworks import BEST_EPOCH, FRAMEWORKS, Purpose
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.framework import Framework

__all__ = ["argument_problems", "checked_arguments", "legible_texts", "read_arguments"]

Texts = Mapping[str, Mapping[str, str]]

_CLASS_WEIGHT = "class_weight"


def checked_arguments(configuration: Configuration, texts: Texts, mode: TrainingMode) -> dict[str, Any]:
    """Return the arguments as they are stored; raises InvalidFields naming every field that is not accepted."""
    if problems := argument_problems(configuration, texts, mode):
        raise InvalidFields(problems)
    return read_arguments(texts)


def argument_problems(configuration: Configuration | None, texts: Texts, mode: TrainingMode) -> list[FieldProblem]:
    """Return the problems of the arguments: texts that do not parse, and arguments that a model does not accept.

    Without a configuration the arguments of all frameworks are checked.
    """
    models = None if configuration is None else list(configuration.models.all())
    frameworks = set(Framework) if models is None else {Framework(model.framework) for model in models}
    problems: list[FieldProblem] = []
    for framework, purpose, text in _each(texts):
        try:
            arguments = parse_arguments(text)
            if framework in frameworks:
                FRAMEWORKS[framework].check(purpose, arguments)
            if purpose is Purpose.FIT:
                own = [model for model in models or () if model.framework == framework]
                _check_outputs(arguments, own)
                _check_best_epoch(arguments, mode, own)
        except ArgumentsError as error:
            field = f"arguments.{framework}.{purpose}"
            problems.append(FieldProblem(field=field, code="arguments", detail=error.message, hint=error.hint))
    return problems


def _check_outputs(arguments: Mapping[str, Any], models: Sequence[MLModel]) -> None:
    if _CLASS_WEIGHT in arguments and any(model.distributed for model in models):
        raise ArgumentsError(
            "a distributed model has several outputs, which class_weight does not weight: expected none",
            hint="leave it out, or deploy the models with one output separately",
        )


def _check_best_epoch(arguments: Mapping[str, Any], mode: TrainingMode, models: Sequence[MLModel]) -> None:
    given = [name for name in arguments if name in BEST_EPOCH]
    if given and mode.online:
        raise ArgumentsError(
            f"{', '.join(given)}: an online stream is learnt window by window and has no best epoch: expected none",
            hint="incremental.monitoring_metric keeps the version that is best on samples that validate",
        )
    if monitor := arguments.get("monitor"):
        _check_metric(str(monitor), models)


def _check_metric(monitor: str, models: Sequence[MLModel]) -> None:
    """Raise ArgumentsError where a model, or a chain, is known not to measure what is to be monitored."""
    name = monitor.removeprefix("val_")
    sub_models = with_chains([model for model in models if model.distributed])
    measured = {f"model {model.name}": model.report.get("metrics") or () for model in models if not model.distributed}
    if len(sub_models) > 1:
        measured["the distributed model"] = ["loss", *(sub_model.name for sub_model in sub_models)]
    for what, names in measured.items():
        # A metric with several numbers is named by their common prefix, and so is the metric of an exit.
        if names and not any(name == known or name.startswith(f"{known}_") for known in names):
            close = difflib.get_close_matches(name, names, n=1)
            raise ArgumentsError(
                f"{what} has no metric {monitor!r} to monitor: expected {' or '.join(names)}, with val_ before it on "
                "validation samples",
                argument="monitor",
                hint=f"did you mean {close[0]}?" if close else "",
            )


def read_arguments(texts: Texts) -> dict[str, Any]:
    """Return the arguments as they are stored, without those that are empty; raises ArgumentsError."""
    stored: dict[str, Any] = {}
    for framework, purpose, text in _each(texts):
        stored.setdefault(framework.value, {})[purpose.value] = {"text": text, "values": parse_arguments(text)}
    return stored


def legible_texts(given: object) -> Texts:
    """Return the texts of arguments in ``given``, which may be any JSON."""
    frameworks = given.items() if isinstance(given, Mapping) else ()
    return {
        name: {purpose: text for purpose, text in purposes.items() if isinstance(text, str)}
        for name, purposes in frameworks
        if isinstance(purposes, Mapping)
    }


def _each(texts: Texts) -> list[tuple[Framework, Purpose, str]]:
    return [
        (framework, purpose, text)
        for framework in Framework
        for purpose in Purpose
        if (text := texts.get(framework, {}).get(purpose, ""))
    ]

"""Fit and evaluation arguments of a deployment: read as literals, then put before the frameworks that will get them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import FieldProblem, InvalidFields
from backend.configurations.models import Configuration
from backend.ml_models import executor
from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.jobs import Framework

__all__ = ["check_deployment_arguments"]

_PURPOSES = ("fit", "evaluation")


def check_deployment_arguments(configuration: Configuration, values: Mapping[str, Any]) -> None:
    """Raise InvalidFields naming every field whose arguments do not parse or are not accepted.

    A framework is asked only when the configuration has a model of it.
    """
    problems: list[FieldProblem] = []
    parsed: dict[tuple[Framework, str], dict[str, Any]] = {}
    for framework in Framework:
        for purpose in _PURPOSES:
            try:
                parsed[framework, purpose] = parse_arguments(values.get(_field(framework, purpose), ""))
            except ArgumentsError as error:
                problems.append(_problem(framework, purpose, error))
    if not problems:
        used = set(configuration.models.values_list("framework", flat=True))
        for (framework, purpose), arguments in parsed.items():
            if framework in used:
                problems += _asked(framework, purpose, arguments)
    if problems:
        raise InvalidFields(problems)


def _asked(framework: Framework, purpose: str, arguments: Mapping[str, Any]) -> list[FieldProblem]:
    try:
        executor.check_arguments(
            framework,
            fit=arguments if purpose == "fit" else {},
            evaluation=arguments if purpose == "evaluation" else {},
        )
    except ArgumentsError as error:
        return [_problem(framework, purpose, error)]
    return []


def _field(framework: Framework, purpose: str) -> str:
    return f"{framework}_{purpose}_arguments"


def _problem(framework: Framework, purpose: str, error: ArgumentsError) -> FieldProblem:
    return FieldProblem(field=_field(framework, purpose), code="arguments", detail=error.message, hint=error.hint)

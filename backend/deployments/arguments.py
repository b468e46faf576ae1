"""Fit and evaluation arguments of a deployment: read as literals, then held against the frameworks' descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import FieldProblem, InvalidFields
from backend.configurations.models import Configuration
from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.wire.framework import Framework

__all__ = ["argument_problems", "check_deployment_arguments"]


def check_deployment_arguments(configuration: Configuration, values: Mapping[str, Any]) -> None:
    """Raise InvalidFields naming every field whose arguments do not parse or are not accepted."""
    if problems := argument_problems(configuration, values):
        raise InvalidFields(problems)


def argument_problems(configuration: Configuration | None, values: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is wrong with the arguments: of texts that do not parse, and of those that a model would be given.

    Without a configuration the arguments of all frameworks are checked.
    """
    frameworks = list(Framework) if configuration is None else _frameworks(configuration)
    problems: list[FieldProblem] = []
    for framework in Framework:
        for purpose in Purpose:
            try:
                arguments = parse_arguments(values.get(_field(framework, purpose), ""))
                if framework in frameworks:
                    FRAMEWORKS[framework].check(purpose, arguments)
            except ArgumentsError as error:
                problems.append(_problem(framework, purpose, error))
    return problems


def _frameworks(configuration: Configuration) -> set[Framework]:
    return {Framework(each) for each in configuration.models.values_list("framework", flat=True)}


def _field(framework: Framework, purpose: Purpose) -> str:
    return f"{framework}_{purpose}_arguments"


def _problem(framework: Framework, purpose: Purpose, error: ArgumentsError) -> FieldProblem:
    return FieldProblem(field=_field(framework, purpose), code="arguments", detail=error.message, hint=error.hint)

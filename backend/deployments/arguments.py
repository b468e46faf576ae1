"""Fit and evaluation arguments of a deployment: read as literals, then put before the frameworks that will get them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from backend.api.errors import FieldProblem, InvalidFields
from backend.configurations.models import Configuration
from backend.ml_models import executor
from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.framework_arguments import ACCEPTED, Purpose, check_arguments
from kafkaml.wire.framework import Framework

__all__ = ["accepted_arguments", "argument_problems", "check_deployment_arguments"]

# Whether a framework accepts arguments: raises ArgumentsError when it does not.
_Check = Callable[[Framework, Purpose, Mapping[str, Any]], None]


def check_deployment_arguments(configuration: Configuration, values: Mapping[str, Any]) -> None:
    """Raise InvalidFields naming every field whose arguments do not parse or are not accepted.

    A framework is asked only when the configuration has a model of it.
    """
    problems = _problems(values, _frameworks(configuration), _ask_executor)
    if problems:
        raise InvalidFields(problems)


def argument_problems(configuration: Configuration | None, values: Mapping[str, Any]) -> list[FieldProblem]:
    """Return what is wrong with the arguments, by the table alone: quick enough to be asked while somebody types.

    Without a configuration the arguments of all frameworks are checked.
    """
    frameworks = list(Framework) if configuration is None else _frameworks(configuration)
    return _problems(values, frameworks, check_arguments)


def accepted_arguments() -> list[dict[str, str]]:
    """Return every argument that can be given, by the field that it is written in, the usual ones first."""
    return [
        {
            "field": _field(framework, purpose),
            "name": name,
            "meaning": argument.meaning,
            "expected": argument.kind.expected,
            "default": argument.default,
        }
        for framework, purposes in ACCEPTED.items()
        for purpose, arguments in purposes.items()
        for name, argument in arguments.items()
    ]


def _problems(values: Mapping[str, Any], frameworks: Collection[Framework], accepts: _Check) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    parsed: dict[tuple[Framework, Purpose], dict[str, Any]] = {}
    for framework in Framework:
        for purpose in Purpose:
            try:
                parsed[framework, purpose] = parse_arguments(values.get(_field(framework, purpose), ""))
            except ArgumentsError as error:
                problems.append(_problem(framework, purpose, error))
    for (framework, purpose), arguments in parsed.items():
        if framework in frameworks:
            try:
                accepts(framework, purpose, arguments)
            except ArgumentsError as error:
                problems.append(_problem(framework, purpose, error))
    return problems


def _ask_executor(framework: Framework, purpose: Purpose, arguments: Mapping[str, Any]) -> None:
    # What the table refuses need not start a process.
    check_arguments(framework, purpose, arguments)
    executor.check_arguments(
        framework,
        fit=arguments if purpose == Purpose.FIT else {},
        evaluation=arguments if purpose == Purpose.EVALUATION else {},
    )


def _frameworks(configuration: Configuration) -> set[Framework]:
    return {Framework(each) for each in configuration.models.values_list("framework", flat=True)}


def _field(framework: Framework, purpose: Purpose) -> str:
    return f"{framework}_{purpose}_arguments"


def _problem(framework: Framework, purpose: Purpose, error: ArgumentsError) -> FieldProblem:
    return FieldProblem(field=_field(framework, purpose), code="arguments", detail=error.message, hint=error.hint)

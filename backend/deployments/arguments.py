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


def check_deployment_arguments(configuration: Configuration, values: Mapping[str, Any]) -> None:
    """Raise InvalidFields naming every field whose arguments do not parse or are not accepted.

    A framework is asked only when the configuration has a model of it.
    """
    used = set(configuration.models.values_list("framework", flat=True))
    problems: list[FieldProblem] = []
    for framework in Framework:
        for purpose in ("fit", "evaluation"):
            field = f"{framework}_{purpose}_arguments"
            try:
                arguments = parse_arguments(values.get(field, ""))
                if framework in used:
                    executor.check_arguments(
                        framework,
                        fit=arguments if purpose == "fit" else {},
                        evaluation=arguments if purpose == "evaluation" else {},
                    )
            except ArgumentsError as error:
                problems.append(FieldProblem(field=field, code="arguments", detail=error.message, hint=error.hint))
    if problems:
        raise InvalidFields(problems)

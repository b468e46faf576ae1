"""Fit and evaluation arguments of a deployment: read as literals and held against the frameworks' descriptions, once.

What is stored is ``{framework: {purpose: {"text": ..., "values": ...}}}``: the text as it was typed, for people, and
what it says, for plans.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.api.errors import FieldProblem, InvalidFields
from backend.configurations.models import Configuration
from kafkaml.arguments import parse_arguments
from kafkaml.errors import ArgumentsError
from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.wire.framework import Framework

__all__ = ["argument_problems", "checked_arguments", "legible_texts", "read_arguments"]

Texts = Mapping[str, Mapping[str, str]]

_CLASS_WEIGHT = "class_weight"


def checked_arguments(configuration: Configuration, texts: Texts) -> dict[str, Any]:
    """Return the arguments as they are stored; raises InvalidFields naming every field that is not accepted."""
    if problems := argument_problems(configuration, texts):
        raise InvalidFields(problems)
    return read_arguments(texts)


def argument_problems(configuration: Configuration | None, texts: Texts) -> list[FieldProblem]:
    """Return what is wrong with the arguments: of texts that do not parse, and of those that a model would be given.

    Without a configuration the arguments of all frameworks are checked.
    """
    frameworks = set(Framework) if configuration is None else _frameworks(configuration)
    chained = set() if configuration is None else _frameworks(configuration, distributed=True)
    problems: list[FieldProblem] = []
    for framework, purpose, text in _each(texts):
        try:
            arguments = parse_arguments(text)
            if framework in frameworks:
                FRAMEWORKS[framework].check(purpose, arguments)
            if framework in chained and _CLASS_WEIGHT in arguments:
                raise ArgumentsError(
                    "a distributed model has several outputs, which class_weight does not weight: expected none",
                    hint="leave it out, or deploy the models of one output by themselves",
                )
        except ArgumentsError as error:
            field = f"arguments.{framework}.{purpose}"
            problems.append(FieldProblem(field=field, code="arguments", detail=error.message, hint=error.hint))
    return problems


def read_arguments(texts: Texts) -> dict[str, Any]:
    """Return the arguments as they are stored, without those that are empty; raises ArgumentsError."""
    stored: dict[str, Any] = {}
    for framework, purpose, text in _each(texts):
        stored.setdefault(framework.value, {})[purpose.value] = {"text": text, "values": parse_arguments(text)}
    return stored


def legible_texts(given: object) -> Texts:
    """Return what of ``given``, which may be anything that JSON holds, are texts of arguments."""
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


def _frameworks(configuration: Configuration, **those: Any) -> set[Framework]:
    return {Framework(each) for each in configuration.models.filter(**those).values_list("framework", flat=True)}

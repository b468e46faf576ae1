"""Models, configurations, frameworks, and obstacles to deleting them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from kafkaml.sdk.types.base import Answer

__all__ = [
    "CodeMatch",
    "Configuration",
    "Deletion",
    "Framework",
    "FrameworkArguments",
    "Model",
    "Obstacle",
    "UsedBy",
    "Validation",
]


class CodeMatch(Answer):
    """The line of a model's code that a search found, counted from 1."""

    line: int
    text: str


class Model(Answer):
    """The source of a model; ``report`` holds its summary, inputs, outputs and parameter count.

    A sub-model of a distributed model (``distributed``) sends samples that it is not sure of to ``upper_model``, None
    at the top, and receives those of ``lower_model``. ``code_match`` is where a search in a list found the model, None
    if it was found by its name or description.
    """

    id: int
    name: str
    description: str = ""
    framework: str
    imports: str = ""
    code: str = ""
    code_match: CodeMatch | None = None
    distributed: bool = False
    upper_model: int | None = None
    lower_model: int | None = None
    report: Mapping[str, Any] = Field(default_factory=dict)
    created_at: datetime | None = None


class Validation(Answer):
    """The verdict on a model's source: ``report`` when valid, ``error`` (message, line, hint, ...) otherwise."""

    valid: bool
    report: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    output: str = ""


class Configuration(Answer):
    """Models that train on the same data."""

    id: int
    name: str
    description: str = ""
    models: Sequence[int] = ()
    deployments: int = 0
    # Sub-models that the call added to complete their chains.
    note: str = ""
    created_at: datetime | None = None


class UsedBy(Answer):
    """Something that needs what was to be deleted; ``name`` identifies it among its kind."""

    type: str
    id: int
    name: str


class Obstacle(Answer):
    """Why something cannot be deleted now, and what to do."""

    detail: str
    hint: str = ""
    users: Sequence[UsedBy] = ()


class Deletion(Answer):
    """What deleting an object would do: what is deleted with it, or the ``obstacle``. ``careful`` marks what is hard to
    make again.
    """

    id: int
    name: str
    losses: Sequence[str] = ()
    careful: bool = False
    obstacle: Obstacle | None = None


class FrameworkArguments(Answer):
    """Arguments of one purpose: ``accepted`` by name, the usual ones first, each with meaning, expected and default."""

    about: str
    example: str = ""
    accepted: Mapping[str, Mapping[str, str]]


class Framework(Answer):
    """What models can be written in; ``arguments`` by purpose (fit, evaluation)."""

    name: str
    title: str
    library: str = ""
    arguments: Mapping[str, FrameworkArguments]
    artifacts: Sequence[str] = ()
    packages: Sequence[str] = ()

"""Reads settings of a deployment that arrive as one document, with a problem for each field that is not accepted."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from backend.api.errors import FieldProblem
from kafkaml.wire.message import Message

__all__ = ["problem_with", "read_settings"]

T = TypeVar("T", bound=Message)


def read_settings(kind: type[T], given: Mapping[str, Any], *, field: str) -> tuple[T | None, list[FieldProblem]]:
    """Return the parsed settings, None where they cannot be read, and the problems in ``given``.

    Problems name ``field`` and, after a dot, the setting.
    """
    problems = []
    for name in given:
        if name not in kind.model_fields:
            close = difflib.get_close_matches(name, kind.model_fields, n=1)
            detail = f"there is no such setting: expected one of {', '.join(kind.model_fields)}"
            hint = f"did you mean {close[0]}?" if close else ""
            problems.append(problem_with(f"{field}.{name}", detail, hint=hint))
    try:
        return kind.model_validate(given), problems
    except ValidationError as error:
        known = {problem.field for problem in problems}
        for fault in error.errors(include_url=False, include_input=False):
            problem = problem_with(".".join([field, *map(str, fault["loc"])]), fault["msg"])
            problems += [problem] if problem.field not in known else []
        return None, problems


def problem_with(path: str, detail: str, *, hint: str = "") -> FieldProblem:
    """Return what is wrong with the setting at ``path``, whose first part is the name of its field."""
    return FieldProblem(field=path, code=path.partition(".")[0], detail=detail, hint=hint)

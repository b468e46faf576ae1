"""Checks workers' messages field by field, because workers run next to user code and are not trusted."""

from __future__ import annotations

from typing import TypeVar

from pydantic import ValidationError

from backend.api.errors import FieldProblem, InvalidFields
from kafkaml.wire.message import Message

__all__ = ["parse"]

_MAX_ERRORS = 20

M = TypeVar("M", bound=Message)


def parse(kind: type[M], document: object) -> M:
    """Return ``document`` as a message; raises InvalidFields naming what is wrong."""
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise InvalidFields(
            [
                FieldProblem(field=".".join(map(str, detail["loc"])), code=detail["type"], detail=detail["msg"])
                for detail in error.errors(include_url=False, include_input=False)[:_MAX_ERRORS]
            ]
        ) from error

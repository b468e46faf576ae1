"""Reading models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from backend.api.uses import users
from backend.ml_models.models import MLModel

__all__ = ["code_match", "listed_models", "models", "users_of"]

# The most characters of a line that are shown.
_MAX_LINE = 200


def models() -> QuerySet[MLModel]:
    """Return models with who uses them, and which one is below them in their chain."""
    below = MLModel.objects.filter(upper_model=OuterRef("pk")).order_by("pk").values("pk")[:1]
    rows = MLModel.objects.annotate(lower_model=Subquery(below))
    return rows.prefetch_related(Prefetch("configurations", to_attr="used_in")).order_by("-id")


def listed_models(*, with_code: bool = False) -> QuerySet[MLModel]:
    """Return models for lists, without their source: three queries whatever the number of rows, with the count.

    ``with_code`` is for a search, which shows where it found something.
    """
    return models().defer("imports") if with_code else models().defer("code", "imports")


def code_match(model: MLModel, terms: Sequence[str]) -> dict[str, Any] | None:
    """Return the first line of the code that holds a term which name and description lack, in any case, or None."""
    named = f"{model.name}\n{model.description}".lower()
    sought = [term.lower() for term in terms if term.lower() not in named]
    for number, line in enumerate(model.code.splitlines(), 1) if sought else ():
        if any(term in line.lower() for term in sought):
            return {"line": number, "text": line.strip()[:_MAX_LINE]}
    return None


def users_of(model: MLModel) -> list[dict[str, Any]]:
    """Return what keeps a model from being deleted."""
    return [
        *users("configuration", model.configurations.all()),
        *users("model", model.lower_models.defer("code", "imports", "report")),
        *users("result", model.results.only("deployment_id")),
    ]

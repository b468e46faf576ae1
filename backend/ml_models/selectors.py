"""Reading models."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Prefetch, QuerySet, Subquery

from backend.api.uses import users
from backend.ml_models.models import MLModel

__all__ = ["listed_models", "models", "users_of"]


def models() -> QuerySet[MLModel]:
    """Return models with who uses them, and which one is below them in their chain."""
    below = MLModel.objects.filter(upper_model=OuterRef("pk")).order_by("pk").values("pk")[:1]
    rows = MLModel.objects.annotate(lower_model=Subquery(below))
    return rows.prefetch_related(Prefetch("configurations", to_attr="used_in")).order_by("-id")


def listed_models() -> QuerySet[MLModel]:
    """Return models for lists, without their source: three queries whatever the number of rows, with the count."""
    return models().defer("code", "imports")


def users_of(model: MLModel) -> list[dict[str, Any]]:
    """Return what keeps a model from being deleted."""
    return [
        *users("configuration", model.configurations.all()),
        *users("model", model.lower_models.defer("code", "imports", "report")),
        *users("result", model.results.only("deployment_id")),
    ]

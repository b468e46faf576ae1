"""Reading models."""

from __future__ import annotations

from typing import Any

from django.db.models import Prefetch, QuerySet

from backend.configurations.models import Configuration
from backend.ml_models.models import MLModel

__all__ = ["listed_models", "models", "users_of"]

_MAX_USERS = 100


def models() -> QuerySet[MLModel]:
    """Return models with who uses them."""
    return MLModel.objects.prefetch_related(
        Prefetch("configurations", Configuration.objects.only("id", "name"), to_attr="used_in")
    ).order_by("-id")


def listed_models() -> QuerySet[MLModel]:
    """Return models for lists, without their source: three queries whatever the number of rows, with the count."""
    return models().defer("code", "imports")


def users_of(model: MLModel) -> list[dict[str, Any]]:
    """Return what keeps a model from being deleted."""
    users: list[dict[str, Any]] = [
        {"type": "configuration", "id": pk, "name": name}
        for pk, name in model.configurations.values_list("id", "name")[:_MAX_USERS]
    ]
    users += [
        {"type": "model", "id": pk, "name": name}
        for pk, name in model.lower_models.values_list("id", "name")[:_MAX_USERS]
    ]
    users += [
        {"type": "result", "id": pk, "name": f"of deployment {deployment}"}
        for pk, deployment in model.results.values_list("id", "deployment_id")[:_MAX_USERS]
    ]
    return users

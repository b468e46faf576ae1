"""Who uses a row, as the errors name them that refuse to delete it."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet

__all__ = ["users"]

_MAX_USERS = 100


def users(kind: str, rows: QuerySet[Any]) -> list[dict[str, Any]]:
    """Return at most a hundred of ``rows``, which are of a ``kind``, for ``InUse``."""
    return [_user(kind, row) for row in rows[:_MAX_USERS]]


def _user(kind: str, row: Model) -> dict[str, Any]:
    return {"type": kind, "id": row.pk, "name": str(row)}

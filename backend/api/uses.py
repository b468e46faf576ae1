"""Who uses a row: rows of apps on higher floors, which are known here only by the name of their relation."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Model, OuterRef, QuerySet, Subquery
from django.db.models.fields.reverse_related import ManyToOneRel
from django.db.models.functions import Coalesce

__all__ = ["related", "use_count", "users"]

_MAX_USERS = 100


def users(kind: str, rows: QuerySet[Any]) -> list[dict[str, Any]]:
    """Return at most a hundred of ``rows``, all of one ``kind``, in the form of ``InUse``."""
    return [{"type": kind, "id": row.pk, "name": str(row)} for row in rows[:_MAX_USERS]]


def related(model: type[Model], relation: str) -> QuerySet[Any]:
    """Return all rows of ``relation``, whichever row of ``model`` they belong to."""
    users_of = model._meta.get_field(relation)
    assert isinstance(users_of, ManyToOneRel)
    rows: QuerySet[Any] = users_of.related_model._default_manager.all()
    return rows


def use_count(model: type[Model], relation: str) -> Coalesce:
    """Return how many rows of ``relation`` a row of ``model`` has, to annotate with.

    A subquery, so that a page of a list pays for its own rows only.
    """
    users_of = model._meta.get_field(relation)
    assert isinstance(users_of, ManyToOneRel)
    owner = users_of.field.name
    rows = related(model, relation).filter(**{owner: OuterRef("pk")}).order_by()
    return Coalesce(Subquery(rows.values(owner).annotate(number=Count("pk")).values("number")), 0)

"""What deleting would do, shown in advance: what is lost with it, or what keeps the object.

Each service defines it once, as a ``Deletion``, for the preview and for the deletion itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.errors import InUse, InvalidField
from backend.api.views import ResourceViewSet

__all__ = ["DeletableViewSet", "Deletion"]

M = TypeVar("M", bound=Model)

_MAX_IDS = 100


@dataclass(frozen=True, kw_only=True)
class Deletion:
    """What is lost when an object is deleted, one line each, or why it cannot be deleted now.

    ``careful``: what is lost is hard to make again, so the user has to type its name.
    """

    losses: Sequence[str] = ()
    obstacle: InUse | None = None
    careful: bool = False

    def check(self) -> None:
        """Raise InUse where something keeps the object."""
        if self.obstacle is not None:
            raise self.obstacle


class _UserSerializer(serializers.Serializer[Any]):
    type = serializers.CharField(help_text="model, configuration, deployment, result, inference or replicas.")
    id = serializers.IntegerField()
    name = serializers.CharField()


class _ObstacleSerializer(serializers.Serializer[Any]):
    detail = serializers.CharField(source="message")
    hint = serializers.CharField()
    users = _UserSerializer(many=True)


class DeletionSerializer(serializers.Serializer[Any]):
    """What deleting one object would do: what is lost, and what prevents it now.

    ``obstacle`` is null if the object can be deleted. Its ``users`` are the objects in the way.
    """

    id = serializers.IntegerField()
    name = serializers.CharField()
    losses = serializers.ListField(child=serializers.CharField())
    careful = serializers.BooleanField(help_text="Whether what is lost is hard to make again.")
    obstacle = _ObstacleSerializer(allow_null=True)


class DeletableViewSet(ResourceViewSet[M]):
    """Objects that users delete, with a preview for many at a time."""

    def deletion_of(self, row: M) -> Deletion:
        """Return what deleting ``row`` would do now."""
        raise NotImplementedError

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "ids", str, required=True, description=f"Ids of the objects, separated by commas, at most {_MAX_IDS}."
            )
        ],
        responses=DeletionSerializer(many=True),
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None, search_fields=())
    def deletion(self, request: Request) -> Response:
        """Show what deleting objects would do.

        Nothing is deleted. Objects that do not exist any more are left out.
        """
        rows = self.get_queryset().filter(pk__in=_ids(request.query_params.get("ids", "")))
        found = [{"id": row.pk, "name": str(row), **vars(self.deletion_of(row))} for row in rows]
        return Response(DeletionSerializer(found, many=True).data)


def _ids(text: str) -> list[int]:
    words = [part.strip() for part in text.split(",") if part.strip()]
    if not words or not all(word.isascii() and word.isdigit() and len(word) < 19 for word in words):
        raise InvalidField("ids", f"ids is {text[:40]!r}: expected numbers with commas between, as in 3,4")
    if len(words) > _MAX_IDS:
        raise InvalidField("ids", f"{len(words)} ids: expected at most {_MAX_IDS} at once")
    return [int(word) for word in words]

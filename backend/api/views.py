"""Base of the API's views for users."""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from backend.api.actors import Actor, actor_of
from backend.api.errors import InvalidField

__all__ = ["ResourceViewSet", "integer_parameter"]

M = TypeVar("M", bound=Model)


class ResourceViewSet(GenericViewSet[M]):
    """Lists and shows objects; subclasses add writes, which call services.

    ``list_serializer_class`` is for rows of lists where they show less than the object itself.
    """

    list_serializer_class: type[BaseSerializer[M]] | None = None
    ordering_fields: tuple[str, ...] = ("id",)
    search_fields: tuple[str, ...] = ()
    lookup_value_converter = "id"

    @property
    def actor(self) -> Actor:
        return actor_of(self.request)

    def get_serializer_class(self) -> type[BaseSerializer[M]]:
        if self.action == "list" and self.list_serializer_class is not None:
            return self.list_serializer_class
        return super().get_serializer_class()

    def list(self, _request: Request) -> Response:
        rows = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(rows, many=True).data)

    def retrieve(self, _request: Request, pk: int) -> Response:
        return Response(self.get_serializer(self.find(pk)).data)

    def find(self, pk: int) -> M:
        """Return the object of that id or answer 404; filters of lists do not apply."""
        found: M = get_object_or_404(self.get_queryset(), pk=pk)
        return found

    def shown(self, pk: int, *, status: int = 200) -> Response:
        """Answer with the object as it is now."""
        queryset: QuerySet[M] = self.get_queryset()
        serializer_class = super().get_serializer_class()
        serializer = serializer_class(get_object_or_404(queryset, pk=pk), context=self.get_serializer_context())
        return Response(serializer.data, status=status)

    def validated(self, serializer_class: type[BaseSerializer[Any]], **kwargs: Any) -> dict[str, Any]:
        """Return the body's fields as the serializer understands them; raises ValidationError."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context(), **kwargs)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data


def integer_parameter(request: Request, name: str, *, default: int, minimum: int = -(2**62)) -> int:
    """Return an integer of the query; raises InvalidField."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return default
    try:
        value = int(text) if len(text) < 20 else None
    except ValueError:
        value = None
    if value is None or not minimum <= value <= 2**62:
        raise InvalidField(name, f"{name} is {text[:40]!r}: expected a whole number from {minimum}")
    return value

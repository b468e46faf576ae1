"""Fields that name whom a stream is announced to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.streams.addressees import addressees

__all__ = ["AddresseeField"]


@extend_schema_field(OpenApiTypes.INT)
class AddresseeField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of a deployment that exists."""

    def get_queryset(self) -> QuerySet[Any]:
        return addressees()

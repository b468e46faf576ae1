"""Configurations: list, show, save, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from django_filters.fields import ModelMultipleChoiceField
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.deletion import DeletableViewSet, Deletion
from backend.configurations import selectors, services
from backend.configurations.models import Configuration
from backend.configurations.serializers import (
    ConfigurationOfSerializer,
    ConfigurationSerializer,
    ConfigurationWriteSerializer,
)
from backend.ml_models.models import MLModel

__all__ = ["ConfigurationViewSet"]


class _ModelsField(ModelMultipleChoiceField):  # type: ignore[misc]
    """Models by id. Numbers too large for the database's integers match no model; Django would pass them to the
    database.
    """

    def clean(self, value: Any) -> Any:
        try:
            return super().clean(value)
        except OverflowError:
            raise ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice", params={"value": ", ".join(value)}
            ) from None


class _ModelsFilter(filters.ModelMultipleChoiceFilter):  # type: ignore[misc]
    field_class = _ModelsField


class ConfigurationFilter(filters.FilterSet):  # type: ignore[misc]
    """``?models=1&models=2``: with any of these models."""

    models = _ModelsFilter(queryset=MLModel.objects.all())

    class Meta:
        model = Configuration
        fields: list[str] = ["name"]


class ConfigurationViewSet(DeletableViewSet[Configuration]):
    """Sets of models that train on the same stream."""

    serializer_class = ConfigurationSerializer
    filterset_class = ConfigurationFilter
    ordering_fields = ("id", "name", "created_at", "updated_at")
    search_fields = ("name", "description")
    # Models that the body of a request names.
    _asked: Set[int] | None = None

    def get_queryset(self) -> QuerySet[Configuration]:
        return selectors.configurations()

    @extend_schema(request=ConfigurationWriteSerializer, responses={201: ConfigurationSerializer})
    def create(self, _request: Request) -> Response:
        """Create a configuration.

        One sub-model of a distributed model stands for its whole chain. ``note`` names the sub-models that were added.
        """
        values = self.validated(ConfigurationWriteSerializer)
        configuration = services.create_configuration(actor=self.actor, **values)
        return self._shown_for(values, configuration.pk, status=201)

    @extend_schema(
        request=ConfigurationOfSerializer, responses={200: ConfigurationSerializer, 201: ConfigurationSerializer}
    )
    @action(detail=False, methods=["post"])
    def of_model(self, _request: Request) -> Response:
        """Find or create the configuration of a single model.

        It has only this model, or only its chain. 201 means that there was none.
        """
        model = self.validated(ConfigurationOfSerializer)["model"]
        configuration, created = services.configuration_of(model, actor=self.actor)
        return self.shown(configuration.pk, status=201 if created else 200)

    @extend_schema(request=ConfigurationWriteSerializer, responses=ConfigurationSerializer)
    def update(self, _request: Request, pk: int) -> Response:
        """Replace all fields of a configuration."""
        return self._change(pk, partial=False)

    @extend_schema(request=ConfigurationWriteSerializer, responses=ConfigurationSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change some fields of a configuration.

        Fields that are left out stay as they are.
        """
        return self._change(pk, partial=True)

    def deletion_of(self, row: Configuration) -> Deletion:
        return services.deletion_of(row)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(description="The configuration has deployments. ``users`` names them."),
        }
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a configuration."""
        services.delete_configuration(self.find(pk), actor=self.actor)
        return Response(status=204)

    def _change(self, pk: int, *, partial: bool) -> Response:
        configuration = self.find(pk)
        values = self.validated(ConfigurationWriteSerializer, instance=configuration, partial=partial)
        services.update_configuration(configuration, actor=self.actor, **values)
        return self._shown_for(values, pk)

    def _shown_for(self, values: Mapping[str, Any], pk: int, *, status: int = 200) -> Response:
        """Answer with the configuration, and say which models it has that were not asked for."""
        models: Sequence[MLModel] | None = values.get("models")
        self._asked = None if models is None else {model.pk for model in models}
        return self.shown(pk, status=status)

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "asked": self._asked}

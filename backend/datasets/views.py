"""Data sets: list, show, make, version, rename, delete, train."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.views import ResourceViewSet
from backend.datasets import selectors, services
from backend.datasets.models import Dataset
from backend.datasets.serializers import (
    DatasetSerializer,
    DatasetUpdateSerializer,
    DatasetVersionSerializer,
    DatasetVersionWriteSerializer,
    DatasetWriteSerializer,
    TrainSerializer,
)
from backend.streams.serializers import OfferedSerializer

__all__ = ["DatasetViewSet"]


class DatasetViewSet(ResourceViewSet[Dataset]):
    """Slices of topics with the contract by which their records become samples."""

    serializer_class = DatasetSerializer
    ordering_fields = ("id", "name", "created_at", "updated_at")
    search_fields = ("name", "description")

    def get_queryset(self) -> QuerySet[Dataset]:
        return selectors.datasets()

    @extend_schema(request=DatasetWriteSerializer, responses={201: DatasetSerializer})
    def create(self, _request: Request) -> Response:
        """Make a data set; refused when none of the first records fits the contract."""
        made = services.create_dataset(actor=self.actor, **self.validated(DatasetWriteSerializer))
        return self.shown(made.pk, status=201)

    @extend_schema(request=DatasetUpdateSerializer, responses=DatasetSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change the name or the description."""
        dataset = self.find(pk)
        values = self.validated(DatasetUpdateSerializer, instance=dataset, partial=True)
        services.update_dataset(dataset, actor=self.actor, **values)
        return self.shown(pk)

    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a data set with its versions; what was trained on it stays."""
        services.delete_dataset(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=DatasetVersionWriteSerializer, responses={201: DatasetVersionSerializer})
    @action(detail=True, methods=["post"])
    def versions(self, _request: Request, pk: int) -> Response:
        """Add a version; those before it stay as they are."""
        dataset = self.find(pk)
        made = services.add_version(dataset, actor=self.actor, **self.validated(DatasetVersionWriteSerializer))
        return Response(DatasetVersionSerializer(made).data, status=201)

    @extend_schema(request=TrainSerializer, responses={202: OfferedSerializer, 200: OfferedSerializer})
    @action(detail=True, methods=["post"])
    def train(self, _request: Request, pk: int) -> Response:
        """Let a deployment train on it: 202 announced, 200 the same was announced to it before."""
        dataset = self.find(pk)
        asked = self.validated(TrainSerializer)
        deployment = asked["deployment"].pk
        version = selectors.version_of(dataset, asked["version"], field="version")
        offer = services.announce_dataset(version, actor=self.actor, deployment=deployment)
        body = {"deployment": deployment, "ranges": offer.ranges, "message": offer.message, "stream": offer.stream}
        return Response(body, status=200 if offer.message is None else 202)

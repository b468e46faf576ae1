"""Data sets: list, also with announced streams, show, make, version, rename, delete, train, preview."""

from __future__ import annotations

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend.accounts.models import Role
from backend.api.deletion import DeletableViewSet, Deletion
from backend.datasets import selectors, services
from backend.datasets.catalog import catalog, catalog_rows
from backend.datasets.models import Dataset
from backend.datasets.previews import PreviewQuery, slice_preview, stream_statistics, version_preview
from backend.datasets.serializers import (
    CatalogQuerySerializer,
    CatalogRowSerializer,
    DatasetSerializer,
    DatasetUpdateSerializer,
    DatasetVersionSerializer,
    DatasetVersionWriteSerializer,
    DatasetWriteSerializer,
    PreviewQuerySerializer,
    PreviewVersionSerializer,
    TrainSerializer,
)
from backend.streams.selectors import streams
from backend.streams.serializers import OfferedSerializer
from kafkaml.wire.preview import Preview

__all__ = ["DatasetViewSet", "PreviewView", "StreamStatisticsView"]


class PreviewThrottle(UserRateThrottle):
    """Limits how much one user can have the platform read and compute; a page asks while the user types."""

    scope = "preview"


class DatasetViewSet(DeletableViewSet[Dataset]):
    """Slices of topics, each with the contract by which its records become samples."""

    serializer_class = DatasetSerializer
    ordering_fields = ("id", "name", "created_at", "updated_at")
    search_fields = ("name", "description")

    def get_queryset(self) -> QuerySet[Dataset]:
        return selectors.datasets()

    @extend_schema(
        parameters=[CatalogQuerySerializer],
        responses=CatalogRowSerializer(many=True),
        operation_id="datasets_catalog",
        # The tags make pages read the list again when data sets or streams change.
        tags=["datasets", "streams"],
        filters=False,
    )
    @action(detail=False, methods=["get"], search_fields=())
    def catalog(self, request: Request) -> Response:
        """List data sets and the streams that sinks announced."""
        query = CatalogQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        assert self.paginator is not None
        places = self.paginator.paginate_queryset(catalog(query.validated_data), request, view=self) or []
        return self.get_paginated_response(CatalogRowSerializer(catalog_rows(places), many=True).data)

    @extend_schema(request=DatasetWriteSerializer, responses={201: DatasetSerializer})
    def create(self, _request: Request) -> Response:
        """Create a data set with its first version.

        It is refused if none of the first records fits the contract.
        """
        made = services.create_dataset(actor=self.actor, **self.validated(DatasetWriteSerializer))
        return self.shown(made.pk, status=201)

    @extend_schema(request=DatasetUpdateSerializer, responses=DatasetSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change the name or the description of a data set.

        Slice and contract cannot be changed. Add a version for others.
        """
        dataset = self.find(pk)
        values = self.validated(DatasetUpdateSerializer, instance=dataset, partial=True)
        services.update_dataset(dataset, actor=self.actor, **values)
        return self.shown(pk)

    def deletion_of(self, row: Dataset) -> Deletion:
        return services.deletion_of(row)

    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a data set with all its versions.

        Records, and results that were trained on it, stay.
        """
        services.delete_dataset(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=DatasetVersionWriteSerializer, responses={201: DatasetVersionSerializer})
    @action(detail=True, methods=["post"])
    def versions(self, _request: Request, pk: int) -> Response:
        """Add a version to a data set.

        Earlier versions stay as they are.
        """
        dataset = self.find(pk)
        made = services.add_version(dataset, actor=self.actor, **self.validated(DatasetVersionWriteSerializer))
        return Response(DatasetVersionSerializer(made).data, status=201)

    @extend_schema(
        request=TrainSerializer,
        responses={
            202: OpenApiResponse(OfferedSerializer, description="The data set will be announced within seconds."),
            200: OpenApiResponse(OfferedSerializer, description="The same was announced to the deployment before."),
        },
    )
    @action(detail=True, methods=["post"])
    def train(self, _request: Request, pk: int) -> Response:
        """Train a deployment on a data set.

        The data set is announced to the deployment as a stream.
        """
        dataset = self.find(pk)
        asked = self.validated(TrainSerializer)
        deployment = asked["deployment"].pk
        version = selectors.version_of(dataset, asked["version"], field="version")
        offer = services.announce_dataset(version, actor=self.actor, deployment=deployment)
        body = {"deployment": deployment, "ranges": offer.ranges, "message": offer.message, "stream": offer.stream}
        return Response(body, status=200 if offer.message is None else 202)

    @extend_schema(parameters=[PreviewVersionSerializer], responses=Preview, operation_id="datasets_version_preview")
    @action(detail=True, methods=["get"], throttle_classes=[PreviewThrottle])
    def preview(self, request: Request, pk: int) -> Response:
        """Preview what the contract of a version makes of its records."""
        query = PreviewVersionSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        version = selectors.version_of(self.find(pk), asked.get("version"), field="version")
        return Response(version_preview(version, asked["samples"]).to_json())


class PreviewView(APIView):
    """A data set before there is one."""

    # Nothing is stored, so any user who may read records may preview a contract.
    write_role = Role.VIEWER
    throttle_classes = [PreviewThrottle]

    @extend_schema(request=PreviewQuerySerializer, responses=Preview, operation_id="datasets_preview")
    def post(self, request: Request) -> Response:
        """Preview what a contract makes of the records of a slice.

        The answer has columns, samples as a model gets them, and what is wrong. Mistakes in the contract are not an
        error of the request. ``problems`` lists them, and the correct parts are shown.
        """
        query = PreviewQuerySerializer(data=request.data)
        query.is_valid(raise_exception=True)
        asked = dict(query.validated_data)
        return Response(slice_preview(asked.pop("slice"), PreviewQuery(**asked)).to_json())


class StreamStatisticsView(APIView):
    """An announced stream as the data set that it is."""

    throttle_classes = [PreviewThrottle]

    @extend_schema(responses=Preview, operation_id="streams_statistics")
    def get(self, _request: Request, pk: int) -> Response:
        """Show statistics of the columns and labels of a stream.

        They are computed from 1,000 records spread over the stream. For a stream that a data set announced, the
        contract is applied, and samples are shown too.
        """
        return Response(stream_statistics(get_object_or_404(streams(), pk=pk)).to_json())

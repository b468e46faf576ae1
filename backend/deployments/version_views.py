"""Versions of a result."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from backend.api.actors import actor_of
from backend.api.errors import NotFound
from backend.api.files import attachment, streamed_attachment
from backend.api.pagination import PAGE, LimitOffset
from backend.deployments import storage, version_services
from backend.deployments.models import Artifact, ResultVersion, TrainingResult
from backend.deployments.version_archive import archive_chunks, file_stem
from backend.deployments.version_card import model_card
from backend.deployments.version_documents import (
    PinSerializer,
    PromoteSerializer,
    VersionPageSerializer,
    version_message,
)
from backend.deployments.versions import artifacts_of, version_of
from kafkaml.wire.card import ModelCard
from kafkaml.wire.version import Version

__all__ = [
    "VersionArchiveView",
    "VersionArtifactView",
    "VersionCardView",
    "VersionListView",
    "VersionPromoteView",
    "VersionView",
    "artifact_download",
]


def artifact_download(request: Request, artifact: Artifact) -> HttpResponseBase:
    """Answer with the file of an artifact, named by its model, result and version."""
    name = f"{file_stem(artifact.result, artifact.version)}-{artifact.name}"
    return attachment(request, storage.fetch(artifact), name, sha256=artifact.sha256)


class _VersionsView(APIView):
    """Base: the versions of one result."""

    def result(self, pk: int) -> TrainingResult:
        """Return the result or answer 404."""
        return get_object_or_404(TrainingResult.objects.defer("code", "imports", "log_tail"), pk=pk)

    def version(self, pk: int, number: int) -> ResultVersion:
        """Return a version or answer 404."""
        return version_of(self.result(pk), number)


class VersionListView(_VersionsView):
    """The versions that are kept of a result."""

    @extend_schema(
        operation_id="results_versions_list", parameters=PAGE, responses=VersionPageSerializer, tags=["results"]
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the versions of a result, the newest first."""
        result = self.result(pk)
        rows: QuerySet[ResultVersion] = result.versions.defer("code", "imports", "confusion_matrix", "evaluation")
        pages = LimitOffset()
        page = pages.paginate_queryset(rows.prefetch_related("artifacts"), request)
        return pages.get_paginated_response([_document(version, result) for version in page or ()])


class VersionView(_VersionsView):
    """One version of a result."""

    @extend_schema(responses=Version, tags=["results"])
    def get(self, _request: Request, pk: int, number: int) -> Response:
        """Show a version of a result."""
        result = self.result(pk)
        return Response(_document(version_of(result, number), result))

    @extend_schema(request=PinSerializer, responses=Version, tags=["results"])
    def patch(self, request: Request, pk: int, number: int) -> Response:
        """Pin or unpin a version.

        The platform deletes the oldest versions beyond the number that it keeps. A pinned version is never deleted so.
        """
        pinned = _validated(PinSerializer, request)["pinned"]
        version_services.pin_version(pk, number, actor=actor_of(request), pinned=pinned)
        return self.get(request, pk, number)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(
                description="The version is current or pinned, or inferences serve it. ``users`` names those."
            ),
        },
        tags=["results"],
    )
    def delete(self, request: Request, pk: int, number: int) -> Response:
        """Delete a version and its files."""
        version_services.delete_version(pk, number, actor=actor_of(request))
        return Response(status=204)


class VersionPromoteView(_VersionsView):
    """Choosing the current version."""

    @extend_schema(
        request=PromoteSerializer,
        responses={
            200: Version,
            409: OpenApiResponse(description="Another sub-model of the chain does not have this version any more."),
        },
        tags=["results"],
    )
    def post(self, request: Request, pk: int, number: int) -> Response:
        """Make a version the current one.

        Inferences that follow the result switch to it. The version may be older than the current one.
        """
        why = _validated(PromoteSerializer, request)["why"]
        version = version_services.promote_version(pk, number, actor=actor_of(request), why=why)
        return Response(version_message(version, current=version.pk).to_json())


class VersionCardView(_VersionsView):
    """The model card of a version."""

    @extend_schema(responses=ModelCard, tags=["results"])
    def get(self, _request: Request, pk: int, number: int) -> Response:
        """Show the model card of a version.

        It says in one document how the version was made: code, data, training, metrics and lineage.
        """
        return Response(model_card(self.version(pk, number)).to_json())


class VersionArtifactView(_VersionsView):
    """A file of a version."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY}, tags=["results"])
    def get(self, request: Request, pk: int, number: int, name: str) -> HttpResponseBase:
        """Download a file of a version."""
        version = self.version(pk, number)
        artifact = artifacts_of(version).filter(name=name).first()
        if artifact is None:
            raise NotFound(f"{version} has no artifact {name!r}", hint="its field artifacts lists them")
        return artifact_download(request, artifact)


class VersionArchiveView(_VersionsView):
    """The files of a version together."""

    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, tags=["results"])
    def get(self, request: Request, pk: int, number: int) -> HttpResponseBase:
        """Download all files of a version as one zip file.

        Files have the names by which they refer to each other. A README says what they are for.
        """
        version = self.version(pk, number)
        name = f"{file_stem(version.result, version)}.zip"
        return streamed_attachment(request, archive_chunks(version), name, "application/zip")


def _validated(kind: type[BaseSerializer[Any]], request: Request) -> dict[str, Any]:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    values: dict[str, Any] = serializer.validated_data
    return values


def _document(version: ResultVersion, result: TrainingResult) -> dict[str, Any]:
    return version_message(version, current=result.current_version_id).to_json()

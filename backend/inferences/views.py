"""Inferences: list, show, make, scale, stop, restart, delete, logs."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.views import ResourceViewSet, integer_parameter
from backend.api.worker_logs import read_log
from backend.deployments.serializers import LogSerializer
from backend.inferences import selectors, services
from backend.inferences.models import Inference
from backend.inferences.serializers import (
    InferenceSerializer,
    InferenceUpdateSerializer,
    InferenceWriteSerializer,
)
from backend.launchers.names import WorkKind

__all__ = ["InferenceViewSet"]


class InferenceViewSet(ResourceViewSet[Inference]):
    """Trained models that answer on topics."""

    serializer_class = InferenceSerializer
    filterset_fields = ["result", "state", "input_topic", "output_topic"]
    ordering_fields = ("id", "created_at", "updated_at", "state")
    search_fields = ("input_topic", "output_topic", "result__model__name")

    def get_queryset(self) -> QuerySet[Inference]:
        return selectors.inferences()

    @extend_schema(request=InferenceWriteSerializer, responses={201: InferenceSerializer})
    def create(self, _request: Request) -> Response:
        """Put a trained model into service."""
        inference = services.create_inference(actor=self.actor, **self.validated(InferenceWriteSerializer))
        return self.shown(inference.pk, status=201)

    @extend_schema(request=InferenceUpdateSerializer, responses=InferenceSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change the number of replicas, or how predictions are shown."""
        services.scale_inference(self.find(pk), actor=self.actor, **self.validated(InferenceUpdateSerializer))
        return self.shown(pk)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete an inference; 409 while it runs."""
        services.delete_inference(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses={202: InferenceSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, _request: Request, pk: int) -> Response:
        """Ask for the end of its replicas."""
        services.stop_inference(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(request=None, responses={202: InferenceSerializer})
    @action(detail=True, methods=["post"])
    def restart(self, _request: Request, pk: int) -> Response:
        """Start it again where it stopped reading."""
        services.restart_inference(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        parameters=[
            OpenApiParameter("replica", int),
            OpenApiParameter("offset", int, description="byte to read from; negative: from the end"),
        ],
        responses=LogSerializer,
    )
    @action(detail=True, methods=["get"])
    def logs(self, request: Request, pk: int) -> Response:
        """Read the log of one replica."""
        inference = self.find(pk)
        piece = read_log(
            WorkKind.INFERENCE,
            inference.pk,
            inference.attempt,
            replica=integer_parameter(request, "replica", default=0, minimum=0),
            offset=integer_parameter(request, "offset", default=0),
            kept=inference.log_tail,
        )
        return Response(piece)

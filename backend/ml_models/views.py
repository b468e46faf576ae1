"""Models: list, show, check, save, delete."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.deletion import DeletableViewSet, Deletion
from backend.ml_models import chains, executor, selectors, services
from backend.ml_models.models import MLModel
from backend.ml_models.serializers import (
    CancelSerializer,
    CheckSerializer,
    FrameworkSerializer,
    ModelRowSerializer,
    ModelSerializer,
    ModelWriteSerializer,
    VerdictSerializer,
)
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = ["FrameworksView", "MLModelViewSet"]


class FrameworksView(APIView):
    """What models can be written in."""

    @extend_schema(responses=FrameworkSerializer(many=True), operation_id="frameworks_list")
    def get(self, _request: Request) -> Response:
        """List the frameworks, their arguments and their files."""
        return Response(FrameworkSerializer(FRAMEWORKS.values(), many=True).data)


class MLModelViewSet(DeletableViewSet[MLModel]):
    """Source code of models. Executors run it in isolation before it is saved."""

    serializer_class = ModelSerializer
    list_serializer_class = ModelRowSerializer
    filterset_fields = ["name", "framework", "distributed"]
    ordering_fields = ("id", "name", "created_at", "updated_at")
    search_fields = ("name", "description", "code")

    def get_queryset(self) -> QuerySet[MLModel]:
        if self.action != "list":
            return selectors.models()
        return selectors.listed_models(with_code=bool(self.request.query_params.get("search")))

    @extend_schema(
        request=ModelWriteSerializer,
        responses={201: ModelSerializer, 422: OpenApiResponse(description="The source code is not valid.")},
    )
    def create(self, _request: Request) -> Response:
        """Check and save a model.

        422 means that the source code is not valid. ``errors`` name the line.
        """
        model = services.create_model(actor=self.actor, **self.validated(ModelWriteSerializer))
        return self.shown(model.pk, status=201)

    @extend_schema(
        request=ModelWriteSerializer,
        responses={200: ModelSerializer, 422: OpenApiResponse(description="The source code is not valid.")},
    )
    def update(self, _request: Request, pk: int) -> Response:
        """Replace all fields of a model.

        Source code that has changed is checked again.
        """
        return self._change(pk, partial=False)

    @extend_schema(
        request=ModelWriteSerializer,
        responses={200: ModelSerializer, 422: OpenApiResponse(description="The source code is not valid.")},
    )
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change some fields of a model.

        Fields that are left out stay as they are. Source code that has changed is checked again.
        """
        return self._change(pk, partial=True)

    def deletion_of(self, row: MLModel) -> Deletion:
        return services.deletion_of(row)

    @extend_schema(
        responses={204: None, 409: OpenApiResponse(description="Other objects use the model. ``users`` names them.")}
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a model."""
        services.delete_model(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=CheckSerializer, responses=VerdictSerializer)
    @action(detail=False, methods=["post"])
    def validate(self, _request: Request) -> Response:
        """Check source code without saving it."""
        values = self.validated(CheckSerializer)
        if values["distributed"]:
            chains.require_chains(Framework(values["framework"]))
        verdict = executor.check_model(
            Framework(values["framework"]),
            code=values["code"],
            imports=values["imports"],
            distributed=values["distributed"],
            ticket=values["ticket"],
        )
        return Response(
            {
                "valid": verdict.valid,
                "report": dict(verdict.report) if verdict.valid else None,
                "error": None if verdict.valid else dict(verdict.error),
                "output": verdict.output,
            }
        )

    @extend_schema(request=CancelSerializer, responses={204: None})
    @action(detail=False, methods=["post"], url_path="validate/cancel")
    def cancel(self, _request: Request) -> Response:
        """Cancel a check that is running.

        This also ends the source code in the executor. It has no effect on a check that has ended.
        """
        values = self.validated(CancelSerializer)
        executor.cancel_check(Framework(values["framework"]), values["ticket"])
        return Response(status=204)

    def _change(self, pk: int, *, partial: bool) -> Response:
        model = self.find(pk)
        values = self.validated(ModelWriteSerializer, instance=model, partial=partial)
        services.update_model(model, actor=self.actor, **values)
        return self.shown(pk)

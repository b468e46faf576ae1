"""Deployments and their results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.deletion import DeletableViewSet, Deletion
from backend.api.errors import Conflict, FieldProblem, NotFound, problem_of
from backend.api.views import integer_parameter
from backend.configurations.models import Configuration
from backend.datasets.fitting import dataset_fits, dataset_problems
from backend.datasets.models import DatasetVersion
from backend.deployments import deleting, selectors, services
from backend.deployments.arguments import argument_problems, checked_arguments, legible_texts
from backend.deployments.chains import OLD_FIELDS, chain_problems, checked_chain
from backend.deployments.confusion_cells import cell_samples
from backend.deployments.confusion_image import MAX_CLASSES, draw_confusion_matrix
from backend.deployments.exits import exit_curves, read_limits
from backend.deployments.fit_serializers import DatasetFitSerializer, DatasetFitsQuerySerializer, StreamFitSerializer
from backend.deployments.incremental import checked_incremental, incremental_problems
from backend.deployments.models import Deployment, TrainingResult
from backend.deployments.run_table import RunOrdering, annotate_run, tagged, where
from backend.deployments.semi_supervised import checked_semi_supervised, semi_supervised_problems
from backend.deployments.serializers import (
    CellSamplesSerializer,
    DeploymentCheckRequestSerializer,
    DeploymentCheckSerializer,
    DeploymentOptionsSerializer,
    DeploymentSerializer,
    DeploymentWriteSerializer,
    EpochsSerializer,
    RestartSerializer,
    ResultRowSerializer,
    ResultSerializer,
    RunAnnotationSerializer,
)
from backend.deployments.stream_fits import stream_fits, stream_problems
from backend.deployments.version_views import artifact_download
from backend.ml_models.chains import takers_among
from backend.ml_models.models import MLModel
from backend.ml_models.serializers import FRAMEWORK_CHOICES
from backend.runs.logs import read_log
from backend.runs.models import STATE_CHOICES
from backend.runs.serializers import LogSerializer
from backend.runs.services import stop
from kafkaml.wire.choices import Targets, TrainingMode
from kafkaml.wire.distributed import ExitCurves
from kafkaml.wire.state import RunState

__all__ = ["DeploymentViewSet", "ResultViewSet"]

_MAX_POINTS = 20_000


class DeploymentFilter(filters.FilterSet):  # type: ignore[misc]
    """Filters of deployments. ``state`` is derived from the states of the results."""

    state = filters.ChoiceFilter(choices=STATE_CHOICES, method="in_state")
    dataset = filters.NumberFilter(field_name="dataset__dataset", min_value=0, max_value=2**63 - 1)

    class Meta:
        model = Deployment
        fields: list[str] = ["configuration", "mode"]

    def in_state(self, rows: QuerySet[Deployment], _name: str, value: str) -> QuerySet[Deployment]:
        return selectors.in_state(rows, RunState(value))


class ResultFilter(filters.FilterSet):  # type: ignore[misc]
    """``?framework=pytorch`` and fields of the result itself."""

    framework = filters.ChoiceFilter(choices=FRAMEWORK_CHOICES, field_name="model__framework")
    tag = filters.CharFilter(method="with_tag", max_length=50, help_text="Shows only results with this tag.")
    where = filters.CharFilter(
        method="fulfilling",
        max_length=2000,
        help_text="Shows only results that fulfil these conditions, separated by commas. A condition is KIND.NAME, "
        "an operator and a "
        "value, such as score.accuracy>=0.9 or parameter.epochs=10. Kinds are score, test, best, best_training and "
        "parameter.",
    )

    class Meta:
        model = TrainingResult
        fields: list[str] = ["deployment", "model", "state", "stream", "leader", "favourite"]

    def with_tag(self, rows: QuerySet[TrainingResult], _name: str, value: str) -> QuerySet[TrainingResult]:
        return tagged(rows, value)

    def fulfilling(self, rows: QuerySet[TrainingResult], _name: str, value: str) -> QuerySet[TrainingResult]:
        return where(rows, value.split(","))


def _legible(body: object) -> dict[str, Any]:
    """Return the readable settings of a refused deployment, so that they can be checked all the same."""
    given = body if isinstance(body, Mapping) else {}
    incremental, semi_supervised, chain = (given.get(name) for name in ("incremental", "semi_supervised", "chain"))
    return {
        "arguments": legible_texts(given.get("arguments")),
        "mode": next((mode for mode in TrainingMode if mode == given.get("mode")), TrainingMode.CLASSIC),
        "incremental": incremental if isinstance(incremental, Mapping) else None,
        "semi_supervised": semi_supervised if isinstance(semi_supervised, Mapping) else None,
        "chain": chain if isinstance(chain, Mapping) else None,
        "targets": next((targets for targets in Targets if targets == given.get("targets")), Targets.LABELS),
    }


class DeploymentViewSet(DeletableViewSet[Deployment]):
    """Configurations that were sent to train. A deployment has one result per model of its configuration."""

    serializer_class = DeploymentSerializer
    filterset_class = DeploymentFilter
    ordering_fields = ("id", "created_at")
    search_fields = ("configuration__name",)

    def get_queryset(self) -> QuerySet[Deployment]:
        return selectors.deployments()

    @extend_schema(
        request=DeploymentWriteSerializer,
        responses={201: DeploymentSerializer, 409: OpenApiResponse(description="The configuration has no models.")},
    )
    def create(self, _request: Request) -> Response:
        """Create a deployment.

        Its results wait until a stream is announced to the deployment's id. With ``dataset``, training starts at once.
        """
        values = self.validated(DeploymentWriteSerializer)
        configuration, mode = values["configuration"], TrainingMode(values["mode"])
        values["arguments"] = checked_arguments(configuration, values["arguments"], mode)
        models, targets = configuration.models.all(), Targets(values["targets"])
        values["incremental"] = checked_incremental(mode, values["incremental"], models)
        values["semi_supervised"] = checked_semi_supervised(values["semi_supervised"], models, targets)
        values["chain"] = checked_chain(values, models)
        values = {name: value for name, value in values.items() if name not in OLD_FIELDS}
        deployment = services.create_deployment(actor=self.actor, **values)
        return self.shown(deployment.pk, status=201)

    @extend_schema(request=DeploymentCheckRequestSerializer, responses=DeploymentCheckSerializer)
    @action(detail=False, methods=["post"])
    def check(self, request: Request) -> Response:
        """Check whether a deployment could be created.

        Nothing is created. The check is fast enough to be repeated while a user types.
        """
        serializer = DeploymentCheckRequestSerializer(data=request.data)
        problems: list[FieldProblem] = []
        if serializer.is_valid():
            values = serializer.validated_data
        else:
            refused = problem_of(ValidationError(serializer.errors))
            problems += refused.errors if refused else ()
            values = _legible(request.data)
        configuration = values.get("configuration")
        known = configuration if isinstance(configuration, Configuration) else None
        models = known.models.all() if known else MLModel.objects.none()
        taken = {
            "mode": values["mode"],
            "semi_supervised": values["semi_supervised"] is not None,
            "targets": Targets(values["targets"]),
        }
        refused_fields = {problem.field for problem in problems}
        for argument_problem in [
            *argument_problems(known, values["arguments"], TrainingMode(values["mode"])),
            *incremental_problems(TrainingMode(values["mode"]), values["incremental"], models),
            *semi_supervised_problems(values["semi_supervised"], models, Targets(values["targets"])),
            *(chain_problems(values, models) if known else ()),
            *dataset_problems(
                asked if isinstance(asked := values.get("dataset"), DatasetVersion) else None,
                takers_among(models),
                **taken,
            ),
            *stream_problems(values.get("stream"), takers_among(models), **taken),
        ]:
            problems += [argument_problem] if argument_problem.field not in refused_fields else []
        return Response({"valid": not problems, "errors": [asdict(problem) for problem in problems]})

    @extend_schema(responses=DeploymentOptionsSerializer)
    @action(detail=False, methods=["get"], url_path="options")
    def choices(self, _request: Request) -> Response:
        """List what can be chosen for a deployment.

        The arguments of training are in ``GET /api/frameworks/``.
        """
        return Response({"modes": [mode.value for mode in TrainingMode]})

    @extend_schema(
        parameters=[DatasetFitsQuerySerializer],
        responses=DatasetFitSerializer(many=True),
        operation_id="deployments_datasets",
        tags=["configurations", "datasets", "models"],
        filters=False,
    )
    @action(detail=False, methods=["get"], pagination_class=None)
    def datasets(self, request: Request) -> Response:
        """List data sets, and why a configuration cannot train on them.

        The newest version of each data set is judged by what it declares. No record is read.
        """
        query = DatasetFitsQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        models = takers_among(asked["configuration"].models.order_by("pk"))
        return Response(dataset_fits(models, targets=Targets(asked["targets"]), limit=asked["limit"]))

    def deletion_of(self, row: Deployment) -> Deletion:
        return deleting.deletion_of(row)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(
                description="The deployment trains, or inferences serve its results. ``users`` names what ends first."
            ),
        }
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a deployment with its results and their files."""
        deleting.delete_deployment(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses={202: DeploymentSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, _request: Request, pk: int) -> Response:
        """Stop all training runs of a deployment."""
        services.stop_deployment(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        parameters=[
            OpenApiParameter("limit", int, description="Largest number of streams: 20 by default, at most 200.")
        ],
        responses=StreamFitSerializer(many=True),
        operation_id="deployments_streams",
        filters=False,
    )
    @action(detail=True, methods=["get"], pagination_class=None)
    def streams(self, request: Request, pk: int) -> Response:
        """List the newest streams, and why a deployment cannot train on them.

        Streams are judged by what they declare. No record is read.
        """
        limit = integer_parameter(request, "limit", default=20, minimum=1)
        return Response(stream_fits(self.find(pk), limit=min(limit, 200)))


class ResultViewSet(DeletableViewSet[TrainingResult]):
    """Results: one model of a deployment, while it waits, trains, and afterwards."""

    serializer_class = ResultSerializer
    list_serializer_class = ResultRowSerializer
    filterset_class = ResultFilter
    ordering_fields = ("id", "created_at", "updated_at", "state")
    search_fields = ("model__name", "name", "notes", "tag_lines", "deployment__configuration__name")
    filter_backends = (filters.DjangoFilterBackend, RunOrdering, SearchFilter)

    def get_queryset(self) -> QuerySet[TrainingResult]:
        return selectors.listed_results() if self.action == "list" else selectors.results()

    def deletion_of(self, row: TrainingResult) -> Deletion:
        return deleting.deletion_of_result(row)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(
                description="The result trains, inferences serve it, it is a lower sub-model of a chain, or it is the "
                "last result of its deployment. ``users`` names what is in the way."
            ),
        }
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a result with its versions and files.

        For the highest sub-model of a chain, the results of the whole chain are deleted.
        """
        deleting.delete_result(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=RunAnnotationSerializer, responses=ResultSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change the name, notes, tags or favourite mark of a result.

        Fields that are left out stay as they are.
        """
        annotate_run(self.find(pk), self.validated(RunAnnotationSerializer, partial=True), actor=self.actor)
        return self.shown(pk)

    @extend_schema(request=None, responses={202: ResultSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, _request: Request, pk: int) -> Response:
        """Stop a training run.

        All sub-models of a chain stop together.
        """
        stop(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=RestartSerializer,
        responses={202: ResultSerializer, 409: OpenApiResponse(description="The training has not ended.")},
    )
    @action(detail=True, methods=["post"])
    def restart(self, _request: Request, pk: int) -> Response:
        """Train again, from the start or from the last checkpoint.

        The stream is the same one, or another one. Earlier versions stay.
        """
        services.restart_result(self.find(pk), actor=self.actor, **self.validated(RestartSerializer))
        return self.shown(pk, status=202)

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "offset", int, description="Byte to begin with. A negative number counts from the end of the log."
            )
        ],
        responses=LogSerializer,
    )
    @action(detail=True, methods=["get"])
    def logs(self, request: Request, pk: int) -> Response:
        """Read the log of the present or last attempt.

        The sub-models of a chain have one log.
        """
        return Response(read_log(self.find(pk).run, offset=integer_parameter(request, "offset", default=0)))

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True, methods=["get"], url_path="artifacts/<artifact_name:name>")
    def artifact(self, request: Request, pk: int, name: str) -> HttpResponseBase:
        """Download a file of the current version."""
        result = self.find(pk)
        artifact = next((artifact for artifact in result.artifacts_shown if artifact.name == name), None)
        if artifact is None:
            raise NotFound(f"result {pk} has no artifact {name!r}", hint="its field artifacts lists them")
        return artifact_download(request, artifact)

    @extend_schema(
        parameters=[OpenApiParameter("points", int, description=f"Largest number of epochs, from 4 to {_MAX_POINTS}.")],
        responses=EpochsSerializer,
    )
    @action(detail=True, methods=["get"])
    def epochs(self, request: Request, pk: int) -> Response:
        """Show the metrics of epochs or windows.

        If there are more than ``points``, those that show the curve best are selected. The last one is always included.
        """
        points = integer_parameter(request, "points", default=selectors.SHOWN_EPOCHS, minimum=4)
        total, epochs = selectors.result_epochs(self.find(pk), min(points, _MAX_POINTS))
        return Response({"total": total, "epochs": epochs})

    @extend_schema(
        parameters=[
            OpenApiParameter(
                "limits",
                str,
                description="Limits of the tiers, from the lowest one, separated by commas. An empty one stands for "
                "the proposed limit.",
            )
        ],
        responses=ExitCurves,
    )
    @action(detail=True, methods=["get"])
    def exits(self, request: Request, pk: int) -> Response:
        """Show what limits would do in a trained chain.

        The answer says where samples would leave the chain, how many predictions would be correct, and how much would
        be sent to the next tiers.
        """
        limits = read_limits(request.query_params.get("limits", ""))
        return Response(exit_curves(self.find(pk), limits).to_json())

    @extend_schema(
        parameters=[
            OpenApiParameter("actual", int, required=True, description="Row of the matrix, from 0: the actual class."),
            OpenApiParameter(
                "predicted", int, required=True, description="Column of the matrix, from 0: the predicted class."
            ),
        ],
        responses=CellSamplesSerializer,
    )
    @action(detail=True, methods=["get"])
    def confusion_samples(self, request: Request, pk: int) -> Response:
        """Show samples that are behind a cell of the confusion matrix.

        For a mistake, these are samples of which the model was surest. For correct predictions, these are samples of
        which it was least sure.
        """
        actual, predicted = (integer_parameter(request, name, default=-1) for name in ("actual", "predicted"))
        return Response(cell_samples(self.find(pk), actual, predicted))

    @extend_schema(
        responses={
            (200, "image/png"): OpenApiTypes.BINARY,
            409: OpenApiResponse(description="The matrix has too many classes for an image."),
        }
    )
    def confusion_matrix_image(self, _request: Request, pk: int) -> HttpResponse:
        """Download the confusion matrix as an image."""
        result = self.find(pk)
        stored = result.confusion_matrix
        if not stored:
            raise NotFound(
                f"result {pk} has no confusion matrix", hint="ask for it when making the deployment: confusion_matrix"
            )
        if len(stored["matrix"]) > MAX_CLASSES:
            raise Conflict(f"{len(stored['matrix'])} classes are more than an image can show: expected {MAX_CLASSES}")
        title = f"{result.model.name}, result {result.pk}"
        image = draw_confusion_matrix(stored["matrix"], stored["labels"], title=title)
        return HttpResponse(image, content_type="image/png", headers={"Cache-Control": "private, no-cache"})

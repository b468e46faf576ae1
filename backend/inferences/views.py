"""Inferences: list, show, make, scale, stop, restart, delete, logs; tries and dead letters."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.deletion import DeletableViewSet, Deletion
from backend.api.pagination import PAGE, LimitOffset
from backend.api.views import integer_parameter
from backend.inferences import challenges, dead_letters, deleting, selectors, services, swaps, trying, workers
from backend.inferences.history import history
from backend.inferences.history_serializers import HistoryQuerySerializer, ServingHistorySerializer
from backend.inferences.letter_groups import letter_groups
from backend.inferences.models import Inference
from backend.inferences.newest_record import newest_record
from backend.inferences.serializers import (
    CanaryWriteSerializer,
    InferenceSerializer,
    InferenceUpdateSerializer,
    InferenceWriteSerializer,
    ShadowWriteSerializer,
    SwapRecordSerializer,
    SwapWriteSerializer,
)
from backend.inferences.trial_serializers import (
    DeadLetterPageSerializer,
    DeadLetterQuerySerializer,
    InputCheckSerializer,
    InputCheckWriteSerializer,
    LetterGroupsSerializer,
    ReplaySerializer,
    ReplayWriteSerializer,
    TrySerializer,
    TryWriteSerializer,
)
from backend.runs.logs import read_log
from backend.runs.models import STATE_CHOICES
from backend.runs.serializers import LogSerializer
from backend.runs.services import restart, stop
from kafkaml.wire.worker import FIRST_WORKER

__all__ = ["InferenceViewSet"]


class InferenceFilter(filters.FilterSet):  # type: ignore[misc]
    """``?state=failing``: those that fail without having ended; their own state is another one."""

    state = filters.ChoiceFilter(
        choices=[*STATE_CHOICES, ("failing", "It runs, but does not do its work.")], method="in_state"
    )

    class Meta:
        model = Inference
        fields: list[str] = ["result", "state", "input_topic", "output_topic", "shadow_of"]

    def in_state(self, rows: QuerySet[Inference], _name: str, state: str) -> QuerySet[Inference]:
        return rows.filter(failing__isnull=False) if state == "failing" else rows.filter(state=state)


class InferenceViewSet(DeletableViewSet[Inference]):
    """Versions in service: each reads an input topic and writes predictions to an output topic."""

    serializer_class = InferenceSerializer
    filterset_class = InferenceFilter
    ordering_fields = ("id", "created_at", "updated_at", "state")
    search_fields = ("input_topic", "output_topic", "result__model__name")

    def get_queryset(self) -> QuerySet[Inference]:
        return selectors.inferences()

    @extend_schema(request=InferenceWriteSerializer, responses={201: InferenceSerializer})
    def create(self, _request: Request) -> Response:
        """Serve a trained model."""
        inference = services.create_inference(actor=self.actor, **self.validated(InferenceWriteSerializer))
        return self.shown(inference.pk, status=201)

    @extend_schema(request=InputCheckWriteSerializer, responses=InputCheckSerializer)
    @action(detail=False, methods=["post"])
    def check(self, _request: Request) -> Response:
        """Check whether a model can answer the newest record of a topic.

        Nothing is started or written.
        """
        return Response(newest_record(**self.validated(InputCheckWriteSerializer)))

    @extend_schema(request=InferenceUpdateSerializer, responses=InferenceSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change the replicas, the live view, the limit or the included fields.

        Replicas take a new limit and new included fields between two transactions, without a restart.
        """
        services.scale_inference(self.find(pk), actor=self.actor, **self.validated(InferenceUpdateSerializer))
        return self.shown(pk)

    def deletion_of(self, row: Inference) -> Deletion:
        return deleting.deletion_of(row)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(
                description="The inference has not ended, or has shadows. ``users`` names what is to end first."
            ),
        }
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete an inference.

        Its topics stay, with predictions and dead letters. ``changelog_topic`` stays too, although nothing reads it any
        more. It can be deleted from Kafka.
        """
        deleting.delete_inference(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses={202: InferenceSerializer})
    @action(detail=True, methods=["post"])
    def stop(self, _request: Request, pk: int) -> Response:
        """Stop an inference."""
        stop(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=None,
        responses={202: InferenceSerializer, 409: OpenApiResponse(description="The inference has not ended.")},
    )
    @action(detail=True, methods=["post"])
    def restart(self, _request: Request, pk: int) -> Response:
        """Start a stopped or failed inference again.

        It continues at the offsets that it had committed.
        """
        restart(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=SwapWriteSerializer,
        responses={
            202: InferenceSerializer,
            409: OpenApiResponse(description="The inference is a shadow. Promote or drop it."),
        },
    )
    @action(detail=True, methods=["post"])
    def swap(self, _request: Request, pk: int) -> Response:
        """Serve another version.

        Replicas change to it without losing, repeating or reordering a record. The inference does not follow the
        current version any more.
        """
        swaps.swap(self.find(pk), actor=self.actor, **self.validated(SwapWriteSerializer))
        return self.shown(pk, status=202)

    @extend_schema(
        request=None,
        responses={
            202: InferenceSerializer,
            409: OpenApiResponse(description="The inference has served one version only, or it is a shadow."),
        },
    )
    @action(detail=True, methods=["post"])
    def rollback(self, _request: Request, pk: int) -> Response:
        """Serve the version that was served before the last change.

        This takes effect at once if replicas still have it loaded.
        """
        swaps.roll_back(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=None,
        responses={
            202: InferenceSerializer,
            409: OpenApiResponse(description="The inference is a shadow. Promote or drop it."),
        },
    )
    @action(detail=True, methods=["post"])
    def follow(self, _request: Request, pk: int) -> Response:
        """Follow the current version of the result.

        The current version is served now, and another one as soon as it becomes current.
        """
        swaps.follow(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=CanaryWriteSerializer,
        responses={
            202: InferenceSerializer,
            409: OpenApiResponse(description="The inference is a shadow, or it is a tier that has a limit."),
        },
    )
    @action(detail=True, methods=["post"])
    def canary(self, _request: Request, pk: int) -> Response:
        """Start a canary, or change its share.

        Another version answers a share of the keys. The two versions are compared.
        """
        challenges.start_canary(self.find(pk), actor=self.actor, **self.validated(CanaryWriteSerializer))
        return self.shown(pk, status=202)

    @extend_schema(
        request=ShadowWriteSerializer,
        responses={201: InferenceSerializer, 409: OpenApiResponse(description="The inference is a shadow itself.")},
    )
    @action(detail=True, methods=["post"])
    def shadow(self, _request: Request, pk: int) -> Response:
        """Start a shadow.

        A second inference reads the same input with another version, and writes to a topic of its own. The two versions
        are compared.
        """
        made = challenges.start_shadow(self.find(pk), actor=self.actor, **self.validated(ShadowWriteSerializer))
        return self.shown(made.pk, status=201)

    @extend_schema(
        request=None,
        responses={202: InferenceSerializer, 409: OpenApiResponse(description="The inference has no challenger.")},
    )
    @action(detail=True, methods=["post"])
    def promote(self, _request: Request, pk: int) -> Response:
        """Promote the challenger.

        The inference serves the challenger's version from now on. If it is a shadow, the shadow ends.
        """
        challenges.promote(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        request=None,
        responses={202: InferenceSerializer, 409: OpenApiResponse(description="The inference has no challenger.")},
    )
    @action(detail=True, methods=["post"])
    def drop(self, _request: Request, pk: int) -> Response:
        """Drop the challenger.

        The inference continues with its own version. If the challenger is a shadow, the shadow ends.
        """
        challenges.drop(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

    @extend_schema(
        operation_id="inferences_swaps_list", parameters=PAGE, responses=SwapRecordSerializer(many=True), filters=False
    )
    @action(detail=True, methods=["get"])
    def swaps(self, request: Request, pk: int) -> Response:
        """List changes of version, as replicas reported them.

        The newest are first. The last 1,000 are kept.
        """
        pages = LimitOffset()
        page = pages.paginate_queryset(self.find(pk).swaps.all(), request)
        return pages.get_paginated_response(SwapRecordSerializer(page, many=True).data)

    @extend_schema(parameters=[HistoryQuerySerializer], responses=ServingHistorySerializer)
    @action(detail=True, methods=["get"])
    def history(self, request: Request, pk: int) -> Response:
        """Show how an inference served in the last 24 hours."""
        inference = self.find(pk)
        query = HistoryQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(ServingHistorySerializer(history(inference, step_minutes=query.validated_data["step"])).data)

    @extend_schema(
        parameters=[
            OpenApiParameter("replica", int, description="Number of the replica, from 0. 0 by default."),
            OpenApiParameter(
                "offset", int, description="Byte to begin with. A negative number counts from the end of the log."
            ),
        ],
        responses=LogSerializer,
    )
    @action(detail=True, methods=["get"])
    def logs(self, request: Request, pk: int) -> Response:
        """Read the log of one replica.

        Only the end of an external worker's log is kept.
        """
        replica = integer_parameter(request, "replica", default=0, minimum=0)
        offset = integer_parameter(request, "offset", default=0)
        if replica >= FIRST_WORKER:
            return Response(workers.read_log(self.find(pk), replica, offset))
        return Response(read_log(self.find(pk), replica=replica, offset=offset))

    @extend_schema(
        operation_id="inferences_try",
        request=TryWriteSerializer,
        responses={
            200: TrySerializer,
            409: OpenApiResponse(description="The inference does not run, so that nothing would answer."),
            429: OpenApiResponse(
                description="Too many samples are being tried now. ``Retry-After`` says when to repeat, in seconds."
            ),
        },
    )
    @action(detail=True, methods=["post"], url_path="try")
    def try_(self, _request: Request, pk: int) -> Response:
        """Send one sample through an inference, and wait for its answer.

        The sample becomes a real record of the input topic, and its answer one of the output topic.
        """
        fields = self.validated(TryWriteSerializer)
        return Response(trying.try_sample(self.find(pk), actor=self.actor, **fields))

    @extend_schema(parameters=[DeadLetterQuerySerializer], responses=DeadLetterPageSerializer)
    @action(detail=True, methods=["get"], url_path="dead_letters")
    def dead_letters(self, request: Request, pk: int) -> Response:
        """Show a page of dead letters, the newest first."""
        inference = self.find(pk)
        query = DeadLetterQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        page = dead_letters.letters(
            inference, before=query.validated_data.get("before"), limit=query.validated_data["limit"]
        )
        return Response(page)

    @extend_schema(responses=LetterGroupsSerializer)
    @action(detail=True, methods=["get"], url_path="dead_letters/groups")
    def dead_letter_groups(self, _request: Request, pk: int) -> Response:
        """Count the newest dead letters by reason, with an example of each."""
        return Response(letter_groups(self.find(pk)))

    @extend_schema(request=ReplayWriteSerializer, responses=ReplaySerializer)
    @action(detail=True, methods=["post"], url_path="dead_letters/replay")
    def replay_dead_letters(self, _request: Request, pk: int) -> Response:
        """Send dead letters to the input topic again.

        They also stay in the topic of dead letters.
        """
        inference, fields = self.find(pk), self.validated(ReplayWriteSerializer)
        places = None if fields["all"] else [(field["partition"], field["offset"]) for field in fields["positions"]]
        return Response(dead_letters.replay(inference, actor=self.actor, positions=places))

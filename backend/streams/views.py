"""Streams: list, show, look into, announce, announce again; and the announcements that were refused."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.deletion import DeletableViewSet, Deletion
from backend.streams import selectors, services
from backend.streams.models import Announcement, RefusedAnnouncement
from backend.streams.offering import announce_topic
from backend.streams.preview import preview
from backend.streams.serializers import (
    FormatSerializer,
    OfferedSerializer,
    OfferSerializer,
    PreviewQuerySerializer,
    RefusedAnnouncementSerializer,
    SendSerializer,
    SentSerializer,
    StreamPreviewSerializer,
    StreamSerializer,
)
from kafkaml.codecs import formats

__all__ = ["StreamViewSet"]


class StreamFilter(filters.FilterSet):  # type: ignore[misc]
    """``?deployment=7``; ``?used=false``: those that nothing was trained from; ``?repeats=false``: all records once."""

    deployment = filters.NumberFilter(field_name="deployment_number", min_value=0, max_value=2**63 - 1)

    used = filters.BooleanFilter(
        help_text="Shows only streams from which results were trained (true), or were not (false)."
    )

    repeats = filters.BooleanFilter(
        field_name="same_as",
        lookup_expr="isnull",
        exclude=True,
        help_text="Shows only streams whose records were announced before (true), or were not (false).",
    )

    class Meta:
        model = Announcement
        fields: list[str] = ["cluster"]


class StreamViewSet(DeletableViewSet[Announcement]):
    """Streams of data that were announced in a control topic."""

    serializer_class = StreamSerializer
    filterset_class = StreamFilter
    ordering_fields = ("id", "registered_at", "sent_at", "deployment_number")
    search_fields = ("message__description", "message__topic")

    def get_queryset(self) -> QuerySet[Announcement]:
        return selectors.streams()

    @extend_schema(
        request=OfferSerializer,
        responses={
            202: OpenApiResponse(OfferedSerializer, description="The stream will be announced within seconds."),
            200: OpenApiResponse(OfferedSerializer, description="The same was announced to the deployment before."),
        },
    )
    def create(self, _request: Request) -> Response:
        """Announce records that are in a topic already."""
        asked = self.validated(OfferSerializer)
        deployment = asked.pop("deployment").pk
        offer = announce_topic(actor=self.actor, deployment=deployment, **asked)
        body = {
            "deployment": deployment,
            "ranges": offer.ranges,
            "message": offer.message,
            "stream": offer.stream,
        }
        return Response(body, status=200 if offer.message is None else 202)

    def deletion_of(self, row: Announcement) -> Deletion:
        return services.deletion_of(row)

    @extend_schema(
        responses={
            204: None,
            409: OpenApiResponse(description="Results were trained from the stream, or will be. ``users`` names them."),
        }
    )
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a stream from the list.

        Its records stay in Kafka.
        """
        services.delete_stream(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(responses=FormatSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], pagination_class=None, filterset_class=None, search_fields=())
    def formats(self, _request: Request) -> Response:
        """List the formats that a user can choose for a topic."""
        return Response(FormatSerializer([format_ for format_ in formats() if format_.by_hand], many=True).data)

    @extend_schema(responses=RefusedAnnouncementSerializer(many=True), filters=False)
    @action(detail=False, methods=["get"], filterset_class=None, search_fields=())
    def refused(self, _request: Request) -> Response:
        """List announcements that were refused, the newest first."""
        assert self.paginator is not None
        rows = self.paginator.paginate_queryset(RefusedAnnouncement.objects.all(), self.request, view=self)
        return self.get_paginated_response(RefusedAnnouncementSerializer(rows or [], many=True).data)

    @extend_schema(request=SendSerializer, responses={202: SentSerializer})
    @action(detail=True, methods=["post"])
    def send(self, _request: Request, pk: int) -> Response:
        """Announce a stream to another deployment.

        Nothing is copied. The deployment reads the same records.
        """
        announcement = self.find(pk)
        deployment = self.validated(SendSerializer)["deployment"].pk
        message = services.send_again(announcement, deployment, actor=self.actor)
        return Response({"message": message.pk, "deployment": deployment}, status=202)

    @extend_schema(
        parameters=[PreviewQuerySerializer],
        responses={
            200: StreamPreviewSerializer,
            409: OpenApiResponse(description="Kafka does not have the records any more."),
        },
    )
    @action(detail=True, methods=["get"])
    def preview(self, request: Request, pk: int) -> Response:
        """Show decoded samples of a stream.

        They are read from Kafka now.
        """
        query = PreviewQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(preview(self.find(pk), **query.validated_data))

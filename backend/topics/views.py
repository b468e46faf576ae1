"""Topics: list, show, pages of records, what arrives."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import UserRateThrottle
from rest_framework.views import APIView

from backend.accounts.models import Role
from backend.api.actors import actor_of
from backend.api.sse import source_stream
from backend.inferences.trial_serializers import PlaceSerializer
from backend.topics import selectors
from backend.topics.creating import create
from backend.topics.producing import produce, produce_rows
from backend.topics.proposals import proposal
from backend.topics.serializers import (
    OtherGroupsSerializer,
    ProposalQuerySerializer,
    RecordPageSerializer,
    RecordQuerySerializer,
    TailQuerySerializer,
    TopicListQuerySerializer,
    TopicPageSerializer,
    TopicSerializer,
    TopicSettingsSerializer,
)
from backend.topics.tail import TopicSource
from backend.topics.write_serializers import (
    NewRecordSerializer,
    NewRecordsSerializer,
    NewTopicSerializer,
    WrittenSerializer,
)
from kafkaml.wire.proposal import Proposal

__all__ = [
    "ProposalView",
    "RecordRowsView",
    "RecordsView",
    "TopicGroupsView",
    "TopicListView",
    "TopicSettingsView",
    "TopicView",
    "tail",
]


# Pages read an answer again after events on the topics in its tags. Users of a topic, and how far they have read,
# change with these.
_TAGS = ["topics", "streams", "inferences"]


class TopicListView(APIView):
    """What topics there are."""

    @extend_schema(
        parameters=[TopicListQuerySerializer], responses=TopicPageSerializer, operation_id="topics_list", tags=_TAGS
    )
    def get(self, request: Request) -> Response:
        """List topics, and what uses them."""
        asked = _valid(TopicListQuerySerializer(data=request.query_params)).validated_data
        rows = selectors.topic_list(internal=asked["internal"], search=asked["search"])
        name = asked["ordering"].removeprefix("-")
        # A topic whose size is not known is the smallest.
        rows.sort(key=lambda row: -1 if row[name] is None else row[name], reverse=asked["ordering"].startswith("-"))
        page = rows[asked["offset"] : asked["offset"] + asked["limit"]]
        return Response({"count": len(rows), "results": page})

    @extend_schema(
        request=NewTopicSerializer,
        responses={
            201: TopicSerializer,
            409: OpenApiResponse(description="A topic of this name exists."),
            422: OpenApiResponse(description="Kafka refuses such a topic."),
        },
        operation_id="topics_create",
        tags=_TAGS,
    )
    def post(self, request: Request) -> Response:
        """Create a topic."""
        new = _valid(NewTopicSerializer(data=request.data)).new_topic()
        create(new, actor=actor_of(request))
        return Response(selectors.topic_state(new.name), status=201)


class TopicView(APIView):
    """One topic."""

    @extend_schema(responses=TopicSerializer, tags=_TAGS)
    def get(self, _request: Request, name: str) -> Response:
        """Show a topic: its partitions, what uses it, and its readers."""
        return Response(selectors.topic_state(name))


class RecordsView(APIView):
    """The records of a topic."""

    @extend_schema(
        parameters=[RecordQuerySerializer], responses=RecordPageSerializer, operation_id="topics_records_list"
    )
    def get(self, request: Request, name: str) -> Response:
        """Show a page of committed records.

        The page begins with the newest or the oldest record, at an offset, or at a time.
        """
        query = _valid(RecordQuerySerializer(data=request.query_params))
        return Response(selectors.records(name, query.page_query(), query.decoder_of(name)))

    @extend_schema(
        request=NewRecordSerializer,
        responses={
            201: PlaceSerializer,
            409: OpenApiResponse(description="The topic is Kafka's own, or the platform alone writes it."),
        },
        operation_id="topics_records_create",
    )
    def post(self, request: Request, name: str) -> Response:
        """Write one record to a topic.

        The answer says where it is.
        """
        new = _valid(NewRecordSerializer(data=request.data)).new_record()
        return Response(produce(name, new, actor=actor_of(request))._asdict(), status=201)


class RecordRowsView(APIView):
    """Many records for a topic."""

    @extend_schema(
        request=NewRecordsSerializer,
        responses={
            200: WrittenSerializer,
            409: OpenApiResponse(description="The topic is Kafka's own, or the platform alone writes it."),
        },
        operation_id="topics_records_rows",
    )
    def post(self, request: Request, name: str) -> Response:
        """Write up to 1,000 records to a topic.

        The answer says which were not written, and why. The others were.
        """
        rows = _valid(NewRecordsSerializer(data=request.data)).new_records()
        return Response(WrittenSerializer(produce_rows(name, rows, actor=actor_of(request))).data)


class TopicGroupsView(APIView):
    """Who else reads a topic."""

    @extend_schema(responses=OtherGroupsSerializer, operation_id="topics_groups")
    def get(self, _request: Request, name: str) -> Response:
        """Show other consumer groups that read a topic, with their lag.

        Groups of inferences are left out.
        """
        return Response(selectors.other_groups(name))


class TopicSettingsView(APIView):
    """Kafka's settings of a topic."""

    @extend_schema(responses=TopicSettingsSerializer, operation_id="topics_settings")
    def get(self, _request: Request, name: str) -> Response:
        """Show Kafka's settings of a topic, such as its retention."""
        return Response(selectors.topic_settings(name))


class ProposalThrottle(UserRateThrottle):
    """Limits how much one user can have the platform read and compute."""

    scope = "proposal"


class ProposalView(APIView):
    """What a topic would be as a data set."""

    # Viewers may call it although it is a POST, because it stores nothing.
    write_role = Role.VIEWER
    throttle_classes = [ProposalThrottle]

    @extend_schema(request=ProposalQuerySerializer, responses=Proposal, operation_id="topics_proposal")
    def post(self, request: Request, name: str) -> Response:
        """Propose a contract from a sample of a topic's records.

        The answer has a format, columns, a label, and remarks on what deserves a look.
        """
        query = _valid(ProposalQuerySerializer(data=request.data))
        return Response(proposal(name, query.proposal_query()).to_json())


async def tail(request: HttpRequest, name: str) -> HttpResponseBase:
    """Stream what arrives in a topic from now on: events ``records``, sampled, at most 10 a second."""
    return await source_stream(request, lambda: _tail_of(request.GET, name), frames_per_second=10)


def _tail_of(parameters: QueryDict, name: str) -> Callable[[], TopicSource]:
    query = _valid(TailQuerySerializer(data=parameters))
    asked = query.validated_data
    return partial(
        TopicSource,
        name,
        query.decoder_of(name),
        partition=asked.get("partition"),
        filter_=query.record_filter(),
    )


def _valid(serializer: Any) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer

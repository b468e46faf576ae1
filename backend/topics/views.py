"""Topics: list, show, pages of records, what arrives."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.errors import problem_of, problem_response
from backend.api.sse import refusal, source_response
from backend.records.decoding import Decoder
from backend.topics import selectors
from backend.topics.serializers import (
    RecordPageSerializer,
    RecordQuerySerializer,
    TailQuerySerializer,
    TopicListQuerySerializer,
    TopicPageSerializer,
    TopicSerializer,
)
from backend.topics.tail import TopicSource
from kafkaml.errors import KafkaMLError

__all__ = ["RecordsView", "TopicListView", "TopicView", "tail"]


class TopicListView(APIView):
    """What topics there are."""

    @extend_schema(parameters=[TopicListQuerySerializer], responses=TopicPageSerializer, operation_id="topics_list")
    def get(self, request: Request) -> Response:
        """List topics with who uses them."""
        asked = _valid(TopicListQuerySerializer(data=request.query_params)).validated_data
        rows = selectors.topic_list(internal=asked["internal"], search=asked["search"])
        name = asked["ordering"].removeprefix("-")
        # A topic whose size is not known is the smallest.
        rows.sort(key=lambda row: -1 if row[name] is None else row[name], reverse=asked["ordering"].startswith("-"))
        page = rows[asked["offset"] : asked["offset"] + asked["limit"]]
        return Response({"count": len(rows), "results": page})


class TopicView(APIView):
    """One topic."""

    @extend_schema(responses=TopicSerializer)
    def get(self, _request: Request, name: str) -> Response:
        """Show a topic: partitions and offsets, who uses it, how far its readers are."""
        return Response(selectors.topic_state(name))


class RecordsView(APIView):
    """The records of a topic."""

    @extend_schema(
        parameters=[RecordQuerySerializer], responses=RecordPageSerializer, operation_id="topics_records_list"
    )
    def get(self, request: Request, name: str) -> Response:
        """Show a page of committed records: the newest, the oldest, from an offset or a time on."""
        query = RecordQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(selectors.records(name, query.page_query(), query.decoder_of(name)))


async def tail(request: HttpRequest, name: str) -> HttpResponseBase:
    """Stream what arrives in a topic from now on: events ``records``, sampled, at most 20 a second."""
    if denied := await refusal(request):
        return denied
    try:
        decoder, asked = await sync_to_async(_tail_query)(request.GET, name)
    except (KafkaMLError, APIException) as error:
        problem = problem_of(error)
        assert problem is not None
        return problem_response(request, problem)
    return source_response(
        request,
        lambda: TopicSource(name, decoder, partition=asked.get("partition"), contains=asked["contains"]),
        frames_per_second=10,
    )


def _tail_query(parameters: QueryDict, name: str) -> tuple[Decoder, dict[str, Any]]:
    query = TailQuerySerializer(data=parameters)
    query.is_valid(raise_exception=True)
    return query.decoder_of(name), query.validated_data


def _valid(serializer: Any) -> Any:
    serializer.is_valid(raise_exception=True)
    return serializer

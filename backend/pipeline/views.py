"""One answer for the home page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.events.services import TOPICS
from backend.pipeline.documents import Pipeline
from backend.pipeline.selectors import Only, PictureSearch, pipeline

__all__ = ["PipelineView"]


class PictureSearchSerializer(serializers.Serializer[Any]):
    """Selects what is drawn; without parameters what is active, and the newest."""

    find = serializers.CharField(
        default="", allow_blank=True, max_length=250, help_text="looked for in names of models, configurations, topics"
    )
    only = serializers.ChoiceField(
        choices=[(choice.value, choice.value) for choice in Only], allow_null=True, default=None
    )


class PipelineView(APIView):
    """Streams, trainings and inferences, and what flows between them."""

    # Pages read an answer again after events on the topics in its tags. The picture depends on all but the system's.
    @extend_schema(
        parameters=[PictureSearchSerializer],
        responses=Pipeline,
        tags=["pipeline", *(topic for topic in TOPICS if topic != "system")],
    )
    def get(self, request: Request) -> Response:
        """The picture: boxes, lines, totals, and what has happened so far.

        A search reaches all that there is, and brings what leads there and what it leads to.
        """
        query = PictureSearchSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        find, only = query.validated_data["find"].strip(), query.validated_data["only"]
        return Response(pipeline(PictureSearch(find, Only(only) if only else None)).to_json())

"""One answer for the home page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.events.services import TOPICS
from backend.pipeline.documents import Pipeline
from backend.pipeline.selectors import Only, PictureSearch, pipeline

__all__ = ["PipelineView"]

_MOST_HOURS = 24 * 366


class PictureSearchSerializer(serializers.Serializer[Any]):
    """Selects what is drawn; without parameters what is active, and the newest."""

    find = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=250,
        help_text="A text in the names of models, configurations or topics, in any case.",
    )
    only = serializers.ChoiceField(
        choices=[("active", "Those that wait or run."), ("failing", "Those that failed, and inferences that fail.")],
        allow_null=True,
        default=None,
        help_text="Shows only boxes in this state.",
    )
    hours = serializers.IntegerField(
        default=None,
        allow_null=True,
        min_value=1,
        max_value=_MOST_HOURS,
        help_text="How far back: shows only what waits or runs, or was made or ended since then. Null for all.",
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
        """Show the picture of the home page.

        It has boxes, lines, totals, and what has happened at least once. A search also finds what leads to a found
        object, and what it leads to.
        """
        query = PictureSearchSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        find, only, hours = (query.validated_data[name] for name in ("find", "only", "hours"))
        since = None if hours is None else timezone.now() - timedelta(hours=hours)
        return Response(pipeline(PictureSearch(find.strip(), Only(only) if only else None, since)).to_json())

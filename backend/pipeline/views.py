"""One answer for the home page."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.events.services import TOPICS
from backend.pipeline.documents import Pipeline
from backend.pipeline.selectors import pipeline

__all__ = ["PipelineView"]


class PipelineView(APIView):
    """Streams, trainings and inferences, and what flows between them."""

    # A page reads again what is tagged with the topic of an event: of this, everything but the system's.
    @extend_schema(responses=Pipeline, tags=["pipeline", *(topic for topic in TOPICS if topic != "system")])
    def get(self, _request: Request) -> Response:
        """The picture: boxes, lines, totals, and what has happened so far."""
        return Response(pipeline().to_json())

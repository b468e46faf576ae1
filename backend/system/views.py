"""Health for supervisors and load balancers, the state of the whole for people, and the page at ``/``."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.utils.html import escape
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.system.selectors import system_state
from backend.system.serializers import HealthSerializer, SystemSerializer

__all__ = ["LiveView", "ReadyView", "SystemView", "index"]


class LiveView(APIView):
    """Whether the process answers."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses=HealthSerializer)
    def get(self, _request: Request) -> Response:
        return Response({"status": "ok"})


class ReadyView(APIView):
    """Whether requests can be served: the database answers."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, _request: Request) -> Response:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM django_migrations")
        except DatabaseError:
            return Response({"status": "unavailable"}, status=503)
        return Response({"status": "ok"})


class SystemView(APIView):
    """Versions, isolation level, broker, components."""

    @extend_schema(responses=SystemSerializer)
    def get(self, _request: Request) -> Response:
        return Response(system_state())


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The page at ``/`` of a version without a user interface: says what is here."""
    user = request.user
    who = (
        f"Signed in as {escape(user.get_username())} ({user.role})."
        if isinstance(user, User)
        else "Nobody is signed in."
    )
    page = (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Kafka-ML</title></head><body>"
        "<h1>Kafka-ML</h1><p>The API is here; this version has no pages yet.</p>"
        "<ul><li><a href='/api/schema/'>The API's description (OpenAPI)</a></li>"
        "<li><a href='/api/system/'>State of the platform</a></li>"
        f"<li><a href='/api/session/'>Session</a>: {who}</li></ul>"
        "<p>Sign in with the link that <code>kafka-ml login</code> prints.</p></body></html>"
    )
    return HttpResponse(page)

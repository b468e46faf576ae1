"""Health for supervisors and load balancers, the state of the whole for people, and the pages."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import ServiceTokenAuthentication
from backend.accounts.permissions import ServicePermission
from backend.api.errors import Problem, problem_response
from backend.system.documents import System
from backend.system.old_addresses import is_for_a_page, present_address
from backend.system.selectors import system_state
from backend.system.serializers import HealthSerializer, HeartbeatSerializer
from backend.system.services import heartbeat

__all__ = ["HeartbeatView", "LiveView", "ReadyView", "SystemView", "index"]

_NOT_BUILT = (
    "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Kafka-ML</title></head><body>"
    "<h1>Kafka-ML</h1><p>The API is here, but the pages are not built: <code>make install</code> builds them.</p>"
    "<p><a href='/api/schema/'>The API's description (OpenAPI)</a></p></body></html>"
)


class LiveView(APIView):
    """Whether the process answers."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(responses=HealthSerializer)
    def get(self, _request: Request) -> Response:
        """Check that the backend answers."""
        return Response({"status": "ok"})


class ReadyView(APIView):
    """Whether requests can be served, which means that the database answers."""

    authentication_classes = []
    permission_classes = [AllowAny]

    @extend_schema(
        responses={
            200: OpenApiResponse(HealthSerializer, description="Requests can be served."),
            503: OpenApiResponse(HealthSerializer, description="The database does not answer."),
        }
    )
    def get(self, _request: Request) -> Response:
        """Check that the backend can serve requests.

        It can if the database answers.
        """
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM django_migrations")
        except DatabaseError:
            return Response({"status": "unavailable"}, status=503)
        return Response({"status": "ok"})


class HeartbeatView(APIView):
    """Signs of life of the platform's own components."""

    authentication_classes = [ServiceTokenAuthentication]
    permission_classes = [ServicePermission]

    @extend_schema(request=HeartbeatSerializer, responses={204: None})
    def post(self, request: Request) -> Response:
        """Report that a component of the platform works, and what it does."""
        serializer = HeartbeatSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        said = serializer.validated_data
        heartbeat(said["component"], version=said["version"], details={"doing": said["doing"]})
        return Response(status=204)


class SystemView(APIView):
    """Versions, isolation level, broker, components."""

    @extend_schema(responses=System)
    def get(self, _request: Request) -> Response:
        """Show versions, isolation, Kafka, and the state of all components."""
        return Response(system_state().to_json())


@csrf_exempt
def index(request: HttpRequest) -> HttpResponse:
    """The user interface, at every address that is not the API's, because it reads the address itself.

    A script at an address of Kafka-ML 1.0 gets 410 with the present one, as it could not read a page.
    """
    present = None if is_for_a_page(request) else present_address(request.method or "", request.path)
    if present is not None:
        problem = Problem(
            410,
            f"{request.method} {request.path} was Kafka-ML 1.x's; this version has it at {present}",
            "moved_address",
            hint="send a token (kafka-ml tokens create) as Authorization: Bearer TOKEN; fields: /docs/coming-from-1.x/",
            headers={"Link": f'<{present}>; rel="successor-version"'},
            extra={"new_address": present},
        )
        return problem_response(request, problem)
    return _page(request)


@require_safe
def _page(_request: HttpRequest) -> HttpResponse:
    try:
        page = (settings.STATIC_ROOT / "index.html").read_bytes()
    except FileNotFoundError:
        return HttpResponse(_NOT_BUILT, status=503)
    return HttpResponse(page, headers={"Cache-Control": "no-cache"})

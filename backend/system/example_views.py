"""Examples that run by a click, where the platform has their programs."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.authentication import effective_role
from backend.accounts.models import User
from backend.api.actors import actor_of
from backend.system.examples import Examples, examples, start_example, stop_example

__all__ = ["ExamplesView"]


class ExampleStartSerializer(serializers.Serializer[Any]):
    """Which example to run."""

    name = serializers.CharField(max_length=100)


class ExamplesView(APIView):
    """What can be run by a click, and the run that is going on or was the last."""

    @extend_schema(responses=Examples)
    def get(self, _request: Request) -> Response:
        """List the examples that can be run here, and show the last run."""
        return Response(examples().to_json())

    @extend_schema(
        request=ExampleStartSerializer,
        responses={202: Examples, 409: OpenApiResponse(description="Another example runs.")},
    )
    def post(self, request: Request) -> Response:
        """Run an example.

        It does the same as ``kafka-ml examples run``: it trains a model and serves it. Only one example runs at a time.
        """
        serializer = ExampleStartSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        role = effective_role(request)
        if role is None or not isinstance(request.user, User):
            raise NotAuthenticated
        start_example(serializer.validated_data["name"], actor=actor_of(request), user=request.user, role=role)
        return Response(examples().to_json(), status=202)

    @extend_schema(responses={204: None, 409: OpenApiResponse(description="No example runs.")})
    def delete(self, _request: Request) -> Response:
        """Stop the example that is running.

        What it has created stays.
        """
        stop_example()
        return Response(status=204)

"""Worker tokens of an inference: made with the commands to run, listed, revoked."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.db.models import Count, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.actors import actor_of
from backend.api.fields import NameField
from backend.api.pagination import PAGE, LimitOffset
from backend.inferences import selectors, workers
from backend.inferences.models import Inference, WorkerToken
from backend.inferences.worker_commands import worker_commands
from kafkaml.wire.framework import Framework

__all__ = ["WorkerTokenListView", "WorkerTokenView"]


class WorkerTokenSerializer(serializers.ModelSerializer[WorkerToken]):
    """A worker token without its text. ``workers`` is the number of workers that have joined with it."""

    created_by = serializers.CharField(source="created_by.username", read_only=True, default="")
    expired = serializers.BooleanField(read_only=True)
    workers = serializers.IntegerField(source="worker_count", read_only=True)

    class Meta:
        model = WorkerToken
        fields = ["id", "name", "created_by", "created_at", "expires_at", "expired", "workers"]


class WorkerTokenPageSerializer(serializers.Serializer[Any]):
    """A page of worker tokens."""

    count = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = WorkerTokenSerializer(many=True)


class WorkerTokenWriteSerializer(serializers.Serializer[Any]):
    """A worker token to create, valid for ``days``. Any number of workers may use it, each with a name of its own."""

    name = NameField(default="worker")
    days = serializers.FloatField(default=365, min_value=0.001, max_value=3660)


class WorkerCommandsSerializer(serializers.Serializer[Any]):
    """Commands to run an external worker. ``install`` and ``build`` are needed once, in a checkout of Kafka-ML."""

    runtime = serializers.ChoiceField(
        choices=[("onnx", "ONNX Runtime."), *((framework.value, "This framework.") for framework in Framework)],
        help_text="The library that serves the model on the machine.",
    )
    install = serializers.CharField()
    python = serializers.CharField()
    build = serializers.CharField()
    docker = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())


class NewWorkerTokenSerializer(WorkerTokenSerializer):
    """A new worker token, with its text and commands, which cannot be read again."""

    workers = serializers.IntegerField(read_only=True)
    token = serializers.CharField(read_only=True)
    commands = WorkerCommandsSerializer(read_only=True)

    class Meta(WorkerTokenSerializer.Meta):
        fields = [*WorkerTokenSerializer.Meta.fields, "token", "commands"]


class _WorkerTokensView(APIView):
    def inference(self, pk: int) -> Inference:
        """Return the inference or answer 404."""
        found: Inference = get_object_or_404(selectors.inferences(), pk=pk)
        return found


class WorkerTokenListView(_WorkerTokensView):
    """What lets machines elsewhere serve an inference."""

    @extend_schema(
        operation_id="inferences_worker_tokens_list",
        parameters=PAGE,
        responses=WorkerTokenPageSerializer,
        tags=["inferences"],
    )
    def get(self, request: Request, pk: int) -> Response:
        """List the worker tokens of an inference, the newest first.

        Their texts are not shown, because they cannot be read again.
        """
        rows: QuerySet[WorkerToken] = self.inference(pk).worker_tokens.select_related("created_by")
        pages = LimitOffset()
        page = pages.paginate_queryset(rows.annotate(worker_count=Count("workers")), request)
        return pages.get_paginated_response(WorkerTokenSerializer(page, many=True).data)

    @extend_schema(
        operation_id="inferences_worker_tokens_create",
        request=WorkerTokenWriteSerializer,
        responses={201: NewWorkerTokenSerializer},
        tags=["inferences"],
    )
    def post(self, request: Request, pk: int) -> Response:
        """Create a token with which external workers serve an inference.

        The answer shows its text and the commands that use it. Neither can be read again.
        """
        inference = self.inference(pk)
        serializer = WorkerTokenWriteSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        token, text = workers.create_token(inference, actor=actor_of(request), **serializer.validated_data)
        token.worker_count = 0  # type: ignore[attr-defined]  # as the list annotates it
        data = WorkerTokenSerializer(token).data
        commands = asdict(worker_commands(inference, text))
        return Response({**data, "token": text, "commands": commands}, status=201)


class WorkerTokenView(_WorkerTokensView):
    """One worker token."""

    @extend_schema(operation_id="inferences_worker_tokens_destroy", responses={204: None}, tags=["inferences"])
    def delete(self, request: Request, pk: int, number: int) -> Response:
        """Revoke a worker token.

        Workers that joined with it end when they report next.
        """
        workers.delete_token(get_object_or_404(self.inference(pk).worker_tokens, pk=number), actor=actor_of(request))
        return Response(status=204)

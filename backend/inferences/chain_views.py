"""Chains put into service as a whole."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.api.actors import actor_of
from backend.api.fields import FormatConfigField, FormatField, StartField, TopicField
from backend.deployments.models import TrainingResult
from backend.inferences import chains, selectors
from backend.inferences.serializers import InferenceSerializer
from kafkaml.wire.chain import ChainProposal

__all__ = ["ChainView"]

_MAX_TIERS = 100


class TierWriteSerializer(serializers.Serializer[Any]):
    """The fields of one tier that differ from what is proposed."""

    result = serializers.IntegerField(min_value=1, help_text="Result of a sub-model of the chain.")
    replicas = serializers.IntegerField(required=False)
    max_replicas = serializers.IntegerField(required=False, allow_null=True)
    limit = serializers.FloatField(
        required=False, allow_null=True, help_text="Limit of the tier. Null for the proposed one."
    )
    upper_topic = serializers.CharField(required=False, help_text="Input topic of the next tier.")
    upper_bootstrap_servers = serializers.CharField(required=False, allow_blank=True)
    output_topic = serializers.CharField(required=False)
    output_bootstrap_servers = serializers.CharField(required=False, allow_blank=True)
    gpu = serializers.IntegerField(required=False)
    cluster = serializers.IntegerField(
        required=False, allow_null=True, help_text="The cluster to run in. Null for the platform's own."
    )


class ChainWriteSerializer(serializers.Serializer[Any]):
    """A chain to serve. Fields that are left out are as ``GET`` proposes them."""

    result = serializers.PrimaryKeyRelatedField(
        queryset=TrainingResult.objects.select_related("leader"), help_text="Result of any sub-model of the chain."
    )
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="Version of all tiers. Null for the current one.",
    )
    prefix = TopicField(required=False, max_length=100, help_text="Beginning of the names of proposed topics.")
    input_topic = TopicField(required=False)
    start = StartField(
        required=False,
        help_text="Where the lowest tier begins to read: beginning, now, an offset of every partition, or a time. "
        "Higher "
        "tiers read their topics from the beginning.",
    )
    output_topic = TopicField(required=False, help_text="Output topic of all tiers.")
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    # ``max_length`` limits the list rather than its items.
    tiers = TierWriteSerializer(many=True, default=list, max_length=_MAX_TIERS)  # type: ignore[call-arg]


class ServedChainSerializer(serializers.Serializer[Any]):
    """The inferences that serve a chain, from the lowest tier."""

    inferences = InferenceSerializer(many=True)


class ChainView(APIView):
    """Chains of sub-models, each served by an inference of its own."""

    @extend_schema(
        parameters=[
            OpenApiParameter("result", int, required=True, description="Result of any sub-model of the chain."),
            OpenApiParameter("prefix", str, description="Beginning of the names of the topics."),
            OpenApiParameter("joining", bool, description="Whether tiers that are served already keep their topics."),
        ],
        responses=ChainProposal,
    )
    def get(self, request: Request) -> Response:
        """Propose topics and limits for serving a trained chain."""
        asked = _Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        result = get_object_or_404(TrainingResult.objects.select_related("leader"), pk=values.pop("result"))
        return Response(chains.proposal(result, **values).to_json())

    @extend_schema(request=ChainWriteSerializer, responses={201: ServedChainSerializer})
    def post(self, request: Request) -> Response:
        """Serve all sub-models of a trained chain.

        Every sub-model gets an inference of its own. If one is refused, none is created.
        """
        asked = ChainWriteSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        made = chains.deploy_chain(actor=actor_of(request), **asked.validated_data)
        rows = {
            inference.pk: inference
            for inference in selectors.inferences().filter(pk__in=[inference.pk for inference in made])
        }
        shown = InferenceSerializer([rows[inference.pk] for inference in made], many=True, context={"request": request})
        return Response({"inferences": shown.data}, status=201)


class _Query(serializers.Serializer[Any]):
    result = serializers.IntegerField(min_value=1, max_value=2**62)
    prefix = TopicField(default="", allow_blank=True, max_length=100)
    joining = serializers.BooleanField(default=False)

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
    """One tier: the fields of an inference that are not to be as proposed. Checked as those of an inference."""

    result = serializers.IntegerField(min_value=1, help_text="of a sub-model of the chain")
    replicas = serializers.IntegerField(required=False)
    max_replicas = serializers.IntegerField(required=False, allow_null=True)
    limit = serializers.FloatField(required=False, allow_null=True, help_text="null: as proposed")
    upper_topic = serializers.CharField(required=False, help_text="the next tier reads it")
    upper_bootstrap_servers = serializers.CharField(required=False, allow_blank=True)
    output_topic = serializers.CharField(required=False)
    output_bootstrap_servers = serializers.CharField(required=False, allow_blank=True)
    gpu = serializers.IntegerField(required=False)
    cluster = serializers.IntegerField(required=False, allow_null=True, help_text="null: our own")


class ChainWriteSerializer(serializers.Serializer[Any]):
    """A chain to serve. What is left out is as ``GET`` proposes it."""

    result = serializers.PrimaryKeyRelatedField(
        queryset=TrainingResult.objects.select_related("leader"), help_text="of any sub-model of the chain"
    )
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, help_text="of all tiers; null: the current"
    )
    prefix = TopicField(required=False, max_length=100, help_text="of proposed topics")
    input_topic = TopicField(required=False)
    start = StartField(
        required=False,
        help_text="where the lowest tier begins to read, as of an inference; by default the beginning. Those above "
        "read all that is handed up",
    )
    output_topic = TopicField(required=False, help_text="of all tiers")
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    # ``max_length`` limits the list rather than its items.
    tiers = TierWriteSerializer(many=True, default=list, max_length=_MAX_TIERS)  # type: ignore[call-arg]


class ServedChainSerializer(serializers.Serializer[Any]):
    """What was made, from below."""

    inferences = InferenceSerializer(many=True)


class ChainView(APIView):
    """Chains of sub-models, each served by an inference of its own."""

    @extend_schema(
        parameters=[
            OpenApiParameter("result", int, required=True, description="of any sub-model of the chain"),
            OpenApiParameter("prefix", str, description="of the topics"),
            OpenApiParameter("joining", bool, description="tiers that are served already keep their topics"),
        ],
        responses=ChainProposal,
    )
    def get(self, request: Request) -> Response:
        """Propose topics and limits for a trained chain."""
        asked = _Query(data=request.query_params)
        asked.is_valid(raise_exception=True)
        values = dict(asked.validated_data)
        result = get_object_or_404(TrainingResult.objects.select_related("leader"), pk=values.pop("result"))
        return Response(chains.proposal(result, **values).to_json())

    @extend_schema(request=ChainWriteSerializer, responses={201: ServedChainSerializer})
    def post(self, request: Request) -> Response:
        """Put all sub-models of a chain into service, or none."""
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

"""The picture as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.wire import MessageField
from kafkaml.wire.progress import Progress

__all__ = ["PipelineSerializer"]

_KINDS = ["stream", "topic", "configuration", "deployment", "run", "inference", "output"]
_EDGES = ["trains", "holds", "serves", "reads", "writes", "upper"]


class PipelineFactsSerializer(serializers.Serializer[Any]):
    """What has happened at least once: the newest of each, null for none yet. ``result`` is a finished one."""

    model = serializers.IntegerField(allow_null=True)
    configuration = serializers.IntegerField(allow_null=True)
    deployment = serializers.IntegerField(allow_null=True)
    stream = serializers.IntegerField(allow_null=True)
    result = serializers.IntegerField(allow_null=True)
    inference = serializers.IntegerField(allow_null=True, help_text="null until one has run")
    predicted = serializers.IntegerField(help_text="predictions of all inferences, of all their lives")


class PipelineTotalsSerializer(serializers.Serializer[Any]):
    """How many there are, shown or not."""

    models = serializers.IntegerField()
    configurations = serializers.IntegerField()
    deployments = serializers.IntegerField()
    streams = serializers.IntegerField()
    runs = serializers.IntegerField()
    active_runs = serializers.IntegerField()
    inferences = serializers.IntegerField()
    active_inferences = serializers.IntegerField()


class ScoreSerializer(serializers.Serializer[Any]):
    """How good a run is; ``part`` of the stream: test, validation or training."""

    name = serializers.CharField()
    value = serializers.FloatField()
    part = serializers.CharField()


class PipelineNodeSerializer(serializers.Serializer[Any]):
    """A box. ``id`` is null for topics, which go by ``name``; ``rate`` in messages a second."""

    key = serializers.CharField()
    kind = serializers.ChoiceField(choices=[(each, each) for each in _KINDS])
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    state = serializers.CharField(help_text="empty where it has none")
    detail = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    tier = serializers.CharField(help_text="edge, fog or cloud of a distributed model; else empty")
    progress = MessageField(Progress)
    score = ScoreSerializer(allow_null=True)
    rate = serializers.FloatField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True)
    records = serializers.IntegerField(allow_null=True)


class PipelineEdgeSerializer(serializers.Serializer[Any]):
    """A line from one box's ``key`` to another's, with the numbers of the hand-over."""

    source = serializers.CharField()  # type: ignore[assignment]  # a declared field, not Field.source
    target = serializers.CharField()
    kind = serializers.ChoiceField(choices=[(each, each) for each in _EDGES])
    state = serializers.CharField()
    rate = serializers.FloatField(allow_null=True)
    lag = serializers.IntegerField(allow_null=True)
    records = serializers.IntegerField(allow_null=True)
    score = ScoreSerializer(allow_null=True)


class PipelineSerializer(serializers.Serializer[Any]):
    """Everything that the home page shows."""

    facts = PipelineFactsSerializer()
    totals = PipelineTotalsSerializer()
    nodes = PipelineNodeSerializer(many=True)
    edges = PipelineEdgeSerializer(many=True)

"""Streams as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.samples import SampleSerializer
from backend.deployments.models import Deployment
from backend.streams.models import Announcement
from backend.topics.serializers import DecodeProblemSerializer
from kafkaml.control import InputFormat

__all__ = [
    "AnnouncementWriteSerializer",
    "PreviewQuerySerializer",
    "SendSerializer",
    "SentSerializer",
    "StreamPreviewSerializer",
    "StreamSerializer",
]


class StreamSerializer(serializers.ModelSerializer[Announcement]):
    """An announced stream; ``topic`` holds its ranges, ``topic:partition:start:end``, comma-separated."""

    deployment = serializers.IntegerField(
        source="deployment_number", allow_null=True, help_text="what the sink addressed"
    )
    deployment_exists = serializers.BooleanField(read_only=True)
    topic = serializers.CharField(source="message.topic")
    unsupervised_topic = serializers.CharField(source="message.unsupervised_topic", allow_null=True)
    input_format = serializers.ChoiceField(
        source="message.input_format", choices=[(each.value, each.value) for each in InputFormat]
    )
    input_config = serializers.DictField(source="message.input_config")
    description = serializers.CharField(source="message.description")
    validation_rate = serializers.FloatField(source="message.validation_rate")
    test_rate = serializers.FloatField(source="message.test_rate")
    total_msg = serializers.IntegerField(source="message.total_msg", allow_null=True)
    incremental = serializers.BooleanField(source="message.incremental")
    control_topic = serializers.SerializerMethodField()

    class Meta:
        model = Announcement
        fields = [
            "id",
            "deployment",
            "deployment_exists",
            "topic",
            "unsupervised_topic",
            "input_format",
            "input_config",
            "description",
            "validation_rate",
            "test_rate",
            "total_msg",
            "incremental",
            "cluster",
            "control_topic",
            "partition",
            "offset",
            "sent_at",
            "registered_at",
        ]

    def get_control_topic(self, announcement: Announcement) -> str:
        return announcement.topic


class SendSerializer(serializers.Serializer[Any]):
    """To whom a stream is announced again."""

    deployment = serializers.PrimaryKeyRelatedField(queryset=Deployment.objects.all())


class SentSerializer(serializers.Serializer[Any]):
    """A stream that will be announced in a moment."""

    message = serializers.IntegerField()
    deployment = serializers.IntegerField()


class PreviewQuerySerializer(serializers.Serializer[Any]):
    """Which samples of a stream are asked for; ``offset`` counts the offsets of its ranges from the first on."""

    limit = serializers.IntegerField(required=False, default=24, min_value=1, max_value=200)
    offset = serializers.IntegerField(required=False, default=0, min_value=0, max_value=2**62)


class StreamSampleSerializer(serializers.Serializer[Any]):
    """A sample and its label, which may be an array or a text; or why the record has none."""

    topic = serializers.CharField()
    partition = serializers.IntegerField()
    offset = serializers.IntegerField()
    features = SampleSerializer(allow_null=True)
    label_sample = SampleSerializer(allow_null=True)
    label_text = serializers.CharField(allow_null=True)
    error = DecodeProblemSerializer(allow_null=True)


class StreamPreviewSerializer(serializers.Serializer[Any]):
    """Samples of a stream; ``next`` is the ``offset`` that goes on, null at the end of ``total`` offsets."""

    samples = StreamSampleSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField()


class Base64Field(serializers.CharField):
    """Bytes as base64, null for none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, allow_blank=True, trim_whitespace=False, max_length=3 << 20, **kwargs)


class AnnouncementWriteSerializer(serializers.Serializer[Any]):
    """A record of the control topic, as the control logger read it; key and value in base64."""

    cluster = serializers.CharField(max_length=255)
    topic = serializers.CharField(max_length=249)
    partition = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    offset = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    timestamp_ms = serializers.IntegerField(
        allow_null=True, required=False, default=None, min_value=-1, max_value=2**53
    )
    key = Base64Field()
    value = Base64Field()

"""Records as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.samples import SampleSerializer

__all__ = ["DecodeProblemSerializer", "TopicRecordSerializer"]


class RecordBytesSerializer(serializers.Serializer[Any]):
    """Bytes: their beginning in base64, as text where they are text, and how many there are."""

    text = serializers.CharField(allow_null=True)
    base64 = serializers.CharField(allow_null=True)
    size = serializers.IntegerField()


class RecordHeaderSerializer(RecordBytesSerializer):
    """A header of a record."""

    name = serializers.CharField()


class DecodeProblemSerializer(serializers.Serializer[Any]):
    """Why a record could not be decoded; ``gap`` names what a whole sample would have, such as ``null in weight``."""

    message = serializers.CharField()
    hint = serializers.CharField()
    gap = serializers.CharField(allow_blank=True, help_text="empty where the bytes are no record of the format")


class DecodedRecordSerializer(serializers.Serializer[Any]):
    """What a value says: ``text`` as JSON, text or hex; ``sample`` and the labels come of a decode rule.

    With ``error``, ``text`` is what the bytes look like.
    """

    kind = serializers.ChoiceField(choices=[(each, each) for each in ("empty", "text", "json", "hex", "sample")])
    text = serializers.CharField(allow_null=True)
    truncated = serializers.BooleanField()
    sample = SampleSerializer(allow_null=True)
    label_sample = SampleSerializer(allow_null=True)
    label_text = serializers.CharField(allow_null=True)
    error = DecodeProblemSerializer(allow_null=True)


class TopicRecordSerializer(serializers.Serializer[Any]):
    """A record; ``value`` is its beginning in base64, null for a tombstone."""

    partition = serializers.IntegerField()
    offset = serializers.IntegerField()
    timestamp = serializers.DateTimeField(allow_null=True)
    size = serializers.IntegerField()
    key = RecordBytesSerializer()
    headers = RecordHeaderSerializer(many=True)
    value = serializers.CharField(allow_null=True)
    value_size = serializers.IntegerField()
    value_truncated = serializers.BooleanField()
    decoded = DecodedRecordSerializer()

"""Records as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from backend.api.samples import SampleSerializer

__all__ = ["CursorField", "DecodeProblemSerializer", "TopicRecordSerializer", "cursor_of"]

_CURSOR = re.compile(r"[0-9]{1,9}:[0-9]{1,18}(,[0-9]{1,9}:[0-9]{1,18}){0,999}")


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
    gap = serializers.CharField(allow_blank=True, help_text="empty where the bytes are not a record of the format")


class DecodedRecordSerializer(serializers.Serializer[Any]):
    """What a value says: ``text`` as JSON, text or hex; ``sample`` and the labels come of a decode rule.

    With ``error``, ``text`` is what the bytes look like.
    """

    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in ("empty", "text", "json", "hex", "sample")])
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


class CursorField(serializers.CharField):
    """``partition:offset`` pairs, comma-separated, as an answer gave them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20_000, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> dict[int, int]:
        # Parse the text here rather than in to_internal_value, because validators, such as the one of its length, need
        # it and run after that.
        text = super().run_validation(data)
        if not _CURSOR.fullmatch(text):
            raise serializers.ValidationError("expected partition:offset pairs, comma-separated, for example 0:120,1:7")
        return {int(partition): int(offset) for partition, offset in (part.split(":") for part in text.split(","))}


def cursor_of(offsets: Mapping[int, int]) -> str:
    """Return offsets by partition as ``CursorField`` reads them."""
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(offsets.items()))

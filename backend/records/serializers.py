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
    """Bytes of a record. ``base64`` is the beginning of the bytes, null if there are none. ``text`` is the same as
    text, null if it is not text. ``size`` is the number of all bytes.
    """

    text = serializers.CharField(allow_null=True)
    base64 = serializers.CharField(allow_null=True)
    size = serializers.IntegerField()


class RecordHeaderSerializer(RecordBytesSerializer):
    """A header of a record."""

    name = serializers.CharField()


class DecodeProblemSerializer(serializers.Serializer[Any]):
    """Why a record could not be decoded. ``gap`` says what a whole sample would have, such as ``null in weight``."""

    message = serializers.CharField()
    hint = serializers.CharField()
    gap = serializers.CharField(
        allow_blank=True, help_text="What is missing in the record. Empty if the bytes do not have the format."
    )


class DecodedRecordSerializer(serializers.Serializer[Any]):
    """The value of a record, decoded. ``sample`` is null unless a format decoded it. ``label_sample`` is null unless
    the key is a label of numbers, and ``label_text`` unless it is a label of text.

    With an ``error``, ``text`` shows the bytes themselves.
    """

    kind = serializers.ChoiceField(
        choices=[
            ("empty", "The value is empty, or there is none."),
            ("text", "A text."),
            ("json", "JSON, written with line breaks."),
            ("hex", "Bytes, in hexadecimal."),
            ("sample", "A sample, which a format decoded."),
        ]
    )
    text = serializers.CharField(allow_null=True)
    truncated = serializers.BooleanField()
    sample = SampleSerializer(allow_null=True)
    label_sample = SampleSerializer(allow_null=True)
    label_text = serializers.CharField(allow_null=True)
    error = DecodeProblemSerializer(allow_null=True)


class TopicRecordSerializer(serializers.Serializer[Any]):
    """A record. ``value`` is the beginning of its value in base64, null for a tombstone.

    ``value_size`` is the size of the whole value, and ``size`` that of the record, in bytes. ``timestamp`` is null if
    the record has none.
    """

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
    """Pairs ``partition:offset``, separated by commas, as an answer has them."""

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

"""Topics to create and records to write, as the API takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from backend.api.fields import TopicField
from backend.topics.creating import NewTopic
from backend.topics.producing import ENCODINGS, NewRecord

__all__ = ["NewRecordSerializer", "NewRecordsSerializer", "NewTopicSerializer", "WrittenSerializer"]

_MAX_NUMBER = 2**63 - 1


class NewTopicSerializer(serializers.Serializer[Any]):
    """A topic to create. What is left out is as the broker is set."""

    name = TopicField(help_text="1 to 249 letters, digits, dots, underscores or hyphens.")
    partitions = serializers.IntegerField(default=1, min_value=1, max_value=1000, help_text="Number of partitions.")
    replication_factor = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=1,
        max_value=100,
        help_text="Number of brokers that keep a copy of each partition.",
    )
    retention_ms = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=-1,
        max_value=_MAX_NUMBER,
        help_text="How long records are kept, in milliseconds. -1 keeps them forever.",
    )

    def new_topic(self) -> NewTopic:
        """Return what was sent."""
        return NewTopic(**self.validated_data)


# The encodings of a record's key and of its value.
ENCODING_CHOICES = list(ENCODINGS.items())


class NewHeaderSerializer(serializers.Serializer[Any]):
    """A header of a record to write."""

    name = serializers.CharField(max_length=1000)
    value = serializers.CharField(max_length=10_000, allow_blank=True, trim_whitespace=False)


_MOST_VALUE = 2 << 20


class NewRecordSerializer(serializers.Serializer[Any]):
    """A record to write. A ``value`` of null makes a tombstone. A ``key`` of null makes a record without a key."""

    key = serializers.CharField(
        allow_null=True, default=None, allow_blank=True, trim_whitespace=False, max_length=100_000
    )
    value = serializers.CharField(allow_null=True, allow_blank=True, trim_whitespace=False, max_length=_MOST_VALUE)
    key_encoding = serializers.ChoiceField(default="text", choices=ENCODING_CHOICES)
    value_encoding = serializers.ChoiceField(default="text", choices=ENCODING_CHOICES)
    headers = serializers.ListField(child=NewHeaderSerializer(), default=list, max_length=100)
    partition = serializers.IntegerField(
        allow_null=True, default=None, min_value=0, max_value=2**31 - 1, help_text="By default, the key decides."
    )

    def new_record(self) -> NewRecord:
        """Return what was sent."""
        return _new_record(self.validated_data)


def _new_record(sent: Mapping[str, Any]) -> NewRecord:
    return NewRecord(**{**sent, "headers": [(header["name"], header["value"]) for header in sent["headers"]]})


# The most records of a request. A body is bounded too, by DATA_UPLOAD_MAX_MEMORY_SIZE.
_MOST_ROWS = 1000


class NewRecordsSerializer(serializers.Serializer[Any]):
    """Records to write, in this order."""

    records = serializers.ListField(child=NewRecordSerializer(), min_length=1, max_length=_MOST_ROWS)

    def new_records(self) -> list[NewRecord]:
        """Return what was sent."""
        return [_new_record(sent) for sent in self.validated_data["records"]]


class RefusedRowSerializer(serializers.Serializer[Any]):
    """A record that was not written. ``row`` is its place in the request, from 0."""

    row = serializers.IntegerField()
    detail = serializers.CharField()


class WrittenSerializer(serializers.Serializer[Any]):
    """What became of the records of a request."""

    written = serializers.IntegerField(help_text="Number of records that were written.")
    refused = RefusedRowSerializer(many=True)

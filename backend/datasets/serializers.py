"""Data sets as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.api.asked import read_settings
from backend.api.errors import InvalidFields
from backend.api.fields import NameField, TextField, TopicField
from backend.api.wire import MessageField
from backend.datasets.catalog import CatalogSearch, DatasetKind
from backend.datasets.contracts import contract_problems, endless_contract_problems
from backend.datasets.models import Dataset, DatasetVersion
from backend.datasets.previews import MAX_SAMPLES
from backend.datasets.services import Slice
from backend.streams.fields import AddresseeField
from kafkaml.wire.contract import DEFAULT_FIT_RECORDS, MAX_FIT_RECORDS, Contract, SplitBy
from kafkaml.wire.export import ExportFormat

__all__ = [
    "CatalogQuerySerializer",
    "CatalogRowSerializer",
    "DatasetSerializer",
    "DatasetUpdateSerializer",
    "DatasetVersionSerializer",
    "DatasetVersionWriteSerializer",
    "DatasetWriteSerializer",
    "ExportQuerySerializer",
    "PreviewQuerySerializer",
    "PreviewVersionSerializer",
    "StreamExportQuerySerializer",
    "TrainSerializer",
]

_MAX_OFFSET = 2**62
_KINDS = [(kind.value, kind.value) for kind in DatasetKind]
_ORDERS = [f"{sign}{name}" for name in ("id", "name", "changed_at") for sign in ("", "-")]


class DatasetVersionSerializer(serializers.ModelSerializer[DatasetVersion]):
    """A version: the slice as offsets, or without end since a time, and the contract."""

    records = serializers.SerializerMethodField(
        help_text="at most: markers of transactions count too; null: without end"
    )
    online = serializers.BooleanField(read_only=True, help_text="without end, for incremental training")
    since = serializers.SerializerMethodField(help_text="of a slice without end: the time of its first records")
    fit_records = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="of a slice without end: of how many records its contract learns"
    )
    contract = MessageField(Contract, allow_null=False)

    class Meta:
        model = DatasetVersion
        fields = [
            "number",
            "ranges",
            "records",
            "online",
            "since",
            "fit_records",
            "validation_rate",
            "test_rate",
            "contract",
            "created_at",
        ]

    def get_records(self, version: DatasetVersion) -> int | None:
        return version.control_message().total_msg

    def get_since(self, version: DatasetVersion) -> datetime | None:
        return None if version.since_ms is None else datetime.fromtimestamp(version.since_ms / 1000, UTC)


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    """A data set; versions newest first."""

    versions = DatasetVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Dataset
        fields = ["id", "name", "description", "versions", "created_at", "updated_at"]


class CatalogQuerySerializer(serializers.Serializer[Any]):
    """Which data sets are listed; without ``kind`` also the streams that sinks announced."""

    kind = serializers.ChoiceField(choices=_KINDS, required=False)
    search = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="words of the name or description, or of a topic"
    )
    ordering = serializers.ChoiceField(choices=_ORDERS, default="-changed_at")

    def validate(self, attrs: dict[str, Any]) -> CatalogSearch:
        kind = attrs.get("kind")
        return CatalogSearch(
            kind=None if kind is None else DatasetKind(kind),
            text=attrs.get("search", ""),
            ordering=attrs["ordering"],
        )


class CatalogRowSerializer(serializers.Serializer[Any]):
    """A data set of either kind, of its newest version; ``id`` is that of the data set, or of the stream.

    A stream is as its sink sent it. It can be looked into, sent to other deployments and exported, not changed.
    """

    kind = serializers.ChoiceField(choices=_KINDS)
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    ranges = serializers.CharField(help_text="topic:partition:start:end, comma-separated")
    records = serializers.IntegerField(allow_null=True, help_text="at most; null: without end")
    format = serializers.CharField()
    columns = serializers.ListField(
        child=serializers.CharField(), help_text="names; of a stream type and shape of its one array, as far as it says"
    )
    labels = serializers.ListField(child=serializers.CharField(), help_text="likewise")
    split = serializers.ChoiceField(choices=[(rule.value, rule.value) for rule in SplitBy])
    validation_rate = serializers.FloatField()
    test_rate = serializers.FloatField()
    versions = serializers.IntegerField()
    changed_at = serializers.DateTimeField()


# The words in an error for a slice that is online, and for one that is not.
_ENDS = {True: " an end", False: "out end"}


class SliceSerializer(serializers.Serializer[Any]):
    """Which records of a topic. Without anything else all that it holds now.

    ``partition``, ``start`` and ``end`` are offsets of one partition; ``since`` and ``until`` are times of Kafka's
    records. ``online``: without end, for incremental training; all that the topic holds ``since`` then, and what comes.
    """

    topic = TopicField()
    partition = serializers.IntegerField(allow_null=True, default=None, min_value=0, max_value=2**31 - 1)
    start = serializers.IntegerField(allow_null=True, default=None, min_value=0, max_value=_MAX_OFFSET)
    end = serializers.IntegerField(allow_null=True, default=None, min_value=0, max_value=_MAX_OFFSET)
    since = serializers.DateTimeField(allow_null=True, default=None)
    until = serializers.DateTimeField(allow_null=True, default=None)
    online = serializers.BooleanField(default=False)
    fit_records = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=1,
        max_value=MAX_FIT_RECORDS,
        help_text=f"online: vocabularies, scales and classes are those of at least this number of first records; null: "
        f"{DEFAULT_FIT_RECORDS}",
    )

    def validate(self, attrs: dict[str, Any]) -> Slice:
        for name in ("partition", "start", "end", "until") if attrs["online"] else ("fit_records",):
            if attrs[name] is not None:
                expected = "expected since alone" if attrs["online"] else "expected online as well"
                raise serializers.ValidationError(
                    {name: f"it belongs to a slice with{_ENDS[attrs['online']]}: {expected}"}
                )
        by_offset = [name for name in ("partition", "start", "end") if attrs[name] is not None]
        by_time = [name for name in ("since", "until") if attrs[name] is not None]
        if by_offset and by_time:
            raise serializers.ValidationError({by_time[0]: f"expected offsets or times, got {by_offset[0]} too"})
        if attrs["since"] and attrs["until"] and attrs["since"] >= attrs["until"]:
            raise serializers.ValidationError({"until": "expected a time after since"})
        return Slice(**attrs)


class ValidationRateField(serializers.FloatField):
    """Which share of the samples validates."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default=0.1, min_value=0, max_value=1, **options)


class TestRateField(serializers.FloatField):
    """Which share of the samples tests."""

    def __init__(self, **options: Any) -> None:
        help_text = "null: 0.1, without end none: what validates tests"
        super().__init__(allow_null=True, default=None, min_value=0, max_value=1, help_text=help_text, **options)


class DatasetVersionWriteSerializer(serializers.Serializer[Any]):
    """A version to make."""

    slice = SliceSerializer()
    contract = MessageField(Contract, read_only=False, allow_null=False)
    validation_rate = ValidationRateField()
    test_rate = TestRateField()

    def validate_contract(self, given: dict[str, Any]) -> dict[str, Any]:
        contract, problems = read_settings(Contract, given, field="contract")
        if contract is not None and not problems:
            problems = contract_problems(contract)
        if contract is None or problems:
            raise InvalidFields(problems)
        return contract.to_json()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["slice"].online and (
            problems := endless_contract_problems(Contract.model_validate(attrs["contract"]))
        ):
            raise InvalidFields(problems)
        return _checked_rates(attrs)


class SamplesField(serializers.IntegerField):
    """Number of samples to show."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default=12, min_value=1, max_value=MAX_SAMPLES, **options)


class PreviewQuerySerializer(serializers.Serializer[Any]):
    """A slice, and a contract that may be wrong; the answer says what is."""

    slice = SliceSerializer()
    contract = MessageField(Contract, read_only=False, allow_null=False)
    validation_rate = ValidationRateField()
    test_rate = TestRateField()
    samples = SamplesField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _checked_rates(attrs)


class PreviewVersionSerializer(serializers.Serializer[Any]):
    """Which version is previewed, the newest unless one is named, and how many of its samples are shown."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    samples = SamplesField()


class StreamExportQuerySerializer(serializers.Serializer[Any]):
    """As which file a stream is exported."""

    format = serializers.ChoiceField(
        choices=[(export_format.value, export_format.value) for export_format in ExportFormat], default="parquet"
    )


class ExportQuerySerializer(StreamExportQuerySerializer):
    """Which version is exported, the newest unless one is named, and as which file."""

    version = serializers.IntegerField(required=False, min_value=1, max_value=2**31 - 1)
    until = serializers.DateTimeField(
        required=False, help_text="of a version without end: only records from before this time"
    )


class DatasetUpdateSerializer(serializers.Serializer[Any]):
    """What can be changed; a slice or a contract cannot: make a version."""

    name = NameField(validators=[UniqueValidator(Dataset.objects.all(), message="a data set of this name exists")])
    description = TextField(max_length=10_000, default="")


class DatasetWriteSerializer(DatasetVersionWriteSerializer, DatasetUpdateSerializer):
    """A data set to make, with its first version."""


class TrainSerializer(serializers.Serializer[Any]):
    """Who is to train on it; ``version`` null: the newest."""

    deployment = AddresseeField()
    version = serializers.IntegerField(allow_null=True, default=None, min_value=1, max_value=2**31 - 1)


def _checked_rates(attrs: dict[str, Any]) -> dict[str, Any]:
    online = attrs["slice"].online
    if online and attrs["test_rate"]:
        raise serializers.ValidationError(
            {"test_rate": "no part of a data set without end is kept for a test: what validates tests, expected 0"}
        )
    if attrs["test_rate"] is None:
        attrs["test_rate"] = 0.0 if online else 0.1
    if attrs["validation_rate"] + attrs["test_rate"] >= 1:
        raise serializers.ValidationError({"test_rate": "validation and test leave nothing to train on"})
    return attrs

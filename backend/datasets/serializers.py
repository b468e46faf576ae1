"""Data sets as JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.api.asked import read_settings
from backend.api.errors import InvalidFields
from backend.api.fields import NameField, OrderingField, TextField, TopicField
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
    """A version of a data set: its slice and its contract. ``ranges`` are offsets, or a topic for an endless slice."""

    records = serializers.SerializerMethodField(
        help_text="Largest number of records, as transaction markers are counted too. Null for a slice without end."
    )
    online = serializers.BooleanField(
        read_only=True, help_text="Whether the slice has no end, for incremental training."
    )
    since = serializers.SerializerMethodField(
        help_text="Time of the first records of a slice without end, otherwise null."
    )
    fit_records = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Number of records that the contract of a slice without end learns from, otherwise null.",
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
    """A data set with its versions, the newest first."""

    versions = DatasetVersionSerializer(many=True, read_only=True)

    class Meta:
        model = Dataset
        fields = ["id", "name", "description", "versions", "created_at", "updated_at"]


class CatalogQuerySerializer(serializers.Serializer[Any]):
    """Which data sets are listed. Without ``kind``, the list also has the streams that sinks announced."""

    kind = serializers.ChoiceField(choices=_KINDS, required=False, help_text="Shows only data sets of this kind.")
    search = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=200,
        help_text="Shows only data sets with these words in their name, description or topic.",
    )
    ordering = OrderingField(_ORDERS, default="-changed_at")

    def validate(self, attrs: dict[str, Any]) -> CatalogSearch:
        kind = attrs.get("kind")
        return CatalogSearch(
            kind=None if kind is None else DatasetKind(kind),
            text=attrs.get("search", ""),
            ordering=attrs["ordering"],
        )


class CatalogRowSerializer(serializers.Serializer[Any]):
    """A data set or an announced stream. ``id`` is that of the data set or of the stream.

    A data set is shown with its newest version. A stream cannot be changed.
    """

    kind = serializers.ChoiceField(choices=_KINDS)
    id = serializers.IntegerField()
    name = serializers.CharField()
    description = serializers.CharField()
    ranges = serializers.CharField(help_text="topic:partition:start:end, separated by commas.")
    records = serializers.IntegerField(
        allow_null=True, help_text="Largest number of records. Null for a slice without end."
    )
    format = serializers.CharField()
    columns = serializers.ListField(
        child=serializers.CharField(),
        help_text="Names of columns. For a stream, type and shape of its array, as far as they are declared.",
    )
    labels = serializers.ListField(
        child=serializers.CharField(),
        help_text="Names of labels. For a stream, type and shape, as far as they are declared.",
    )
    split = serializers.ChoiceField(choices=[(rule.value, rule.value) for rule in SplitBy])
    validation_rate = serializers.FloatField()
    test_rate = serializers.FloatField()
    versions = serializers.IntegerField(help_text="Number of versions. It is 1 for a stream.")
    changed_at = serializers.DateTimeField()


# The words in an error for a slice that is online, and for one that is not.
_ENDS = {True: " an end", False: "out end"}


class SliceSerializer(serializers.Serializer[Any]):
    """Which records of a topic. Without any other field, all records that it holds now.

    ``partition``, ``start`` and ``end`` select offsets of one partition. ``since`` and ``until`` select by the
    timestamps of records. ``online`` is a slice without end, for incremental training: all records ``since`` a time,
    and all that will arrive.
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
        help_text="For a slice without end: number of first records from which vocabularies, scales and classes are "
        f"learnt. By default {DEFAULT_FIT_RECORDS}.",
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
        super().__init__(
            default=0.1, min_value=0, max_value=1, help_text="Share of the samples that validate.", **options
        )


class TestRateField(serializers.FloatField):
    """Which share of the samples tests."""

    def __init__(self, **options: Any) -> None:
        help_text = "Share of the samples that test. By default 0.1. A slice without end has none, because "
        "validation samples test."
        super().__init__(allow_null=True, default=None, min_value=0, max_value=1, help_text=help_text, **options)


class DatasetVersionWriteSerializer(serializers.Serializer[Any]):
    """A version to add to a data set."""

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
        super().__init__(
            default=12, min_value=1, max_value=MAX_SAMPLES, help_text="Number of samples to show.", **options
        )


class PreviewQuerySerializer(serializers.Serializer[Any]):
    """A slice, and a contract that may have mistakes. The preview lists them."""

    slice = SliceSerializer()
    contract = MessageField(Contract, read_only=False, allow_null=False)
    validation_rate = ValidationRateField()
    test_rate = TestRateField()
    samples = SamplesField()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return _checked_rates(attrs)


class PreviewVersionSerializer(serializers.Serializer[Any]):
    """Which version is previewed, and how many samples are shown."""

    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Number of the version. By default the newest."
    )
    samples = SamplesField()


class StreamExportQuerySerializer(serializers.Serializer[Any]):
    """The kind of file that a stream is exported to."""

    format = serializers.ChoiceField(
        choices=[(export_format.value, export_format.value) for export_format in ExportFormat], default="parquet"
    )


class ExportQuerySerializer(StreamExportQuerySerializer):
    """Which version is exported, the newest unless one is named, and as which file."""

    version = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text="Number of the version. By default the newest."
    )
    until = serializers.DateTimeField(
        required=False, help_text="For a version without end: leaves out records from this time on."
    )


class DatasetUpdateSerializer(serializers.Serializer[Any]):
    """The fields of a data set that can be changed."""

    name = NameField(validators=[UniqueValidator(Dataset.objects.all(), message="a data set of this name exists")])
    description = TextField(max_length=10_000, default="")


class DatasetWriteSerializer(DatasetVersionWriteSerializer, DatasetUpdateSerializer):
    """A data set to create, with its first version."""


class TrainSerializer(serializers.Serializer[Any]):
    """The deployment that is to train on a data set. ``version`` is null for the newest version."""

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

"""Topics and their records as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from backend.api.fields import FormatField, OrderingField
from backend.records.decoding import Decoder, DecoderKind, decoders
from backend.records.matching import RecordFilter, check_expression
from backend.records.serializers import CursorField, TopicRecordSerializer
from backend.topics.proposals import ProposalQuery
from backend.topics.selectors import PageQuery
from backend.topics.uses import USE_ROLES, decoder_for
from kafkaml.codecs import formats
from kafkaml.codecs.registry import SettingKind
from kafkaml.confluent import PageStart
from kafkaml.errors import RefusedError

__all__ = [
    "OtherGroupsSerializer",
    "ProposalQuerySerializer",
    "RecordPageSerializer",
    "RecordQuerySerializer",
    "TailQuerySerializer",
    "TopicListQuerySerializer",
    "TopicPageSerializer",
    "TopicSerializer",
    "TopicSettingsSerializer",
]

_MAX_NUMBER = 2**63 - 1
_ORDERINGS = ("name", "-name", "partitions", "-partitions", "records", "-records")


class TopicUseSerializer(serializers.Serializer[Any]):
    """What uses a topic, and how. ``state`` is that of an inference, or ``failing``. Otherwise it is empty. ``id`` is
    null for the platform itself.
    """

    role = serializers.ChoiceField(choices=list(USE_ROLES.items()))
    type = serializers.ChoiceField(
        choices=[
            ("system", "The platform itself."),
            ("stream", "A stream. ``id`` is its number."),
            ("inference", "An inference. ``id`` is its number."),
        ]
    )
    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField()
    state = serializers.CharField()


class TopicSummarySerializer(serializers.Serializer[Any]):
    """A topic in a list. ``records`` is the largest number of records that it can hold now, as transaction markers are
    counted. It is null if that is not known of a partition.
    """

    name = serializers.CharField()
    partitions = serializers.IntegerField(help_text="Number of partitions.")
    records = serializers.IntegerField(allow_null=True)
    internal = serializers.BooleanField()
    uses = TopicUseSerializer(many=True)
    use_count = serializers.IntegerField()


class TopicPageSerializer(serializers.Serializer[Any]):
    """A page of topics."""

    count = serializers.IntegerField()
    results = TopicSummarySerializer(many=True)


class TopicPartitionSerializer(serializers.Serializer[Any]):
    """A partition. ``low`` is its first offset, and ``high`` the offset after its last committed record.

    ``leader`` is the id of the broker that serves it. These three are null while it has no leader. ``replicas`` is the
    number of brokers that hold it, and ``in_sync`` the number of those that have all its records.
    """

    partition = serializers.IntegerField()
    low = serializers.IntegerField(allow_null=True)
    high = serializers.IntegerField(allow_null=True)
    leader = serializers.IntegerField(allow_null=True)
    replicas = serializers.IntegerField()
    in_sync = serializers.IntegerField()


class GroupPositionSerializer(serializers.Serializer[Any]):
    """How far a consumer group is in a partition. ``committed`` is null if the group has committed nothing there.
    ``lag`` is the number of records that it has not read.
    """

    partition = serializers.IntegerField()
    committed = serializers.IntegerField(allow_null=True)
    lag = serializers.IntegerField()


class ConsumerGroupSerializer(serializers.Serializer[Any]):
    """A consumer group. ``lag`` is null if Kafka did not report it.

    ``inference`` is null for a group that is not an inference's. ``state`` is what Kafka reports: stable, empty, dead,
    ...
    """

    inference = serializers.IntegerField(allow_null=True)
    group = serializers.CharField()
    state = serializers.CharField()
    lag = serializers.IntegerField(allow_null=True)
    positions = GroupPositionSerializer(many=True)


class TopicSerializer(serializers.Serializer[Any]):
    """A topic with its partitions, its uses and the consumer groups of inferences. ``records`` is as in a list."""

    name = serializers.CharField()
    internal = serializers.BooleanField()
    records = serializers.IntegerField(allow_null=True)
    partitions = TopicPartitionSerializer(many=True)
    uses = TopicUseSerializer(many=True)
    groups = ConsumerGroupSerializer(many=True)


class OtherGroupsSerializer(serializers.Serializer[Any]):
    """Other consumer groups that read a topic. ``complete`` is false if the cluster has too many groups to ask them
    all.
    """

    complete = serializers.BooleanField()
    groups = ConsumerGroupSerializer(many=True)


class TopicSettingsSerializer(serializers.Serializer[Any]):
    """Kafka's settings of a topic. ``retention_ms``, ``max_message_bytes`` and ``min_insync_replicas`` are null if they
    are unlimited, or not set.
    """

    cleanup_policy = serializers.CharField(help_text="delete, compact, or both.")
    compression = serializers.CharField()
    timestamps = serializers.CharField(help_text="CreateTime or LogAppendTime.")
    retention_ms = serializers.IntegerField(allow_null=True)
    retention_bytes = serializers.IntegerField(allow_null=True, help_text="Size of each partition, in bytes.")
    max_message_bytes = serializers.IntegerField(allow_null=True)
    min_insync_replicas = serializers.IntegerField(allow_null=True)


class DecoderField(serializers.ChoiceField):
    """The name of a decoder."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=decoders(), **kwargs)


class RecordDecoderSerializer(serializers.Serializer[Any]):
    """How records are decoded. ``origin`` says who declared the format. It is empty if nobody did."""

    kind = DecoderField()
    input_format = FormatField(allow_null=True)
    input_config = serializers.DictField()
    labelled = serializers.BooleanField()
    origin = serializers.CharField()


class RecordPageSerializer(serializers.Serializer[Any]):
    """A page of records. ``before`` is the cursor to older records, null if there are none. ``after`` is that to newer
    ones.

    ``scanned`` is the number of records examined for the filter. ``timed_out`` means that there may be more than were
    found in time.
    """

    records = TopicRecordSerializer(many=True)
    newest_first = serializers.BooleanField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField()
    at_newest = serializers.BooleanField()
    scanned = serializers.IntegerField()
    timed_out = serializers.BooleanField()
    decoder = RecordDecoderSerializer()


class TopicListQuerySerializer(serializers.Serializer[Any]):
    """Which topics are listed."""

    search = serializers.CharField(
        default="", allow_blank=True, max_length=249, help_text="Shows only topics whose name contains this text."
    )
    internal = serializers.BooleanField(default=False, help_text="Also shows Kafka's own topics.")
    ordering = OrderingField(_ORDERINGS, required=False, default="name")
    limit = serializers.IntegerField(
        default=50, min_value=1, max_value=500, help_text="Largest number of topics in the answer."
    )
    offset = serializers.IntegerField(
        default=0, min_value=0, max_value=1_000_000, help_text="Number of topics to skip."
    )


# The longest text of a setting in the query, by kind of setting.
_MAX_SETTING_LENGTH = {SettingKind.TYPE: 40, SettingKind.SHAPE: 200, SettingKind.SCHEMA: 20_000}


class DecoderQuerySerializer(serializers.Serializer[Any]):
    """How records are decoded."""

    decoder = DecoderField(
        default=DecoderKind.AUTO.value,
        help_text="How values are decoded.",
    )

    def get_fields(self) -> dict[str, Any]:
        """Return the fields, with one for each setting of the formats."""
        settings = {
            setting.name: serializers.CharField(
                required=False,
                max_length=_MAX_SETTING_LENGTH[setting.kind],
                help_text=f"{format_.name}: {setting.help}",
            )
            for format_ in formats()
            for setting in format_.settings
        }
        return {**settings, **super().get_fields()}

    def decoder_of(self, topic: str) -> Decoder:
        """Return the decoder that was asked for."""
        asked: Mapping[str, Any] = self.validated_data
        kind = asked["decoder"]
        if kind == DecoderKind.AUTO:
            return decoder_for(topic)
        wanted = next((format_ for format_ in formats() if format_.decoder == kind), None)
        if wanted is None:
            return Decoder(kind)
        settings = [setting for format_ in formats() for setting in format_.settings if asked.get(setting.name)]
        config = {setting.name: asked[setting.name] for setting in settings}
        return Decoder(kind, wanted.name, config, labelled=any(setting.labels for setting in settings))


class StartField(serializers.CharField):
    """``newest``, ``oldest`` or an offset."""

    def run_validation(self, data: Any = serializers.empty) -> PageStart | int:
        text = super().run_validation(data)
        if text in tuple(PageStart):
            return PageStart(text)
        if text.isascii() and text.isdigit() and int(text) <= _MAX_NUMBER:
            return int(text)
        raise serializers.ValidationError("expected newest, oldest or an offset")


class ExpressionField(serializers.CharField):
    """A regular expression for records."""

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        try:
            return check_expression(text)
        except RefusedError as error:
            raise serializers.ValidationError(error.message) from error


class RecordFilterSerializer(DecoderQuerySerializer):
    """Which records of a topic are shown, and how they are decoded."""

    partition = serializers.IntegerField(
        required=False, min_value=0, max_value=2**31 - 1, help_text="Shows only records of this partition."
    )
    contains = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=200,
        trim_whitespace=False,
        help_text="Shows only records with this text in key, value or headers, in any case.",
    )
    matches = ExpressionField(
        default="",
        allow_blank=True,
        max_length=200,
        trim_whitespace=False,
        help_text="Shows only records in which this regular expression matches the key, the value or a header, in any "
        "case. It has the syntax of Rust, without look-around and backreferences.",
    )

    def record_filter(self) -> RecordFilter:
        """Return the filter that was asked for."""
        asked: Mapping[str, Any] = self.validated_data
        return RecordFilter(contains=asked["contains"], matches=asked["matches"])


class RecordQuerySerializer(RecordFilterSerializer):
    """Which records are shown. ``before`` and ``after`` take precedence over ``start`` and ``timestamp``."""

    start = StartField(
        default="newest",
        max_length=20,
        help_text="Where the page begins: newest, oldest, or an offset of each partition.",
    )
    timestamp = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_NUMBER,
        help_text="Shows only records from this time on, in milliseconds since 1970.",
    )
    before = CursorField(help_text="Continues with older records: the ``before`` of a page.")
    after = CursorField(help_text="Continues with newer records: the ``after`` of a page.")
    limit = serializers.IntegerField(
        default=50, min_value=1, max_value=500, help_text="Largest number of records in the answer."
    )

    def page_query(self) -> PageQuery:
        """Return the page that was asked for."""
        asked: Mapping[str, Any] = self.validated_data
        start = asked["start"]
        return PageQuery(
            partition=asked.get("partition"),
            start=PageStart(start) if isinstance(start, str) else start,
            timestamp_ms=asked.get("timestamp"),
            before=asked.get("before"),
            after=asked.get("after"),
            limit=asked["limit"],
            filter=self.record_filter(),
        )


class TailQuerySerializer(RecordFilterSerializer):
    """What of a topic is followed."""


# The formats that a proposal may assume for a topic without announcements.
_PROPOSAL_FORMATS = {
    "JSON": "JSON objects.",
    "AVRO": "Avro, with or without a schema registry.",
    "PROTOBUF": "Protocol Buffers.",
    "CSV": "Rows of text whose columns have a separator.",
    "RAW": "Numbers in binary form, without names.",
    "TELEGRAF_STR_JSON": "Telegraf's metrics, as JSON in a string.",
}
_CONFIG = ("data_scheme", "message", "data_type", "data_reshape", "delimiter", "decimal", "columns")


class ProposalQuerySerializer(serializers.Serializer[Any]):
    """What is known of the records, and which of them are examined. Everything may be left out."""

    format = serializers.ChoiceField(
        required=False,
        choices=list(_PROPOSAL_FORMATS.items()),
        help_text="Format of the records. By default it is detected.",
    )
    label = serializers.CharField(  # type: ignore[assignment]  # a serializer's own label is another thing
        required=False,
        allow_blank=True,
        default="",
        max_length=500,
        help_text="The field that is the label, _key for the key, or none. By default it is detected.",
    )
    data_scheme = serializers.CharField(
        required=False,
        max_length=_MAX_SETTING_LENGTH[SettingKind.SCHEMA],
        help_text="AVRO: schema of values, as JSON. PROTOBUF: text of the .proto file.",
    )
    message = serializers.CharField(
        required=False, max_length=500, help_text="PROTOBUF: name of the message. By default the first one."
    )
    data_type = serializers.CharField(
        required=False, max_length=40, help_text="RAW: type of the numbers, such as uint8."
    )
    data_reshape = serializers.CharField(
        required=False, max_length=200, help_text="RAW: shape of a sample, such as 28 28."
    )
    delimiter = serializers.CharField(
        required=False, min_length=1, max_length=1, trim_whitespace=False, help_text="CSV: character between columns."
    )
    decimal = serializers.ChoiceField(
        required=False, choices=[(".", "As in 1.5."), (",", "As in 1,5.")], help_text="CSV: decimal mark."
    )
    columns = serializers.ListField(
        child=serializers.CharField(max_length=200),
        required=False,
        max_length=1000,
        help_text="CSV: names of the columns.",
    )
    since_ms = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_NUMBER,
        help_text="Shows only records from this time on, in milliseconds since 1970.",
    )
    until_ms = serializers.IntegerField(
        required=False,
        min_value=0,
        max_value=_MAX_NUMBER,
        help_text="Examines only records up to this time, in milliseconds since 1970.",
    )
    records = serializers.IntegerField(
        required=False, default=1000, min_value=10, max_value=2000, help_text="Number of records to examine."
    )

    def proposal_query(self) -> ProposalQuery:
        """Return what was asked for."""
        asked: Mapping[str, Any] = self.validated_data
        return ProposalQuery(
            input_format=asked.get("format", ""),
            config={name: asked[name] for name in _CONFIG if asked.get(name)},
            label=asked["label"],
            since_ms=asked.get("since_ms"),
            until_ms=asked.get("until_ms"),
            records=asked["records"],
        )

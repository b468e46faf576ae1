"""Streams as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.fields import FormatField, TextField, TopicField
from backend.api.samples import SampleSerializer
from backend.records.serializers import DecodeProblemSerializer
from backend.streams.addressees import idle_reason, unfit_reason
from backend.streams.fields import AddresseeField
from backend.streams.models import Announcement, RefusedAnnouncement
from kafkaml.codecs.registry import SettingKind
from kafkaml.control import text_in_key
from kafkaml.input_format import InputFormat
from kafkaml.wire.choices import TrainingMode

__all__ = [
    "COLUMNS_HELP",
    "AnnouncementWriteSerializer",
    "FormatSerializer",
    "OfferSerializer",
    "OfferedSerializer",
    "PreviewQuerySerializer",
    "RefusedAnnouncementSerializer",
    "SendSerializer",
    "SentSerializer",
    "StreamPreviewSerializer",
    "StreamSerializer",
    "stream_note",
]


class StreamSerializer(serializers.ModelSerializer[Announcement]):
    """An announced stream. ``topic`` are its ranges, ``topic:partition:start:end``, separated by commas.

    ``unsupervised_topic`` are the ranges of its unlabelled samples, null if it has none. ``total_msg`` is the number of
    records that the sink wrote, null for a stream without end. The announcement is the record at ``partition`` and
    ``offset`` of ``control_topic`` in the Kafka cluster ``cluster``.
    """

    deployment = serializers.IntegerField(
        source="deployment_number", allow_null=True, help_text="Id of the deployment that the sink named."
    )
    deployment_exists = serializers.SerializerMethodField()
    topic = serializers.CharField(source="message.topic")
    unsupervised_topic = serializers.CharField(source="message.unsupervised_topic", allow_null=True)
    input_format = FormatField(source="message.input_format")
    input_config = serializers.DictField(source="message.input_config")
    description = serializers.CharField(source="message.description")
    validation_rate = serializers.FloatField(source="message.validation_rate")
    test_rate = serializers.FloatField(source="message.test_rate")
    total_msg = serializers.IntegerField(source="message.total_msg", allow_null=True)
    incremental = serializers.BooleanField(source="message.incremental")
    control_topic = serializers.SerializerMethodField()
    used = serializers.BooleanField(
        read_only=True, help_text="Whether results were trained from the stream, or are being trained."
    )
    note = serializers.SerializerMethodField(help_text="What may be wrong with the stream. Empty if nothing is.")
    same_as = serializers.IntegerField(
        read_only=True, allow_null=True, help_text="The first stream of the same records. Null if it is this one."
    )

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
            "used",
            "note",
            "same_as",
        ]

    def get_control_topic(self, announcement: Announcement) -> str:
        return announcement.topic

    def get_deployment_exists(self, announcement: Announcement) -> bool:
        # The selector sets ``deployment_mode``, None for a deployment that does not exist.
        return announcement.deployment_mode is not None  # type: ignore[attr-defined]

    def get_note(self, announcement: Announcement) -> str:
        return stream_note(announcement)


def stream_note(row: Any) -> str:
    """Return what may be wrong with a stream, or why nothing was trained from it; ``row`` is one of ``selectors``'."""
    stream, number, mode = row.pk, row.deployment_number, row.deployment_mode
    if number is None or mode is None:
        return _unknown_deployment_note(stream, number)
    message = row.control_message()
    reason = unfit_reason(
        number,
        mode,
        semi_supervised=bool(row.deployment_semi_supervised),
        online=message.incremental,
        unlabelled=bool(message.unsupervised_ranges),
        several_inputs=bool(row.deployment_several_inputs),
        by_contract=message.input_format == InputFormat.COLUMNS,
    )
    elsewhere = f"to use it elsewhere: kafka-ml streams send {stream} --deployment N"
    if reason:
        return f"{reason}; {elsewhere}"
    return "" if row.used else _unused_note(stream, number, row, elsewhere)


def _unused_note(stream: int, number: int, row: Any, elsewhere: str) -> str:
    reason = idle_reason(number, waits=bool(row.deployment_waits), ended=bool(row.deployment_ended))
    if reason:
        return f"nothing was trained from it: {reason}; {elsewhere}"
    return f"nothing was trained from it yet: kafka-ml streams send {stream} --deployment {number}"


def _unknown_deployment_note(stream: int, number: int | None) -> str:
    if number is None:
        return f"its key is not the number of a deployment: kafka-ml streams send {stream} --deployment N"
    digits = text_in_key(number)
    if digits is None:
        return f"there is no deployment {number}: kafka-ml streams send {stream} --deployment N"
    return (
        f"there is no deployment {number}: did the sink get the id as text? {digits!r} arrives as {number}; expected "
        f"deployment_id={int(digits)}. To use it as it is: kafka-ml streams send {stream} --deployment {int(digits)}"
    )


class RefusedAnnouncementSerializer(serializers.ModelSerializer[RefusedAnnouncement]):
    """An announcement that was refused, and why. ``value`` is the beginning of the record. ``deployment`` is the id
    that the sink named, null if its key is not one.
    """

    deployment = serializers.IntegerField(source="deployment_number", allow_null=True)
    control_topic = serializers.CharField(source="topic")

    class Meta:
        model = RefusedAnnouncement
        fields = [
            "id",
            "deployment",
            "reason",
            "hint",
            "value",
            "cluster",
            "control_topic",
            "partition",
            "offset",
            "sent_at",
            "refused_at",
        ]


class FormatSettingSerializer(serializers.Serializer[Any]):
    """A setting of a format, which is an entry of ``input_config``. With ``labels``, the setting says that keys are
    labels.
    """

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=[(kind.value, kind.value) for kind in SettingKind])
    title = serializers.CharField()
    help = serializers.CharField()
    example = serializers.CharField(help_text="An example. Empty if there is none.")
    default = serializers.CharField(help_text="Value if the setting is left out. Empty if the setting is optional.")
    labels = serializers.BooleanField()


class FormatSerializer(serializers.Serializer[Any]):
    """A format of streams. ``decoder`` is its name where records are shown. It is empty if records need no format
    there.
    """

    name = serializers.CharField()
    title = serializers.CharField()
    decoder = serializers.CharField()
    settings = FormatSettingSerializer(many=True)


class OfferSerializer(serializers.Serializer[Any]):
    """Records of a topic to train on. Without ``start`` and ``end``, all that the topic holds.

    For incremental training, these are the records since ``since_ms`` and all that will arrive.
    """

    deployment = AddresseeField()
    topic = TopicField()
    unlabelled_topic = TopicField(
        allow_blank=True,
        default="",
        help_text="Topic with unlabelled samples, for semi-supervised training. All of it is read.",
    )
    partition = serializers.IntegerField(
        allow_null=True, default=None, min_value=0, max_value=2**31, help_text="Only this partition. Null for all."
    )
    start = serializers.IntegerField(
        allow_null=True, default=None, min_value=0, max_value=2**62, help_text="First offset."
    )
    end = serializers.IntegerField(
        allow_null=True, default=None, min_value=0, max_value=2**62, help_text="Offset after the last one."
    )
    input_format = FormatField()
    input_config = serializers.DictField(default=dict)
    description = TextField(default="", max_length=1000)
    validation_rate = serializers.FloatField(default=0.1, min_value=0, max_value=1)
    test_rate = serializers.FloatField(
        allow_null=True,
        default=None,
        min_value=0,
        max_value=1,
        help_text="Share of the samples that test. By default 0.1, and 0 for incremental training.",
    )
    since_ms = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=0,
        max_value=2**53,
        help_text="For incremental training: reads records from this time on, in milliseconds since 1970. Null for "
        "now.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["input_format"] == InputFormat.COLUMNS:
            raise serializers.ValidationError({"input_format": "make a data set of the topic, and train on that"})
        if attrs["deployment"].several_inputs:
            raise serializers.ValidationError(
                {
                    "deployment": "one of its models takes several inputs, and a stream has one array: make a data set "
                    "of the topic whose columns name the inputs, and train on that"
                }
            )
        online = TrainingMode(attrs["deployment"].mode).online
        unlabelled = attrs["unlabelled_topic"]
        if bool(attrs["deployment"].semi_supervised) is not bool(unlabelled):
            raise serializers.ValidationError(
                {
                    "unlabelled_topic": "the deployment is not semi-supervised: it would ignore these samples"
                    if unlabelled
                    else "the deployment is semi-supervised: expected the topic of the samples without labels"
                }
            )
        if unlabelled == attrs["topic"]:
            raise serializers.ValidationError({"unlabelled_topic": "expected another one than that of the labelled"})
        if online:
            for name in ("partition", "start", "end"):
                if attrs[name] is not None:
                    raise serializers.ValidationError({name: "an online stream has no end: expected since_ms alone"})
            if attrs["test_rate"]:
                raise serializers.ValidationError({"test_rate": "no part of an online stream is kept for a test"})
        elif attrs["since_ms"] is not None:
            raise serializers.ValidationError(
                {"since_ms": "the deployment trains on a stream that has an end: expected start and end"}
            )
        if attrs["test_rate"] is None:
            attrs["test_rate"] = 0.0 if online else 0.1
        if attrs["validation_rate"] + attrs["test_rate"] >= 1:
            raise serializers.ValidationError({"test_rate": "validation and test leave nothing to train on"})
        return attrs


class OfferedSerializer(serializers.Serializer[Any]):
    """What was announced. ``message`` is the number of an announcement that is being sent. It is null if ``stream`` was
    announced before.
    """

    deployment = serializers.IntegerField()
    ranges = serializers.CharField()
    message = serializers.IntegerField(allow_null=True)
    stream = serializers.IntegerField(allow_null=True)


class SendSerializer(serializers.Serializer[Any]):
    """The deployment that a stream is announced to."""

    deployment = AddresseeField()


class SentSerializer(serializers.Serializer[Any]):
    """An announcement that will be sent within seconds. ``message`` is its number."""

    message = serializers.IntegerField()
    deployment = serializers.IntegerField()


class PreviewQuerySerializer(serializers.Serializer[Any]):
    """Which samples of a stream are shown."""

    limit = serializers.IntegerField(
        default=24, min_value=1, max_value=200, help_text="Largest number of samples in the answer."
    )
    offset = serializers.IntegerField(
        default=0, min_value=0, max_value=2**62, help_text="Number of offsets of the stream to skip."
    )


COLUMNS_HELP = (
    "Names of the numbers of a sample, in their order. Empty for pictures and other samples that are not rows."
)


class StreamSampleSerializer(serializers.Serializer[Any]):
    """A sample with its label, which is ``label_sample`` if it is an array and ``label_text`` if it is a text.

    With an ``error``, the record is not a sample, and ``features`` is null.
    """

    topic = serializers.CharField()
    partition = serializers.IntegerField()
    offset = serializers.IntegerField()
    features = SampleSerializer(allow_null=True)
    label_sample = SampleSerializer(allow_null=True)
    label_text = serializers.CharField(allow_null=True)
    error = DecodeProblemSerializer(allow_null=True)


class StreamPreviewSerializer(serializers.Serializer[Any]):
    """Samples of a stream. ``next`` is the ``offset`` of the next page, null at the end of ``total`` offsets.

    ``doubts`` are questions that the labels raise, such as whether they are ids.
    """

    samples = StreamSampleSerializer(many=True)
    next = serializers.IntegerField(allow_null=True)
    total = serializers.IntegerField()
    doubts = serializers.ListField(child=serializers.CharField())
    columns = serializers.ListField(child=serializers.CharField(), help_text=COLUMNS_HELP)


class Base64Field(serializers.CharField):
    """Bytes as base64, null for none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, allow_blank=True, trim_whitespace=False, max_length=3 << 20, **kwargs)


class AnnouncementWriteSerializer(serializers.Serializer[Any]):
    """A record of the control topic. ``key`` and ``value`` are in base64, null if the record has none.

    ``timestamp_ms`` is its timestamp in milliseconds since 1970, null or -1 if it has none.
    """

    cluster = serializers.CharField(max_length=255)
    topic = serializers.CharField(max_length=249)
    partition = serializers.IntegerField(min_value=0, max_value=2**31 - 1)
    offset = serializers.IntegerField(min_value=0, max_value=2**63 - 1)
    timestamp_ms = serializers.IntegerField(allow_null=True, default=None, min_value=-1, max_value=2**53)
    key = Base64Field()
    value = Base64Field()

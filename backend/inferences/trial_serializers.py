"""Tries and dead letters as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.fields import FormatConfigField, FormatField, TopicField
from backend.api.samples import SampleSerializer
from backend.deployments.models import TrainingResult
from backend.inferences.newest_record import Verdict
from backend.inferences.trying import OUTCOMES
from backend.records.serializers import CursorField, TopicRecordSerializer
from kafkaml.wire.inference import MAX_INCLUDED

__all__ = [
    "DeadLetterPageSerializer",
    "DeadLetterQuerySerializer",
    "InputCheckSerializer",
    "InputCheckWriteSerializer",
    "LetterGroupsSerializer",
    "ReplaySerializer",
    "ReplayWriteSerializer",
    "TrySerializer",
    "TryWriteSerializer",
]

_MAX_OFFSET = 2**62
_MAX_POSITIONS = 500


class TryWriteSerializer(serializers.Serializer[Any]):
    """A sample to try: a number or a list of numbers, or an object for JSON and Avro."""

    sample = serializers.JSONField(help_text="A number, a list of numbers, which may be nested, or an object.")
    shape = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000),
        allow_null=True,
        default=None,
        max_length=16,
        help_text="Shape of a flat list, if the format does not declare one.",
    )
    timeout_seconds = serializers.FloatField(default=10.0, min_value=0.1, max_value=30.0)
    max_values = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=1,
        help_text="Largest number of values in the answer, as a flat list. Null for all values, as written.",
    )


class PlaceSerializer(serializers.Serializer[Any]):
    """Where a record is in Kafka."""

    topic = serializers.CharField()
    partition = serializers.IntegerField()
    offset = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a record was not answered. ``stage`` is decode, predict or publish."""

    stage = serializers.CharField()
    error = serializers.CharField()
    message = serializers.CharField()


class StepSerializer(serializers.Serializer[Any]):
    """A tier that sent a sample to the next tier. ``output`` is where the intermediate is. ``result`` and ``version``
    are those that the tier served, null if the intermediate does not name them.
    """

    inference = serializers.IntegerField()
    tier = serializers.CharField(allow_blank=True)
    result = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    output = PlaceSerializer()


class TrySerializer(serializers.Serializer[Any]):
    """What became of a sample, and how it got there.

    ``outputs`` are all outputs of the model, and ``values`` the last one. ``values_count`` is the number of values in
    the answer. It is higher than the length of ``values`` if ``max_values`` was lower. ``labels`` are the names of the
    classes. ``replica`` is null if one of several answered. ``waiting_before`` is the number of records of the
    partition that wait before this one. It is null if there is an answer. ``reason`` says why the sample became
    a dead letter, and is null otherwise. ``output`` is where the answer or the dead letter is, and ``result`` and
    ``version`` are those that wrote it. All three are null if none was found in time.
    """

    outcome = serializers.ChoiceField(choices=list(OUTCOMES.items()))
    seconds = serializers.FloatField(help_text="Time from before the sample was written until its answer was read.")
    values = serializers.JSONField(allow_null=True)
    values_count = serializers.IntegerField(allow_null=True)
    outputs = serializers.JSONField(allow_null=True)
    include = serializers.DictField(
        allow_null=True, help_text="Columns and fields of the record that the answer carries. Null for none."
    )
    labels = serializers.ListField(child=serializers.CharField(), allow_null=True)
    reason = ReasonSerializer(allow_null=True)
    sent = SampleSerializer(allow_null=True, help_text="The sample as the model reads it. Null for texts.")
    input = PlaceSerializer()
    output = PlaceSerializer(allow_null=True)
    result = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    tier = serializers.CharField(
        allow_blank=True, help_text="The sub-model that answered. Empty for an ordinary model."
    )
    way = StepSerializer(many=True, help_text="Tiers that sent the sample on, the lowest first.")
    replica = serializers.IntegerField(allow_null=True)
    replicas = serializers.IntegerField()
    waiting_before = serializers.IntegerField(allow_null=True)


class InputCheckWriteSerializer(serializers.Serializer[Any]):
    """A model and a topic, with the fields of an inference that may be created."""

    result = serializers.PrimaryKeyRelatedField(queryset=TrainingResult.objects.select_related("current_version"))
    version = serializers.IntegerField(
        min_value=1,
        max_value=2**31 - 1,
        required=False,
        allow_null=True,
        help_text="Version of the model. Null for the current one.",
    )
    input_topic = TopicField()
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    include = serializers.ListField(child=serializers.CharField(max_length=200), max_length=MAX_INCLUDED, default=list)


class MisfitSerializer(ReasonSerializer):
    """Why a record would become a dead letter, and what to do."""

    hint = serializers.CharField(allow_blank=True)


class InputCheckSerializer(serializers.Serializer[Any]):
    """Whether a model can answer the newest record of a topic. The record is read by ``input_format`` and
    ``input_config``.

    ``reason`` is null if the model can. The model does not run for this. What it alone can tell, such as a wrong size
    of an axis of any size, is not found.
    """

    topic = serializers.CharField()
    verdict = serializers.ChoiceField(choices=[(verdict.value, verdict.value) for verdict in Verdict])
    input_format = FormatField()
    input_config = serializers.DictField()
    record = TopicRecordSerializer(allow_null=True, help_text="The newest record.")
    reason = MisfitSerializer(allow_null=True)


class DeadLetterQuerySerializer(serializers.Serializer[Any]):
    """Which dead letters are shown."""

    limit = serializers.IntegerField(
        default=50, min_value=1, max_value=100, help_text="Largest number of dead letters in the answer."
    )
    before = CursorField(help_text="Continues with older dead letters: the ``before`` of a page.")


class DeadLetterSerializer(serializers.Serializer[Any]):
    """A dead letter.

    ``source`` is where the record was read. ``replay_of`` is the dead letter that it was before it was sent again.
    ``own`` is false if another inference with the same output topic wrote it. ``cut_from_bytes`` is the size of the
    value if only its beginning was kept, and otherwise null. ``inference`` is the one that wrote it, and ``version``
    the one that it served then. Both are null if the dead letter does not name them.
    """

    record = TopicRecordSerializer()
    reason = ReasonSerializer()
    source = PlaceSerializer(allow_null=True)  # type: ignore[assignment]  # a declared field, not Field.source
    replay_of = PlaceSerializer(allow_null=True)
    inference = serializers.IntegerField(allow_null=True)
    own = serializers.BooleanField()
    version = serializers.CharField(allow_null=True)
    cut_from_bytes = serializers.IntegerField(allow_null=True)


class DeadLetterPageSerializer(serializers.Serializer[Any]):
    """A page of dead letters, the newest first.

    ``count`` is the largest number of dead letters that there can be. ``before`` is the cursor to older ones, null if
    there are none. ``timed_out`` means that there may be more than were found in time.
    """

    topic = serializers.CharField()
    count = serializers.IntegerField()
    letters = DeadLetterSerializer(many=True)
    before = serializers.CharField(allow_null=True)
    timed_out = serializers.BooleanField()


class LetterGroupSerializer(serializers.Serializer[Any]):
    """``count`` dead letters with one reason. ``sample`` is the newest. Values in the reasons of the others may differ.

    ``first_at`` and ``last_at`` are timestamps of their records. They are null if records have none.
    """

    reason = ReasonSerializer()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    sample = DeadLetterSerializer()


class LetterGroupsSerializer(serializers.Serializer[Any]):
    """The newest dead letters of an inference by reason, the most frequent reason first.

    ``letters`` is the number of dead letters examined. ``complete`` means that these are all of them. ``rest`` is the
    number of those whose reason is not listed.
    """

    topic = serializers.CharField()
    letters = serializers.IntegerField()
    complete = serializers.BooleanField()
    groups = LetterGroupSerializer(many=True)
    rest = serializers.IntegerField()


class LetterPositionSerializer(serializers.Serializer[Any]):
    """Where a dead letter is in its topic."""

    partition = serializers.IntegerField(min_value=0, max_value=1_000_000)
    offset = serializers.IntegerField(min_value=0, max_value=_MAX_OFFSET)


class ReplayWriteSerializer(serializers.Serializer[Any]):
    """Which dead letters are sent again: those at ``positions``, or ``all`` of the inference."""

    positions = LetterPositionSerializer(many=True, required=False)
    all = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        positions = attrs.get("positions") or []
        if len(positions) > _MAX_POSITIONS:
            raise serializers.ValidationError({"positions": f"{len(positions)} letters: at most {_MAX_POSITIONS}"})
        if bool(positions) == attrs["all"]:
            raise serializers.ValidationError({"positions": "give positions, or all: true"})
        return attrs


class ReplaySerializer(serializers.Serializer[Any]):
    """How many dead letters were sent again, and how many were not.

    ``replayed`` letters were sent. ``cut`` letters were not sent, because their whole value is lost. ``superseded``
    letters were not sent, because they were sent before and failed again. ``more`` means that there are more than are
    sent at once.
    """

    replayed = serializers.IntegerField()
    cut = serializers.IntegerField()
    superseded = serializers.IntegerField()
    more = serializers.BooleanField()
    input_topic = serializers.CharField()

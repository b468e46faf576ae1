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
    """A sample to try: a number, (nested) lists of numbers, or for JSON and Avro an object."""

    sample = serializers.JSONField(help_text="a number, (nested) lists of numbers, or an object")
    shape = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=1_000_000),
        allow_null=True,
        default=None,
        max_length=16,
        help_text="for a flat list, where the format itself has no shape",
    )
    timeout_seconds = serializers.FloatField(default=10.0, min_value=0.1, max_value=30.0)
    max_values = serializers.IntegerField(
        allow_null=True,
        default=None,
        min_value=1,
        help_text="of a larger answer only this number of values is returned, in a flat list; null: all, as written",
    )


class PlaceSerializer(serializers.Serializer[Any]):
    """Where a record lies."""

    topic = serializers.CharField()
    partition = serializers.IntegerField()
    offset = serializers.IntegerField()


class ReasonSerializer(serializers.Serializer[Any]):
    """Why a record could not be answered; ``stage`` is decode, predict or publish."""

    stage = serializers.CharField()
    error = serializers.CharField()
    message = serializers.CharField()


class StepSerializer(serializers.Serializer[Any]):
    """A tier that handed a sample up, and where what it handed up lies."""

    inference = serializers.IntegerField()
    tier = serializers.CharField(allow_blank=True)
    result = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    output = PlaceSerializer()


class TrySerializer(serializers.Serializer[Any]):
    """What became of a sample, and the way it went.

    ``values`` are the outputs (the last one of a model with several), ``outputs`` all of them; ``values_count`` is how
    many numbers the answer has, more than ``values`` where ``max_values`` were asked for. ``labels`` name the classes.
    ``replica`` is null where one of several answered. ``waiting_before``: without an answer in time, how many
    records of the partition wait before this one.
    """

    outcome = serializers.ChoiceField(choices=[(outcome, outcome) for outcome in OUTCOMES])
    seconds = serializers.FloatField(help_text="from before the write until the answer was read")
    values = serializers.JSONField(allow_null=True)
    values_count = serializers.IntegerField(allow_null=True)
    outputs = serializers.JSONField(allow_null=True)
    include = serializers.DictField(allow_null=True, help_text="what the answer carries of its record; null: nothing")
    labels = serializers.ListField(child=serializers.CharField(), allow_null=True)
    reason = ReasonSerializer(allow_null=True)
    sent = SampleSerializer(allow_null=True, help_text="the sample as the model reads it; null for a text")
    input = PlaceSerializer()
    output = PlaceSerializer(allow_null=True)
    result = serializers.IntegerField(allow_null=True)
    version = serializers.CharField(allow_null=True)
    tier = serializers.CharField(allow_blank=True, help_text="the sub-model that answered; empty: an ordinary model")
    way = StepSerializer(many=True, help_text="tiers that handed it up before, the lowest first")
    replica = serializers.IntegerField(allow_null=True)
    replicas = serializers.IntegerField()
    waiting_before = serializers.IntegerField(allow_null=True)


class InputCheckWriteSerializer(serializers.Serializer[Any]):
    """What is to read which topic: fields of an inference that is not made yet."""

    result = serializers.PrimaryKeyRelatedField(queryset=TrainingResult.objects.select_related("current_version"))
    version = serializers.IntegerField(
        min_value=1, max_value=2**31 - 1, required=False, allow_null=True, help_text="null: whichever is current"
    )
    input_topic = TopicField()
    input_format = FormatField(required=False)
    input_config = FormatConfigField(required=False)
    include = serializers.ListField(child=serializers.CharField(max_length=200), max_length=MAX_INCLUDED, default=list)


class MisfitSerializer(ReasonSerializer):
    """Why a record would become a dead letter, and what to do."""

    hint = serializers.CharField(allow_blank=True)


class InputCheckSerializer(serializers.Serializer[Any]):
    """Whether a model could answer the newest record of a topic, read as ``input_format`` and ``input_config`` say.

    ``readable``; ``waits``: it is read, and counts for a later sample of its key (windows); ``unreadable``: it would
    become a dead letter, for the ``reason``; ``empty`` and ``no_topic``: there is no record yet. What only the model
    itself can tell, such as an input of no fixed shape, is not known here.
    """

    topic = serializers.CharField()
    verdict = serializers.ChoiceField(choices=[(verdict.value, verdict.value) for verdict in Verdict])
    input_format = FormatField()
    input_config = serializers.DictField()
    record = TopicRecordSerializer(allow_null=True, help_text="the newest one")
    reason = MisfitSerializer(allow_null=True)


class DeadLetterQuerySerializer(serializers.Serializer[Any]):
    """Which dead letters to show."""

    limit = serializers.IntegerField(default=50, min_value=1, max_value=100)
    before = CursorField(help_text="the cursor of the page before this one")


class DeadLetterSerializer(serializers.Serializer[Any]):
    """A record that could not be answered. ``source`` is where it was read, ``replay_of`` the letter that it was before
    it was sent back and failed again; ``own``: of this inference, not of another one with the same output topic.
    ``cut_from_bytes``: only the beginning of a value of this many bytes was kept.
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
    """Dead letters, newest first. ``count`` is the most that there can be; ``before`` is the cursor to older ones."""

    topic = serializers.CharField()
    count = serializers.IntegerField()
    letters = DeadLetterSerializer(many=True)
    before = serializers.CharField(allow_null=True)
    timed_out = serializers.BooleanField()


class LetterGroupSerializer(serializers.Serializer[Any]):
    """Dead letters of one reason: of its newest, ``sample``, to the letter, of the others but for values in it.

    ``first_at`` and ``last_at`` are times of their records; null where records have none.
    """

    reason = ReasonSerializer()
    count = serializers.IntegerField()
    first_at = serializers.DateTimeField(allow_null=True)
    last_at = serializers.DateTimeField(allow_null=True)
    sample = DeadLetterSerializer()


class LetterGroupsSerializer(serializers.Serializer[Any]):
    """The newest dead letters of the inference by reason, the most frequent first; ``letters`` is how many there are.

    ``complete``: those are all, not only the newest. ``rest``: how many are of reasons that are not listed.
    """

    topic = serializers.CharField()
    letters = serializers.IntegerField()
    complete = serializers.BooleanField()
    groups = LetterGroupSerializer(many=True)
    rest = serializers.IntegerField()


class LetterPositionSerializer(serializers.Serializer[Any]):
    """Which dead letter."""

    partition = serializers.IntegerField(min_value=0, max_value=1_000_000)
    offset = serializers.IntegerField(min_value=0, max_value=_MAX_OFFSET)


class ReplayWriteSerializer(serializers.Serializer[Any]):
    """Which dead letters to send back: those at ``positions``, or ``all`` of the inference."""

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
    """What was sent back. ``cut``: letters whose whole value is lost; ``superseded``: letters that were sent back
    before and failed again; ``more``: there are more than are sent back at once.
    """

    replayed = serializers.IntegerField()
    cut = serializers.IntegerField()
    superseded = serializers.IntegerField()
    more = serializers.BooleanField()
    input_topic = serializers.CharField()

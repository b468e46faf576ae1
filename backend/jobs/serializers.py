"""How the job API describes its messages in the schema; ``messages.py`` is what checks them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = [
    "AnnouncedSerializer",
    "EventsSerializer",
    "FailSerializer",
    "FinishSerializer",
    "JobTokenSerializer",
    "PlanSerializer",
    "Sha256Serializer",
    "StatsSerializer",
]


class PlanSerializer(serializers.Serializer[Any]):
    """kafkaml.wire.training.TrainingPlan or InferencePlan."""

    result_id = serializers.IntegerField()
    framework = serializers.CharField()
    code = serializers.CharField()
    imports = serializers.CharField()


class EventSerializer(serializers.Serializer[Any]):
    """One event of an attempt."""

    seq = serializers.IntegerField(min_value=0)
    type = serializers.ChoiceField(choices=["running", "progress", "epoch"])
    # Named like a property of serializers, which a declared field does not touch.
    data = serializers.DictField()  # type: ignore[assignment]


class EventsSerializer(serializers.Serializer[Any]):
    """Events; numbers seen before are skipped."""

    attempt = serializers.IntegerField(min_value=0)
    events = EventSerializer(many=True)


class FinishSerializer(serializers.Serializer[Any]):
    """kafkaml.wire.outcome.TrainingOutcome."""

    attempt = serializers.IntegerField(min_value=0)
    outcome = serializers.DictField()


class FailSerializer(serializers.Serializer[Any]):
    """kafkaml.wire.failure.Failure."""

    attempt = serializers.IntegerField(min_value=0)
    failure = serializers.DictField()
    outcome = serializers.DictField(required=False, allow_null=True)


class ProcessCountsSerializer(serializers.Serializer[Any]):
    """What an earlier process of a replica had answered when it ended."""

    run = serializers.CharField(max_length=64)
    predicted = serializers.IntegerField(required=False)
    dead_lettered = serializers.IntegerField(required=False)
    restamped = serializers.IntegerField(required=False)


class StatsSerializer(serializers.Serializer[Any]):
    """What one replica says of itself; ``run`` names its process, whose counts these are."""

    attempt = serializers.IntegerField(min_value=0)
    run = serializers.CharField(required=False, max_length=64)
    previous = ProcessCountsSerializer(required=False, allow_null=True)
    replica = serializers.IntegerField(min_value=0)
    state = serializers.ChoiceField(choices=["starting", "running", "failed"])
    rate = serializers.FloatField(required=False)
    lag = serializers.IntegerField(required=False, allow_null=True)
    p50_ms = serializers.FloatField(required=False, allow_null=True)
    p99_ms = serializers.FloatField(required=False, allow_null=True)
    predicted = serializers.IntegerField(required=False)
    dead_lettered = serializers.IntegerField(required=False)
    restamped = serializers.IntegerField(required=False)
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    error = serializers.DictField(required=False, allow_null=True)


class Sha256Serializer(serializers.Serializer[Any]):
    """The hash of what is stored."""

    sha256 = serializers.CharField()


class JobTokenSerializer(serializers.Serializer[Any]):
    """A fresh job token."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class AnnouncedSerializer(serializers.Serializer[Any]):
    """A registered announcement; ``note`` says what may be wrong with it."""

    id = serializers.IntegerField()
    deployment = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()

"""The last day of an inference as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.inferences.history import MAX_STEP_MINUTES

__all__ = ["HistoryQuerySerializer", "ServingHistorySerializer"]


class HistoryQuerySerializer(serializers.Serializer[Any]):
    """How coarse the history is to be."""

    step = serializers.IntegerField(
        default=1, min_value=1, max_value=MAX_STEP_MINUTES, help_text="minutes that are summed up to one step"
    )


class HistoryStepSerializer(serializers.Serializer[Any]):
    """What an inference did in the step that begins ``at``; ``rate`` is in records answered a second.

    ``lag`` is the last reported one, latencies are the slowest, in milliseconds; null: nothing was reported.
    ``confidence`` is the mean over its answers of the highest probability, also of those that a tier handed up; null:
    no answer was a choice between classes, or the replica's version does not report it. ``restarts`` counts processes
    of replicas that restarted without an orderly end.
    """

    at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    revision = serializers.IntegerField(help_text="of what answered: rises with each change of version or limit")
    rate = serializers.FloatField()
    predicted = serializers.IntegerField()
    dead_lettered = serializers.IntegerField()
    sent_up = serializers.IntegerField()
    warming_up = serializers.IntegerField()
    restarts = serializers.IntegerField()
    lag = serializers.IntegerField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True, help_text="from 0 to 1")


class ServingHistorySerializer(serializers.Serializer[Any]):
    """The last 24 hours, oldest first; steps without reports are left out."""

    since = serializers.DateTimeField()
    step_minutes = serializers.IntegerField()
    steps = HistoryStepSerializer(many=True)

"""The last day of an inference as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.inferences.history import MAX_STEP_MINUTES

__all__ = ["HistoryQuerySerializer", "ServingHistorySerializer"]


class HistoryQuerySerializer(serializers.Serializer[Any]):
    """How fine the history is."""

    step = serializers.IntegerField(
        default=1, min_value=1, max_value=MAX_STEP_MINUTES, help_text="Length of a step, in minutes."
    )


class HistoryStepSerializer(serializers.Serializer[Any]):
    """What an inference did in the step that begins ``at``. ``rate`` is the number of records answered per second.

    ``predicted``, ``dead_lettered``, ``sent_up`` and ``warming_up`` count the records of the step, as in Counts.

    ``lag`` is the last reported one. ``p50_ms`` and ``p99_ms`` are the highest reported latencies, in milliseconds. All
    are null if nothing was reported. ``confidence`` is null if no answer had one. For a tier it includes what went on
    to the next tier. ``restarts`` counts processes of replicas that restarted without having ended in order.
    """

    at = serializers.DateTimeField()
    attempt = serializers.IntegerField()
    revision = serializers.IntegerField(
        help_text="Revision of the plan that was served. It increases with each change of version or limit."
    )
    rate = serializers.FloatField()
    predicted = serializers.IntegerField()
    dead_lettered = serializers.IntegerField()
    sent_up = serializers.IntegerField()
    warming_up = serializers.IntegerField()
    restarts = serializers.IntegerField()
    lag = serializers.IntegerField(allow_null=True)
    p50_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True, help_text="Mean confidence, from 0 to 1.")


class ServingHistorySerializer(serializers.Serializer[Any]):
    """The last 24 hours, the oldest step first. Steps without reports are left out."""

    since = serializers.DateTimeField()
    step_minutes = serializers.IntegerField()
    steps = HistoryStepSerializer(many=True)

"""Which streams and data sets a deployment or a configuration can train on, in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.configurations.models import Configuration
from backend.deployments.serializers import TARGETS, TARGETS_HELP
from kafkaml.wire.choices import Targets

__all__ = ["DatasetFitSerializer", "DatasetFitsQuerySerializer", "StreamFitSerializer"]


class StreamFitSerializer(serializers.Serializer[Any]):
    """A stream, and the ``reason`` why a deployment cannot train on it. The reason is empty if none is known."""

    stream = serializers.IntegerField()
    topics = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField(allow_blank=True)


class DatasetFitsQuerySerializer(serializers.Serializer[Any]):
    """The models for which data sets are judged."""

    configuration = serializers.PrimaryKeyRelatedField(
        queryset=Configuration.objects.all(), help_text="The configuration whose models are to train."
    )
    targets = serializers.ChoiceField(choices=TARGETS, default=Targets.LABELS.value, help_text=TARGETS_HELP)
    limit = serializers.IntegerField(min_value=1, max_value=200, default=200, help_text="Largest number of data sets.")


class DatasetFitSerializer(serializers.Serializer[Any]):
    """A data set, and the ``reason`` why models cannot train on it. The reason is empty if none is known."""

    dataset = serializers.IntegerField()
    name = serializers.CharField()
    version = serializers.IntegerField()
    reason = serializers.CharField(allow_blank=True)

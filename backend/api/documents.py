"""Descriptions of JSON documents inside rows that are not messages of ``kafkaml.wire``: executors' reports and
histories.

The rows keep them unchanged; these serializers only describe their shape in the API's schema.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

__all__ = ["HistoryField", "ReportField", "ReportSerializer", "TensorSpecSerializer"]


class TensorSpecSerializer(serializers.Serializer[Any]):
    """One input or output of a model; ``shape`` with the batch axis first, null where a size is not fixed."""

    name = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField(allow_null=True))
    dtype = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """What the executor said of a model; ``summary`` is left out in lists."""

    summary = serializers.CharField(required=False)
    inputs = TensorSpecSerializer(many=True, required=False)
    outputs = TensorSpecSerializer(many=True, required=False)
    parameters = serializers.IntegerField(required=False)
    trainable_parameters = serializers.IntegerField(required=False)
    metrics = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="empty: known once the model is evaluated"
    )
    labels = serializers.CharField(
        required=False,
        help_text="what the loss takes: classes, binary, one_hot, signs or numbers; empty: a loss of the model's own",
    )
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)
    versions = serializers.DictField(child=serializers.CharField(), required=False)


class BestSerializer(serializers.Serializer[Any]):
    """The best value of a metric and its epoch."""

    value = serializers.FloatField()
    epoch = serializers.IntegerField()


class CurveSerializer(serializers.Serializer[Any]):
    """One metric over the epochs, thinned out to few points: for a line next to a row."""

    metric = serializers.CharField()
    part = serializers.ChoiceField(choices=[("training", "training"), ("validation", "validation")])
    stride = serializers.IntegerField()
    epochs = serializers.ListField(child=serializers.IntegerField())
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))


class HistorySerializer(serializers.Serializer[Any]):
    """Of all epochs the best of each metric, and the curve of the main one."""

    best_training = serializers.DictField(child=BestSerializer())
    best_validation = serializers.DictField(child=BestSerializer())
    curve = CurveSerializer(allow_null=True)


@extend_schema_field(ReportSerializer)
class ReportField(serializers.JSONField):
    """A model's report."""


@extend_schema_field(HistorySerializer)
class HistoryField(serializers.JSONField):
    """A history, null before the first epoch."""

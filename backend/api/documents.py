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
    """An input or output of a model. ``shape`` begins with the batch axis. It has null for an axis of any size."""

    name = serializers.CharField()
    shape = serializers.ListField(child=serializers.IntegerField(allow_null=True))
    dtype = serializers.CharField()


class ReportSerializer(serializers.Serializer[Any]):
    """What the executor found out about a model. Lists leave out the ``summary``.

    ``parameters`` is the number of weights, and ``trainable_parameters`` that of the weights that training changes.
    """

    summary = serializers.CharField(required=False)
    inputs = TensorSpecSerializer(many=True, required=False)
    outputs = TensorSpecSerializer(many=True, required=False)
    parameters = serializers.IntegerField(required=False)
    trainable_parameters = serializers.IntegerField(required=False)
    metrics = serializers.ListField(
        child=serializers.CharField(), required=False, help_text="Names of metrics. Empty until the model is evaluated."
    )
    labels = serializers.CharField(
        required=False,
        help_text="Labels that the loss takes: classes, binary, one_hot, signs or numbers. Empty for another loss.",
    )
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)
    versions = serializers.DictField(child=serializers.CharField(), required=False)


class BestSerializer(serializers.Serializer[Any]):
    """The best ``value`` of a metric, and its ``epoch``, counted from 1."""

    value = serializers.FloatField()
    epoch = serializers.IntegerField()


class CurveSerializer(serializers.Serializer[Any]):
    """One metric over the epochs, reduced to few points for a small chart. ``stride`` is the distance of points.

    ``values[i]`` is the metric after epoch ``epochs[i]``, null for NaN and infinity.
    """

    metric = serializers.CharField()
    part = serializers.ChoiceField(
        choices=[
            ("training", "Measured on the training samples."),
            ("validation", "Measured on the validation samples."),
        ]
    )
    stride = serializers.IntegerField()
    epochs = serializers.ListField(child=serializers.IntegerField())
    values = serializers.ListField(child=serializers.FloatField(allow_null=True))


class HistorySerializer(serializers.Serializer[Any]):
    """The best value of each metric over all epochs, and the ``curve`` of the main metric, null if there is none."""

    best_training = serializers.DictField(child=BestSerializer())
    best_validation = serializers.DictField(child=BestSerializer())
    curve = CurveSerializer(allow_null=True)


@extend_schema_field(ReportSerializer)
class ReportField(serializers.JSONField):
    """A model's report."""


@extend_schema_field(HistorySerializer)
class HistoryField(serializers.JSONField):
    """A history, null before the first epoch."""

"""JSON documents inside rows, described: what workers and executors wrote, as clients read it back.

The rows keep them as they came; these serializers only say their shape in the API's description.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from kafkaml.wire.failure import FailureCategory

__all__ = [
    "FAILURE_CATEGORIES",
    "ConfusionMatrixField",
    "EpochMetricsField",
    "FailureField",
    "HistoryField",
    "MetricsField",
    "OutcomeField",
    "ProgressField",
    "ReportField",
    "ReportSerializer",
    "TensorSpecSerializer",
]

FAILURE_CATEGORIES = [(each.value, each.value) for each in FailureCategory]


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
    warnings = serializers.ListField(child=serializers.CharField(), required=False)
    notes = serializers.ListField(child=serializers.CharField(), required=False)
    versions = serializers.DictField(child=serializers.CharField(), required=False)


class FailureSerializer(serializers.Serializer[Any]):
    """Why a run failed; ``line`` is 1-based in ``source`` (``code`` or ``imports``)."""

    category = serializers.ChoiceField(choices=FAILURE_CATEGORIES)
    cause = serializers.CharField()
    hint = serializers.CharField()
    traceback_text = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    source = serializers.CharField()  # type: ignore[assignment]  # a declared field, not Field.source


class ProgressSerializer(serializers.Serializer[Any]):
    """Where a run is. Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records."""

    epoch = serializers.IntegerField()
    epochs = serializers.IntegerField()
    batch = serializers.IntegerField()
    batches = serializers.IntegerField()
    metrics = serializers.DictField(child=serializers.FloatField(allow_null=True))


class LastMetricsSerializer(serializers.Serializer[Any]):
    """Metrics of the last epoch; a number that is not finite is null."""

    epoch = serializers.IntegerField()
    training = serializers.DictField(child=serializers.FloatField(allow_null=True))
    validation = serializers.DictField(child=serializers.FloatField(allow_null=True))


class BestSerializer(serializers.Serializer[Any]):
    """The best value of a metric and its epoch."""

    value = serializers.FloatField()
    epoch = serializers.IntegerField()


class CurveSerializer(serializers.Serializer[Any]):
    """One metric over the epochs, thinned out to few points: for a line beside a row."""

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


class OutcomeSerializer(serializers.Serializer[Any]):
    """The end of a successful run, with what is needed to repeat it."""

    seconds = serializers.FloatField()
    samples = serializers.DictField(child=serializers.IntegerField())
    test_metrics = serializers.DictField(child=serializers.FloatField(allow_null=True))
    artifacts = serializers.DictField(child=serializers.CharField())
    versions = serializers.DictField(child=serializers.CharField())
    code_sha256 = serializers.CharField()
    slice_sha256 = serializers.CharField()
    labels = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())
    onnx_max_difference = serializers.FloatField(allow_null=True)
    seed = serializers.IntegerField()
    split = serializers.CharField()
    isolation = serializers.CharField()
    preparation = serializers.DictField(
        child=serializers.JSONField(),
        required=False,
        help_text="What is done to features before the model sees them, in training and in serving; summary for people",
    )


class ConfusionMatrixSerializer(serializers.Serializer[Any]):
    """``matrix[i][j]`` counts test samples of class i that were predicted as class j, over ``labels``."""

    matrix = serializers.ListField(child=serializers.ListField(child=serializers.IntegerField()))
    labels = serializers.ListField(child=serializers.CharField())


@extend_schema_field(ReportSerializer)
class ReportField(serializers.JSONField):
    """A model's report."""


@extend_schema_field(FailureSerializer)
class FailureField(serializers.JSONField):
    """A failure, null for none."""


@extend_schema_field(ProgressSerializer)
class ProgressField(serializers.JSONField):
    """A progress, null before the first."""


@extend_schema_field(LastMetricsSerializer)
class MetricsField(serializers.JSONField):
    """Metrics of the last epoch, null before the first."""


@extend_schema_field(HistorySerializer)
class HistoryField(serializers.JSONField):
    """A history, null before the first epoch."""


@extend_schema_field(serializers.DictField(child=serializers.FloatField(allow_null=True)))
class EpochMetricsField(serializers.JSONField):
    """Metrics by name."""


@extend_schema_field(OutcomeSerializer)
class OutcomeField(serializers.JSONField):
    """An outcome, null before the end."""


@extend_schema_field(ConfusionMatrixSerializer)
class ConfusionMatrixField(serializers.JSONField):
    """A confusion matrix, null without one."""

"""Configurations as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.api.documents import TensorSpecSerializer
from backend.api.fields import NameField, TextField
from backend.configurations.models import Configuration
from backend.ml_models.models import MLModel

__all__ = ["ConfigurationOfSerializer", "ConfigurationSerializer", "ConfigurationWriteSerializer"]

_MAX_MODELS = 100


class ModelOfSerializer(serializers.ModelSerializer[MLModel]):
    """A model of a configuration. ``upper_model`` is the next sub-model of a chain, towards the cloud."""

    inputs = serializers.SerializerMethodField()
    outputs = serializers.SerializerMethodField()
    parameters = serializers.IntegerField(read_only=True, allow_null=True)
    metrics = serializers.SerializerMethodField(help_text="Names of metrics. Empty until the model is evaluated.")

    class Meta:
        model = MLModel
        fields = ["id", "name", "framework", "distributed", "upper_model", "inputs", "outputs", "parameters", "metrics"]

    @extend_schema_field(TensorSpecSerializer(many=True))
    def get_inputs(self, model: MLModel) -> list[dict[str, Any]]:
        return getattr(model, "inputs", None) or []

    @extend_schema_field(TensorSpecSerializer(many=True))
    def get_outputs(self, model: MLModel) -> list[dict[str, Any]]:
        return getattr(model, "outputs", None) or []

    def get_metrics(self, model: MLModel) -> list[str]:
        return getattr(model, "metrics", None) or []


class ConfigurationSerializer(serializers.ModelSerializer[Configuration]):
    """A configuration: a set of models that train on the same stream."""

    models = serializers.SerializerMethodField(help_text="Ids of the models.")
    model_details = ModelOfSerializer(source="model_rows", many=True, read_only=True)
    deployments = serializers.IntegerField(
        source="deployment_count", read_only=True, help_text="Number of deployments."
    )
    note = serializers.SerializerMethodField(
        help_text="Names sub-models that were added, because chains are complete. Empty otherwise."
    )

    class Meta:
        model = Configuration
        fields = [
            "id",
            "name",
            "description",
            "models",
            "model_details",
            "deployments",
            "note",
            "created_at",
            "updated_at",
        ]

    def get_note(self, configuration: Configuration) -> str:
        asked = self.context.get("asked")
        added = [
            model_row.name for model_row in configuration.model_rows if asked is not None and model_row.pk not in asked
        ]
        if not added:
            return ""
        return f"{' and '.join(added)} added: a chain of sub-models is trained as a whole"

    def get_models(self, configuration: Configuration) -> list[int]:
        return [model.pk for model in configuration.model_rows]


class ConfigurationWriteSerializer(serializers.Serializer[Any]):
    """A configuration to save."""

    name = NameField(
        validators=[UniqueValidator(Configuration.objects.all(), message="a configuration of this name exists")]
    )
    description = TextField(max_length=10_000, default="")
    models = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), allow_empty=False, max_length=_MAX_MODELS
    )

    def validate_models(self, ids: list[int]) -> list[MLModel]:
        unique = list(dict.fromkeys(ids))
        # One query for all, unlike a list of related fields.
        found = MLModel.objects.only("id", "name", "distributed", "upper_model").in_bulk(unique)
        if missing := [pk for pk in unique if pk not in found]:
            raise serializers.ValidationError(f"there is no model {', '.join(map(str, missing))}")
        return [found[pk] for pk in unique]


class ConfigurationOfSerializer(serializers.Serializer[Any]):
    """The model to train alone, or with its chain."""

    model = serializers.PrimaryKeyRelatedField(queryset=MLModel.objects.all())

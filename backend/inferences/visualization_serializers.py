"""How predictions of an inference are shown live, in the API."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.fields import NameField

__all__ = ["VisualizationSerializer"]

_MAX_LABELS = 1000


class VisualizationLabelSerializer(serializers.Serializer[Any]):
    """How the live view shows one class or one output: its name and its colour. ``id`` is its position."""

    id = serializers.IntegerField(min_value=0, max_value=1_000_000)
    label = NameField()  # type: ignore[assignment]  # a declared field, not Field.label
    color = serializers.RegexField(r"^#[0-9a-fA-F]{6}\Z", required=False)


class VisualizationMapSerializer(serializers.Serializer[Any]):
    """Positions of ``latitude`` and ``longitude``, from 0, among the outputs or among the values of the input."""

    source = serializers.ChoiceField(
        choices=[("output", "The prediction."), ("input", "The input record.")], default="output"
    )  # type: ignore[assignment]
    latitude = serializers.IntegerField(min_value=0, max_value=65_535)
    longitude = serializers.IntegerField(min_value=0, max_value=65_535)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["latitude"] == attrs["longitude"]:
            raise serializers.ValidationError({"longitude": "latitude and longitude are at the same position"})
        return attrs


class VisualizationSerializer(serializers.Serializer[Any]):
    """How predictions are shown live. ``average_window`` is in milliseconds.

    With ``average_updated``, the current class is the one with the highest mean over the window. Otherwise it is the
    last one. ``map`` shows predictions on a map of the world.
    """

    type = serializers.ChoiceField(choices=[("classification", "Scores of classes."), ("regression", "Numbers.")])
    labels = VisualizationLabelSerializer(many=True)
    average_updated = serializers.BooleanField(default=False)
    average_window = serializers.IntegerField(min_value=1, max_value=86_400_000, default=5_000)
    map = VisualizationMapSerializer(required=False, allow_null=True)

    def validate_labels(self, labels: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len(labels) > _MAX_LABELS:
            raise serializers.ValidationError(f"{len(labels)} labels: expected at most {_MAX_LABELS}")
        if len({label["id"] for label in labels}) < len(labels):
            raise serializers.ValidationError("two labels have the same id")
        return labels

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else []
        if unknown:
            raise serializers.ValidationError({str(name): "there is no such field" for name in unknown[:20]})
        # Stored as JSON, so plain types only.
        value: dict[str, Any] = super().to_internal_value(data)
        place = value.pop("map", None)
        # The map is left out where there is none, so that older configurations stay unchanged.
        return {
            **value,
            "labels": [dict(label) for label in value["labels"]],
            **({"map": dict(place)} if place else {}),
        }

"""Messages of probes and components."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["HealthSerializer", "HeartbeatSerializer"]


class HealthSerializer(serializers.Serializer[Any]):
    """Whether the backend works."""

    status = serializers.CharField()


class HeartbeatSerializer(serializers.Serializer[Any]):
    """The report of a component that has no access to the database. It comes about every ten seconds."""

    component = serializers.ChoiceField(choices=[("control-logger", "The service that reads the control topics.")])
    version = serializers.CharField(max_length=40, allow_blank=True, default="")
    doing = serializers.CharField(max_length=200, allow_blank=True, default="")

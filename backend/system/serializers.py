"""Messages of probes and components."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["HealthSerializer", "HeartbeatSerializer"]


class HealthSerializer(serializers.Serializer[Any]):
    """Nothing but whether it works."""

    status = serializers.CharField()


class HeartbeatSerializer(serializers.Serializer[Any]):
    """The report of a component that shares neither database nor disk with us, about every ten seconds."""

    component = serializers.ChoiceField(choices=["control-logger"])
    version = serializers.CharField(max_length=40, allow_blank=True, default="")
    doing = serializers.CharField(max_length=200, allow_blank=True, default="")

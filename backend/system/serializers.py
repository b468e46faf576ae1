"""The state of the platform as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["HealthSerializer", "SystemSerializer"]


class HealthSerializer(serializers.Serializer[Any]):
    """Nothing but whether it works."""

    status = serializers.CharField()


class ComponentSerializer(serializers.Serializer[Any]):
    """One component."""

    name = serializers.CharField()
    state = serializers.CharField()
    detail = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)


class IsolationSerializer(serializers.Serializer[Any]):
    """How user code is isolated; ``off`` deserves a warning."""

    setting = serializers.CharField()
    levels = serializers.ListField(child=serializers.CharField())
    off = serializers.BooleanField()


class BrokerSerializer(serializers.Serializer[Any]):
    """The platform's own cluster."""

    bootstrap_servers = serializers.CharField()
    reachable = serializers.BooleanField()


class SystemSerializer(serializers.Serializer[Any]):
    """The state of the whole."""

    version = serializers.CharField()
    versions = serializers.DictField(child=serializers.CharField())
    isolation = IsolationSerializer()
    broker = BrokerSerializer()
    control_topic = serializers.CharField()
    executors = serializers.DictField()
    components = ComponentSerializer(many=True)

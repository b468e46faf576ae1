"""The state of the platform as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["HealthSerializer", "SystemSerializer"]


class HealthSerializer(serializers.Serializer[Any]):
    """Nothing but whether it works."""

    status = serializers.CharField()


class ComponentSerializer(serializers.Serializer[Any]):
    """One component. ``at`` is its last sign of life; ``restarts`` is null where nobody counts them."""

    name = serializers.CharField()
    state = serializers.CharField()
    detail = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    address = serializers.CharField()
    restarts = serializers.IntegerField(allow_null=True)


class ExecutorSerializer(serializers.Serializer[Any]):
    """One framework's executor; ``detail`` says why it does not answer."""

    reachable = serializers.BooleanField()
    detail = serializers.CharField()
    isolation = serializers.CharField()
    versions = serializers.DictField(child=serializers.CharField())


class LauncherSerializer(serializers.Serializer[Any]):
    """What starts the workers."""

    kind = serializers.CharField()
    warm_workers = serializers.BooleanField()


class GpuSerializer(serializers.Serializer[Any]):
    """One GPU; memory in bytes, ``use`` in percent, null where the device does not tell."""

    index = serializers.IntegerField()
    name = serializers.CharField()
    memory_total = serializers.IntegerField()
    memory_used = serializers.IntegerField()
    use = serializers.IntegerField(allow_null=True)
    temperature = serializers.IntegerField(allow_null=True)


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
    launcher = LauncherSerializer()
    executors = serializers.DictField(child=ExecutorSerializer())
    gpus = GpuSerializer(many=True)
    gpu_note = serializers.CharField(help_text="why there are none")
    components = ComponentSerializer(many=True)

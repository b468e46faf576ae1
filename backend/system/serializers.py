"""The state of the platform as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["HealthSerializer", "HeartbeatSerializer", "SystemSerializer"]


class HealthSerializer(serializers.Serializer[Any]):
    """Nothing but whether it works."""

    status = serializers.CharField()


class HeartbeatSerializer(serializers.Serializer[Any]):
    """What a component that shares neither database nor disk with us says of itself, every ten seconds or so."""

    component = serializers.ChoiceField(choices=["control-logger"])
    version = serializers.CharField(max_length=40, allow_blank=True, default="")
    doing = serializers.CharField(max_length=200, allow_blank=True, default="")


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
    """What starts the workers. ``namespace`` is empty where they are processes of this machine."""

    kind = serializers.ChoiceField(choices=["process", "kubernetes"])
    warm_workers = serializers.BooleanField()
    namespace = serializers.CharField(allow_blank=True)
    autoscaling = serializers.BooleanField(help_text="inferences may be scaled on their lag")
    autoscaling_obstacle = serializers.CharField(allow_blank=True, help_text="why not")


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
    """The platform's own cluster. ``sink_bootstrap_servers``: its address for programs elsewhere, such as sinks."""

    bootstrap_servers = serializers.CharField()
    sink_bootstrap_servers = serializers.CharField()
    reachable = serializers.BooleanField()


class SystemSerializer(serializers.Serializer[Any]):
    """The state of the whole."""

    version = serializers.CharField()
    versions = serializers.DictField(child=serializers.CharField())
    isolation = IsolationSerializer()
    broker = BrokerSerializer()
    control_topic = serializers.CharField(help_text="where the platform and its sinks announce streams")
    control_topics = serializers.ListField(child=serializers.CharField(), help_text="all that are listened to")
    launcher = LauncherSerializer()
    executors = serializers.DictField(child=ExecutorSerializer())
    gpus = GpuSerializer(many=True)
    gpu_note = serializers.CharField(help_text="why there are none")
    components = ComponentSerializer(many=True)

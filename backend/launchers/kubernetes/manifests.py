"""Work -> the objects that run it in a cluster, as plain dicts. Pure: no cluster, no clock, no environment.

Called by ``launcher``. A training is a Job without retries (the controller retries, as a new attempt); an inference is
a StatefulSet, whose numbered pods give each replica a lasting number and host name, so that a replaced replica fences
its predecessor's transaction. All objects of one run carry its name.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from backend.launchers.base import Autoscale, RestartPolicy, WorkSpec
from backend.launchers.kubernetes.settings import KubernetesSettings, quantity_bytes
from backend.launchers.names import WorkName, check_work_name
from kafkaml.errors import SettingsError
from kafkaml.wire.framework import Framework

__all__ = [
    "DISRUPTION_BUDGET",
    "EVENT",
    "JOB",
    "POD",
    "SCALED_OBJECT",
    "SECRET",
    "SPEC_HASH",
    "STATEFUL_SET",
    "WORKER_CONTAINER",
    "WORK_LABEL",
    "ObjectKind",
    "WorkObjects",
    "build_work",
    "kinds",
]


class ObjectKind(NamedTuple):
    """A kind of object; ``plural`` is its word in addresses and in roles."""

    api_version: str
    kind: str
    plural: str


JOB = ObjectKind("batch/v1", "Job", "jobs")
STATEFUL_SET = ObjectKind("apps/v1", "StatefulSet", "statefulsets")
SECRET = ObjectKind("v1", "Secret", "secrets")
DISRUPTION_BUDGET = ObjectKind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
SCALED_OBJECT = ObjectKind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
POD = ObjectKind("v1", "Pod", "pods")
EVENT = ObjectKind("v1", "Event", "events")

WORKER_CONTAINER = "worker"
WORK_LABEL = "kafka-ml/work"
# Hash of an owner's spec without its replicas.
SPEC_HASH = "kafka-ml/spec-hash"

_PART_OF = "kafka-ml"
_MANAGER = "kafka-ml-controller"
_USER = 10001
_TOKEN_FOLDER = "/run/secrets/kafka-ml"  # noqa: S105 - a path
_KAFKA_FOLDER = "/run/secrets/kafka"
_STATE_FOLDER = "/var/lib/kafka-ml"
# The scratch folder is an emptyDir that belongs to the pod.
_SCRATCH_FOLDER = "/tmp"  # noqa: S108  # nosec B108
# Secret files are readable only by their group, which is the pod's fsGroup.
_SECRET_MODE = 0o440
# Seconds between SIGTERM and SIGKILL, in which a replica finishes its batch, commits and leaves the group.
_GRACE_SECONDS = 30
# The runner itself ends a training that takes too long, counted from the first batch. The cluster's deadline is for a
# runner that hangs, and counts from the pod's start, so it includes fetching images and reading the stream.
_DEADLINE_SLACK_SECONDS = 3600
# Space for logs, in addition to the volumes, before the node evicts a pod.
_LOG_BYTES = 256 << 20
# Files of the controller that workers get from the Secret: variable -> its key.
_SECRET_FILES = {
    "KML_KAFKA_SASL_PASSWORD_FILE": "password",
    "KML_KAFKA_SSL_CA_LOCATION": "ca.crt",
    "KML_KAFKA_SSL_CERTIFICATE_LOCATION": "tls.crt",
    "KML_KAFKA_SSL_KEY_LOCATION": "tls.key",
    "KML_SCHEMA_REGISTRY_PASSWORD_FILE": "registry-password",
    "KML_SCHEMA_REGISTRY_CA_FILE": "registry-ca.crt",
}
# What KEDA calls the mechanisms of KafkaSettings.
_SCALER_MECHANISMS = {"PLAIN": "plaintext", "SCRAM-SHA-256": "scram_sha256", "SCRAM-SHA-512": "scram_sha512"}
_CREDENTIAL = re.compile(r".*(PASSWORD|TOKEN|SECRET|SECRET_KEY|DATABASE_URL)")
# How often KEDA polls, and how long a lower lag must last before replicas are removed, because each change makes the
# group pause.
_LAG_POLL_SECONDS = 10
_SCALE_DOWN_SECONDS = 60

Manifest = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class WorkObjects:
    """The objects of one run. ``owner`` (a Job or StatefulSet) is created first, then ``dependents`` with its uid.

    ``unwanted`` are kinds of which an earlier launch may have left a dependent that has to go now.
    """

    owner: Manifest
    dependents: tuple[Manifest, ...]
    unwanted: tuple[ObjectKind, ...] = ()


def kinds() -> tuple[ObjectKind, ...]:
    """Return the kinds that the launcher makes or reads; its role lists exactly these."""
    return (JOB, STATEFUL_SET, SECRET, DISRUPTION_BUDGET, SCALED_OBJECT, POD, EVENT)


def build_work(spec: WorkSpec, settings: KubernetesSettings, base_env: Mapping[str, str]) -> WorkObjects:
    """Return the objects of ``spec``. ``base_env`` is every worker's environment in addition to its job's.

    Raises SettingsError where Kafka's credentials are files of the controller that workers would not have, and
    ValueError for a spec that is not the controller's.
    """
    service = spec.restart is RestartPolicy.ALWAYS
    labels = _labels(spec, check_work_name(spec.name))
    pod = _pod_template(spec, settings, base_env, labels)
    owner = _stateful_set(spec, settings, labels, pod) if service else _job(spec, settings, labels, pod)
    dependents = [_token_secret(spec, settings, labels)]
    unwanted = []
    if service:
        dependents.append(_disruption_budget(spec, settings, labels))
        if settings.keda and spec.autoscale is not None:
            dependents.append(_scaled_object(spec, spec.autoscale, settings, labels, base_env))
        elif settings.keda:
            unwanted.append(SCALED_OBJECT)
    return WorkObjects(owner=owner, dependents=tuple(dependents), unwanted=tuple(unwanted))


# --- owners --------------------------------------------------------------------------------------------------------


def _job(spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str], pod: Manifest) -> Manifest:
    job: Manifest = {
        "completions": 1,
        "parallelism": 1,
        "backoffLimit": 0,
        # A pod that is being deleted still runs, so there must not be a second one.
        "podReplacementPolicy": "Failed",
        "template": pod,
    }
    job_labels = dict(labels)
    if settings.kueue_queue:
        job["suspend"] = True
        job_labels["kueue.x-k8s.io/queue-name"] = settings.kueue_queue
    return _owner(JOB, spec, settings, job_labels, job)


def _stateful_set(spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str], pod: Manifest) -> Manifest:
    return _owner(
        STATEFUL_SET,
        spec,
        settings,
        labels,
        {
            "replicas": spec.replicas,
            # A StatefulSet has to name a Service, but no Service exists, because nothing calls a replica.
            "serviceName": spec.name,
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": {WORK_LABEL: spec.name}},
            "template": pod,
        },
    )


def _owner(
    kind: ObjectKind, spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str], content: Manifest
) -> Manifest:
    hashed = {name: value for name, value in content.items() if name != "replicas"}
    digest = hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest()
    manifest = _object(kind, spec, settings, labels)
    manifest["metadata"]["annotations"] = {SPEC_HASH: digest}
    return {**manifest, "spec": content}


# --- dependents ----------------------------------------------------------------------------------------------------


def _token_secret(spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str]) -> Manifest:
    return {
        **_object(SECRET, spec, settings, labels),
        "type": "Opaque",
        "data": {"token": base64.b64encode(spec.token.encode()).decode("ascii")},
    }


def _disruption_budget(spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str]) -> Manifest:
    return {
        **_object(DISRUPTION_BUDGET, spec, settings, labels),
        "spec": {
            "maxUnavailable": 1,
            # A crash-looping replica must not keep a node from being drained.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
            "selector": {"matchLabels": {WORK_LABEL: spec.name}},
        },
    }


def _scaled_object(
    spec: WorkSpec,
    autoscale: Autoscale,
    settings: KubernetesSettings,
    labels: Mapping[str, str],
    base_env: Mapping[str, str],
) -> Manifest:
    trigger: Manifest = {
        "type": "kafka",
        "metadata": {
            **_scaler_security(base_env),
            "bootstrapServers": autoscale.bootstrap_servers or base_env.get("KML_KAFKA_BOOTSTRAP_SERVERS", ""),
            "consumerGroup": autoscale.group,
            "topic": autoscale.topic,
            "lagThreshold": str(autoscale.lag_per_replica),
            "offsetResetPolicy": "earliest",
            # The scaler makes at most as many replicas as the topic has partitions, because others would get nothing.
            "allowIdleConsumers": "false",
            # A constant lag counts, because an overloaded replica may commit nothing between two polls.
            "excludePersistentLag": "false",
        },
    }
    if settings.keda_authentication:
        trigger["authenticationRef"] = {"name": settings.keda_authentication}
    return {
        **_object(SCALED_OBJECT, spec, settings, labels),
        "spec": {
            "scaleTargetRef": {"apiVersion": STATEFUL_SET.api_version, "kind": STATEFUL_SET.kind, "name": spec.name},
            "minReplicaCount": spec.replicas,
            "maxReplicaCount": max(spec.replicas, autoscale.max_replicas),
            "pollingInterval": _LAG_POLL_SECONDS,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {"scaleDown": {"stabilizationWindowSeconds": _SCALE_DOWN_SECONDS}}
                }
            },
            "triggers": [trigger],
        },
    }


def _scaler_security(base_env: Mapping[str, str]) -> dict[str, str]:
    """Return how KEDA talks to Kafka; the credentials for it are in its TriggerAuthentication."""
    security = {}
    if base_env.get("KML_KAFKA_SECURITY_PROTOCOL", "").endswith("SSL"):
        security["tls"] = "enable"
    if mechanism := base_env.get("KML_KAFKA_SASL_MECHANISM"):
        security["sasl"] = _SCALER_MECHANISMS[mechanism]
    return security


# --- pods ----------------------------------------------------------------------------------------------------------


def _pod_template(
    spec: WorkSpec, settings: KubernetesSettings, base_env: Mapping[str, str], labels: Mapping[str, str]
) -> Manifest:
    service = spec.restart is RestartPolicy.ALWAYS
    pod: Manifest = {
        "restartPolicy": "Always" if service else "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": max(_GRACE_SECONDS, spec.grace_seconds),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(spec, settings, base_env)],
        "volumes": _volumes(spec, settings),
    }
    if tolerations := _tolerations(settings, service=service):
        pod["tolerations"] = tolerations
    if service:
        pod["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {WORK_LABEL: spec.name}},
            }
        ]
    elif spec.limits.wall_seconds > 0:
        # Set the deadline of the pod instead of the Job's, because a Job at its deadline deletes the pod and its log.
        pod["activeDeadlineSeconds"] = spec.limits.wall_seconds + _DEADLINE_SLACK_SECONDS
    if settings.node_selector:
        pod["nodeSelector"] = dict(settings.node_selector)
    if settings.runtime_class:
        pod["runtimeClassName"] = settings.runtime_class
    if settings.priority_class:
        pod["priorityClassName"] = settings.priority_class
    if settings.pull_secrets:
        pod["imagePullSecrets"] = [{"name": name} for name in settings.pull_secrets]
    return {"metadata": {"labels": dict(labels)}, "spec": pod}


def _container(spec: WorkSpec, settings: KubernetesSettings, base_env: Mapping[str, str]) -> Manifest:
    mounts: list[Manifest] = [
        {"name": "token", "mountPath": _TOKEN_FOLDER, "readOnly": True},
        {"name": "state", "mountPath": _STATE_FOLDER},
        {"name": "scratch", "mountPath": _SCRATCH_FOLDER},
    ]
    if settings.kafka_secret:
        mounts.append({"name": "kafka", "mountPath": _KAFKA_FOLDER, "readOnly": True})
    return {
        "name": WORKER_CONTAINER,
        "image": settings.image.replace("{component}", f"{spec.module}_{_framework(spec).value}"),
        "imagePullPolicy": settings.image_pull_policy,
        "command": ["python", "-P", "-m", spec.module],
        "env": _environment(spec, settings, base_env),
        **_metrics_port(base_env),
        "resources": _resources(spec, settings),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
        # The cluster keeps the end of a failed container's log in its status, where it is found after the pod is gone.
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _metrics_port(base_env: Mapping[str, str]) -> Manifest:
    """Return the name of the port of a worker's metrics, which PodMonitors select by."""
    _, _, port = base_env.get("KML_METRICS_ADDRESS", "").rpartition(":")
    return {"ports": [{"name": "metrics", "containerPort": int(port)}]} if port else {}


def _environment(spec: WorkSpec, settings: KubernetesSettings, base_env: Mapping[str, str]) -> list[Manifest]:
    # PATH and the like are the image's own; everything of ours is called KML_.
    values = {name: value for name, value in {**base_env, **spec.env}.items() if name.startswith("KML_")}
    values = {name: value for name, value in values.items() if not _CREDENTIAL.fullmatch(name)}
    values |= {
        **_secret_files(settings, values),
        "KML_JOB_NAME": spec.name,
        "KML_JOB_TOKEN_FILE": f"{_TOKEN_FOLDER}/token",
        "KML_JOB_STATE_DIR": _STATE_FOLDER,
        "KML_STATE_DIR": _STATE_FOLDER,
        # Workers in pods start cold, because a pod has no warm fork server.
        "KML_JOB_FORK_SERVER": "",
        "HOME": _SCRATCH_FOLDER,
        "PYTHONUNBUFFERED": "1",
    }
    if spec.gpu == 0:
        # Hide the GPUs. On nodes whose default runtime is the GPU's, an image made for GPUs would otherwise see all of
        # them.
        values["NVIDIA_VISIBLE_DEVICES"] = "void"
    values.pop("KML_JOB_REPLICA", None)
    env: list[Manifest] = [{"name": name, "value": value} for name, value in values.items()]
    if spec.restart is RestartPolicy.ALWAYS:
        index = {"fieldRef": {"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"}}
        env.append({"name": "KML_JOB_REPLICA", "valueFrom": index})
    return sorted(env, key=lambda variable: str(variable["name"]))


def _secret_files(settings: KubernetesSettings, values: Mapping[str, str]) -> dict[str, str]:
    """Return where a worker finds the files that the controller names in ``values``."""
    named = {name: key for name, key in _SECRET_FILES.items() if values.get(name)}
    if values.get("KML_KAFKA_SASL_MECHANISM"):
        named["KML_KAFKA_SASL_PASSWORD_FILE"] = "password"  # noqa: S105 - a key of the Secret
    if named and not settings.kafka_secret:
        raise SettingsError(
            f"workers in the cluster would not have the platform's credentials ({', '.join(sorted(named))}):"
            " KML_KUBERNETES_KAFKA_SECRET names no Secret",
            hint=f"make a Secret with the keys {', '.join(_SECRET_FILES.values())} (those that you need) in the"
            f" namespace {settings.namespace} and name it in KML_KUBERNETES_KAFKA_SECRET",
        )
    return {name: f"{_KAFKA_FOLDER}/{key}" for name, key in named.items()}


def _resources(spec: WorkSpec, settings: KubernetesSettings) -> Manifest:
    # The two volumes (scratch and logs) share what the pod may take of the node's disk.
    disk = _quantity(settings.scratch_bytes + _LOG_BYTES)
    limits: dict[str, str] = {"ephemeral-storage": disk}
    requests: dict[str, str] = {"ephemeral-storage": _quantity(_LOG_BYTES)}
    if memory := _memory_limit(spec, settings):
        limits["memory"] = memory
    if settings.cpu_limit:
        limits["cpu"] = settings.cpu_limit
    if spec.gpu > 0:
        limits[settings.gpu_resource] = str(spec.gpu)
    for name, wanted in (("cpu", settings.cpu_request), ("memory", settings.memory_request)):
        if wanted:
            limit = limits.get(name)
            # The cluster would refuse a request above its limit.
            requests[name] = limit if limit and quantity_bytes(limit) < quantity_bytes(wanted) else wanted
    return {"requests": requests, "limits": limits}


def _memory_limit(spec: WorkSpec, settings: KubernetesSettings) -> str:
    if spec.limits.memory_bytes == 0:
        return settings.memory_limit
    return _quantity(spec.limits.memory_bytes + settings.memory_overhead_bytes)


def _quantity(size_bytes: int) -> str:
    """Format a number of bytes in the greatest unit that divides it, as users and the API write it."""
    for unit, multiple in (("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)):
        if size_bytes and size_bytes % multiple == 0:
            return f"{size_bytes // multiple}{unit}"
    return str(size_bytes)


def _volumes(spec: WorkSpec, settings: KubernetesSettings) -> list[Manifest]:
    space = {"sizeLimit": _quantity(settings.scratch_bytes)}
    volumes: list[Manifest] = [
        {"name": "token", "secret": {"secretName": spec.name, "defaultMode": _SECRET_MODE}},
        {"name": "state", "emptyDir": dict(space)},
        {"name": "scratch", "emptyDir": dict(space)},
    ]
    if settings.kafka_secret:
        volumes.append({"name": "kafka", "secret": {"secretName": settings.kafka_secret, "defaultMode": _SECRET_MODE}})
    return volumes


def _tolerations(settings: KubernetesSettings, *, service: bool) -> list[Manifest]:
    tolerations: list[Manifest] = [toleration.model_dump(exclude_defaults=True) for toleration in settings.tolerations]
    if service:
        # A training keeps the cluster's default of five minutes, because restarting it costs more than waiting.
        tolerations += [
            {
                "key": f"node.kubernetes.io/{taint}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": settings.node_lost_seconds,
            }
            for taint in ("not-ready", "unreachable")
        ]
    return tolerations


def _framework(spec: WorkSpec) -> Framework:
    value = spec.env.get("KML_JOB_FRAMEWORK")
    if value is None:
        raise ValueError(f"{spec.name} names no framework: expected KML_JOB_FRAMEWORK in its environment")
    return Framework(value)


# --- what all have in common ---------------------------------------------------------------------------------------


def _object(kind: ObjectKind, spec: WorkSpec, settings: KubernetesSettings, labels: Mapping[str, str]) -> Manifest:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": spec.name, "namespace": settings.namespace, "labels": dict(labels)},
    }


def _labels(spec: WorkSpec, name: WorkName) -> dict[str, str]:
    component = spec.module.replace("_", "-")
    return {
        **spec.labels,
        "app.kubernetes.io/name": component,
        "app.kubernetes.io/component": component,
        "app.kubernetes.io/part-of": _PART_OF,
        "app.kubernetes.io/managed-by": _MANAGER,
        "kafka-ml/attempt": str(name.attempt),
        WORK_LABEL: spec.name,
    }

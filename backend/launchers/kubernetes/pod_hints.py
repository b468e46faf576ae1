"""The hint for what keeps a pod from starting, chosen by the cluster's message (of Kubernetes 1.36)."""

from __future__ import annotations

import re

from kafkaml.wire.failure import Failure, FailureCategory

__all__ = [
    "CONFIG_HINT",
    "CONFIG_HINTS",
    "CREATE_HINT",
    "CREATE_HINTS",
    "IMAGE_HINT",
    "IMAGE_HINTS",
    "UNSCHEDULABLE_HINT",
    "UNSCHEDULABLE_HINTS",
    "configuration",
    "obstacle",
    "with_message",
]

# The first pattern that the message matches gives the hint.
_Hint = tuple[re.Pattern[str], str]


def _hint(pattern: str, hint: str) -> _Hint:
    return re.compile(pattern, re.IGNORECASE), hint


UNSCHEDULABLE_HINTS = (
    _hint(
        r"Insufficient memory",
        "no node has as much memory free: lower KML_KUBERNETES_MEMORY_REQUEST, stop other work, or add a node",
    ),
    _hint(
        r"Insufficient cpu",
        "no node has as much processor time free: lower KML_KUBERNETES_CPU_REQUEST, stop other work, or add a node",
    ),
    _hint(r"Insufficient ephemeral-storage", "no node has as much disk space free: clear some, or add a node"),
    _hint(r"Too many pods", "the nodes run as many pods as they may: stop other work, or add a node"),
    _hint(
        r"untolerated taint",
        "the nodes are reserved by a taint: let workers there with KML_KUBERNETES_TOLERATIONS, or remove the taint",
    ),
    _hint(
        r"didn't match Pod's node affinity",
        "no node has the labels that KML_KUBERNETES_NODE_SELECTOR asks for: correct it, or label a node",
    ),
    _hint(r"were unschedulable", "the nodes are closed to new pods: `kubectl uncordon` one, or add a node"),
    _hint(r"no nodes available", "the cluster has no node that takes pods: look at `kubectl get nodes`"),
)
UNSCHEDULABLE_HINT = "look at `kubectl describe nodes`; it starts automatically as soon as a node fits"

IMAGE_HINTS = (
    _hint(
        r"InvalidImageName|invalid reference format|couldn't parse image",
        "KML_KUBERNETES_IMAGE makes an invalid image name: expected e.g. host:5000/kafka-ml/{component}:0.1.0",
    ),
    _hint(
        r"unauthorized|denied|forbidden|authentication required|no basic auth|authorization failed|\b40[13]\b",
        "the registry wants credentials: put them in a Secret of type kubernetes.io/dockerconfigjson in the workers'"
        " namespace and name it in KML_KUBERNETES_IMAGE_PULL_SECRETS",
    ),
    _hint(
        r"no such host|connection refused|i/o timeout|deadline exceeded|x509|HTTP response to HTTPS|no route to host|"
        r"RegistryUnavailable",
        "the node cannot reach the registry, or does not trust it: check the registry's address in KML_KUBERNETES_IMAGE"
        " and the node's container runtime; on a local cluster load the images onto the nodes",
    ),
    _hint(
        r"SignatureValidationFailed",
        "the image is not signed as the nodes demand: sign it, or correct the nodes' policy",
    ),
)
IMAGE_HINT = (
    "build and push it with `./Build_Kafka_ML.sh --rebuild COMPONENT` (add `--registry HOST:PORT` where nodes take"
    " images from a registry), or correct KML_KUBERNETES_IMAGE"
)

CONFIG_HINTS = (
    _hint(
        r"runAsNonRoot|will run as root",
        "the image is not one of ours, which run as user 10001: correct KML_KUBERNETES_IMAGE, or build it again",
    ),
    _hint(
        r"executable file not found|no such file or directory|exec format error",
        "the image is not one of Kafka-ML's workers, or of another kind of processor: correct KML_KUBERNETES_IMAGE, or"
        " build it again",
    ),
    _hint(
        r"no runtime for|RuntimeHandler|runtime handler",
        "the node does not have the container runtime that KML_KUBERNETES_RUNTIME_CLASS asks for: install it there, or"
        " choose the nodes that have it with KML_KUBERNETES_NODE_SELECTOR",
    ),
    _hint(
        r"nvidia|cuda",
        "the node's GPU runtime refused the container: look at the driver and the device plugin on that node",
    ),
    _hint(r"network|CNI|cni", "the node's pod network is not ready: look at its network plugin"),
)
CONFIG_HINT = "look at `kubectl describe pod` in the workers' namespace"

CREATE_HINTS = (
    _hint(
        r"exceeded quota|failed quota|must specify",
        "the namespace's ResourceQuota leaves too little: stop other work, lower what workers ask for"
        " (KML_KUBERNETES_MEMORY_REQUEST, KML_KUBERNETES_CPU_REQUEST, KML_MODEL_MEMORY_BYTES), or raise the quota",
    ),
    _hint(
        r"(?:maximum|minimum) \S+ usage|limit to request ratio",
        "the namespace's LimitRange forbids it: change KML_MODEL_MEMORY_BYTES, KML_KUBERNETES_MEMORY_OVERHEAD_BYTES,"
        " KML_KUBERNETES_MEMORY_REQUEST or KML_KUBERNETES_CPU_REQUEST, or the LimitRange",
    ),
    _hint(
        r"violates PodSecurity",
        "something other than Kafka-ML adds what the restricted profile forbids: look at the cluster's admission "
        "webhooks",
    ),
    _hint(r"PriorityClass", "correct KML_KUBERNETES_PRIORITY_CLASS, or make that PriorityClass"),
    _hint(r"RuntimeClass", "correct KML_KUBERNETES_RUNTIME_CLASS, or make that RuntimeClass"),
    _hint(
        r"serviceaccount|service account",
        "the namespace is new or being removed: it is tried again automatically; apply the platform's manifests again "
        "if this stays",
    ),
    _hint(r"being terminated", "the workers' namespace is being removed: apply the platform's manifests again"),
    _hint(r"webhook", "an admission webhook of the cluster refused or did not answer: look at what the message names"),
)
CREATE_HINT = "look at `kubectl get events` in the workers' namespace"


def configuration(cause: str, hint: str) -> Failure:
    """A failure that someone has to fix in the settings or in the cluster."""
    return Failure(category=FailureCategory.CONFIGURATION, cause=cause, hint=hint)


def obstacle(cause: str, message: str, hints: tuple[_Hint, ...], otherwise: str) -> Failure:
    """Like ``configuration``, with the first of ``hints`` whose pattern is in ``message``, or ``otherwise``."""
    return configuration(cause, next((hint for pattern, hint in hints if pattern.search(message)), otherwise))


def with_message(cause: str, message: str) -> str:
    """``cause`` followed by what the cluster says, if it says anything."""
    return f"{cause}: {message}" if message else cause

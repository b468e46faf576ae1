"""What a cluster says of a pod -> why it ended, or why it does not start: Failure(category, cause, hint). Pure.

Called by ``launcher`` with objects and events as the API returns them (Kubernetes 1.36). Disruptions are LOST, which is
tried again; what a person has to mend names the setting or the field to mend. Exit codes are ``diagnosis``' business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.launchers.diagnosis import Ending, diagnose
from backend.launchers.kubernetes.manifests import WORKER_CONTAINER
from backend.launchers.kubernetes.settings import quantity_bytes
from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["job_obstacle", "pod_failure", "pod_obstacle", "set_obstacle"]

_MAX_MESSAGE_CHARS = 500
_AGAIN = "it is tried again by itself"

# Reasons of the condition DisruptionTarget: the cluster took the pod away.
_DISRUPTIONS = {
    "PreemptionByScheduler": (
        "the pod had to make room for a more important one",
        f"{_AGAIN} when there is room; KML_KUBERNETES_PRIORITY_CLASS makes workers more important",
    ),
    "DeletionByTaintManager": (
        "the pod's node was lost or closed to it (a taint)",
        f"{_AGAIN} on another node; see `kubectl describe nodes` if it happens often",
    ),
    "DeletionByDeviceTaintManager": (
        "the device that the pod used was taken out of service (a taint)",
        f"{_AGAIN} with another device",
    ),
    "EvictionByEvictionAPI": (
        "the pod was asked to leave its node (a drain, or the cluster's autoscaler)",
        f"{_AGAIN} on another node",
    ),
    "DeletionByPodGC": ("the pod's node is gone", f"{_AGAIN} on another node"),
    "TerminationByKubelet": ("the pod's node ended it (short of resources, or shut down)", _AGAIN),
}
# Reasons of a failed pod's status: its node ended it, or did not take it.
_NODE_REASONS = {
    "Evicted": (
        "the pod was evicted, because its node ran short",
        f"{_AGAIN}; raise KML_KUBERNETES_MEMORY_REQUEST, so that workers go where there is room for them",
    ),
    "NodeLost": ("the pod's node does not answer any more", f"{_AGAIN} on another node"),
    "Preempting": ("the pod had to make room for one that its node cannot do without", _AGAIN),
    "Terminated": ("the pod's node was shut down", f"{_AGAIN} on another node"),
    "NodeShutdown": ("the pod's node was shutting down", f"{_AGAIN} on another node"),
    "Shutdown": ("the pod's node was shut down", f"{_AGAIN} on another node"),
    "UnexpectedAdmissionError": (
        "the pod's node could not give it what it was promised",
        f"{_AGAIN}; if it is about a GPU, look at its device plugin on that node",
    ),
    "NodeAffinity": ("the pod's node had changed its labels", f"{_AGAIN} on another node"),
    "TopologyAffinityError": ("the pod's node could not line up the resources that it asks for", _AGAIN),
}
# The kubelet's words for a pod that took more disk space than it may: to try again would end the same way.
_OVER_ITS_DISK = re.compile(
    r"exceeds the (?:total )?limit|exceeded its local ephemeral storage limit|Usage of EmptyDir volume"
)
_NOT_STARTED_REASONS = frozenset({"ContainerCannotRun", "StartError", "RunContainerError", "CreateContainerError"})

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_CONFIG_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "StartError"})
# The cluster has not come that far, or is at it.
_PATIENT_REASONS = frozenset({"ContainerCreating", "PodInitializing", ""})
_SETUP_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedScheduling", "Failed"})
# A pod comes before the Secret with its token, by moments; the kubelet looks again after 0.5, 1, 2, ... seconds.
_TOKEN_LOOKS = 3

_MISSING_OBJECT = re.compile(r'(secret|configmap) "([^"]+)" not found', re.IGNORECASE)
_EXTENDED_RESOURCE = re.compile(r"Insufficient ([\w.-]+/[\w.-]*\w)")
# Here the scheduler begins to tell whom it could push out, and repeats its numbers.
_PREEMPTION = re.compile(r" (?:no new claims to deallocate, )?preemption:.*", re.DOTALL)

# The first pattern that the message matches gives the hint.
_Hint = tuple[re.Pattern[str], str]


def _hint(pattern: str, hint: str) -> _Hint:
    return re.compile(pattern, re.IGNORECASE), hint


_UNSCHEDULABLE_HINTS = (
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
_UNSCHEDULABLE_HINT = "look at `kubectl describe nodes`; it starts by itself as soon as a node fits"

_IMAGE_HINTS = (
    _hint(
        r"InvalidImageName|invalid reference format|couldn't parse image",
        "KML_KUBERNETES_IMAGE makes a name that is none: expected e.g. host:5000/kafka-ml/{component}:0.1.0",
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
_IMAGE_HINT = (
    "build and push it with `./Build_Kafka_ML.sh --rebuild COMPONENT` (add `--registry HOST:PORT` where nodes take"
    " images from a registry), or correct KML_KUBERNETES_IMAGE"
)

_CONFIG_HINTS = (
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
_CONFIG_HINT = "look at `kubectl describe pod` in the workers' namespace"

_CREATE_HINTS = (
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
        "something beside Kafka-ML adds what the restricted profile forbids: look at the cluster's admission webhooks",
    ),
    _hint(r"PriorityClass", "correct KML_KUBERNETES_PRIORITY_CLASS, or make that PriorityClass"),
    _hint(r"RuntimeClass", "correct KML_KUBERNETES_RUNTIME_CLASS, or make that RuntimeClass"),
    _hint(
        r"serviceaccount|service account",
        "the namespace is new or being removed: it is tried again by itself; apply the platform's manifests again if"
        " this stays",
    ),
    _hint(r"being terminated", "the workers' namespace is being removed: apply the platform's manifests again"),
    _hint(r"webhook", "an admission webhook of the cluster refused or did not answer: look at what the message names"),
)
_CREATE_HINT = "look at `kubectl get events` in the workers' namespace"


# --- why a pod ended -----------------------------------------------------------------------------------------------


def pod_failure(pod: Mapping[str, Any], *, log_tail: str, events: Sequence[Mapping[str, Any]] = ()) -> Failure | None:
    """Return why ``pod`` ended badly, or its replica crashed and waits to be started again; None for neither.

    ``log_tail`` is the end of the replica's log; what the cluster kept of it stands in where it is empty.
    """
    status = _mapping(pod.get("status"))
    ended = _last_end(status)
    phase = status.get("phase")
    if phase == "Succeeded" or (phase != "Failed" and ended is None):
        return None
    tail = log_tail or _text(ended, "message")
    failure = (
        _of_deadline(status)
        or _of_memory(pod, ended, tail)
        or (_of_node(status) if phase == "Failed" else None)
        or _of_disruption(status)
        or _of_start(ended)
    )
    if failure is not None:
        return failure
    code = None if ended is None or _text(ended, "reason") == "ContainerStatusUnknown" else ended.get("exitCode")
    failure = diagnose(Ending(exit_code=code, log_tail=tail))
    if failure is not None and code is None:
        told = _sentence(_text(status, "message")) or _last_warning(pod, events)
        failure = failure.model_copy(update={"cause": f"{failure.cause}: {told}"}) if told else failure
    return failure


def _last_end(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """How the worker's container ended, if it does not run now."""
    worker = _worker_status(status)
    state = _mapping(worker.get("state"))
    if "terminated" in state:
        return _mapping(state["terminated"])
    if "waiting" in state:
        last = _mapping(worker.get("lastState"))
        return _mapping(last["terminated"]) if "terminated" in last else None
    return None


def _of_deadline(status: Mapping[str, Any]) -> Failure | None:
    if _text(status, "reason") != "DeadlineExceeded":
        return None
    return Failure(
        category=FailureCategory.TIME_LIMIT,
        cause="the pod ran longer than it may, and its worker did not end by itself",
        hint="train on less data or fewer epochs, or raise KML_TRAINING_WALL_SECONDS",
    )


def _of_memory(pod: Mapping[str, Any], ended: Mapping[str, Any] | None, tail: str) -> Failure | None:
    if _text(ended, "reason") != "OOMKilled":
        return None
    failure = diagnose(Ending(exit_code=None, out_of_memory=True, log_tail=tail))
    limit = _memory_limit(pod)
    if failure is None or not limit:
        return failure
    return failure.model_copy(
        update={
            "cause": f"{failure.cause} (limit of its pod: {limit})",
            "hint": f"{failure.hint}; the limit is KML_MODEL_MEMORY_BYTES + KML_KUBERNETES_MEMORY_OVERHEAD_BYTES",
        }
    )


def _of_node(status: Mapping[str, Any]) -> Failure | None:
    reason, message = _text(status, "reason"), _sentence(_text(status, "message"))
    if reason == "Evicted" and _OVER_ITS_DISK.search(message):
        return Failure(
            category=FailureCategory.CONFIGURATION,
            cause=f"the pod took more disk space than it may: {message}",
            hint="use less data, save less in the model's code, or raise KML_KUBERNETES_SCRATCH_BYTES",
        )
    cause, hint = _NODE_REASONS.get(reason, ("", ""))
    if reason.startswith("OutOf"):
        cause = f"the pod's node had no {reason.removeprefix('OutOf')} left when it came"
        hint = f"{_AGAIN}, where there is room"
    return _lost(cause, message, hint) if cause else None


def _of_disruption(status: Mapping[str, Any]) -> Failure | None:
    condition = _condition(status, "DisruptionTarget")
    if condition is None or condition.get("status") != "True":
        return None
    cause, hint = _DISRUPTIONS.get(_text(condition, "reason"), ("the cluster took the pod away", _AGAIN))
    return _lost(cause, _sentence(_text(condition, "message")), hint)


def _of_start(ended: Mapping[str, Any] | None) -> Failure | None:
    if _text(ended, "reason") not in _NOT_STARTED_REASONS:
        return None
    message = _sentence(_text(ended, "message"))
    return _obstacle(
        _told("the worker's container could not be started", message), message, _CONFIG_HINTS, _CONFIG_HINT
    )


def _lost(cause: str, message: str, hint: str) -> Failure:
    return Failure(category=FailureCategory.LOST, cause=_told(cause, message), hint=hint)


def vanished(pod: Mapping[str, Any] | None, job: Mapping[str, Any] | None) -> Failure:
    """Return what is left to say of a run whose pod went without saying how it ended."""
    told = _condition(_mapping((job or {}).get("status")), "Failed")
    said = _text(told, "message") or _text(told, "reason")
    node = _text(_mapping((pod or {}).get("spec")), "nodeName")
    return Failure(
        category=FailureCategory.LOST,
        cause=f"the worker's pod{f' on node {node}' if node else ''} vanished before it could say how it ended"
        + (f" (the cluster says: {said})" if said else ""),
        hint="it is tried again by itself; look at the cluster's nodes if it happens again",
    )


# --- why a pod does not start --------------------------------------------------------------------------------------


def pod_obstacle(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Failure | None:
    """Return what keeps ``pod`` from running, or None where nothing does (it runs, ended, or is about to start)."""
    status = _mapping(pod.get("status"))
    if status.get("phase") not in ("Pending", "Running"):
        return None
    if (unplaced := _of_scheduling(status)) is not None:
        return unplaced
    waiting = _mapping(_worker_status(status).get("state")).get("waiting")
    if waiting is None and status.get("phase") == "Running":
        return None
    reason, message = _text(_mapping(waiting), "reason"), _sentence(_text(_mapping(waiting), "message"))
    if reason in _IMAGE_REASONS:
        return _of_image(pod, reason, message or _last_warning(pod, events))
    if reason in _CONFIG_REASONS:
        return _of_configuration(message or reason)
    if reason in _PATIENT_REASONS:
        return _of_setup(pod, events)
    return None


def _of_scheduling(status: Mapping[str, Any]) -> Failure | None:
    condition = _condition(status, "PodScheduled")
    if condition is None or condition.get("status") != "False":
        return None
    message = _sentence(_PREEMPTION.sub("", _text(condition, "message")))
    match _text(condition, "reason"):
        case "Unschedulable":
            cause = f"no node of the cluster takes the pod: {message}"
            if resource := _EXTENDED_RESOURCE.search(message):
                return _configuration(
                    cause,
                    f"no node has as many free {resource[1]}: ask for fewer GPUs (0: none), wait for others to end,"
                    " check with `kubectl describe nodes` that the device plugin offers them, or correct"
                    " KML_KUBERNETES_GPU_RESOURCE",
                )
            return _obstacle(cause, message, _UNSCHEDULABLE_HINTS, _UNSCHEDULABLE_HINT)
        case "SchedulingGated":
            return _configuration(
                "the pod is held back by a scheduling gate",
                "whoever set the gate (such as Kueue) lets it start when its turn has come",
            )
        case "SchedulerError":
            return _configuration(f"the scheduler failed: {message}", "it is tried again by itself; see its log")
    return None


def _of_image(pod: Mapping[str, Any], reason: str, message: str) -> Failure:
    cause = _told(f"the image {_image(pod)} cannot be had", message)
    return _obstacle(cause, f"{reason} {message}", _IMAGE_HINTS, _IMAGE_HINT)


def _of_configuration(message: str) -> Failure:
    cause = f"the worker's container cannot be made: {message}"
    if missing := _MISSING_OBJECT.search(message):
        return _configuration(cause, _missing_hint(missing[2]))
    return _obstacle(cause, message, _CONFIG_HINTS, _CONFIG_HINT)


def _of_setup(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    event = _latest(event for event in _of_object(pod, events) if event.get("type") == "Warning")
    if event is None or event.get("reason") not in _SETUP_EVENTS:
        return None
    message = _sentence(_text(event, "message"))
    missing = _MISSING_OBJECT.search(message)
    if missing is None:
        return _obstacle(f"the pod cannot be set up: {message}", message, _CONFIG_HINTS, _CONFIG_HINT)
    if missing[2] == _own_secret(pod) and int(event.get("count") or 1) < _TOKEN_LOOKS:
        return None
    return _configuration(f"the pod cannot be set up: {message}", _missing_hint(missing[2]))


def _missing_hint(name: str) -> str:
    if name.startswith("kml-"):
        return "the controller makes it again by itself; look at its log if this stays"
    return f"make {name!r} in the workers' namespace, or correct KML_KUBERNETES_KAFKA_SECRET"


# --- why pods are not even made ------------------------------------------------------------------------------------


def job_obstacle(job: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    """Return why ``job`` has no pod (quota, admission, a queue), or None where it has one or is about to."""
    status = _mapping(job.get("status"))
    if any(status.get(count) for count in ("active", "succeeded", "failed")):
        return None
    if _mapping(job.get("spec")).get("suspend"):
        queue = _mapping(_mapping(job.get("metadata")).get("labels")).get("kueue.x-k8s.io/queue-name")
        where = f"Kueue's queue {queue}" if queue else "a queue"
        return _configuration(
            f"the training waits for its turn in {where}",
            "it starts by itself when the queue's quota has room; see `kubectl get workloads` in their namespace",
        )
    return _of_creation(job, events)


def set_obstacle(stateful_set: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    """Return why ``stateful_set`` has fewer pods than it wants, or None where it has them or is about to."""
    wanted = _mapping(stateful_set.get("spec")).get("replicas", 1)
    if _mapping(stateful_set.get("status")).get("replicas", 0) >= wanted:
        return None
    return _of_creation(stateful_set, events)


def _of_creation(owner: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    event = _latest(
        event for event in _of_object(owner, events) if event.get("reason") in ("FailedCreate", "SuccessfulCreate")
    )
    if event is None or event["reason"] == "SuccessfulCreate":
        return None
    message = _sentence(_text(event, "message"))
    return _obstacle(f"the cluster refuses to make the pod: {message}", message, _CREATE_HINTS, _CREATE_HINT)


# --- words ---------------------------------------------------------------------------------------------------------


def _configuration(cause: str, hint: str) -> Failure:
    return Failure(category=FailureCategory.CONFIGURATION, cause=cause, hint=hint)


def _obstacle(cause: str, message: str, hints: tuple[_Hint, ...], otherwise: str) -> Failure:
    return _configuration(cause, next((hint for pattern, hint in hints if pattern.search(message)), otherwise))


def _told(cause: str, message: str) -> str:
    return f"{cause}: {message}" if message else cause


def _sentence(message: str) -> str:
    """One line of ``message``, without the full stop at its end."""
    return " ".join(message.split())[:_MAX_MESSAGE_CHARS].removesuffix(".")


# --- reading objects -----------------------------------------------------------------------------------------------


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Mapping[str, Any] | None, key: str) -> str:
    # No database takes a NUL in a text, and a log may hold one.
    return str((value or {}).get(key) or "").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _worker_status(status: Mapping[str, Any]) -> Mapping[str, Any]:
    named = (each for each in status.get("containerStatuses") or () if each.get("name") == WORKER_CONTAINER)
    return _mapping(next(named, None))


def _worker(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    containers = _mapping(pod.get("spec")).get("containers") or ()
    return _mapping(next((each for each in containers if each.get("name") == WORKER_CONTAINER), None))


def _condition(status: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    return next((each for each in status.get("conditions") or () if each.get("type") == name), None)


def _image(pod: Mapping[str, Any]) -> str:
    return _text(_worker(pod), "image")


def _memory_limit(pod: Mapping[str, Any]) -> str:
    limit = _text(_mapping(_mapping(_worker(pod).get("resources")).get("limits")), "memory")
    return f"{quantity_bytes(limit) / (1 << 30):.2f} GiB" if limit else ""


def _own_secret(pod: Mapping[str, Any]) -> str:
    volumes = _mapping(pod.get("spec")).get("volumes") or ()
    token = next((each for each in volumes if each.get("name") == "token"), None)
    return _text(_mapping(_mapping(token).get("secret")), "secretName")


def _of_object(owner: Mapping[str, Any], events: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The events about this very object: a name may come again, and with it what was said of another."""
    metadata = _mapping(owner.get("metadata"))
    mine = []
    for event in events:
        about = _mapping(event.get("involvedObject"))
        if about.get("name") == metadata.get("name") and about.get("uid") in (None, metadata.get("uid")):
            mine.append(event)
    return mine


def _latest(events: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    return max(events, key=_seen_at, default=None)


def _seen_at(event: Mapping[str, Any]) -> str:
    series = _mapping(event.get("series"))
    seen = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime")
    # Of the same second, the text with a fraction is the later one.
    return str(seen or _mapping(event.get("metadata")).get("creationTimestamp") or "").removesuffix("Z")


def _last_warning(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> str:
    event = _latest(event for event in _of_object(pod, events) if event.get("type") == "Warning")
    return _sentence(_text(event, "message"))

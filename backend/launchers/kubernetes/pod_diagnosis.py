"""What a cluster says of a pod -> why it ended, or why it does not start: Failure(category, cause, hint). Pure.

Called by ``launcher`` with objects and events as the API returns them (Kubernetes 1.36). Disruptions are LOST, which is
tried again; failures that a user has to fix name the setting or field. ``diagnosis`` handles exit codes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from backend.launchers.diagnosis import Ending, diagnose
from backend.launchers.kubernetes.pod_hints import (
    CONFIG_HINT,
    CONFIG_HINTS,
    CREATE_HINT,
    CREATE_HINTS,
    IMAGE_HINT,
    IMAGE_HINTS,
    UNSCHEDULABLE_HINT,
    UNSCHEDULABLE_HINTS,
    configuration,
    obstacle,
    with_message,
)
from backend.launchers.kubernetes.pod_objects import (
    condition_of,
    events_about,
    image_of,
    last_warning,
    latest_event,
    mapping,
    memory_limit,
    one_line,
    text_of,
    token_secret,
    worker_status,
)
from kafkaml.wire.failure import Failure, FailureCategory

__all__ = ["job_obstacle", "pod_failure", "pod_obstacle", "set_obstacle"]

_AGAIN = "it is tried again automatically"

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
# Reasons in the status of a failed pod that mean that its node ended it, or did not take it.
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
# The kubelet's words for a pod that took more disk space than it may: another try would end the same way.
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
# Reasons that mean the pod has not got that far yet, or is in progress.
_PATIENT_REASONS = frozenset({"ContainerCreating", "PodInitializing", ""})
_SETUP_EVENTS = frozenset({"FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox", "FailedScheduling", "Failed"})
# A pod is created moments before the Secret with its token; the kubelet retries after 0.5, 1, 2, ... seconds.
_TOKEN_LOOKS = 3

_MISSING_OBJECT = re.compile(r'(secret|configmap) "([^"]+)" not found', re.IGNORECASE)
_EXTENDED_RESOURCE = re.compile(r"Insufficient ([\w.-]+/[\w.-]*\w)")
# The end of the scheduler's message, which lists candidates for preemption and repeats numbers.
_PREEMPTION = re.compile(r" (?:no new claims to deallocate, )?preemption:.*", re.DOTALL)

# --- why a pod ended -----------------------------------------------------------------------------------------------


def pod_failure(pod: Mapping[str, Any], *, log_tail: str, events: Sequence[Mapping[str, Any]] = ()) -> Failure | None:
    """Return why ``pod`` ended badly, or its replica crashed and waits to be started again; None for neither.

    ``log_tail`` is the end of the replica's log. Where it is empty, the part of the log that the cluster kept is used.
    """
    status = mapping(pod.get("status"))
    ended = _last_end(status)
    phase = status.get("phase")
    if phase == "Succeeded" or (phase != "Failed" and ended is None):
        return None
    tail = log_tail or text_of(ended, "message")
    failure = (
        _of_deadline(status)
        or _of_memory(pod, ended, tail)
        or (_of_node(status) if phase == "Failed" else None)
        or _of_disruption(status)
        or _of_start(ended)
    )
    if failure is not None:
        return failure
    code = None if ended is None or text_of(ended, "reason") == "ContainerStatusUnknown" else ended.get("exitCode")
    failure = diagnose(Ending(exit_code=code, log_tail=tail))
    if failure is not None and code is None:
        message = one_line(text_of(status, "message")) or last_warning(pod, events)
        failure = failure.model_copy(update={"cause": f"{failure.cause}: {message}"}) if message else failure
    return failure


def _last_end(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return how the worker's container ended, if it does not run now."""
    worker = worker_status(status)
    state = mapping(worker.get("state"))
    if "terminated" in state:
        return mapping(state["terminated"])
    if "waiting" in state:
        last = mapping(worker.get("lastState"))
        return mapping(last["terminated"]) if "terminated" in last else None
    return None


def _of_deadline(status: Mapping[str, Any]) -> Failure | None:
    if text_of(status, "reason") != "DeadlineExceeded":
        return None
    return Failure(
        category=FailureCategory.TIME_LIMIT,
        cause="the pod ran longer than it may, and its worker did not end on its own",
        hint="train on less data or fewer epochs, or raise KML_TRAINING_WALL_SECONDS",
    )


def _of_memory(pod: Mapping[str, Any], ended: Mapping[str, Any] | None, tail: str) -> Failure | None:
    if text_of(ended, "reason") != "OOMKilled":
        return None
    failure = diagnose(Ending(exit_code=None, out_of_memory=True, log_tail=tail))
    limit = memory_limit(pod)
    if failure is None or not limit:
        return failure
    return failure.model_copy(
        update={
            "cause": f"{failure.cause} (limit of its pod: {limit})",
            "hint": f"{failure.hint}; the limit is KML_MODEL_MEMORY_BYTES + KML_KUBERNETES_MEMORY_OVERHEAD_BYTES",
        }
    )


def _of_node(status: Mapping[str, Any]) -> Failure | None:
    reason, message = text_of(status, "reason"), one_line(text_of(status, "message"))
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
    condition = condition_of(status, "DisruptionTarget")
    if condition is None or condition.get("status") != "True":
        return None
    cause, hint = _DISRUPTIONS.get(text_of(condition, "reason"), ("the cluster took the pod away", _AGAIN))
    return _lost(cause, one_line(text_of(condition, "message")), hint)


def _of_start(ended: Mapping[str, Any] | None) -> Failure | None:
    if text_of(ended, "reason") not in _NOT_STARTED_REASONS:
        return None
    message = one_line(text_of(ended, "message"))
    return obstacle(
        with_message("the worker's container could not be started", message), message, CONFIG_HINTS, CONFIG_HINT
    )


def _lost(cause: str, message: str, hint: str) -> Failure:
    return Failure(category=FailureCategory.LOST, cause=with_message(cause, message), hint=hint)


def vanished(pod: Mapping[str, Any] | None, job: Mapping[str, Any] | None) -> Failure:
    """Return the failure of a run whose pod disappeared without a status."""
    condition = condition_of(mapping((job or {}).get("status")), "Failed")
    said = text_of(condition, "message") or text_of(condition, "reason")
    node = text_of(mapping((pod or {}).get("spec")), "nodeName")
    return Failure(
        category=FailureCategory.LOST,
        cause=f"the worker's pod{f' on node {node}' if node else ''} vanished before it could say how it ended"
        + (f" (the cluster says: {said})" if said else ""),
        hint="it is tried again automatically; look at the cluster's nodes if it happens again",
    )


# --- why a pod does not start --------------------------------------------------------------------------------------


def pod_obstacle(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]] = ()) -> Failure | None:
    """Return what keeps ``pod`` from running, or None where nothing does (it runs, ended, or is about to start)."""
    status = mapping(pod.get("status"))
    if status.get("phase") not in ("Pending", "Running"):
        return None
    if (unplaced := _of_scheduling(status)) is not None:
        return unplaced
    waiting = mapping(worker_status(status).get("state")).get("waiting")
    if waiting is None and status.get("phase") == "Running":
        return None
    reason, message = text_of(mapping(waiting), "reason"), one_line(text_of(mapping(waiting), "message"))
    if reason in _IMAGE_REASONS:
        return _of_image(pod, reason, message or last_warning(pod, events))
    if reason in _CONFIG_REASONS:
        return _of_configuration(message or reason)
    if reason in _PATIENT_REASONS:
        return _of_setup(pod, events)
    return None


def _of_scheduling(status: Mapping[str, Any]) -> Failure | None:
    condition = condition_of(status, "PodScheduled")
    if condition is None or condition.get("status") != "False":
        return None
    message = one_line(_PREEMPTION.sub("", text_of(condition, "message")))
    match text_of(condition, "reason"):
        case "Unschedulable":
            cause = f"no node of the cluster takes the pod: {message}"
            if resource := _EXTENDED_RESOURCE.search(message):
                return configuration(
                    cause,
                    f"no node has as many free {resource[1]}: ask for fewer GPUs (0: none), wait for others to end,"
                    " check with `kubectl describe nodes` that the device plugin offers them, or correct"
                    " KML_KUBERNETES_GPU_RESOURCE",
                )
            return obstacle(cause, message, UNSCHEDULABLE_HINTS, UNSCHEDULABLE_HINT)
        case "SchedulingGated":
            return configuration(
                "the pod is held back by a scheduling gate",
                "what set the gate (such as Kueue) lets it start when its turn has come",
            )
        case "SchedulerError":
            return configuration(f"the scheduler failed: {message}", "it is tried again automatically; see its log")
    return None


def _of_image(pod: Mapping[str, Any], reason: str, message: str) -> Failure:
    cause = with_message(f"the image {image_of(pod)} cannot be pulled", message)
    return obstacle(cause, f"{reason} {message}", IMAGE_HINTS, IMAGE_HINT)


def _of_configuration(message: str) -> Failure:
    cause = f"the worker's container cannot be made: {message}"
    if missing := _MISSING_OBJECT.search(message):
        return configuration(cause, _missing_hint(missing[2]))
    return obstacle(cause, message, CONFIG_HINTS, CONFIG_HINT)


def _of_setup(pod: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    event = latest_event(event for event in events_about(pod, events) if event.get("type") == "Warning")
    if event is None or event.get("reason") not in _SETUP_EVENTS:
        return None
    message = one_line(text_of(event, "message"))
    missing = _MISSING_OBJECT.search(message)
    if missing is None:
        return obstacle(f"the pod cannot be set up: {message}", message, CONFIG_HINTS, CONFIG_HINT)
    if missing[2] == token_secret(pod) and int(event.get("count") or 1) < _TOKEN_LOOKS:
        return None
    return configuration(f"the pod cannot be set up: {message}", _missing_hint(missing[2]))


def _missing_hint(name: str) -> str:
    if name.startswith("kml-"):
        return "the controller makes it again automatically; look at its log if this stays"
    return f"make {name!r} in the workers' namespace, or correct KML_KUBERNETES_KAFKA_SECRET"


# --- why pods are not even made ------------------------------------------------------------------------------------


def job_obstacle(job: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    """Return why ``job`` has no pod (quota, admission, a queue), or None where it has one or is about to."""
    status = mapping(job.get("status"))
    if any(status.get(count) for count in ("active", "succeeded", "failed")):
        return None
    if mapping(job.get("spec")).get("suspend"):
        queue = mapping(mapping(job.get("metadata")).get("labels")).get("kueue.x-k8s.io/queue-name")
        where = f"Kueue's queue {queue}" if queue else "a queue"
        return configuration(
            f"the training waits for its turn in {where}",
            "it starts automatically when the queue's quota has room; see `kubectl get workloads` in their namespace",
        )
    return _of_creation(job, events)


def set_obstacle(stateful_set: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    """Return why ``stateful_set`` has fewer pods than it wants, or None where it has them or is about to."""
    wanted = mapping(stateful_set.get("spec")).get("replicas", 1)
    if mapping(stateful_set.get("status")).get("replicas", 0) >= wanted:
        return None
    return _of_creation(stateful_set, events)


def _of_creation(owner: Mapping[str, Any], events: Sequence[Mapping[str, Any]]) -> Failure | None:
    event = latest_event(
        event for event in events_about(owner, events) if event.get("reason") in ("FailedCreate", "SuccessfulCreate")
    )
    if event is None or event["reason"] == "SuccessfulCreate":
        return None
    message = one_line(text_of(event, "message"))
    return obstacle(f"the cluster refuses to make the pod: {message}", message, CREATE_HINTS, CREATE_HINT)

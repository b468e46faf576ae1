"""Reads facts from a cluster's objects, as the API returns them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from backend.launchers.kubernetes.manifests import JOB, STATEFUL_SET, WORK_LABEL, WORKER_CONTAINER

__all__ = [
    "exit_code",
    "has_condition",
    "has_ended",
    "is_deleting",
    "is_over",
    "made_at",
    "replica_of",
    "runs",
    "uid_of",
    "version_of",
    "wanted_replicas",
    "work_of",
    "worker_status",
]

_ORDINAL = re.compile(r".*-([0-9]{1,9})")


def uid_of(manifest: Mapping[str, Any]) -> str:
    """Return the uid, which distinguishes an object from a later one of the same name."""
    return str(manifest["metadata"]["uid"])


def version_of(manifest: Mapping[str, Any]) -> int:
    """Return the resource version of an object. Of two versions from one cluster, the greater is the later one."""
    return int(manifest["metadata"].get("resourceVersion") or 0)


def work_of(pod: Mapping[str, Any]) -> str:
    """Return the name of the run that a pod belongs to; empty for a foreign pod."""
    return str((pod["metadata"].get("labels") or {}).get(WORK_LABEL) or "")


def made_at(pod: Mapping[str, Any]) -> tuple[str, int]:
    """Return the sort key for pods of one run, the newest last."""
    return pod["metadata"].get("creationTimestamp") or "", version_of(pod)


def replica_of(pod: Mapping[str, Any]) -> int:
    """Return the replica's number: the pod's in its StatefulSet, 0 for a Job's."""
    labels = pod["metadata"].get("labels") or {}
    index = labels.get("apps.kubernetes.io/pod-index", "")
    if index.isdigit():
        return int(index)
    owners = pod["metadata"].get("ownerReferences") or ()
    match = _ORDINAL.fullmatch(pod["metadata"]["name"]) if any(e["kind"] == "StatefulSet" for e in owners) else None
    return int(match[1]) if match else 0


def worker_status(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the kubelet says of the worker's container; empty before the first status."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((status for status in statuses if status.get("name") == WORKER_CONTAINER), {})


def wanted_replicas(owner: Mapping[str, Any]) -> int:
    """Return how many pods an owner is to have; a Job always has one."""
    return int(owner["spec"].get("replicas", 1)) if owner["kind"] == STATEFUL_SET.kind else 1


def is_deleting(manifest: Mapping[str, Any]) -> bool:
    """Whether the object's deletion was requested and is pending."""
    return bool(manifest["metadata"].get("deletionTimestamp"))


def has_condition(owner: Mapping[str, Any] | None, *names: str) -> bool:
    """Whether any of the named conditions of the object is true."""
    conditions = ((owner or {}).get("status") or {}).get("conditions") or ()
    return any(condition["type"] in names and condition["status"] == "True" for condition in conditions)


def has_ended(owner: Mapping[str, Any]) -> bool:
    """Whether a Job ran to its end; a StatefulSet never does."""
    return owner["kind"] == JOB.kind and has_condition(owner, "Complete", "Failed")


def is_over(pod: Mapping[str, Any]) -> bool:
    """Whether all containers of the pod ended, and none is started again."""
    return (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def runs(pod: Mapping[str, Any]) -> bool:
    """Whether the worker's container runs."""
    return "running" in (worker_status(pod).get("state") or {})


def exit_code(pod: Mapping[str, Any] | None) -> int | None:
    """Return the worker's exit code, negative for a signal; None while it has not ended."""
    state = worker_status(pod).get("state") or {} if pod is not None else {}
    code = (state.get("terminated") or {}).get("exitCode")
    # Container runtimes report death by signal n as 128 + n.
    return 128 - code if code is not None and code > 128 else code

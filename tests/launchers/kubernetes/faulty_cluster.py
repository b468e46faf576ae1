"""FaultyCluster: a cluster in memory that behaves, and misbehaves on request.

It keeps objects with versions and uids, answers watches from a history, and has what makes a cluster live: a controller
of Jobs, one of StatefulSets, a scheduler, kubelets, a garbage collector, and nodes that get lost. Nothing moves on its
own: ``step`` lets time pass, on a clock of its own. Faults are drawn from a seeded ``Random``, so that a history that
fails can be played again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

from backend.launchers.kubernetes.api import (
    AlreadyThere,
    ApiRefused,
    Conflict,
    Gone,
    Manifest,
    NotThere,
    TooMany,
    Unreachable,
)
from backend.launchers.kubernetes.manifests import (
    EVENT,
    JOB,
    POD,
    SECRET,
    STATEFUL_SET,
    WORK_LABEL,
    WORKER_CONTAINER,
    ObjectKind,
    kinds,
)
from backend.launchers.kubernetes.objects import is_deleting, is_over, uid_of

__all__ = ["Fault", "FaultyCluster"]

_MANAGER = "app.kubernetes.io/managed-by"
_OURS = "kafka-ml-controller"
_FOREGROUND = "foregroundDeletion"
_TRACKING = "batch.kubernetes.io/job-tracking"
_INDEX = "apps.kubernetes.io/pod-index"
_KINDS = {(kind.api_version, kind.kind): kind for kind in kinds()}


@dataclass
class Fault:
    """How often something goes wrong, from 0 to 1.

    ``refuse``: 409, 429 or 500 without effect; ``lose_before`` and ``lose_after``: no answer, without and with effect;
    ``drop_watch``, ``forget_history`` (410); ``lag_seconds``: the greatest delay of news from watches.
    """

    refuse: float = 0.0
    lose_before: float = 0.0
    lose_after: float = 0.0
    drop_watch: float = 0.0
    forget_history: float = 0.0
    lag_seconds: float = 0.0


@dataclass(frozen=True)
class _Change:
    version: int
    at: float
    kind: str
    manifest: Manifest


def _merged(document: Any, patch: Any) -> Any:
    """Merge a patch (RFC 7386). The arguments are not changed, so holders of an object keep its old state."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


class FaultyCluster:
    """The cluster behind ClusterApi, with methods for tests to make things happen.

    ``now`` is the time of the cluster and of its users. Pods end at most ``grace_seconds`` after a request to end; the
    pods of a lost node are given up after ``eviction_seconds``.
    """

    def __init__(
        self, *, random: Random | None = None, nodes: int = 3, grace_seconds: float = 2.0, eviction_seconds: float = 3.0
    ) -> None:
        self.now = 1_800_000_000.0
        self.fault = Fault()
        self.lost_nodes: dict[str, float] = {}
        self.is_full = False
        self._random = random or Random(0)
        self._nodes = [f"node-{number}" for number in range(1, nodes + 1)]
        self._grace_seconds = grace_seconds
        self._eviction_seconds = eviction_seconds
        self._version = 1000
        self._numbers = 0
        self._objects: dict[ObjectKind, dict[str, Manifest]] = {kind: {} for kind in kinds()}
        self._uids: set[str] = set()
        self._history: dict[ObjectKind, list[_Change]] = {kind: [] for kind in kinds()}
        self._compacted = dict.fromkeys(kinds(), 0)
        # The time and text of everything that a pod's container has written, by run.
        self._written: dict[tuple[str, int], list[tuple[float, str]]] = {}
        self._endings: dict[str, tuple[int, str]] = {}
        # The time at which the worker of a pod that was asked to end will have ended.
        self._leaves_at: dict[str, float] = {}

    # --- the seam --------------------------------------------------------------------------------------------------

    def list(self, kind: ObjectKind) -> tuple[list[Manifest], str]:
        """See ClusterApi."""
        self._fail_before("list", kind)
        items = [manifest for manifest in self._objects[kind].values() if _is_selected(kind, manifest)]
        self._fail_after("list", kind)
        return items, str(self._version)

    def watch(self, kind: ObjectKind, resource_version: str, timeout_seconds: float) -> Iterator[tuple[str, Manifest]]:
        """See ClusterApi. Ends as soon as there is nothing more to tell."""
        self._fail_before("watch", kind)
        since = int(resource_version)
        if self._random.random() < self.fault.forget_history:
            self._compacted[kind] = self._version
        if since < self._compacted[kind]:
            raise Gone(f"too old resource version: {since} ({self._compacted[kind]})")
        history = self._history[kind]
        start = bisect_right(history, since, key=lambda change: change.version)
        for change in history[start:]:
            if change.at > self.now - self.fault.lag_seconds:
                return
            if self._random.random() < self.fault.drop_watch:
                raise Unreachable("the watch broke off")
            if _is_selected(kind, change.manifest):
                yield change.kind, change.manifest
                since = change.version
        if not self.fault.lag_seconds:
            yield (
                "BOOKMARK",
                {"kind": kind.kind, "metadata": {"name": "", "uid": "", "resourceVersion": str(self._version)}},
            )

    def get(self, kind: ObjectKind, name: str) -> Manifest:
        """See ClusterApi."""
        self._fail_before("get", kind)
        found = self._found(kind, name)
        self._fail_after("get", kind)
        return found

    def create(self, kind: ObjectKind, manifest: Mapping[str, Any]) -> Manifest:
        """See ClusterApi."""
        self._fail_before("create", kind)
        name = manifest["metadata"]["name"]
        if name in self._objects[kind]:
            raise AlreadyThere(f'{kind.plural} "{name}" already exists')
        made = self._make(kind, manifest)
        self._fail_after("create", kind)
        return made

    def patch(self, kind: ObjectKind, name: str, patch: Mapping[str, Any]) -> Manifest:
        """See ClusterApi."""
        self._fail_before("patch", kind)
        changed = self._change(kind, self._found(kind, name), patch)
        self._fail_after("patch", kind)
        return changed

    def delete(
        self,
        kind: ObjectKind,
        name: str,
        *,
        propagation: str,
        uid: str | None = None,
        grace_seconds: int | None = None,
    ) -> Manifest | None:
        """See ClusterApi."""
        self._fail_before("delete", kind)
        known = self._found(kind, name)
        if uid is not None and uid != uid_of(known):
            raise Conflict(f"the UID in the precondition ({uid}) does not match the UID in record ({uid_of(known)})")
        left = self._delete(kind, known, propagation=propagation, grace_seconds=grace_seconds)
        self._fail_after("delete", kind)
        return left

    def pod_log(
        self,
        name: str,
        *,
        container: str,
        since: str | None = None,
        previous: bool = False,
        follow: bool = False,
        quiet_seconds: float = 10.0,
    ) -> Iterator[bytes]:
        """See ClusterApi. Ends as soon as there is nothing more to read."""
        self._fail_before("log", POD)
        pod = self._found(POD, name)
        number = int(_worker(pod).get("restartCount") or 0) - int(previous)
        if (uid_of(pod), number) not in self._written:
            raise ApiRefused(f'container "worker" in pod "{name}" is waiting to start')
        if pod["spec"].get("nodeName") in self.lost_nodes:
            raise Unreachable(f"the kubelet of {pod['spec']['nodeName']} does not answer")
        begin = datetime.fromisoformat(since).timestamp() if since else 0.0
        for at, text in self._written[uid_of(pod), number]:
            if at >= begin:
                yield f"{_moment(at, fraction=True)} {text}\n".encode()

    def close(self) -> None:
        """Close nothing, because nothing is held."""

    # --- what tests make happen ------------------------------------------------------------------------------------

    def clock(self) -> float:
        """Return the cluster's time, for sharing."""
        return self.now

    def step(self, seconds: float = 1.0) -> None:
        """Let time pass, and let each controller take its next step."""
        self.now += seconds
        self._collect_garbage()
        for job in list(self._objects[JOB].values()):
            self._run_job(job)
        for owner in list(self._objects[STATEFUL_SET].values()):
            self._run_set(owner)
        self._watch_nodes()
        for pod in list(self._objects[POD].values()):
            if pod["spec"].get("nodeName") not in self.lost_nodes:
                self._run_pod(pod)

    def all(self, kind: ObjectKind) -> dict[str, Manifest]:
        """Return all objects of a kind by name."""
        return dict(self._objects[kind])

    def pods_of(self, work: str) -> Sequence[Manifest]:
        """Return the pods of a run by name."""
        pods = self._objects[POD]
        return [pods[name] for name in sorted(pods) if pods[name]["metadata"]["labels"].get(WORK_LABEL) == work]

    def is_alive(self, pod: Mapping[str, Any]) -> bool:
        """Whether a container of the pod really runs."""
        return pod["spec"].get("nodeName") not in self.lost_nodes and "running" in (_worker(pod).get("state") or {})

    def write(self, pod: Mapping[str, Any], text: str) -> None:
        """Write a line in the pod's container."""
        runs = self._written.setdefault((uid_of(pod), int(_worker(pod).get("restartCount") or 0)), [])
        runs.append((self.now + len(runs) * 1e-6, text))

    def end(self, pod: Mapping[str, Any], exit_code: int, reason: str = "") -> None:
        """End the container at the next step, if it runs then; ``reason`` is the runtime's, such as OOMKilled."""
        self._endings[uid_of(pod)] = (exit_code, reason or ("Completed" if exit_code == 0 else "Error"))

    def evict(self, pod: Mapping[str, Any]) -> None:
        """Ask the pod to leave its node, as a drain does."""
        self._disrupt(pod, "EvictionByEvictionAPI", "Eviction API: evicting")
        if (known := self._objects[POD].get(pod["metadata"]["name"])) is not None:
            self._delete(POD, known, propagation="Background", grace_seconds=None)

    def press(self, pod: Mapping[str, Any]) -> None:
        """End the pod because its node runs short; the object stays."""
        known = self._objects[POD].get(pod["metadata"]["name"])
        if known is None or is_over(known):
            return
        self._disrupt(known, "TerminationByKubelet", "The node was low on resource: memory.")
        status = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
        known = self._objects[POD][pod["metadata"]["name"]]
        self._change(POD, known, {"status": {**status, **self._terminated(known, 137, "Error")}})

    def remove(self, kind: ObjectKind, name: str, *, propagation: str = "Background") -> None:
        """Delete an object without anyone's knowledge; ``Orphan`` leaves its dependents."""
        if (known := self._objects[kind].get(name)) is not None:
            self._delete(kind, known, propagation=propagation, grace_seconds=None)

    def lose_node(self, name: str) -> None:
        """Silence a node; everything on it is dead."""
        self.lost_nodes.setdefault(name, self.now)

    def find_node(self, name: str) -> None:
        """Bring a node back, with all its containers ended."""
        if self.lost_nodes.pop(name, None) is None:
            return
        for pod in list(self._objects[POD].values()):
            if pod["spec"].get("nodeName") == name and "running" in (_worker(pod).get("state") or {}):
                self.end(pod, 137, "Error")

    # --- storing ---------------------------------------------------------------------------------------------------

    def _found(self, kind: ObjectKind, name: str) -> Manifest:
        found = self._objects[kind].get(name)
        if found is None:
            raise NotThere(f'{kind.plural} "{name}" not found')
        return found

    def _make(self, kind: ObjectKind, manifest: Mapping[str, Any]) -> Manifest:
        self._numbers += 1
        uid = f"uid-{self._numbers}"
        self._uids.add(uid)
        metadata = {"uid": uid, "creationTimestamp": _moment(self.now)}
        return self._store(kind, _merged(manifest, {"metadata": metadata}), "ADDED")

    def _change(self, kind: ObjectKind, manifest: Mapping[str, Any], patch: Mapping[str, Any]) -> Manifest:
        changed = _merged(manifest, patch)
        if changed == manifest:
            return dict(manifest)
        changed = self._store(kind, changed, "MODIFIED")
        if is_deleting(changed) and not changed["metadata"].get("finalizers") and not self._waits(kind, changed):
            self._drop(kind, changed)
        return changed

    def _store(self, kind: ObjectKind, manifest: Manifest, change: str) -> Manifest:
        self._version += 1
        manifest = _merged(manifest, {"metadata": {"resourceVersion": str(self._version)}})
        self._objects[kind][manifest["metadata"]["name"]] = manifest
        self._history[kind].append(_Change(self._version, self.now, change, manifest))
        return manifest

    def _drop(self, kind: ObjectKind, manifest: Manifest) -> None:
        self._version += 1
        last = _merged(manifest, {"metadata": {"resourceVersion": str(self._version)}})
        del self._objects[kind][manifest["metadata"]["name"]]
        self._uids.discard(uid_of(manifest))
        self._history[kind].append(_Change(self._version, self.now, "DELETED", last))

    def _delete(
        self, kind: ObjectKind, known: Manifest, *, propagation: str, grace_seconds: int | None
    ) -> Manifest | None:
        metadata = known["metadata"]
        finalizers = list(metadata.get("finalizers") or ())
        if propagation == "Orphan":
            for other, dependent in self._dependents(known):
                self._change(other, dependent, {"metadata": {"ownerReferences": None}})
        if kind in (JOB, STATEFUL_SET) and propagation == "Foreground" and _FOREGROUND not in finalizers:
            finalizers.append(_FOREGROUND)
        graceful = kind == POD and grace_seconds != 0 and not is_over(known) and bool(known["spec"].get("nodeName"))
        if not finalizers and not graceful:
            self._drop(kind, known)
            return None
        if is_deleting(known) and (graceful or kind != POD):
            return known
        grace = min(known["spec"].get("terminationGracePeriodSeconds", 30), self._grace_seconds) if graceful else 0
        self._leaves_at.setdefault(uid_of(known), self.now + grace * self._random.random())
        change = {"deletionTimestamp": _moment(self.now + grace), "deletionGracePeriodSeconds": grace}
        self._change(kind, known, {"metadata": {**change, "finalizers": finalizers or None}})
        return self._objects[kind].get(metadata["name"])

    def _waits(self, kind: ObjectKind, manifest: Mapping[str, Any]) -> bool:
        """Whether a pod that is being deleted still waits for its kubelet."""
        grace = manifest["metadata"].get("deletionGracePeriodSeconds")
        return kind == POD and bool(grace) and not is_over(manifest)

    def _dependents(self, owner: Mapping[str, Any]) -> Sequence[tuple[ObjectKind, Manifest]]:
        return [
            (kind, manifest)
            for kind, objects in self._objects.items()
            if kind != EVENT
            for manifest in list(objects.values())
            if any(reference["uid"] == uid_of(owner) for reference in manifest["metadata"].get("ownerReferences") or ())
        ]

    # --- what works on its own --------------------------------------------------------------------------------------

    def _collect_garbage(self) -> None:
        for kind, objects in self._objects.items():
            for manifest in list(objects.values()):
                owners = manifest["metadata"].get("ownerReferences") or ()
                if owners and not is_deleting(manifest) and not any(owner["uid"] in self._uids for owner in owners):
                    self._delete(kind, manifest, propagation="Background", grace_seconds=None)
        for pod in list(self._objects[POD].values()):
            owners = pod["metadata"].get("ownerReferences") or ()
            is_tracked = _TRACKING in (pod["metadata"].get("finalizers") or ())
            if is_tracked and not any(owner["uid"] in self._uids for owner in owners):
                # The controller of Jobs releases pods whose Job is gone.
                self._change(POD, pod, {"metadata": {"finalizers": None}})
        for kind in (JOB, STATEFUL_SET):
            for owner in list(self._objects[kind].values()):
                if _FOREGROUND in (owner["metadata"].get("finalizers") or ()):
                    self._delete_in_foreground(kind, owner)

    def _delete_in_foreground(self, kind: ObjectKind, owner: Manifest) -> None:
        dependents = self._dependents(owner)
        for other, dependent in dependents:
            if not is_deleting(dependent):
                self._delete(other, dependent, propagation="Background", grace_seconds=None)
        if not any(other == POD for other, _ in dependents):
            left = [finalizer for finalizer in owner["metadata"]["finalizers"] if finalizer != _FOREGROUND]
            self._change(kind, owner, {"metadata": {"finalizers": left or None}})

    def _run_job(self, job: Manifest) -> None:
        pods = [pod for pod in self._objects[POD].values() if _is_owned(pod, job)]
        job_is_over = is_deleting(job) or any(job_condition["status"] == "True" for job_condition in _conditions(job))
        if not job_is_over:
            if not pods and not job.get("status", {}).get("startTime"):
                if not job["spec"].get("suspend"):
                    self._make_pod(job, f"{job['metadata']['name']}-{self._numbers:05d}", {}, finalizers=[_TRACKING])
                    self._change(JOB, job, {"status": {"active": 1, "startTime": _moment(self.now)}})
                return
            # A pod whose finalizer was removed by force counts as failed.
            ended = next((pod for pod in pods if is_over(pod)), None)
            if ended is None and pods:
                return
            done = ended is not None and ended["status"]["phase"] == "Succeeded"
            condition = {"type": "Complete" if done else "Failed", "status": "True"}
            if not done:
                condition |= {
                    "reason": "BackoffLimitExceeded",
                    "message": "Job has reached the specified backoff limit",
                }
            counts = {"succeeded": 1} if done else {"failed": 1}
            self._change(JOB, job, {"status": {**counts, "active": None, "conditions": [condition]}})
        for pod in pods:
            if (job_is_over or is_over(pod)) and _TRACKING in (pod["metadata"].get("finalizers") or ()):
                self._change(POD, pod, {"metadata": {"finalizers": None}})

    def _run_set(self, owner: Manifest) -> None:
        if is_deleting(owner):
            return
        name, wanted = owner["metadata"]["name"], owner["spec"].get("replicas", 1)
        for index in range(wanted):
            pod = self._objects[POD].get(f"{name}-{index}")
            if pod is None:
                self._make_pod(owner, f"{name}-{index}", {_INDEX: str(index)})
            elif not pod["metadata"].get("ownerReferences") and not is_deleting(pod):
                self._change(POD, pod, {"metadata": {"ownerReferences": [_reference(owner)]}})
            elif is_over(pod) and not is_deleting(pod):
                self._delete(POD, pod, propagation="Background", grace_seconds=None)
        for pod in self.pods_of(name):
            if _is_owned(pod, owner) and int(pod["metadata"]["labels"][_INDEX]) >= wanted and not is_deleting(pod):
                self._delete(POD, pod, propagation="Background", grace_seconds=None)
        self._change(STATEFUL_SET, owner, {"status": {"replicas": len(self.pods_of(name))}})

    def _make_pod(
        self, owner: Manifest, name: str, labels: Mapping[str, str], *, finalizers: Sequence[str] = ()
    ) -> None:
        template = owner["spec"]["template"]
        metadata = {
            "name": name,
            "labels": {**template["metadata"]["labels"], **labels},
            "ownerReferences": [_reference(owner)],
            **({"finalizers": list(finalizers)} if finalizers else {}),
        }
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
        self._make(POD, {**pod, "status": {"phase": "Pending"}})

    def _run_pod(self, pod: Manifest) -> None:
        status = pod["status"]
        state = _worker(pod).get("state") or {}
        if is_over(pod):
            return
        if is_deleting(pod):
            self._end_pod(pod)
        elif not pod["spec"].get("nodeName"):
            self._place(pod)
        elif "running" in state:
            if (ending := self._endings.pop(uid_of(pod), None)) is not None:
                self._let_end(pod, *ending)
        elif "waiting" in state:
            if self.now >= state["waiting"]["until"]:
                self._start(pod, _worker(pod)["restartCount"] + 1)
        elif status["phase"] == "Pending":
            secrets = [
                volume["secret"]["secretName"] for volume in pod["spec"].get("volumes") or () if "secret" in volume
            ]
            missing = [name for name in secrets if name not in self._objects[SECRET]]
            if missing:
                self._complain(pod, "FailedMount", f'MountVolume.SetUp failed: secret "{missing[0]}" not found')
            else:
                self._start(pod, 0)

    def _place(self, pod: Manifest) -> None:
        nodes = [node for node in self._nodes if node not in self.lost_nodes]
        if self.is_full or not nodes:
            message = "0/3 nodes are available: 3 Insufficient memory."
            unplaced = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            self._change(POD, pod, {"status": {"conditions": [unplaced]}})
            self._complain(pod, "FailedScheduling", message)
            return
        placed = {"type": "PodScheduled", "status": "True"}
        node = self._random.choice(nodes)
        self._change(POD, pod, {"spec": {"nodeName": node}, "status": {"conditions": [placed]}})

    def _start(self, pod: Manifest, number: int) -> None:
        container = f"containerd://{uid_of(pod)}-{number}"
        last = _worker(pod).get("lastState") or {}
        status = {
            "name": WORKER_CONTAINER,
            "restartCount": number,
            "containerID": container,
            "lastState": last,
            "state": {"running": {"startedAt": _moment(self.now)}},
        }
        self._change(POD, pod, {"status": {"phase": "Running", "containerStatuses": [status]}})
        self._written[uid_of(pod), number] = []
        self.write(self._objects[POD][pod["metadata"]["name"]], f"run {number} of {pod['metadata']['name']}")

    def _let_end(self, pod: Manifest, exit_code: int, reason: str) -> None:
        self.write(pod, f"ends with {exit_code}")
        ended = self._terminated(pod, exit_code, reason)
        if pod["spec"].get("restartPolicy") == "Never":
            phase = "Succeeded" if exit_code == 0 else "Failed"
            self._change(POD, pod, {"status": {"phase": phase, **ended}})
            return
        status = ended["containerStatuses"][0]
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off", "until": self.now + 2}}
        self._change(
            POD, pod, {"status": {"containerStatuses": [{**status, "lastState": status["state"], "state": waiting}]}}
        )

    def _terminated(self, pod: Mapping[str, Any], exit_code: int, reason: str) -> dict[str, Any]:
        known = _worker(pod)
        if not known:
            return {}
        ended = {"exitCode": exit_code, "reason": reason, "finishedAt": _moment(self.now)}
        ended["containerID"] = known["containerID"]
        return {"containerStatuses": [{**known, "state": {"terminated": ended}}]}

    def _end_pod(self, pod: Manifest) -> None:
        """Let the kubelet end a pod that is being deleted, then remove it."""
        if "running" in (_worker(pod).get("state") or {}) and self.now < self._leaves_at[uid_of(pod)]:
            return
        ended = {"phase": "Failed", **self._terminated(pod, 143, "Error")}
        self._change(POD, pod, {"status": ended})

    def _disrupt(self, pod: Mapping[str, Any], reason: str, message: str) -> None:
        known = self._objects[POD].get(pod["metadata"]["name"])
        if known is not None and not is_over(known):
            condition = {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}
            others = [
                known_condition
                for known_condition in _conditions(known)
                if known_condition["type"] != "DisruptionTarget"
            ]
            self._change(POD, known, {"status": {"conditions": [*others, condition]}})

    def _watch_nodes(self) -> None:
        """Give up the pods of nodes that have been silent for long."""
        for pod in list(self._objects[POD].values()):
            lost_at = self.lost_nodes.get(pod["spec"].get("nodeName", ""))
            if lost_at is not None and self.now - lost_at >= self._eviction_seconds and not is_deleting(pod):
                self._disrupt(pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint")
                known = self._objects[POD][pod["metadata"]["name"]]
                self._delete(POD, known, propagation="Background", grace_seconds=None)

    def _complain(self, about: Mapping[str, Any], reason: str, message: str) -> None:
        name = f"{about['metadata']['name']}.{reason}"
        known = self._objects[EVENT].get(name)
        if known is not None and known["involvedObject"]["uid"] == uid_of(about):
            self._change(EVENT, known, {"count": known["count"] + 1, "lastTimestamp": _moment(self.now)})
            return
        if known is not None:
            self._drop(EVENT, known)
        event = {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name}, "type": "Warning", "reason": reason}
        involved = {"kind": about["kind"], "name": about["metadata"]["name"], "uid": uid_of(about)}
        moment = _moment(self.now)
        self._make(
            EVENT, {**event, "involvedObject": involved, "message": message, "count": 1, "lastTimestamp": moment}
        )

    # --- what goes wrong -------------------------------------------------------------------------------------------

    def _fail_before(self, method: str, kind: ObjectKind) -> None:
        drawn = self._random.random()
        if drawn < self.fault.lose_before:
            raise Unreachable(f"{method} {kind.plural}: no answer")
        if drawn < self.fault.lose_before + self.fault.refuse:
            refused = self._random.choice(("409", "429", "500"))
            if refused == "429":
                raise TooMany(f"{method} {kind.plural}: too many requests", retry_after_seconds=1.0)
            if refused == "409" and method in ("patch", "delete"):
                raise Conflict(f"{method} {kind.plural}: the object has been modified")
            raise Unreachable(f"{method} {kind.plural}: status 500")

    def _fail_after(self, method: str, kind: ObjectKind) -> None:
        if self._random.random() < self.fault.lose_after:
            raise Unreachable(f"{method} {kind.plural}: no answer in time")


def _moment(at: float, *, fraction: bool = False) -> str:
    moment = datetime.fromtimestamp(at, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ" if fraction else "%Y-%m-%dT%H:%M:%SZ")


def _is_selected(kind: ObjectKind, manifest: Mapping[str, Any]) -> bool:
    return kind == EVENT or (manifest["metadata"].get("labels") or {}).get(_MANAGER) == _OURS


def _is_owned(manifest: Mapping[str, Any], owner: Mapping[str, Any]) -> bool:
    return any(reference["uid"] == uid_of(owner) for reference in manifest["metadata"].get("ownerReferences") or ())


def _conditions(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list((manifest.get("status") or {}).get("conditions") or ())


def _worker(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    statuses = pod["status"].get("containerStatuses") or ()
    return statuses[0] if statuses else {}


def _reference(owner: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": uid_of(owner),
        "controller": True,
        "blockOwnerDeletion": True,
    }

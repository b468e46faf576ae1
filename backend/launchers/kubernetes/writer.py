"""ObjectWriter: creates, changes and removes the objects of a run, and updates the cache immediately."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.launchers.base import WorkSpec
from backend.launchers.kubernetes.api import AlreadyThere, ClusterApi, Manifest, NotThere
from backend.launchers.kubernetes.cache import ClusterCache, KindCache
from backend.launchers.kubernetes.manifests import (
    JOB,
    POD,
    SPEC_HASH,
    STATEFUL_SET,
    WORK_LABEL,
    ObjectKind,
    WorkObjects,
    kinds,
)
from backend.launchers.kubernetes.objects import is_deleting, uid_of, wanted_replicas
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import BrokenError
from kafkaml.failpoints import failpoint

__all__ = ["ObjectWriter", "kind_of", "merge_patch", "with_owner"]

_OURS = "kafka-ml-controller"
_KINDS = {(kind.api_version, kind.kind): kind for kind in kinds()}


def kind_of(manifest: Manifest) -> ObjectKind:
    """Return the kind of an object of ours."""
    return _KINDS[manifest["apiVersion"], manifest["kind"]]


def with_owner(dependent: Manifest, owner: Mapping[str, Any]) -> Manifest:
    """Return ``dependent`` so that the cluster deletes it with ``owner``, which must be as the API returned it."""
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
    }
    return {**dependent, "metadata": {**dependent["metadata"], "ownerReferences": [reference]}}


def merge_patch(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> Manifest:
    """Return the patch (RFC 7386) from ``present`` to ``wanted``; fields that the server sets are left alone."""
    patch: Manifest = {name: None for name in present if name not in wanted}
    for name, value in wanted.items():
        known = present.get(name)
        if known == value:
            continue
        is_within = isinstance(known, Mapping) and isinstance(value, Mapping)
        patch[name] = merge_patch(known or {}, value) if is_within else value
    return patch


class ObjectWriter:
    """Writes to one namespace. Raises ClusterError where the cluster refuses or does not answer."""

    def __init__(self, api: ClusterApi, cache: ClusterCache, settings: KubernetesSettings) -> None:
        self._api = api
        self._cache = cache
        self._settings = settings

    def make_owner(self, manifest: Manifest, spec: WorkSpec) -> tuple[Manifest, bool]:
        """Create the Job or StatefulSet of a run, or adopt the existing one; also returns whether it is new.

        Raises BrokenError where one of this name is not ours, or is being removed.
        """
        kind, cache = kind_of(manifest), self._cache_of(kind_of(manifest))
        owner = cache.get(spec.name)
        if owner is None or is_deleting(owner):
            if kind == STATEFUL_SET:
                # The owner gets its replicas last, so that an interrupted creation can be recognised.
                manifest = {**manifest, "spec": {**manifest["spec"], "replicas": 0}}
            try:
                owner = self._api.create(kind, manifest)
            except AlreadyThere:
                owner = self._api.get(kind, spec.name)
                cache.put(owner)
            else:
                cache.put(owner)
                return owner, True
        self._check_adoptable(kind, owner, spec)
        return owner, False

    def _check_adoptable(self, kind: ObjectKind, owner: Manifest, spec: WorkSpec) -> None:
        labels = owner["metadata"].get("labels") or {}
        if labels.get("app.kubernetes.io/managed-by") != _OURS or labels.get(WORK_LABEL) != spec.name:
            raise BrokenError(
                f"cannot start {spec.name}: a {kind.kind} of this name in {self._settings.namespace} is not ours",
                hint=f"look at `kubectl -n {self._settings.namespace} get {kind.plural} {spec.name}`, and remove it",
            )
        if is_deleting(owner):
            raise BrokenError(
                f"{spec.name} is still being removed from the cluster; it will be tried again",
                hint="pods of a node that does not answer keep it: look at `kubectl get pods -o wide`",
            )

    def complete(self, owner: Manifest, work: WorkObjects, spec: WorkSpec) -> None:
        """Create the rest of a run whose owner exists, and bring the owner up to date.

        Raises BrokenError where the cluster does not know a kind of object.
        """
        failpoint("launcher.owner_made")
        for dependent in work.dependents:
            self._make_dependent(with_owner(dependent, owner))
        failpoint("launcher.dependents_made")
        for kind in work.unwanted:
            self.delete(kind, spec.name, propagation="Background")
        if kind_of(work.owner) == STATEFUL_SET:
            self._update_set(owner, work.owner, spec)

    def _make_dependent(self, manifest: Manifest) -> None:
        """Create or update the objects, such as the Secret, that a run needs in addition to its owner."""
        kind, name = kind_of(manifest), manifest["metadata"]["name"]
        try:
            self._api.create(kind, manifest)
        except AlreadyThere:
            # The object is from an earlier launch, or its owner is gone. The new owner keeps the cluster from deleting
            # it.
            self._api.patch(kind, name, manifest)
        except NotThere as error:
            raise BrokenError(
                f"cannot make the {kind.kind} of {name}: {error}",
                hint=f"the cluster does not know {kind.api_version} {kind.kind}, or {self._settings.namespace} is gone",
            ) from error

    def _update_set(self, owner: Manifest, manifest: Manifest, spec: WorkSpec) -> None:
        """Update an existing StatefulSet, as after an upgrade.

        Its pods are then replaced one after the other; the new ones fence the old ones' transactions, so nothing is
        answered twice.
        """
        patch: dict[str, Any] = {}
        replicas = self._replicas(spec, wanted_replicas(owner))
        if replicas != wanted_replicas(owner):
            patch["spec"] = {"replicas": replicas}
        digest = manifest["metadata"]["annotations"][SPEC_HASH]
        if (owner["metadata"].get("annotations") or {}).get(SPEC_HASH) != digest:
            patch["metadata"] = {"annotations": {SPEC_HASH: digest}}
            template = merge_patch(owner["spec"]["template"], manifest["spec"]["template"])
            patch["spec"] = {**patch.get("spec", {}), "template": template}
        if not patch:
            return
        try:
            self._cache.sets.put(self._api.patch(STATEFUL_SET, spec.name, patch))
        except NotThere:
            self._cache.sets.drop(owner)
            raise

    def _replicas(self, spec: WorkSpec, current: int) -> int:
        """Return how many replicas a running set is to have: between the two bounds the scaler chooses."""
        most = max(spec.replicas, spec.autoscale.max_replicas) if spec.autoscale and self._settings.keda else 0
        return min(max(current, spec.replicas), most) if most else spec.replicas

    def delete(self, kind: ObjectKind, name: str, *, propagation: str) -> bool:
        """Delete an object, and tell whether it was there."""
        cache = self._cache_of(kind) if kind in (JOB, STATEFUL_SET) else None
        known = cache.get(name) if cache is not None else None
        try:
            left = self._api.delete(kind, name, propagation=propagation)
        except NotThere:
            left, was_there = None, False
        else:
            was_there = True
        if cache is not None and left is not None:
            cache.put(left)
        elif cache is not None and known is not None:
            cache.drop(known)
        return was_there

    def delete_pod(self, pod: Manifest, *, grace_seconds: int | None = None) -> None:
        """Delete this very pod, not a later one of the same name."""
        name = pod["metadata"]["name"]
        try:
            left = self._api.delete(POD, name, propagation="Background", uid=uid_of(pod), grace_seconds=grace_seconds)
        except NotThere:
            left = None
        if left is None:
            self._cache.pods.drop(pod)
        else:
            self._cache.pods.put(left)

    def is_there(self, kind: ObjectKind, name: str) -> bool:
        """Ask the cluster whether an owner exists."""
        try:
            self._cache_of(kind).put(self._api.get(kind, name))
        except NotThere:
            return False
        return True

    def _cache_of(self, kind: ObjectKind) -> KindCache:
        return self._cache.jobs if kind == JOB else self._cache.sets

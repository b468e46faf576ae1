"""Installation: the project's own manifests, rendered as ``kubectl apply -k`` does, in a test's own namespaces."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from pathlib import Path

import yaml

from tests.cluster.access import Cluster, Manifest

__all__ = ["Installation"]

_K8S = Path(__file__).resolve().parents[2] / "k8s"


class Installation:
    """The objects of ``k8s/<overlay>`` with other names for the namespaces ``kafka-ml`` and ``kafka-ml-jobs``."""

    def __init__(self, cluster: Cluster, overlay: str = "base") -> None:
        self._cluster = cluster
        self.platform = f"kml-test-{uuid.uuid4().hex[:8]}"
        self.jobs = f"{self.platform}-jobs"
        names = {"kafka-ml": self.platform, "kafka-ml-jobs": self.jobs}
        rendered = yaml.safe_load_all(cluster.kubectl("kustomize", str(_K8S / overlay)))
        self.manifests: list[Manifest] = [_moved(document, names) for document in rendered]

    def apply(self, kinds: Sequence[str] = ()) -> None:
        """Apply all objects, or only those of ``kinds``."""
        self._cluster.owns(self.platform, self.jobs)
        self._cluster.apply([manifest for manifest in self.manifests if not kinds or manifest["kind"] in kinds])


def _moved(document: Manifest, names: dict[str, str]) -> Manifest:
    metadata = document["metadata"]
    if document["kind"] == "Namespace":
        metadata["name"] = names[metadata["name"]]
    if "namespace" in metadata:
        metadata["namespace"] = names[metadata["namespace"]]
    for subject in document.get("subjects", ()):
        subject["namespace"] = names[subject["namespace"]]
    return document

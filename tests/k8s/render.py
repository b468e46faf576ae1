"""The manifests of k8s/ as `kubectl apply -k` would send them, rendered by kubectl itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

__all__ = ["COMPONENTS", "K8S", "OVERLAYS", "Manifest", "find", "platform_settings", "render", "render_with"]

Manifest = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("local", "gpu", "external-kafka")
COMPONENTS = ("ingress", "kafka-nodeport", "keda", "monitoring", "nodeport", "postgresql", "quota", "s3", "tracing")


@cache
def kubectl() -> str:
    """Return the kubectl that the cluster's tests have built, or the one on PATH."""
    built = subprocess.run(
        [ROOT / "scripts/cluster/build", "--where"], capture_output=True, text=True, check=True
    ).stdout.strip()
    for candidate in (Path(built) / "kubectl", shutil.which("kubectl")):
        if candidate and Path(candidate).is_file():
            return str(candidate)
    raise AssertionError(
        f"no kubectl in {built} nor on PATH, so the manifests cannot be rendered: "
        "scripts/cluster/build control-plane builds one, or install it"
    )


def render(folder: Path) -> list[Manifest]:
    """Return the objects of a kustomization."""
    return list(_render(folder))


@cache
def _render(folder: Path) -> Sequence[Manifest]:
    done = subprocess.run([kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"kubectl kustomize {folder}: {done.stderr}"
    return tuple(yaml.load_all(done.stdout, yaml.CSafeLoader))


def render_with(folder: Path, overlay: str, components: Sequence[str]) -> list[Manifest]:
    """Return the objects of a user's own kustomization in ``folder``: an overlay with components."""
    # The path is relative, because kustomize takes no absolute paths.
    away = Path(os.path.relpath(K8S.resolve(), folder.resolve()))
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [str(away / "overlays" / overlay)],
        "components": [str(away / "components" / name) for name in components],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)


def find(objects: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """Return the only object of a kind and name; the hash of a generated name does not count."""
    found = [
        manifest
        for manifest in objects
        if manifest["kind"] == kind
        and (manifest["metadata"]["name"] == name or (kind == "ConfigMap" and _plain_name(manifest) == name))
    ]
    assert len(found) == 1, f"{kind} {name}: found {[manifest['metadata']['name'] for manifest in found]}, expected one"
    return found[0]


def _plain_name(config_map: Manifest) -> str:
    return str(config_map["metadata"]["name"]).rpartition("-")[0]


def platform_settings(objects: Sequence[Manifest]) -> Mapping[str, str]:
    """Return the settings of all platform pods."""
    settings: Mapping[str, str] = find(objects, "ConfigMap", "platform")["data"]
    return settings

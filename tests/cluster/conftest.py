"""The fixture ``cluster``: a real API server with controllers and scheduler, started here or named by KUBECONFIG."""

from __future__ import annotations

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.launchers.kubernetes.settings import KubernetesSettings, Toleration
from scripts.cluster.control_plane import ControlPlane, Endpoints
from scripts.cluster.programs import Programs
from tests.cluster.access import Cluster
from tests.cluster.fake_node import FakeNode
from tests.cluster.platform_manifests import Installation

_REPOSITORY = Path(__file__).resolve().parents[2]
_PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_USE_EXISTING = os.environ.get("KML_TEST_CLUSTER") == "existing"


# The cluster lasts only for this package, because later tests count threads and connections.
@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for the tests of this package. With ``KML_TEST_CLUSTER=existing`` it is the one that KUBECONFIG names.

    Otherwise it is a control plane of its own on free ports of the loopback address, which ends with the tests.
    """
    folder = tmp_path_factory.mktemp("cluster")
    if _USE_EXISTING:
        running = _existing(folder)
        yield running
        running.close()
        return
    binaries = _binaries()
    programs = Programs(folder, lasting=False)
    control_plane = ControlPlane(folder, binaries=binaries, programs=programs, endpoints=Endpoints.free())
    try:
        control_plane.start()
        kubectl = binaries / "kubectl"
        yield Cluster(control_plane.kubeconfig, kubectl=kubectl, folder=folder, control_plane=control_plane)
    finally:
        # The programs are killed at once, because nobody needs the data that they would save.
        programs.end(grace_seconds=0)


@pytest.fixture(scope="package")
def node(cluster: Cluster) -> Iterator[FakeNode]:
    """A node for pods that ask for it."""
    with FakeNode(cluster, f"kml-test-{uuid.uuid4().hex[:8]}") as registered:
        yield registered


@pytest.fixture(scope="package")
def installation(cluster: Cluster) -> Installation:
    """Namespaces, service accounts and roles of ``k8s/base``. No part of the platform runs."""
    made = Installation(cluster)
    made.apply(("Namespace", "ServiceAccount", "Role", "RoleBinding"))
    return made


@pytest.fixture(scope="package")
def pods_here(installation: Installation, node: FakeNode) -> KubernetesSettings:
    """Settings that put work into the installation's namespace for jobs, and its pods on ``node``."""
    tolerations = (Toleration.model_validate(node.toleration),)
    return KubernetesSettings(namespace=installation.jobs, node_selector=node.selector, tolerations=tolerations)


def _existing(folder: Path) -> Cluster:
    kubeconfig, kubectl = os.environ.get("KUBECONFIG"), shutil.which("kubectl")
    if not kubeconfig or kubectl is None:
        pytest.fail("KML_TEST_CLUSTER=existing needs KUBECONFIG to name a cluster's configuration, and kubectl on PATH")
    return Cluster(Path(kubeconfig), kubectl=Path(kubectl), folder=folder, control_plane=None)


def _binaries() -> Path:
    reported = subprocess.run(
        [_REPOSITORY / "scripts/cluster/build", "--where"], capture_output=True, text=True, check=True
    )
    folder = Path(reported.stdout.strip())
    missing = [name for name in _PROGRAMS if not (folder / name).exists()]
    if missing:
        pytest.fail(
            f"no Kubernetes to test on: {', '.join(missing)} not in {folder}. Build it (minutes, once, needs Go):"
            " scripts/cluster/build control-plane, or name one: KML_TEST_CLUSTER=existing KUBECONFIG=/path/to/config"
        )
    return folder

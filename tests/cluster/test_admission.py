"""A real API server admits the project's objects under the restricted profile, and no others.

Real controllers make pods of Jobs and sets, and a real scheduler binds them to a node.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from backend.launchers.base import WorkSpec
from backend.launchers.kubernetes.manifests import WORK_LABEL, ObjectKind, build_work, kinds
from backend.launchers.kubernetes.settings import KubernetesSettings
from backend.launchers.kubernetes.writer import with_owner
from kafkaml.wire.limits import ResourceLimits
from tests.cluster.access import ApiStatus, Cluster, Manifest
from tests.cluster.fake_node import FakeNode
from tests.cluster.platform_manifests import Installation
from tests.cluster.work import BASE_ENV, inference, training
from tests.executors import EXECUTORS
from tests.support import eventually

pytestmark = pytest.mark.cluster

SEMINAR = Path(__file__).resolve().parents[2] / "examples" / "seminar" / "hits"
_PLURALS = {kind.kind: kind.plural for kind in kinds()}


def create_work(cluster: Cluster, spec: WorkSpec, pods_here: KubernetesSettings, token: str) -> Manifest:
    """Create all objects of ``spec`` with a service account's token, as the launcher does; returns the owner."""
    work = build_work(spec, pods_here, BASE_ENV)
    owner = cluster.create(work.owner, _PLURALS[work.owner["kind"]], pods_here.namespace, token=token)
    for dependent in work.dependents:
        plural = _PLURALS[dependent["kind"]]
        cluster.create(with_owner(dependent, owner), plural, pods_here.namespace, token=token)
    return owner


def bound_pods(cluster: Cluster, namespace: str, work: str, count: int) -> list[Manifest]:
    """Return the pods of a run once there are ``count`` of them and each has a node."""

    def found() -> list[Manifest]:
        pods = cluster.pods(namespace, f"{WORK_LABEL}={work}")
        return pods if len(pods) == count and all("nodeName" in pod["spec"] for pod in pods) else []

    return eventually(found, 30, what=f"{count} pods of {work} on a node")


@pytest.fixture(scope="module")
def token(cluster: Cluster, installation: Installation) -> str:
    """The controller's credential: only the role in ``k8s/base``."""
    return cluster.token(installation.platform, "controller")


def test_the_seminars_page_and_its_database_are_admitted(cluster: Cluster) -> None:
    namespace = cluster.namespace("seminar")
    cluster.kubectl("apply", "--namespace", namespace, "--filename", str(SEMINAR / "kubernetes.yaml"))
    for app, count in (("hits", 3), ("redis", 1)):
        eventually(
            lambda: len(cluster.pods(namespace, f"app={app}")) == count,  # noqa: B023  called at once
            30,
            what=f"{count} pods of {app}",
        )


# --- pods ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spec",
    [
        training(1),
        training(2, gpu=2),
        training(3, limits=ResourceLimits(memory_bytes=2 << 30, wall_seconds=600)),
    ],
    ids=["plain", "with GPUs", "with limits"],
)
def test_a_training_is_admitted_and_gets_a_node(
    cluster: Cluster, pods_here: KubernetesSettings, node: FakeNode, token: str, spec: WorkSpec
) -> None:
    create_work(cluster, spec, pods_here, token)
    (pod,) = bound_pods(cluster, pods_here.namespace, spec.name, 1)
    assert pod["spec"]["nodeName"] == node.name


def test_an_inference_gets_numbered_pods_on_a_node(
    cluster: Cluster, pods_here: KubernetesSettings, node: FakeNode, token: str
) -> None:
    spec = inference(1)
    create_work(cluster, spec, pods_here, token)
    pods = bound_pods(cluster, pods_here.namespace, spec.name, 2)
    assert [pod["metadata"]["name"] for pod in pods] == ["kml-infer-1-a1-0", "kml-infer-1-a1-1"]
    assert [pod["metadata"]["labels"]["apps.kubernetes.io/pod-index"] for pod in pods] == ["0", "1"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {node.name}


def test_more_gpus_than_a_node_has_leave_the_pod_unschedulable(
    cluster: Cluster, pods_here: KubernetesSettings, token: str
) -> None:
    create_work(cluster, training(4, gpu=1000), pods_here, token)

    def scheduled() -> Mapping[str, Any]:
        for pod in cluster.pods(pods_here.namespace, f"{WORK_LABEL}=kml-train-4-a1"):
            return next((c for c in pod["status"].get("conditions", ()) if c["type"] == "PodScheduled"), {})
        return {}

    condition = eventually(scheduled, 30)
    assert (condition["status"], condition["reason"]) == ("False", "Unschedulable")
    assert "Insufficient nvidia.com/gpu" in condition["message"]


def test_all_objects_of_a_work_go_with_their_owner(cluster: Cluster, pods_here: KubernetesSettings, token: str) -> None:
    spec = inference(2)
    create_work(cluster, spec, pods_here, token)
    bound_pods(cluster, pods_here.namespace, spec.name, 2)
    paths = [
        f"/apis/apps/v1/namespaces/{pods_here.namespace}/statefulsets/{spec.name}",
        f"/api/v1/namespaces/{pods_here.namespace}/secrets/{spec.name}",
        f"/apis/policy/v1/namespaces/{pods_here.namespace}/poddisruptionbudgets/{spec.name}",
    ]
    assert [cluster.exists(path) for path in paths] == [True, True, True]
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Foreground"}
    cluster.request("DELETE", paths[0], options, token=token)
    eventually(lambda: not any(cluster.exists(path) for path in paths), 40, what="all objects gone")
    assert cluster.pods(pods_here.namespace, f"{WORK_LABEL}={spec.name}") == []


# --- the restricted profile ----------------------------------------------------------------------------------------


def _as_root(pod: Manifest) -> None:
    pod["spec"]["securityContext"]["runAsUser"] = 0


def _may_be_root(pod: Manifest) -> None:
    pod["spec"]["securityContext"]["runAsNonRoot"] = False


def _privileged(pod: Manifest) -> None:
    pod["spec"]["containers"][0]["securityContext"]["privileged"] = True
    pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True


def _with_capabilities(pod: Manifest) -> None:
    pod["spec"]["containers"][0]["securityContext"]["capabilities"] = {"add": ["NET_ADMIN"]}


def _without_seccomp(pod: Manifest) -> None:
    pod["spec"]["securityContext"]["seccompProfile"] = {"type": "Unconfined"}


def _on_the_hosts_network(pod: Manifest) -> None:
    pod["spec"]["hostNetwork"] = True


def _with_a_hosts_folder(pod: Manifest) -> None:
    pod["spec"]["volumes"].append({"name": "host", "hostPath": {"path": "/"}})


@pytest.mark.parametrize(
    ("violate", "complaint"),
    [
        (_as_root, "runAsUser=0"),
        (_may_be_root, "runAsNonRoot != true"),
        (_privileged, "privileged"),
        (_with_capabilities, "unrestricted capabilities"),
        (_without_seccomp, "seccompProfile"),
        (_on_the_hosts_network, "host namespaces"),
        (_with_a_hosts_folder, "hostPath"),
    ],
)
def test_a_pod_that_violates_the_profile_is_refused(
    cluster: Cluster, pods_here: KubernetesSettings, violate: Any, complaint: str
) -> None:
    template = build_work(training(5), pods_here, BASE_ENV).owner["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "violation"},
        "spec": copy.deepcopy(template["spec"]),
    }
    path = f"/api/v1/namespaces/{pods_here.namespace}/pods"
    # The unchanged pod would be admitted, so the violation causes the refusal below.
    cluster.request("POST", path, pod, dryRun="All")
    violate(pod)
    with pytest.raises(ApiStatus, match='violates PodSecurity "restricted') as refused:
        cluster.request("POST", path, pod)
    assert (refused.value.code, refused.value.reason) == (403, "Forbidden")
    assert complaint in refused.value.message


@pytest.mark.parametrize("overlay", ["overlays/local", "overlays/gpu", "overlays/external-kafka"])
def test_every_pod_of_the_platform_is_admitted(cluster: Cluster, overlay: str) -> None:
    installation = Installation(cluster, overlay)
    installation.apply()
    owners = {
        (manifest["kind"], manifest["metadata"]["name"])
        for manifest in installation.manifests
        if manifest["kind"] in ("Deployment", "StatefulSet", "Job")
    }
    assert {name for _, name in owners} >= {"backend", "frontend", *EXECUTORS, "kafka-control-logger"}

    def with_pods() -> set[str]:
        return {str(pod["metadata"]["labels"]["app.kubernetes.io/name"]) for pod in cluster.pods(installation.platform)}

    names = {name for _, name in owners}
    eventually(lambda: with_pods() >= names, 60, what=f"a pod of each of {sorted(names)}")


# --- the role ------------------------------------------------------------------------------------------------------

# All rights of the controller in the workers' namespace: group, resource, verbs.
_CONTROLLER = {
    ("batch", "jobs"): {"create", "get", "list", "watch", "delete"},
    ("apps", "statefulsets"): {"create", "get", "list", "watch", "patch", "delete"},
    ("", "pods"): {"list", "watch", "delete"},
    ("", "pods/log"): {"get"},
    ("", "events"): {"list", "watch"},
    ("", "secrets"): {"create", "patch", "delete"},
    ("policy", "poddisruptionbudgets"): {"create", "patch", "delete"},
    ("keda.sh", "scaledobjects"): {"create", "patch", "delete"},
}


def rules(cluster: Cluster, namespace: str, token: str) -> dict[tuple[str, str], set[str]]:
    """Return the rights of the token's holder in ``namespace``, without those that everybody has about themselves."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", review, token=token)
    found: dict[tuple[str, str], set[str]] = {}
    for rule in answer["status"]["resourceRules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                if group not in ("authorization.k8s.io", "authentication.k8s.io"):
                    found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_the_controller_may_do_in_the_workers_namespace_what_it_does(
    cluster: Cluster, installation: Installation, token: str
) -> None:
    assert rules(cluster, installation.jobs, token) == _CONTROLLER


@pytest.mark.parametrize("namespace", ["platform", "default", "kube-system"])
def test_the_controller_may_do_nothing_anywhere_else(
    cluster: Cluster, installation: Installation, token: str, namespace: str
) -> None:
    elsewhere = installation.platform if namespace == "platform" else namespace
    assert rules(cluster, elsewhere, token) == {}


def test_the_controller_reads_what_it_watches(cluster: Cluster, installation: Installation, token: str) -> None:
    watched = [kind for kind in kinds() if "watch" in _CONTROLLER[_resource(kind)] and kind.kind != "ScaledObject"]
    for kind in watched:
        root = "/apis" if "/" in kind.api_version else "/api"
        path = f"{root}/{kind.api_version}/namespaces/{installation.jobs}/{kind.plural}"
        listed = cluster.request("GET", path, token=token)
        assert listed["kind"] == f"{kind.kind}List"
    assert {kind.kind for kind in watched} == {"Job", "StatefulSet", "Pod", "Event"}


def _resource(kind: ObjectKind) -> tuple[str, str]:
    return kind.api_version.rpartition("/")[0], kind.plural


def test_the_controller_cannot_read_a_secret_that_it_made(
    cluster: Cluster, installation: Installation, token: str
) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "made"}, "stringData": {"token": "a"}}
    path = f"/api/v1/namespaces/{installation.jobs}/secrets"
    cluster.request("POST", path, secret, token=token)
    for refused in (path, f"{path}/made"):
        with pytest.raises(ApiStatus) as answer:
            cluster.request("GET", refused, token=token)
        assert answer.value.code == 403
    cluster.request("DELETE", f"{path}/made", token=token)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/namespaces/{jobs}/pods"),
        ("POST", "/api/v1/namespaces/{platform}/secrets"),
        ("POST", "/apis/batch/v1/namespaces/{platform}/jobs"),
        ("POST", "/apis/apps/v1/namespaces/{jobs}/deployments"),
        ("POST", "/api/v1/namespaces/{jobs}/pods/any/exec"),
        ("POST", "/api/v1/namespaces/{jobs}/serviceaccounts/default/token"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/{jobs}/roles"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/namespaces/{jobs}/rolebindings"),
        ("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
        ("POST", "/api/v1/namespaces"),
        ("GET", "/api/v1/namespaces"),
        ("GET", "/api/v1/nodes"),
        ("GET", "/api/v1/secrets"),
        ("GET", "/api/v1/pods"),
        ("GET", "/api/v1/namespaces/{platform}/secrets/platform-secrets"),
        ("GET", "/api/v1/namespaces/{jobs}/configmaps"),
        ("DELETE", "/apis/batch/v1/namespaces/{jobs}/jobs"),
        ("DELETE", "/api/v1/namespaces/{jobs}/pods"),
    ],
)
def test_the_controller_is_refused(
    cluster: Cluster, installation: Installation, token: str, method: str, path: str
) -> None:
    body: Manifest | None = {"metadata": {"name": "any"}} if method == "POST" else None
    address = path.format(jobs=installation.jobs, platform=installation.platform)
    with pytest.raises(ApiStatus) as answer:
        cluster.request(method, address, body, token=token)
    assert (answer.value.code, answer.value.reason) == (403, "Forbidden")


def test_the_maker_of_secrets_can_only_create_them(cluster: Cluster, installation: Installation) -> None:
    maker = cluster.token(installation.platform, "make-secrets")
    assert rules(cluster, installation.platform, maker) == {("", "secrets"): {"create"}}
    assert rules(cluster, installation.jobs, maker) == {}


def test_no_other_account_of_the_platform_may_do_anything(cluster: Cluster, installation: Installation) -> None:
    accounts = {
        str(manifest["metadata"]["name"]) for manifest in installation.manifests if manifest["kind"] == "ServiceAccount"
    } - {"controller", "make-secrets"}
    for account in (*accounts, "default"):
        holder = cluster.token(installation.platform, account)
        assert rules(cluster, installation.platform, holder) == {}
        assert rules(cluster, installation.jobs, holder) == {}

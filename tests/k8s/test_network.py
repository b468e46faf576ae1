"""Who reaches whom: the needed connections are listed, and all others must be refused, pair by pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import pytest

from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.kubernetes.manifests import build_work
from backend.launchers.kubernetes.settings import KubernetesSettings
from tests.executors import EXECUTORS
from tests.k8s.network import Network, Outside, Pod
from tests.k8s.render import K8S, Manifest, find, platform_settings, render, render_with
from tests.restricted import containers, pod_template

# Every port that a component listens on, and ports of others: DNS, http, https, PostgreSQL, API server, kubelet.
PORTS = [("TCP", port) for port in (53, 80, 443, 5432, 6443, 8000, *EXECUTORS.values(), 8080, 9464)]
PORTS += [("TCP", port) for port in (4318, 9000, 9092, 9093, 9094, 9095, 9098, 10250)] + [("UDP", 53)]

Connection = tuple[str, str, str, int]
Peers = Mapping[str, Pod | Outside]

# Peers outside the platform. `client` is a pod in a namespace that is allowed to use Kafka.
OTHERS: Peers = {
    "dns": Pod(
        namespace="kube-system",
        namespace_labels={"kubernetes.io/metadata.name": "kube-system"},
        labels={"k8s-app": "kube-dns"},
    ),
    "system": Pod(
        namespace="kube-system",
        namespace_labels={"kubernetes.io/metadata.name": "kube-system"},
        labels={"k8s-app": "metrics-server"},
    ),
    # A stranger has our labels in another namespace.
    "stranger": Pod(
        namespace="default",
        namespace_labels={"kubernetes.io/metadata.name": "default"},
        labels={"app.kubernetes.io/name": "backend", "app.kubernetes.io/part-of": "kafka-ml"},
    ),
    "client": Pod(
        namespace="factory",
        namespace_labels={"kubernetes.io/metadata.name": "factory", "kafka-ml/kafka-client": "allowed"},
        labels={},
    ),
    "prometheus": Pod(
        namespace="monitoring",
        namespace_labels={"kubernetes.io/metadata.name": "monitoring", "kafka-ml/monitoring": "allowed"},
        labels={},
    ),
    "collector": Pod(
        namespace="opentelemetry",
        namespace_labels={"kubernetes.io/metadata.name": "opentelemetry", "kafka-ml/tracing": "allowed"},
        labels={},
    ),
    "outside": Outside(address="203.0.113.7"),
}
ELSEWHERE = tuple(OTHERS)

NAMES = {
    (source, "dns", protocol, 53)
    for source in ("backend", "frontend", "kafka-control-logger", "worker")
    for protocol in ("UDP", "TCP")
}
CLUSTER_API = {
    (source, target, "TCP", port)
    for source, target, port in product(("backend", "make-secrets"), ELSEWHERE, (443, 6443))
}
BASE: set[Connection] = {
    *NAMES,
    *CLUSTER_API,
    *((source, "frontend", "TCP", 8080) for source in ELSEWHERE),
    ("frontend", "backend", "TCP", 8000),
    ("kafka-control-logger", "backend", "TCP", 8000),
    ("worker", "backend", "TCP", 8000),
    *(("backend", name, "TCP", port) for name, port in EXECUTORS.items()),
}
KAFKA_CLIENTS = ("backend", "kafka-control-logger", "worker")
LOCAL: set[Connection] = {*BASE, *((source, "kafka", "TCP", 9092) for source in (*KAFKA_CLIENTS, "client"))}
EXTERNAL: set[Connection] = {
    *BASE,
    *((source, target, "TCP", port) for source, target in product(KAFKA_CLIENTS, ELSEWHERE)
      for port in (9092, 9093, 9094, 9095, 9098)),
}  # fmt: skip


def _worker(env: Mapping[str, str]) -> Manifest:
    spec = WorkSpec(
        name="kml-infer-3-a1",
        module="model_inference",
        env={"KML_JOB_FRAMEWORK": "pytorch"},
        token="t" * 20,
        restart=RestartPolicy.ALWAYS,
    )
    return build_work(spec, KubernetesSettings(), env).owner


def _metrics(objects: Sequence[Manifest]) -> Mapping[str, str]:
    """Return the settings that the controller passes on to workers and that name a port."""
    return {name: value for name, value in platform_settings(objects).items() if name.startswith("KML_METRICS_")}


def _peers(objects: Sequence[Manifest]) -> Peers:
    """Return the pods of the manifests by name, a worker as the launcher makes it, and all others."""
    namespaces = {
        manifest["metadata"]["name"]: manifest["metadata"]["labels"]
        for manifest in objects
        if manifest["kind"] == "Namespace"
    }
    peers: dict[str, Pod | Outside] = dict(OTHERS)
    for manifest in (*objects, _worker(_metrics(objects))):
        template = pod_template(manifest)
        if template is None:
            continue
        namespace, labels = manifest["metadata"]["namespace"], template["metadata"]["labels"]
        name = "worker" if namespace.endswith("-jobs") else labels["app.kubernetes.io/name"]
        ports = {
            port["name"]: port["containerPort"]
            for container in containers(template)
            for port in container.get("ports") or ()
        }
        peers[name] = Pod(namespace=namespace, namespace_labels=namespaces[namespace], labels=labels, ports=ports)
    return peers


def _connections(objects: Sequence[Manifest]) -> Iterator[Connection]:
    """Return all connections that the policies allow between two peers of which at least one is ours."""
    peers = _peers(objects)
    network = Network([manifest for manifest in objects if manifest["kind"] == "NetworkPolicy"])
    for (source, a), (target, b), (protocol, port) in product(peers.items(), peers.items(), PORTS):
        ours = source not in OTHERS or target not in OTHERS
        if ours and network.allows(a, b, port, protocol):
            yield source, target, protocol, port


@pytest.mark.parametrize(
    ("overlay", "needed"),
    [("local", LOCAL), ("gpu", LOCAL), ("external-kafka", EXTERNAL)],
    ids=["local", "gpu", "external-kafka"],
)
def test_exactly_the_needed_connections_are_open(overlay: str, needed: set[Connection]) -> None:
    open_ = set(_connections(render(K8S / "overlays" / overlay)))
    assert (needed - open_, open_ - needed) == (set(), set())


def test_workers_reach_names_the_backend_and_kafka_and_nothing_else() -> None:
    open_ = set(_connections(render(K8S / "overlays" / "local")))
    assert {edge for edge in open_ if "worker" in edge[:2]} == {
        ("worker", "dns", "UDP", 53),
        ("worker", "dns", "TCP", 53),
        ("worker", "backend", "TCP", 8000),
        ("worker", "kafka", "TCP", 9092),
    }


def test_executors_call_nobody() -> None:
    open_ = set(_connections(render(K8S / "overlays" / "local")))
    assert {edge for edge in open_ if edge[0] in EXECUTORS} == set()


@pytest.mark.parametrize(
    ("component", "opened"),
    [
        ("kafka-nodeport", {(source, "kafka", "TCP", 9095) for source in ELSEWHERE}),
        ("postgresql", {("backend", target, "TCP", 5432) for target in ELSEWHERE}),
        ("ingress", set()),
        ("keda", set()),
        (
            "monitoring",
            {
                ("prometheus", target, "TCP", 9464)
                for target in ("backend", *EXECUTORS, "kafka-control-logger", "worker")
            },
        ),
        ("nodeport", set()),
        ("quota", set()),
        # Only a port other than 443 needs this component, because 443 is open already for the cluster's API.
        ("s3", {("backend", target, "TCP", 9000) for target in ELSEWHERE}),
        ("tracing", {("worker", "collector", "TCP", 4318)}),
    ],
)
def test_a_component_opens_what_it_is_for(component: str, opened: set[Connection], tmp_path: Path) -> None:
    assert set(_connections(render_with(tmp_path, "local", [component]))) - LOCAL == opened


@pytest.mark.parametrize("namespace", ["kafka-ml", "kafka-ml-jobs"])
def test_a_pod_that_no_rule_knows_is_alone(namespace: str) -> None:
    objects = render(K8S / "base")
    policies = [
        manifest
        for manifest in objects
        if manifest["kind"] == "NetworkPolicy" and manifest["metadata"]["name"] == "default-deny"
    ]
    labels = find(objects, "Namespace", namespace)["metadata"]["labels"]
    unknown = Pod(namespace=namespace, namespace_labels=labels, labels={})
    network = Network(policies)
    reached = [
        (name, protocol, port)
        for (name, other), (protocol, port) in product(OTHERS.items(), PORTS)
        if network.allows(unknown, other, port, protocol) or network.allows(other, unknown, port, protocol)
    ]
    assert reached == []


def _policy(**spec: object) -> Manifest:
    return {"kind": "NetworkPolicy", "metadata": {"namespace": "n"}, "spec": {"podSelector": {}, **spec}}


def test_the_evaluator_knows_the_rules_of_the_api() -> None:
    a = Pod(namespace="n", namespace_labels={"team": "a"}, labels={"app": "a"}, ports={"http": 8080})
    b = Pod(namespace="m", namespace_labels={"team": "b"}, labels={"app": "b"})
    near, far = Outside(address="10.1.2.3"), Outside(address="192.0.2.1")
    # Without a policy everything is open. A policy without types restricts ingress, and egress if it has egress rules.
    assert Network([]).allows(b, a, 1)
    assert Network([_policy()]).allows(a, b, 1)
    assert not Network([_policy()]).allows(b, a, 1)
    assert not Network([_policy(egress=[])]).allows(a, b, 1)
    # Two selectors in one peer must both hold; two peers are alternatives. A pod selector alone stays in the namespace.
    both = [{"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {"matchLabels": {"app": "x"}}}]
    either = [{"namespaceSelector": {"matchLabels": {"team": "b"}}}, {"podSelector": {"matchLabels": {"app": "x"}}}]
    assert not Network([_policy(ingress=[{"from": both}])]).allows(b, a, 1)
    assert Network([_policy(ingress=[{"from": either}])]).allows(b, a, 1)
    assert not Network([_policy(ingress=[{"from": [{"podSelector": {}}]}])]).allows(b, a, 1)
    # Named ports belong to the target; ranges include their ends; another protocol is another port.
    assert Network([_policy(ingress=[{"ports": [{"port": "http"}]}])]).allows(b, a, 8080)
    assert not Network([_policy(ingress=[{"ports": [{"port": "http"}]}])]).allows(b, a, 8081)
    ranged = Network([_policy(ingress=[{"ports": [{"port": 10, "endPort": 12}]}])])
    assert [port for port in range(8, 15) if ranged.allows(b, a, port)] == [10, 11, 12]
    assert not ranged.allows(b, a, 10, "UDP")
    # Blocks of addresses are for peers that are not pods.
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.9.0.0/16"]}}
    blocked = Network([_policy(policyTypes=["Egress"], egress=[{"to": [block]}])])
    assert [blocked.allows(a, other, 1) for other in (near, far, Outside(address="10.9.1.1"), b)] == [
        True,
        False,
        False,
        False,
    ]
    # Selectors support expressions on labels.
    for operator, values, expected in (
        ("In", ["b"], True),
        ("In", ["c"], False),
        ("NotIn", ["b"], False),
        ("NotIn", ["c"], True),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ):
        expression = {"key": "team", "operator": operator, "values": values}
        peer = {"namespaceSelector": {"matchExpressions": [expression]}}
        assert Network([_policy(ingress=[{"from": [peer]}])]).allows(b, a, 1) is expected

"""One component rebuilt, then everything removed."""

from __future__ import annotations

import pytest

from kafkaml.errors import ApiError
from tests.e2e.cluster import JOBS, NAMESPACE, ClusterPlatform, Kubectl
from tests.e2e.conftest import build_kafka_ml
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


def test_one_component_is_rebuilt(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    selector = "app.kubernetes.io/name=kafka-control-logger"
    before = {pod["metadata"]["uid"] for pod in kubectl.pods(selector)}
    others = {pod["metadata"]["uid"] for pod in kubectl.pods("app.kubernetes.io/name=tfexecutor")}
    build_kafka_ml("--rebuild", "kafka_control_logger", "--yes")
    assert {pod["metadata"]["uid"] for pod in kubectl.pods(selector)} & before == set()
    assert {pod["metadata"]["uid"] for pod in kubectl.pods("app.kubernetes.io/name=tfexecutor")} == others
    assert platform.client.results.list()


def test_installing_again_keeps_everything(platform: ClusterPlatform) -> None:
    before = {result.id for result in platform.client.results.list()}
    build_kafka_ml("--install", "--yes")
    # A changed image replaces the pod behind the forward.
    eventually(lambda: platform.client.results.list(), 60, ignoring=(ApiError,))
    assert {result.id for result in platform.client.results.list()} == before


def test_uninstalling_leaves_nothing(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    build_kafka_ml("--uninstall", "--yes")
    namespaces = {namespace["metadata"]["name"] for namespace in kubectl.get("namespaces")["items"]}
    assert namespaces & {NAMESPACE, JOBS} == set()
    claims = [volume["spec"]["claimRef"]["namespace"] for volume in kubectl.get("persistentvolumes")["items"]]
    assert set(claims) & {NAMESPACE, JOBS} == set()
    labelled = "app.kubernetes.io/part-of=kafka-ml"
    assert (
        kubectl.get("clusterroles,clusterrolebindings,customresourcedefinitions", "--selector", labelled)["items"] == []
    )

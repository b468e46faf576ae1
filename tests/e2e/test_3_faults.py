"""Pods deleted, nodes drained, memory exhausted, the control plane away: nothing is lost, nothing comes twice."""

from __future__ import annotations

import json

import pytest

from datasources import OnlineRawSink
from examples.digits.data import load_digits
from examples.digits.model import KERAS, PYTORCH
from kafkaml.sdk.types import RunState, TrainingResult
from tests.e2e.cluster import JOBS, ClusterPlatform, Kubectl
from tests.e2e.work import deploy, train, under_load
from tests.model_inference.replicas import read_topic
from tests.support import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# Epochs enough for the fault to happen during training.
_LONG_EPOCHS = 400
# For the digits learnt online: the number of records in a window, and the number of windows.
_WINDOW, _WINDOWS = 150, 8


@pytest.fixture(scope="module", autouse=True)
def room(platform: ClusterPlatform) -> None:
    """Stop the inferences of the tutorial to make room, because one of two small nodes must suffice for a while."""
    for inference in platform.client.inferences.list():
        if not inference.state.ended:
            platform.client.inferences.stop(inference.id)
    eventually(lambda: not platform.kubectl.pods("kafka-ml/kind=infer", namespace=JOBS), 180, interval_seconds=0.5)


@pytest.fixture(scope="module")
def trained(platform: ClusterPlatform) -> TrainingResult:
    result = train(platform, KERAS, "tensorflow", "epochs=3")
    return platform.client.results.wait_for(result.id, RunState.FINISHED, timeout_seconds=300)


def test_a_replica_deleted_in_mid_batch(platform: ClusterPlatform, trained: TrainingResult, kubectl: Kubectl) -> None:
    with under_load(platform, trained, replicas=3) as (inference, feeder):
        for _ in range(3):
            pod = platform.wait_for_pod("infer", inference.id)
            before = feeder.sent
            kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period", "0", "--force", namespace=JOBS)
            # The fault happens while records stream in, and each replica is back before the next one is deleted.
            eventually(lambda: feeder.sent > before + 400, 60)  # noqa: B023
            eventually(
                lambda: platform.client.inferences.get(inference.id).ready_replicas == 3, 120, interval_seconds=0.5
            )


def test_a_node_drained_under_load(platform: ClusterPlatform, trained: TrainingResult, kubectl: Kubectl) -> None:
    with under_load(platform, trained, replicas=3) as (inference, _):
        node = platform.wait_for_pod("infer", inference.id)["spec"]["nodeName"]
        kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout", "300s",
                timeout_seconds=330)  # fmt: skip
        try:
            assert all(pod["spec"]["nodeName"] != node for pod in platform.worker_pods("infer", inference.id))
            eventually(
                lambda: platform.client.inferences.get(inference.id).ready_replicas == 3,
                300,
                interval_seconds=1,
                ignoring=(Exception,),
            )
        finally:
            kubectl("uncordon", node)
    # A component with a single pod, such as an executor, is unavailable until it has started on the other node.
    kubectl("wait", "--for=condition=Available", "deployment", "--all", "--timeout", "180s", timeout_seconds=200)


def test_an_evicted_training_is_resumed(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    result = train(platform, PYTORCH, "pytorch", f"max_epochs={_LONG_EPOCHS}")
    pod = platform.wait_for_pod("train", result.id)
    eventually(lambda: platform.client.results.get(result.id).metrics, 120, interval_seconds=0.5)
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod["metadata"]["name"], "namespace": JOBS},
    }
    kubectl("create", "--raw", f"/api/v1/namespaces/{JOBS}/pods/{pod['metadata']['name']}/eviction",
            "--filename", "-", stdin=json.dumps(eviction))  # fmt: skip
    again = platform.wait_for_pod("train", result.id, other_than=pod["metadata"]["uid"])
    assert again["metadata"]["labels"]["kafka-ml/attempt"] == "2"
    done = platform.client.results.wait_for(result.id, RunState.FINISHED, timeout_seconds=600)
    assert done.attempt == 2
    assert len(platform.client.results.get(result.id).epochs) == _LONG_EPOCHS


def test_a_killed_online_training_goes_on_and_teaches_what_serves(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    results, inferences = platform.client.results, platform.client.inferences
    images, labels = load_digits()[0]
    deployment = deploy(
        platform,
        PYTORCH,
        "pytorch",
        incremental={"indefinite": True, "window_records": _WINDOW, "monitoring_metric": "accuracy"},
    )
    number, topic, middle = deployment.results[0].id, f"online-{deployment.id}", _WINDOW + _WINDOW // 2
    with OnlineRawSink(
        bootstrap_servers=platform.bootstrap_servers, topic=topic, deployment_id=deployment.id, validation_rate=0.2
    ) as sink:
        sink.send_array(images[:middle], labels[:middle])
        sink.flush()
        first = eventually(lambda: (found := results.get(number)).checkpoint and found, 180, interval_seconds=0.5)
        assert (first.attempt, first.checkpoint.step, first.current_version) == (1, 1, 1)
        with under_load(platform, first, replicas=2) as (inference, _):
            serving = _containers(platform, inference.id)
            # The pod is deleted in the middle of a window.
            pod = platform.wait_for_pod("train", number)
            kubectl("delete", "pod", pod["metadata"]["name"], "--grace-period", "0", "--force", namespace=JOBS)
            sink.send_array(images[middle : _WINDOWS * _WINDOW], labels[middle : _WINDOWS * _WINDOW])
            sink.flush()
            learnt = eventually(
                lambda: len((found := results.get(number)).epochs) == _WINDOWS and found, 300, interval_seconds=0.5
            )
            # Training resumed at the checkpoint: the first window was not learnt again, and the second lost no record.
            assert learnt.attempt == 2
            assert learnt.epochs[0] == first.epochs[0]
            assert [epoch.window.records for epoch in learnt.epochs if epoch.window] == [_WINDOW] * _WINDOWS
            assert learnt.current_version is not None
            assert learnt.current_version > 1
            assert inferences.wait_swapped(inference.id).version == learnt.current_version
            results.stop(number)
            done = results.wait_for(number, RunState.FINISHED, timeout_seconds=180)
            assert [version.number for version in results.versions(number)] == [*range(done.version_count, 0, -1)]
            eventually(
                lambda: (now := inferences.get(inference.id)).swapped and now.version == done.current_version,
                120,
                interval_seconds=0.5,
            )
            assert _containers(platform, inference.id) == serving
    answered = read_topic(platform.bootstrap_servers, inference.output_topic)
    assert {1, learnt.current_version} <= {int(dict(record.headers)["kml-version"] or b"") for record in answered}


def _containers(platform: ClusterPlatform, inference: int) -> set[tuple[str, str, int]]:
    """The pods and containers of the replicas. A change means that the group has other members."""
    return {
        (pod["metadata"]["uid"], status["containerID"], status["restartCount"])
        for pod in platform.worker_pods("infer", inference)
        for status in pod["status"]["containerStatuses"]
    }


def test_a_training_that_runs_out_of_memory_says_so(platform: ClusterPlatform) -> None:
    # The model hoards memory only while it trains, because otherwise the check would refuse it.
    hoard = "self.hoard = [*getattr(self, 'hoard', ()), torch.ones(1 << 27)] if self.training else []"
    greedy = PYTORCH.replace("return self.layers", f"{hoard}\n        return self.layers")
    result = train(platform, greedy, "pytorch", "max_epochs=5")
    failed = eventually(
        lambda: (found := platform.client.results.get(result.id)).state is RunState.FAILED and found,
        300,
        interval_seconds=1,
    )
    assert failed.failure is not None
    assert failed.failure.category == "out_of_memory"
    assert "memory" in failed.failure.cause
    assert failed.failure.hint


def test_the_backend_deleted_loses_nothing(platform: ClusterPlatform, kubectl: Kubectl) -> None:
    result = train(platform, KERAS, "tensorflow", f"epochs={_LONG_EPOCHS}")
    eventually(lambda: platform.client.results.get(result.id).metrics, 180, interval_seconds=0.5)
    before = kubectl.pods("app.kubernetes.io/name=backend")[0]["metadata"]["uid"]
    kubectl("delete", "pod", "--selector", "app.kubernetes.io/name=backend", "--grace-period", "0", "--force")
    kubectl("rollout", "status", "deployment/backend", "--timeout", "180s", timeout_seconds=200)
    assert kubectl.pods("app.kubernetes.io/name=backend")[0]["metadata"]["uid"] != before
    done = eventually(
        lambda: (found := platform.client.results.get(result.id)).state is RunState.FINISHED and found,
        600,
        interval_seconds=1,
        ignoring=(Exception,),
    )
    assert done.attempt == 1
    assert len(done.epochs) == _LONG_EPOCHS

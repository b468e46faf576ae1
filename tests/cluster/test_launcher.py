"""The real launcher on a real API server with real controllers and scheduler. Only the kubelet is fake."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from backend.launchers.base import Observed, Phase, WorkSpec
from backend.launchers.kubernetes.api import Gone, KubernetesApi
from backend.launchers.kubernetes.cache import KindCache
from backend.launchers.kubernetes.launcher import KubernetesLauncher
from backend.launchers.kubernetes.manifests import JOB, WORK_LABEL
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import BrokenError
from kafkaml.wire.failure import FailureCategory
from tests.cluster.access import Cluster, Manifest
from tests.cluster.fake_node import FakeNode
from tests.cluster.platform_manifests import Installation
from tests.cluster.work import BASE_ENV, inference, training
from tests.support import eventually

pytestmark = pytest.mark.cluster

# A controller reacts within a second or two, and later on a loaded machine.
_PATIENCE_SECONDS = 40
# Each test uses another number, because the launcher remembers a name until its run is forgotten.
_numbers = itertools.count(101)


class World:
    """Launchers on one namespace and one folder of logs, as after restarts of the controller, and their runs."""

    def __init__(self, cluster: Cluster, node: FakeNode, settings: KubernetesSettings, logs_dir: Path) -> None:
        self.cluster = cluster
        self.node = node
        self.settings = settings
        self._logs_dir = logs_dir
        self._launchers: list[KubernetesLauncher] = []
        self._specs: list[WorkSpec] = []

    def launcher(self, **settings: object) -> KubernetesLauncher:
        """Return a launcher with the controller's own rights."""
        chosen = self.settings.model_copy(update=settings)
        launcher = KubernetesLauncher(
            api=KubernetesApi(chosen), settings=chosen, base_env=BASE_ENV, logs_dir=self._logs_dir
        )
        self._launchers.append(launcher)
        return launcher

    def training(self, **more: object) -> WorkSpec:
        return self._made(training(next(_numbers), **more))

    def inference(self, **more: object) -> WorkSpec:
        return self._made(inference(next(_numbers), **more))

    def pods(self, spec: WorkSpec, count: int = 1) -> list[Manifest]:
        """Return the live pods of ``spec`` once there are ``count`` of them, each bound to the node."""

        def bound() -> list[Manifest]:
            pods = self.cluster.pods(self.settings.namespace, f"{WORK_LABEL}={spec.name}")
            wanted = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
            return pods if len(wanted) == len(pods) == count and all("nodeName" in p["spec"] for p in pods) else []

        return eventually(bound, _PATIENCE_SECONDS, what=f"{count} bound pods of {spec.name}")

    def sees(
        self, launcher: KubernetesLauncher, spec: WorkSpec, holds: Callable[[Observed], bool], what: str
    ) -> Observed:
        """Return the launcher's observation of ``spec`` once ``holds`` is true of it."""
        last: Observed | None = None

        def seen() -> Observed | None:
            nonlocal last
            last = launcher.observe().get(spec.name)
            return last if last is not None and holds(last) else None

        try:
            # At first the launcher may know too little, as after a start of the controller.
            return eventually(seen, _PATIENCE_SECONDS, ignoring=(BrokenError,))  # type: ignore[return-value]
        except AssertionError as error:
            raise AssertionError(f"{spec.name} was not seen {what}; last: {last}") from error

    def sees_phase(self, launcher: KubernetesLauncher, spec: WorkSpec, phase: Phase) -> Observed:
        return self.sees(launcher, spec, lambda seen: seen.phase is phase, phase.value)

    def sees_gone(self, launcher: KubernetesLauncher, spec: WorkSpec) -> None:
        def is_gone() -> bool:
            return spec.name not in launcher.observe()

        eventually(is_gone, _PATIENCE_SECONDS, what=f"{spec.name} out of sight", ignoring=(BrokenError,))

    def path(self, spec: WorkSpec) -> str:
        """The address of an inference's StatefulSet."""
        return f"/apis/apps/v1/namespaces/{self.settings.namespace}/statefulsets/{spec.name}"

    def objects(self, spec: WorkSpec) -> list[str]:
        """Return the objects of ``spec`` that the cluster still holds."""
        listing = "jobs,statefulsets,secrets,poddisruptionbudgets,pods"
        found = self.cluster.kubectl(
            *("--namespace", self.settings.namespace, "get", listing, "--output", "name"),
            *("--selector", f"{WORK_LABEL}={spec.name}"),
        )
        return sorted(found.split())

    def close(self) -> None:
        for launcher in self._launchers:
            launcher.close()
        for spec in self._specs:
            self.cluster.kubectl(
                *("--namespace", self.settings.namespace, "delete", "jobs,statefulsets,secrets", "--wait=false"),
                *("--selector", f"{WORK_LABEL}={spec.name}"),
            )

    def _made(self, spec: WorkSpec) -> WorkSpec:
        self._specs.append(spec)
        return spec


@pytest.fixture
def world(
    cluster: Cluster, installation: Installation, node: FakeNode, pods_here: KubernetesSettings, tmp_path: Path
) -> Iterator[World]:
    settings = pods_here.model_copy(
        update={
            "host": cluster.server,
            "token": SecretStr(cluster.token(installation.platform, "controller")),
            "ca_file": str(cluster.ca_file),
        }
    )
    made = World(cluster, node, settings, tmp_path / "logs")
    yield made
    made.close()


@pytest.fixture
def own_cluster(cluster: Cluster) -> Cluster:
    """The cluster with its own control plane, for tests that damage it or that need it to reach this machine."""
    if cluster.control_plane is None:
        pytest.skip("the cluster is somebody else's: its API server is not killed, and does not reach this machine")
    return cluster


# --- trainings -----------------------------------------------------------------------------------------------------


def test_a_training_starts_runs_ends_and_is_forgotten(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    world.sees_phase(launcher, spec, Phase.STARTING)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    running = world.sees_phase(launcher, spec, Phase.RUNNING)
    assert (running.ready_replicas, running.failure) == (1, None)
    world.node.end(pod, 0)
    ended = world.sees_phase(launcher, spec, Phase.SUCCEEDED)
    assert (ended.exit_code, ended.failure) == (0, None)
    launcher.forget(spec.name)
    world.sees_gone(launcher, spec)
    eventually(lambda: world.objects(spec) == [], _PATIENCE_SECONDS, what="nothing left in the cluster")


def test_the_log_of_a_training_outlives_its_pod(world: World, own_cluster: Cluster) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.write_log(pod, "epoch 1\n")
    world.node.run(pod)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    eventually(lambda: b"epoch 1" in launcher.logs(spec.name)[0], _PATIENCE_SECONDS, what="the log while it runs")
    world.node.write_log(pod, "ValueError: no such layer\n")
    world.node.end(pod, 11)
    failed = world.sees_phase(launcher, spec, Phase.FAILED)
    assert (failed.exit_code, failed.log_tail.splitlines()[-1]) == (11, "ValueError: no such layer")
    launcher.forget(spec.name)
    eventually(lambda: world.objects(spec) == [], _PATIENCE_SECONDS)
    text = launcher.logs(spec.name)[0].decode()
    assert [text.count(line) for line in ("epoch 1", "ValueError: no such layer")] == [1, 1]


def test_a_training_out_of_memory_says_so_with_a_hint(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.node.end(pod, 137, reason="OOMKilled")
    failure = world.sees_phase(launcher, spec, Phase.FAILED).failure
    assert failure is not None
    assert failure.category is FailureCategory.OUT_OF_MEMORY
    assert "memory" in failure.hint


def test_a_training_that_its_node_evicts_is_lost(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.node.evict(pod)
    failure = world.sees_phase(launcher, spec, Phase.FAILED).failure
    assert failure is not None
    assert (failure.category, "evicted" in failure.cause) == (FailureCategory.LOST, True)


def test_a_training_on_a_drained_node_is_lost(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    name = pod["metadata"]["name"]
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    world.node.exit_code_when_deleted = 143
    world.cluster.request("POST", f"/api/v1/namespaces/{world.settings.namespace}/pods/{name}/eviction", eviction)
    failure = world.sees_phase(launcher, spec, Phase.FAILED).failure
    world.node.exit_code_when_deleted = 0
    assert failure is not None
    assert failure.category is FailureCategory.LOST


def test_a_missing_image_is_an_obstacle_until_it_is_there(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.wait(pod, "ImagePullBackOff", "Back-off pulling image: not found")
    seen = world.sees(launcher, spec, lambda seen: seen.failure is not None, "with an obstacle")
    assert seen.failure is not None
    assert (seen.phase, seen.failure.category) == (Phase.STARTING, FailureCategory.CONFIGURATION)
    assert "Build_Kafka_ML.sh" in seen.failure.hint
    world.node.run(pod)
    assert world.sees_phase(launcher, spec, Phase.RUNNING).failure is None


def test_a_training_that_no_node_can_take_says_what_is_lacking(world: World) -> None:
    launcher, spec = world.launcher(), world.training(gpu=1000)
    launcher.launch(spec)
    seen = world.sees(launcher, spec, lambda seen: seen.failure is not None, "with an obstacle")
    assert seen.failure is not None
    assert (seen.phase, "nvidia.com/gpu" in seen.failure.cause + seen.failure.hint) == (Phase.STARTING, True)


def test_a_training_whose_quota_is_used_up_says_so(world: World) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    namespace = world.settings.namespace
    world.cluster.create(quota, "resourcequotas", namespace)
    launcher, spec = world.launcher(), world.training()
    try:
        launcher.launch(spec)
        seen = world.sees(launcher, spec, lambda seen: seen.failure is not None, "with an obstacle")
    finally:
        world.cluster.request("DELETE", f"/api/v1/namespaces/{namespace}/resourcequotas/none")
    assert seen.failure is not None
    assert (seen.phase, "quota" in seen.failure.cause) == (Phase.STARTING, True)


def test_a_stopped_training_ends_and_leaves_nothing(world: World) -> None:
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    launcher.stop(spec.name)
    world.sees_phase(launcher, spec, Phase.SUCCEEDED)
    launcher.forget(spec.name)
    world.sees_gone(launcher, spec)
    eventually(lambda: world.objects(spec) == [], _PATIENCE_SECONDS, what="nothing left in the cluster")


def test_launching_twice_starts_once(world: World) -> None:
    first, spec = world.launcher(), world.training()
    first.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    first.close()
    second = world.launcher()
    second.launch(spec)
    world.sees_phase(second, spec, Phase.RUNNING)
    assert [seen_pod["metadata"]["uid"] for seen_pod in world.pods(spec)] == [pod["metadata"]["uid"]]


def test_an_end_that_nobody_watched_is_reported_by_the_next_launcher(world: World) -> None:
    first, spec = world.launcher(), world.training()
    first.launch(spec)
    (pod,) = world.pods(spec)
    first.close()
    world.node.run(pod)
    world.node.end(pod, 137, reason="OOMKilled")
    failure = world.sees_phase(world.launcher(), spec, Phase.FAILED).failure
    assert failure is not None
    assert failure.category is FailureCategory.OUT_OF_MEMORY


# --- inferences ----------------------------------------------------------------------------------------------------


def test_an_inference_is_scaled_by_launching_it_again(world: World) -> None:
    launcher, spec = world.launcher(), world.inference(replicas=2)
    launcher.launch(spec)
    for pod in world.pods(spec, 2):
        world.node.run(pod)
    world.sees(launcher, spec, lambda seen: seen.ready_replicas == 2, "with 2 ready")

    def with_replicas(count: int) -> WorkSpec:
        return WorkSpec(**{**vars(spec), "replicas": count})

    launcher.launch(with_replicas(3))
    newest = world.pods(spec, 3)[-1]
    assert newest["metadata"]["name"] == f"{spec.name}-2"
    world.node.run(newest)
    seen = world.sees(launcher, spec, lambda seen: seen.ready_replicas == 3, "with 3 ready")
    assert (seen.phase, seen.replicas) == (Phase.RUNNING, 3)
    launcher.launch(with_replicas(1))
    assert [pod["metadata"]["name"] for pod in world.pods(spec, 1)] == [f"{spec.name}-0"]
    world.sees(launcher, spec, lambda seen: (seen.replicas, seen.ready_replicas) == (1, 1), "with 1 ready")


def test_an_upgrade_replaces_replicas_one_by_one(world: World) -> None:
    launcher, spec = world.launcher(), world.inference(replicas=2)
    launcher.launch(spec)
    for pod in world.pods(spec, 2):
        world.node.run(pod)
    world.sees(launcher, spec, lambda seen: seen.ready_replicas == 2, "with 2 ready")

    def images() -> list[str]:
        pods = sorted(world.pods(spec, 2), key=lambda pod: pod["metadata"]["name"])
        return [pod["spec"]["containers"][0]["image"].rpartition(":")[2] for pod in pods]

    # A second launch of the same spec changes nothing.
    versions = world.cluster.request("GET", world.path(spec))["metadata"]["generation"]
    launcher.launch(spec)
    assert world.cluster.request("GET", world.path(spec))["metadata"]["generation"] == versions
    (old,) = set(images())
    upgraded = world.launcher(image="kafka-ml/{component}:next")
    upgraded.launch(spec)
    eventually(lambda: images() == [old, "next"], _PATIENCE_SECONDS, what="the last replica replaced, and it alone")
    world.node.run(world.pods(spec, 2)[1])
    eventually(lambda: images() == ["next", "next"], _PATIENCE_SECONDS, what="the first replaced when the last runs")
    world.node.run(world.pods(spec, 2)[0])
    world.sees(upgraded, spec, lambda seen: seen.ready_replicas == 2, "with 2 ready")


def test_a_crashed_replica_is_reported_and_comes_back(world: World) -> None:
    launcher, spec = world.launcher(), world.inference(replicas=1)
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    world.node.crash(pod, 137, reason="OOMKilled")
    seen = world.sees(launcher, spec, lambda seen: seen.failure is not None, "with a failure")
    assert seen.failure is not None
    assert (seen.restarts, seen.failure.category) == (1, FailureCategory.OUT_OF_MEMORY)
    world.node.run(pod)
    world.sees(launcher, spec, lambda seen: seen.ready_replicas == 1 and seen.failure is None, "running again")


def test_a_deleted_replica_is_replaced_under_its_name(world: World) -> None:
    launcher, spec = world.launcher(), world.inference(replicas=1)
    launcher.launch(spec)
    (old,) = world.pods(spec)
    world.node.run(old)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    path = f"/api/v1/namespaces/{world.settings.namespace}/pods/{old['metadata']['name']}"
    world.cluster.request("DELETE", path)

    def successor() -> Manifest | None:
        pods = world.cluster.pods(world.settings.namespace, f"{WORK_LABEL}={spec.name}")
        return next((pod for pod in pods if pod["metadata"]["uid"] != old["metadata"]["uid"]), None)

    new = eventually(successor, _PATIENCE_SECONDS)
    assert new is not None
    assert new["metadata"]["name"] == old["metadata"]["name"]


def test_a_replica_stuck_on_a_lost_node_is_replaced(world: World) -> None:
    launcher, spec = world.launcher(node_lost_seconds=1), world.inference(replicas=1)
    launcher.launch(spec)
    (old,) = world.pods(spec)
    world.node.run(old)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    path = f"/api/v1/namespaces/{world.settings.namespace}/pods/{old['metadata']['name']}"
    world.node.silent = True
    try:
        world.cluster.request("DELETE", path, gracePeriodSeconds="1")

        def replaced() -> bool:
            launcher.observe()
            pods = world.cluster.pods(world.settings.namespace, f"{WORK_LABEL}={spec.name}")
            return [pod["metadata"]["uid"] != old["metadata"]["uid"] for pod in pods] == [True]

        eventually(replaced, _PATIENCE_SECONDS, what="a new pod in the lost one's place", ignoring=(BrokenError,))
    finally:
        world.node.silent = False


def test_a_stopped_inference_leaves_nothing(world: World) -> None:
    launcher, spec = world.launcher(), world.inference()
    launcher.launch(spec)
    for pod in world.pods(spec, 2):
        world.node.run(pod)
    world.sees(launcher, spec, lambda seen: seen.ready_replicas == 2, "with 2 ready")
    launcher.stop(spec.name)
    world.sees_phase(launcher, spec, Phase.SUCCEEDED)
    launcher.forget(spec.name)
    world.sees_gone(launcher, spec)
    assert world.objects(spec) == []


# --- the API server away -------------------------------------------------------------------------------------------


def test_a_history_that_is_gone_is_listed_again(world: World, own_cluster: Cluster) -> None:
    control_plane = own_cluster.control_plane
    assert control_plane is not None
    launcher, spec = world.launcher(), world.training()
    api = KubernetesApi(world.settings)
    cache = KindCache(api=api, kind=JOB)
    cache.step()
    position = api.list(JOB)[1]
    control_plane.kill_api_server()
    control_plane.start_api_server()
    # A restarted API server does not know the events of before.
    with pytest.raises(Gone):
        list(api.watch(JOB, position, 5))
    launcher.launch(spec)
    cache.step()
    assert cache.get(spec.name) is None
    cache.step()
    assert cache.get(spec.name) is not None
    api.close()


def test_a_launcher_outlives_the_api_server(world: World, own_cluster: Cluster) -> None:
    control_plane = own_cluster.control_plane
    assert control_plane is not None
    launcher, spec = world.launcher(), world.training()
    launcher.launch(spec)
    (pod,) = world.pods(spec)
    world.node.run(pod)
    world.sees_phase(launcher, spec, Phase.RUNNING)
    control_plane.kill_api_server()
    with pytest.raises(BrokenError):
        launcher.launch(world.training())
    control_plane.start_api_server()
    world.node.end(pod, 137, reason="OOMKilled")
    failure = world.sees_phase(launcher, spec, Phase.FAILED).failure
    assert failure is not None
    assert failure.category is FailureCategory.OUT_OF_MEMORY

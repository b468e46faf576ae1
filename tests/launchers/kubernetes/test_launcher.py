"""The launcher on a cluster in memory: what it makes, what it observes, and of what it is certain."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.launchers.base import Autoscale, Observed, Phase, RestartPolicy, WorkSpec
from backend.launchers.kubernetes.api import Manifest, Unreachable
from backend.launchers.kubernetes.launcher import KubernetesLauncher
from backend.launchers.kubernetes.manifests import (
    DISRUPTION_BUDGET,
    JOB,
    POD,
    SCALED_OBJECT,
    SECRET,
    STATEFUL_SET,
    WORK_LABEL,
    ObjectKind,
)
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import BrokenError
from kafkaml.wire.failure import FailureCategory
from tests.launchers.kubernetes.faulty_cluster import Fault, FaultyCluster
from tests.support import eventually

TRAINING = "kml-train-7-a1"
INFERENCE = "kml-infer-3-a1"


class World:
    """A cluster with a launcher; ``restart`` makes a new launcher, as a restart of the controller does."""

    def __init__(self, path: Path, *, grace_seconds: float = 2.0, **settings: object) -> None:
        self.path = path
        self.cluster = FaultyCluster(grace_seconds=grace_seconds)
        self.settings = KubernetesSettings(node_lost_seconds=5, **settings)  # type: ignore[arg-type]
        self.restart()

    def restart(self) -> None:
        self.launcher = KubernetesLauncher(
            api=self.cluster,
            settings=self.settings,
            base_env={},
            logs_dir=self.path,
            clock=self.cluster.clock,
            wall_clock=self.cluster.clock,
            threads=False,
        )

    def look(self, name: str = TRAINING) -> Observed | None:
        self.cluster.step()
        self.launcher.step()
        return self.launcher.observe().get(name)

    def until(self, is_so: Callable[[Observed | None], object], name: str = TRAINING) -> Any:
        for _ in range(40):
            seen = self.look(name)
            if is_so(seen):
                return seen
        raise AssertionError(f"did not happen; last: {seen}")

    def phase(self, phase: Phase, name: str = TRAINING) -> Observed:
        return self.until(lambda seen: seen is not None and seen.phase is phase, name)

    def train(self, token: str = "the-token") -> None:
        self.launcher.launch(spec(TRAINING, token=token))
        self.phase(Phase.RUNNING)

    def serve(self, replicas: int = 2, **more: object) -> None:
        self.launcher.launch(spec(INFERENCE, replicas=replicas, **more))
        self.until(lambda seen: seen and seen.ready_replicas == replicas, INFERENCE)

    def pod(self, name: str = TRAINING) -> Manifest:
        return self.cluster.pods_of(name)[0]

    def uids(self, name: str) -> list[str]:
        return [pod["metadata"]["uid"] for pod in self.cluster.pods_of(name)]

    def everything(self) -> list[str]:
        kinds = (JOB, STATEFUL_SET, SECRET, DISRUPTION_BUDGET, SCALED_OBJECT, POD)
        return [f"{kind.kind} {name}" for kind in kinds for name in sorted(self.cluster.all(kind))]


def spec(name: str, *, replicas: int = 1, token: str = "the-token", **more: object) -> WorkSpec:
    training = name.startswith("kml-train")
    return WorkSpec(
        name=name,
        module="model_training" if training else "model_inference",
        env={"KML_JOB_FRAMEWORK": "pytorch"},
        token=token,
        restart=RestartPolicy.NEVER if training else RestartPolicy.ALWAYS,
        replicas=replicas,
        **more,  # type: ignore[arg-type]
    )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


# --- making and adopting -------------------------------------------------------------------------------------------


def test_a_training_is_a_job_and_its_secret_which_goes_with_it(world: World) -> None:
    world.train()
    pod = world.pod()["metadata"]["name"]
    assert world.everything() == [f"Job {TRAINING}", f"Secret {TRAINING}", f"Pod {pod}"]
    owner = world.cluster.all(SECRET)[TRAINING]["metadata"]["ownerReferences"][0]
    assert owner["uid"] == world.cluster.all(JOB)[TRAINING]["metadata"]["uid"]
    world.cluster.end(world.pod(), 0)
    world.phase(Phase.SUCCEEDED)
    world.launcher.forget(TRAINING)
    for _ in range(3):
        world.cluster.step()
    assert world.everything() == []


def test_launching_again_adopts_and_renews_the_token(world: World) -> None:
    world.train("the-first")
    before = world.cluster.all(JOB)[TRAINING]["metadata"]["uid"]
    world.restart()
    world.launcher.launch(spec(TRAINING, token="the-second"))
    assert world.cluster.all(JOB)[TRAINING]["metadata"]["uid"] == before
    assert base64.b64decode(world.cluster.all(SECRET)[TRAINING]["data"]["token"]) == b"the-second"


def test_a_set_gets_its_replicas_when_it_has_all_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create = world.cluster.create

    def die_at_the_secret(kind: ObjectKind, manifest: Manifest) -> Manifest:
        if kind == SECRET:
            raise Unreachable("the controller died here")
        return create(kind, manifest)

    monkeypatch.setattr(world.cluster, "create", die_at_the_secret)
    with pytest.raises(Unreachable):
        world.launcher.launch(spec(INFERENCE, replicas=2))
    monkeypatch.undo()
    world.restart()
    # The number of replicas is wrong, so the controller launches again.
    assert world.look(INFERENCE) == Observed(name=INFERENCE, phase=Phase.STARTING, replicas=0)
    world.serve(2)
    assert world.cluster.pods_of(INFERENCE)[1]["metadata"]["name"] == f"{INFERENCE}-1"


def test_inferences_are_scaled_by_launching_again(world: World) -> None:
    for replicas in (2, 3, 1):
        world.serve(replicas)
        world.until(lambda _, wanted=replicas: len(world.cluster.pods_of(INFERENCE)) == wanted)
    assert f"PodDisruptionBudget {INFERENCE}" in world.everything()


def test_between_its_bounds_the_scaler_chooses(tmp_path: Path) -> None:
    world = World(tmp_path, keda=True)
    lag = Autoscale(topic="in", group="g", max_replicas=4)
    world.serve(2, autoscale=lag)
    assert f"ScaledObject {INFERENCE}" in world.everything()
    world.cluster.patch(STATEFUL_SET, INFERENCE, {"spec": {"replicas": 3}})
    world.launcher.launch(spec(INFERENCE, replicas=2, autoscale=lag))
    assert world.phase(Phase.RUNNING, INFERENCE).replicas == 3
    world.launcher.launch(spec(INFERENCE, replicas=1, autoscale=Autoscale(topic="in", group="g", max_replicas=2)))
    assert world.phase(Phase.RUNNING, INFERENCE).replicas == 2
    world.launcher.launch(spec(INFERENCE, replicas=1))
    assert world.phase(Phase.RUNNING, INFERENCE).replicas == 1
    assert f"ScaledObject {INFERENCE}" not in world.everything()


def test_what_is_still_being_removed_is_not_adopted(world: World) -> None:
    world.serve()
    world.cluster.remove(STATEFUL_SET, INFERENCE, propagation="Foreground")
    world.launcher.step()
    with pytest.raises(BrokenError, match="still being removed"):
        world.launcher.launch(spec(INFERENCE, replicas=2))
    world.until(lambda seen: seen is None, INFERENCE)
    world.serve()


def test_an_object_of_somebody_else_is_not_taken(world: World) -> None:
    labels = {"app.kubernetes.io/managed-by": "somebody"}
    world.cluster.create(
        JOB,
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": TRAINING, "labels": labels},
            "spec": {"suspend": True},
        },
    )
    with pytest.raises(BrokenError, match="is not ours"):
        world.launcher.launch(spec(TRAINING))
    assert world.look() is None


def test_objects_of_ours_with_other_names_are_left_alone(world: World) -> None:
    labels = {"app.kubernetes.io/managed-by": "kafka-ml-controller", WORK_LABEL: "probe"}
    probe = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "probe", "labels": labels},
        "spec": {"suspend": True},
    }
    world.cluster.create(JOB, probe)
    world.look()
    assert world.launcher.observe() == {}
    for method in (world.launcher.stop, world.launcher.forget, world.launcher.logs):
        with pytest.raises(ValueError, match="not a name of work"):
            method("probe")


def test_a_launch_without_an_answer_is_neither_alive_nor_dead_until_that_is_known(world: World) -> None:
    world.look()
    world.cluster.fault = Fault(lose_after=1.0)
    with pytest.raises(Unreachable):
        world.launcher.launch(spec(TRAINING))
    assert world.launcher.observe()[TRAINING].phase is Phase.UNKNOWN
    world.cluster.fault = Fault(lag_seconds=100)
    world.cluster.now += 2
    # The launcher asks for the Job by name, because the watch may be late.
    assert world.launcher.observe()[TRAINING].phase is Phase.STARTING


def test_a_launch_that_took_no_effect_is_known_as_such(world: World) -> None:
    world.look()
    world.cluster.fault = Fault(lose_before=1.0)
    with pytest.raises(Unreachable):
        world.launcher.launch(spec(TRAINING))
    assert world.launcher.observe()[TRAINING].phase is Phase.UNKNOWN
    world.cluster.fault = Fault()
    world.cluster.now += 2
    assert world.launcher.observe() == {}


# --- looking -------------------------------------------------------------------------------------------------------


def test_before_the_cluster_spoke_nothing_is_said(world: World) -> None:
    with pytest.raises(BrokenError, match="has sent no list of its jobs yet"):
        world.launcher.observe()


def test_what_keeps_work_from_starting_is_reported_with_a_hint(world: World) -> None:
    world.cluster.is_full = True
    world.launcher.launch(spec(TRAINING))
    seen = world.until(lambda seen: seen.failure)
    assert (seen.phase, seen.failure.category) == (Phase.STARTING, FailureCategory.CONFIGURATION)
    assert "Insufficient memory" in seen.failure.cause
    assert "KML_KUBERNETES_MEMORY_REQUEST" in seen.failure.hint
    world.cluster.is_full = False
    assert world.phase(Phase.RUNNING).failure is None


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_killed_for_memory_run_says_so_also_to_the_next_controller(world: World, is_restarted: bool) -> None:
    world.train()
    world.cluster.end(world.pod(), 137, "OOMKilled")
    if is_restarted:
        world.cluster.step()
        world.restart()
    seen = world.phase(Phase.FAILED)
    assert seen.failure.category is FailureCategory.OUT_OF_MEMORY
    assert seen.exit_code == -9
    assert seen.log_tail.endswith("ends with 137\n")


def test_an_end_is_reported_when_the_log_is_complete_but_not_forever_later(world: World) -> None:
    world.train()
    world.launcher.step()
    world.cluster.write(world.pod(), "the last words")
    world.cluster.end(world.pod(), 3)
    for _ in range(3):
        world.cluster.step()
    node = world.pod()["spec"]["nodeName"]
    # The kubelet does not answer, so the log cannot be read.
    world.cluster.lost_nodes[node] = world.cluster.now + 1000
    assert world.look().phase is Phase.RUNNING
    for _ in range(6):
        seen = world.look()
    assert seen.phase is Phase.FAILED
    assert "the last words" not in seen.log_tail


def test_somebody_removes_the_job_and_its_end_is_known_all_the_same(world: World) -> None:
    world.train()
    world.cluster.end(world.pod(), 137, "OOMKilled")
    world.cluster.step()
    world.launcher.step()
    world.launcher.observe()
    world.cluster.remove(JOB, TRAINING)
    seen = world.phase(Phase.FAILED)
    assert seen.failure.category is FailureCategory.OUT_OF_MEMORY
    world.launcher.forget(TRAINING)
    assert world.look() is None


def test_somebody_removes_a_job_that_runs_and_it_is_lost(world: World) -> None:
    world.train()
    world.cluster.remove(JOB, TRAINING)
    seen = world.phase(Phase.FAILED)
    assert seen.failure.category is FailureCategory.LOST


def test_work_whose_owner_is_gone_is_stopping_while_a_pod_of_it_lives(tmp_path: Path) -> None:
    world = World(tmp_path, grace_seconds=20.0)
    world.train()
    world.cluster.remove(JOB, TRAINING)
    looks = 0
    while (seen := world.look()).phase is Phase.STOPPING:
        looks += 1
    assert (looks > 2, seen.phase, world.cluster.pods_of(TRAINING)) == (True, Phase.FAILED, [])


def test_a_pod_that_the_watch_has_not_shown_keeps_its_work_from_counting_as_gone(world: World) -> None:
    world.launcher.launch(spec(TRAINING))
    world.launcher.step()
    world.launcher.observe()
    # The Job's pod is created and the Job removed, but only the watch of Jobs has reported so far.
    world.cluster.step()
    world.cluster.step()
    world.cluster.remove(JOB, TRAINING)
    world.launcher._cache.jobs.step()
    assert world.launcher._cache.pods.all() == []
    assert world.launcher.observe()[TRAINING].phase is Phase.STOPPING


def test_a_pod_that_was_left_alone_goes_on_and_is_cleared_away_with_its_secret(world: World) -> None:
    world.train()
    world.cluster.remove(JOB, TRAINING, propagation="Orphan")
    assert world.look().phase is Phase.RUNNING
    world.launcher.stop(TRAINING)
    world.phase(Phase.SUCCEEDED)
    world.launcher.forget(TRAINING)
    world.until(lambda seen: seen is None)
    assert world.everything() == []


def test_replicas_that_crash_say_why_and_count(world: World) -> None:
    world.serve(2)
    world.cluster.end(world.cluster.pods_of(INFERENCE)[1], 137, "OOMKilled")
    seen = world.until(lambda seen: seen.failure, INFERENCE)
    assert (seen.phase, seen.ready_replicas, seen.replicas) == (Phase.RUNNING, 1, 2)
    assert seen.failure.category is FailureCategory.OUT_OF_MEMORY
    assert seen.log_tail.endswith("ends with 137\n")
    seen = world.until(lambda seen: seen.ready_replicas == 2, INFERENCE)
    assert (seen.restarts, seen.failure) == (1, None)
    assert b"run 1" in world.launcher.logs(INFERENCE, replica=1)[0]


def test_a_pod_of_a_lost_node_is_removed_so_that_another_takes_its_place(world: World) -> None:
    world.serve(1)
    lost = world.pod(INFERENCE)
    world.cluster.lose_node(lost["spec"]["nodeName"])
    began = world.cluster.now
    world.until(lambda _: lost["metadata"]["uid"] not in world.uids(INFERENCE))
    # The bounds are the time until the cluster gave the pod up, its grace, and the configured time.
    assert 3 + 2 + 5 <= world.cluster.now - began <= 3 + 2 + 5 + 4
    world.until(lambda seen: seen.ready_replicas == 1, INFERENCE)


def test_a_training_on_a_lost_node_is_lost(world: World) -> None:
    world.train()
    world.cluster.lose_node(world.pod()["spec"]["nodeName"])
    seen = world.phase(Phase.FAILED)
    assert seen.failure.category is FailureCategory.LOST
    world.launcher.forget(TRAINING)
    world.until(lambda seen: seen is None)
    assert world.everything() == []


def test_evicted_work_is_lost_with_the_reason(world: World) -> None:
    world.train()
    world.cluster.evict(world.pod())
    seen = world.phase(Phase.FAILED)
    assert seen.failure.category is FailureCategory.LOST
    assert "leave its node" in seen.failure.cause


# --- stopping ------------------------------------------------------------------------------------------------------


def test_that_a_user_stopped_it_outlives_the_controller(world: World) -> None:
    world.train()
    pod = world.pod()["metadata"]["name"]
    world.launcher.stop(TRAINING)
    world.restart()
    seen = world.phase(Phase.SUCCEEDED)
    assert (seen.failure, seen.log_tail.splitlines()) == (None, [f"run 0 of {pod}"])
    world.restart()
    world.phase(Phase.SUCCEEDED)
    world.launcher.forget(TRAINING)
    world.restart()
    assert world.look() is None


def test_a_stop_that_did_not_reach_the_cluster_is_not_taken_for_done(world: World) -> None:
    world.train()
    world.cluster.fault = Fault(lose_before=1.0)
    with pytest.raises(Unreachable):
        world.launcher.stop(TRAINING)
    world.cluster.fault = Fault()
    assert world.look().phase is Phase.RUNNING
    # The run is wanted again, so the launch adopts it, and its later end is not a stop.
    world.launcher.launch(spec(TRAINING))
    world.cluster.end(world.pod(), 1)
    assert world.phase(Phase.FAILED).exit_code == 1


def test_logs_of_what_still_exists_are_kept_after_a_restart(world: World) -> None:
    world.train()
    world.restart()
    world.launcher.prune(older_than_seconds=-1)
    assert world.launcher.names() == [TRAINING]
    world.look()
    world.launcher.prune(older_than_seconds=-1)
    assert world.launcher.names() == [TRAINING]


# --- in threads ----------------------------------------------------------------------------------------------------


class OneAtATime:
    """The cluster made safe for several threads."""

    def __init__(self, cluster: FaultyCluster) -> None:
        self._cluster = cluster
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: object, **options: object) -> object:
            with self._lock:
                answer = getattr(self._cluster, name)(*arguments, **options)
                return iter(list(answer)) if isinstance(answer, Iterator) else answer

        return call


def test_in_threads_it_follows_the_cluster_and_collects_logs_on_its_own(tmp_path: Path) -> None:
    cluster = FaultyCluster()
    shared = OneAtATime(cluster)
    # Threads are compared one by one rather than counted, because one of an earlier test may end meanwhile.
    before = set(threading.enumerate())
    launcher = KubernetesLauncher(api=shared, settings=KubernetesSettings(), base_env={}, logs_dir=tmp_path)
    assert set(threading.enumerate()) <= before
    assert launcher.observe() == {}
    launcher.launch(spec(TRAINING))

    def reaches(phase: Phase) -> Observed | None:
        shared.step(1.0)
        seen = launcher.observe().get(TRAINING)
        return seen if seen is not None and seen.phase is phase else None

    try:
        eventually(lambda: reaches(Phase.RUNNING))
        eventually(lambda: launcher.logs(TRAINING)[0].startswith(b"run 0"))
        shared.end(cluster.pods_of(TRAINING)[0], 5)
        seen = eventually(lambda: reaches(Phase.FAILED))
        assert seen is not None
        assert (seen.exit_code, seen.log_tail.splitlines()[1:]) == (5, ["ends with 5"])
    finally:
        launcher.close()
    eventually(lambda: set(threading.enumerate()) <= before)

"""An inference in another cluster, with the launchers of real clusters: made, observed, stopped and removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from backend.launchers.base import Observed, Phase, RestartPolicy, WorkSpec
from backend.launchers.kubernetes.launcher import KubernetesLauncher
from backend.launchers.kubernetes.manifests import SECRET, STATEFUL_SET
from backend.launchers.kubernetes.settings import KubernetesSettings
from backend.launchers.routing import Placements, RoutingLauncher
from tests.launchers.kubernetes.faulty_cluster import FaultyCluster
from tests.support import eventually

NAME = "kml-infer-3-a1"
SPEC = WorkSpec(
    name=NAME,
    module="model_inference",
    env={"KML_JOB_FRAMEWORK": "pytorch"},
    token="t",
    restart=RestartPolicy.ALWAYS,
    replicas=2,
    cluster="edge",
)


class Stepped(KubernetesLauncher):
    """A launcher whose cluster takes a step at each observation, so that tests wait for no clock."""

    def __init__(self, cluster: FaultyCluster, logs_dir: Path) -> None:
        super().__init__(
            api=cluster,
            settings=KubernetesSettings(),
            base_env={},
            logs_dir=logs_dir,
            clock=cluster.clock,
            wall_clock=cluster.clock,
            threads=False,
        )
        self._cluster = cluster

    def observe(self) -> Mapping[str, Observed]:
        self._cluster.step()
        self.step()
        return super().observe()


class Clusters:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.own, self.edge = FaultyCluster(), FaultyCluster()
        self.names = {NAME: "edge"}
        self.router = self.new_controller()

    def new_controller(self) -> RoutingLauncher:
        self.router = RoutingLauncher(
            own=Stepped(self.own, self.folder / "own"),
            connect=lambda _: Stepped(self.edge, self.folder / "edge"),
            placements=lambda: Placements(clusters={"edge": "1"}, names=self.names),
            look_seconds=0.01,
        )
        return self.router

    def reaches(self, phase: Phase) -> Observed:
        def look() -> Observed | None:
            found = self.router.observe().get(NAME)
            return found if found is not None and found.phase is phase else None

        found = eventually(look, what=f"{NAME} to be {phase}")
        assert found is not None
        return found


@pytest.fixture
def clusters(tmp_path: Path) -> Iterator[Clusters]:
    made = Clusters(tmp_path)
    yield made
    made.router.close()


def test_it_is_made_seen_stopped_and_removed_there(clusters: Clusters) -> None:
    clusters.router.launch(SPEC)
    assert eventually(lambda: clusters.reaches(Phase.RUNNING).ready_replicas == 2)
    assert (list(clusters.edge.all(STATEFUL_SET)), list(clusters.own.all(STATEFUL_SET))) == ([NAME], [])
    clusters.router.stop(NAME)
    clusters.reaches(Phase.SUCCEEDED)
    clusters.router.forget(NAME)
    eventually(lambda: not clusters.edge.all(STATEFUL_SET) and not clusters.edge.all(SECRET))


def test_the_own_cluster_knows_nothing_of_what_was_stopped_elsewhere(clusters: Clusters) -> None:
    clusters.router.launch(SPEC)
    clusters.reaches(Phase.RUNNING)
    clusters.router.stop(NAME)
    clusters.router.close()
    eventually(lambda: "cluster-edge" not in {thread.name for thread in threading.enumerate()})
    # The own cluster's launcher must not take a recorded stop of a run in another cluster for its end.
    assert NAME not in Stepped(clusters.own, clusters.folder / "own").observe()
    clusters.new_controller()
    clusters.reaches(Phase.SUCCEEDED)

"""Runs in other clusters go where they belong. An unreachable cluster changes nothing and holds nothing up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping

import pytest

from backend.controller.actions import ShowReady
from backend.controller.reconcile import reconcile
from backend.controller.rows import Row, Subject
from backend.launchers import routing
from backend.launchers.base import Launcher, Observed, Phase, RestartPolicy, WorkSpec
from backend.launchers.names import RunKind
from backend.launchers.routing import Placements, RoutingLauncher
from kafkaml.errors import BrokenError
from kafkaml.wire.framework import Framework
from kafkaml.wire.state import RunState
from tests.launchers.fake_launcher import FakeLauncher
from tests.support import eventually

HERE, THERE = "kml-infer-1-a1", "kml-infer-2-a1"
NEVER_SECONDS = 60.0


class Silent(FakeLauncher):
    """Takes calls and answers none until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.asked = threading.Event()

    def observe(self) -> Mapping[str, Observed]:
        self.asked.set()
        self.let_go.wait(NEVER_SECONDS)
        return super().observe()


class World:
    """The rows and the clusters: a launcher for each, or the error of reaching it."""

    def __init__(self) -> None:
        self.own = FakeLauncher()
        self.clusters: dict[str, FakeLauncher | BrokenError] = {}
        self.versions: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.connected: list[str] = []
        self.launchers: list[RoutingLauncher] = []

    def add(self, cluster: str, launcher: FakeLauncher | BrokenError | None = None) -> FakeLauncher:
        self.clusters[cluster] = made = FakeLauncher() if launcher is None else launcher
        self.versions[cluster] = "1"
        return made if isinstance(made, FakeLauncher) else FakeLauncher()

    def routing(self, **changes: float) -> RoutingLauncher:
        def connect(cluster: str) -> Launcher:
            self.connected.append(cluster)
            found = self.clusters[cluster]
            if isinstance(found, BrokenError):
                raise found
            return found

        times = {"answer_seconds": NEVER_SECONDS, "look_seconds": 0.01} | changes
        made = RoutingLauncher(
            own=self.own,
            connect=connect,
            placements=lambda: Placements(clusters=dict(self.versions), names=dict(self.names)),
            **times,
        )
        self.launchers.append(made)
        return made


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    for cluster in made.clusters.values():
        if isinstance(cluster, Silent):
            cluster.let_go.set()
    for launcher in made.launchers:
        launcher.close()


def spec(name: str, cluster: str = "", **more: object) -> WorkSpec:
    base = {"module": "x", "env": {}, "token": "t", "restart": RestartPolicy.ALWAYS}
    return WorkSpec(name=name, cluster=cluster, **{**base, **more})  # type: ignore[arg-type]


def seen(launcher: RoutingLauncher, name: str, phase: Phase) -> Observed:
    def look() -> Observed | None:
        found = launcher.observe().get(name)
        return found if found is not None and found.phase is phase else None

    found = eventually(look)
    assert found is not None
    return found


# --- where work goes -----------------------------------------------------------------------------------------------


def test_work_goes_where_its_specification_says(world: World) -> None:
    there = world.add("edge")
    launcher = world.routing()
    launcher.launch(spec(HERE))
    launcher.launch(spec(THERE, "edge"))
    assert (world.own.launches, there.launches) == ([HERE], [THERE])


def test_all_clusters_are_seen_as_one(world: World) -> None:
    there = world.add("edge")
    there.launch(spec(THERE))
    there.run(THERE)
    world.own.launch(spec(HERE))
    launcher = world.routing()
    seen(launcher, THERE, Phase.RUNNING)
    assert set(launcher.observe()) == {HERE, THERE}


def test_work_is_stopped_and_forgotten_where_it_was_seen(world: World) -> None:
    there = world.add("edge")
    there.launch(spec(THERE))
    launcher = world.routing()
    seen(launcher, THERE, Phase.STARTING)
    launcher.stop(THERE)
    there.finish_stops()
    seen(launcher, THERE, Phase.SUCCEEDED)
    launcher.forget(THERE)
    assert THERE not in there.work


def test_work_that_was_just_launched_is_stopped_where_it_went(world: World) -> None:
    there = world.add("edge")
    launcher = world.routing()
    launcher.launch(spec(THERE, "edge"))
    launcher.stop(THERE)
    assert there.work[THERE].phase is Phase.STOPPING


def test_logs_come_from_where_the_work_is(world: World) -> None:
    world.add("edge")
    launcher = world.routing()
    launcher.launch(spec(HERE))
    launcher.launch(spec(THERE, "edge"))
    assert launcher.logs(THERE)[0] == f"log of {THERE}".encode()
    assert launcher.logs(HERE)[0] == f"log of {HERE}".encode()
    assert launcher.names() == [HERE, THERE]


def test_logs_of_forgotten_work_are_pruned_everywhere(world: World) -> None:
    there = world.add("edge")
    launcher = world.routing()
    launcher.launch(spec(THERE, "edge"))
    there.vanish(THERE)
    launcher.prune(older_than_seconds=0)
    eventually(lambda: launcher.names() == [])


def test_a_cluster_that_nobody_entered_is_refused(world: World) -> None:
    world.add("edge")
    with pytest.raises(BrokenError, match="belongs to cluster 'elsewhere', which is not known: expected one of edge"):
        world.routing().launch(spec(THERE, "elsewhere"))


def test_an_error_of_the_other_launcher_is_reported_as_it_is(world: World) -> None:
    there = world.add("edge")
    launcher = world.routing(look_seconds=NEVER_SECONDS)
    launcher.observe()
    eventually(lambda: world.connected == ["edge"])
    there.fail_after = 1
    with pytest.raises(BrokenError, match="whether it did what was asked is unknown"):
        launcher.launch(spec(THERE, "edge"))
    assert there.launches == [THERE]


# --- unreachable clusters ----------------------------------------------------------------------------------------


def test_what_a_cluster_holds_is_unknown_while_it_is_away(world: World) -> None:
    there = world.add("edge")
    there.launch(spec(THERE))
    there.run(THERE)
    world.own.launch(spec(HERE))
    launcher = world.routing()
    seen(launcher, THERE, Phase.RUNNING)
    there.fail_before = 10**9
    assert "the runtime cannot be reached" in str(seen(launcher, THERE, Phase.UNKNOWN).failure)
    assert launcher.observe()[HERE].phase is Phase.STARTING
    there.fail_before = 0
    seen(launcher, THERE, Phase.RUNNING)


def test_a_controller_that_begins_while_a_cluster_is_unreachable_takes_its_work_for_unknown(world: World) -> None:
    world.add("edge", BrokenError("no route to host"))
    world.names = {THERE: "edge"}
    assert {name: observed.phase for name, observed in world.routing().observe().items()} == {THERE: Phase.UNKNOWN}


def test_a_cluster_that_never_answers_holds_nothing_up(world: World) -> None:
    silent = Silent()
    world.add("edge", silent)
    world.names = {THERE: "edge"}
    launcher = world.routing()
    world.own.launch(spec(HERE))
    launcher.observe()
    assert silent.asked.wait(60)
    began = time.monotonic()
    for _ in range(100):
        assert launcher.observe()[THERE].phase is Phase.UNKNOWN
        launcher.launch(spec(HERE))
    # The bound is far below the time of one launcher that waited for an answer.
    assert time.monotonic() - began < NEVER_SECONDS / 2


def test_only_the_first_action_waits_for_a_cluster_that_does_not_answer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The rests are longer than any delay of this test.
    monkeypatch.setattr(routing, "_FIRST_REST_SECONDS", NEVER_SECONDS)
    monkeypatch.setattr(routing, "_MAX_REST_SECONDS", NEVER_SECONDS)
    silent = Silent()
    world.add("edge", silent)
    launcher = world.routing(answer_seconds=0.2)
    with pytest.raises(BrokenError, match=r"did not answer within 0.2 s; whether it did what was asked is unknown"):
        launcher.launch(spec(THERE, "edge"))
    # Each request is refused at once instead of waiting.
    for _ in range(50):
        with pytest.raises(BrokenError, match="cannot be reached: it did not answer a moment ago"):
            launcher.launch(spec(THERE, "edge"))
    assert silent.launches == []


def test_what_was_seen_long_ago_is_not_taken_for_the_present(world: World) -> None:
    silent = Silent()
    silent.launch(spec(THERE))
    silent.let_go.set()
    world.add("edge", silent)
    launcher = world.routing(stale_seconds=0.5)
    seen(launcher, THERE, Phase.STARTING)
    silent.let_go.clear()
    seen(launcher, THERE, Phase.UNKNOWN)


def test_work_is_not_taken_for_vanished_before_its_cluster_was_looked_at(world: World) -> None:
    world.add("edge")
    launcher = world.routing(look_seconds=NEVER_SECONDS)
    launcher.observe()
    eventually(lambda: world.connected == ["edge"])
    launcher.launch(spec(THERE, "edge"))
    assert THERE in launcher.observe()


def test_a_cluster_with_new_credentials_is_met_again(world: World) -> None:
    world.add("edge", BrokenError("401: the token is not valid"))
    world.names = {THERE: "edge"}
    launcher = world.routing()
    launcher.observe()
    eventually(lambda: world.connected)
    working = FakeLauncher()
    working.launch(spec(THERE))
    world.clusters["edge"], world.versions["edge"] = working, "2"
    seen(launcher, THERE, Phase.STARTING)


# --- what the controller decides -----------------------------------------------------------------------------------


def decisions(launcher: RoutingLauncher, rows: Collection[Row]) -> tuple[object, ...]:
    return reconcile(rows, launcher.observe(), now=1000.0).actions


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"wanted": False},
        {"replicas": 3},
        {"state": RunState.WAITING, "next_retry_at": 1.0},
        {"state": RunState.FAILED, "ended_at": 1.0},
        {"state": RunState.WAITING, "tries": 0},
        {"state": RunState.WAITING, "launched": False},
    ],
    ids=lambda change: ",".join(change) or "serving",
)
def test_nothing_is_decided_about_work_in_a_cluster_that_cannot_be_reached(
    world: World, change: Mapping[str, object]
) -> None:
    world.add("edge", BrokenError("no route to host"))
    row_of: Callable[..., Row] = Row
    there = row_of(
        **{
            "subject": Subject(RunKind.INFERENCE, 2),
            "framework": Framework.PYTORCH,
            "wanted": True,
            "state": RunState.RUNNING,
            "attempt": 1,
            "tries": 1,
            "launched": True,
            **change,
        }
    )
    world.names = {THERE: "edge"}
    launcher = world.routing()
    assert [decision for decision in decisions(launcher, [there]) if not isinstance(decision, ShowReady)] == []
    eventually(lambda: launcher.observe()[THERE].failure)
    shown = decisions(launcher, [there])
    away = "cluster 'edge' cannot be reached: no route to host"
    assert [action.failure.cause for action in shown if isinstance(action, ShowReady) and action.failure] == [
        away
    ] * len(shown)
    world.clusters["edge"], world.versions["edge"] = FakeLauncher(), "2"
    if there.wanted and not there.state.ended:
        # The cluster answers that it has nothing, so the run is known to have vanished and is started again.
        assert eventually(lambda: decisions(launcher, [there]))

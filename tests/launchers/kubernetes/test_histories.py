"""Random histories of users, workers, a faulty cluster and a controller that is killed end in agreement.

The database comes to equal the cluster, with no orphan, no twin and no end without its true reason. The decisions, the
executor and the launcher are the real ones. Each history is drawn from its seed alone; one that fails prints it, and
``KML_TEST_HISTORY_SEED=<seed>`` plays only that one. ``make soak`` plays five times as many, in one test because they
make one row.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Never

import pytest
import structlog.testing

from backend.controller.execute import Executor
from backend.controller.reconcile import reconcile
from backend.controller.rows import Row, Subject
from backend.launchers.base import RestartPolicy, WorkSpec
from backend.launchers.kubernetes.launcher import KubernetesLauncher
from backend.launchers.kubernetes.manifests import DISRUPTION_BUDGET, JOB, POD, SECRET, STATEFUL_SET, WORK_LABEL
from backend.launchers.kubernetes.objects import work_of
from backend.launchers.kubernetes.settings import KubernetesSettings
from backend.launchers.names import RunKind, parse_work_name
from kafkaml.errors import BrokenError, KafkaMLError
from kafkaml.wire.failure import FailureCategory
from tests.controller.memory_store import MemoryStore
from tests.launchers.kubernetes.faulty_cluster import Fault, FaultyCluster
from tests.soak_record import SoakRecord
from tests.support import soaking

HISTORIES, GROUPS = (5000, 1) if soaking() else (1000, 20)
SETTLING_SECONDS = 30
SETTINGS = KubernetesSettings(node_lost_seconds=3)
OBJECTS = (JOB, STATEFUL_SET, SECRET, DISRUPTION_BUDGET, POD)

# How a worker ends on its own, and the failure category that must be found.
ENDINGS = {
    (1, "Error"): FailureCategory.INTERNAL,
    (137, "OOMKilled"): FailureCategory.OUT_OF_MEMORY,
    (139, "Error"): FailureCategory.INTERNAL,
    (137, "Error"): FailureCategory.LOST,
}


class Killed(BaseException):
    """The controller's process dies in the middle of its work; nothing in it may catch that."""


def spec_of(row: Row, attempt: int, token: str) -> WorkSpec:
    training = row.subject.kind is RunKind.TRAINING
    return WorkSpec(
        name=row.subject.attempt(attempt),
        module="model_training" if training else "model_inference",
        env={"KML_JOB_FRAMEWORK": "pytorch"},
        token=token,
        restart=RestartPolicy.NEVER if training else RestartPolicy.ALWAYS,
        replicas=row.replicas,
    )


class KillableApi:
    """The cluster as one controller sees it. The process may be killed just before or just after a request."""

    def __init__(self, cluster: FaultyCluster, random: Random) -> None:
        self._cluster = cluster
        self._random = random
        self.kill_rate = 0.0

    def __getattr__(self, name: str) -> object:
        method = getattr(self._cluster, name)
        if name not in ("create", "patch", "delete"):
            return method

        def call(*arguments: object, **options: object) -> object:
            self._maybe_die()
            answer = method(*arguments, **options)
            self._maybe_die()
            return answer

        return call

    def _maybe_die(self) -> None:
        if self._random.random() < self.kill_rate:
            raise Killed


class History:
    """One history. The world is ``cluster`` and ``store``; the controller is thrown away and recreated."""

    def __init__(self, seed: int, logs_dir: Path) -> None:
        self.random = Random(seed)
        self.logs_dir = logs_dir
        self.cluster = FaultyCluster(random=self.random, grace_seconds=9.0)
        self.store = MemoryStore()
        self.store.now = self.cluster.now
        self.numbers = iter(range(1, 1000))
        # The true end of each attempt at a training, as its pod would report it.
        self.truth: dict[str, FailureCategory] = {}
        self.removed: set[str] = set()
        self.launchers: list[KubernetesLauncher] = []
        self.new_controller()

    def new_controller(self) -> None:
        self.api = KillableApi(self.cluster, self.random)
        self.launcher = KubernetesLauncher(
            api=self.api,  # type: ignore[arg-type]
            settings=SETTINGS,
            base_env={},
            logs_dir=self.logs_dir,
            clock=self.cluster.clock,
            wall_clock=self.cluster.clock,
            threads=False,
        )
        self.launchers.append(self.launcher)
        self.executor = Executor(store=self.store, launcher=self.launcher, spec_of=spec_of, clock=self.cluster.clock)
        self.looks: dict[str, int] = {}

    def close(self) -> None:
        """Release all that controllers held: killed ones could not, and this process continues."""
        for launcher in self.launchers:
            launcher.close()

    # --- what happens ----------------------------------------------------------------------------------------------

    def play(self) -> None:
        for _ in range(self.random.randint(10, 30)):
            self.random.choice(EVENTS)(self)
            self.tick()
        self.settle()

    def create(self) -> None:
        if self.random.random() < 0.5:
            self.store.add(RunKind.TRAINING, next(self.numbers))
        else:
            self.store.add(RunKind.INFERENCE, next(self.numbers), replicas=self.random.randint(1, 3))

    def stop(self) -> None:
        if (row := self.some_row()) is not None and not row.state.ended:
            self.store.change(row.subject, wanted=False)

    def restart(self) -> None:
        if (row := self.some_row()) is not None and row.state.ended:
            self.store.restart(row.subject)

    def delete(self) -> None:
        if (row := self.some_row()) is not None:
            del self.store.table[row.subject]

    def rescale(self) -> None:
        if (row := self.some_row()) is not None and row.subject.kind is RunKind.INFERENCE:
            self.store.change(row.subject, replicas=self.random.randint(1, 3))

    def worker_ends(self) -> None:
        if (pod := self.some_pod()) is not None:
            (code, reason), category = self.random.choice(list(ENDINGS.items()))
            self.cluster.end(pod, code, reason)
            self.truth.setdefault(work_of(pod), category)

    def worker_finishes(self) -> None:
        if (pod := self.some_pod()) is not None and work_of(pod).startswith("kml-train"):
            parsed = parse_work_name(work_of(pod))
            assert parsed is not None
            if work_of(pod) not in self.truth and not self.store.fail:
                self.store.finish(Subject.of(parsed), parsed.attempt)
                self.cluster.end(pod, 0)

    def disruption(self) -> None:
        if (pod := self.some_pod()) is None:
            return
        work = work_of(pod)
        # A worker that is about to end on its own is not killed, because nobody could tell which came first.
        if work not in self.truth:
            self.truth[work] = FailureCategory.LOST
            self.random.choice((self.cluster.evict, self.cluster.press))(pod)

    def node_is_lost(self) -> None:
        node = self.random.choice(["node-1", "node-2", "node-3"])
        if len(self.cluster.lost_nodes) < 2:
            self.cluster.lose_node(node)
            for pod in self.cluster.all(POD).values():
                if pod["spec"].get("nodeName") == node:
                    self.removed.add(work_of(pod))

    def node_returns(self) -> None:
        for node in list(self.cluster.lost_nodes):
            self.cluster.find_node(node)

    def somebody_deletes(self) -> None:
        kind = self.random.choice((JOB, STATEFUL_SET))
        if names := sorted(self.cluster.all(kind)):
            name = self.random.choice(names)
            self.removed.add(name)
            self.cluster.remove(kind, name, propagation=self.random.choice(("Background", "Foreground")))

    def trouble(self) -> None:
        draw = self.random.random
        self.cluster.fault = Fault(
            refuse=0.2 * draw(),
            lose_before=0.2 * draw(),
            lose_after=0.2 * draw(),
            drop_watch=0.2 * draw(),
            forget_history=0.2 * draw(),
            lag_seconds=self.random.choice((0.0, 0.0, 1.5, 4.0)),
        )

    def calm(self) -> None:
        self.cluster.fault = Fault()

    def full(self) -> None:
        self.cluster.is_full = not self.cluster.is_full

    def deadly(self) -> None:
        self.api.kill_rate = 0.3

    def restart_controller(self) -> None:
        self.new_controller()

    def database_fails(self) -> None:
        self.store.fail = self.random.randint(1, 2)

    def some_row(self) -> Row | None:
        rows = sorted(self.store.table.values(), key=lambda row: row.subject)
        return self.random.choice(rows) if rows else None

    def some_pod(self) -> dict | None:
        pods = [pod for _, pod in sorted(self.cluster.all(POD).items()) if self.cluster.is_alive(pod)]
        pods = [pod for pod in pods if not pod["metadata"].get("deletionTimestamp")]
        return self.random.choice(pods) if pods else None

    # --- the controller --------------------------------------------------------------------------------------------

    def tick(self, seconds: float = 1.0) -> None:
        self.cluster.step(seconds)
        self.store.now = self.cluster.now
        self.check_twins()
        try:
            self.launcher.step()
            self.control()
        except Killed:
            self.new_controller()
        self.check_twins()

    def control(self) -> None:
        try:
            observed = self.launcher.observe()
        except BrokenError:
            return
        present = {Subject.of(parsed) for name in observed if (parsed := parse_work_name(name))}
        rows = self.store.rows(present)
        decision = reconcile(rows, observed, now=self.store.now, looks=self.looks)
        self.looks = dict(decision.looks)
        self.serve(observed)
        self.executor.execute(decision.actions, {row.subject: row for row in rows})

    def serve(self, observed: object) -> None:
        """Let running replicas report that they serve."""
        for row in self.store.table.values():
            if row.subject.kind is RunKind.INFERENCE and row.work:
                alive = sum(self.cluster.is_alive(pod) for pod in self.cluster.pods_of(row.work))
                self.store.change(row.subject, replicas_serving=alive)

    # --- what must hold --------------------------------------------------------------------------------------------

    def check_twins(self) -> None:
        alive = {work_of(pod) for pod in self.cluster.all(POD).values() if self.cluster.is_alive(pod)}
        jobs = {name for name, job in self.cluster.all(JOB).items() if not has_ended(job)}
        for works in (alive, jobs):
            count = Counter(Subject.of(parsed) for work in works if (parsed := parse_work_name(work)))
            twins = [subject for subject, number in count.items() if number > 1]
            assert not twins, f"twins of {twins}: {sorted(works)}"

    def settle(self) -> None:
        self.calm()
        self.cluster.is_full = False
        self.api.kill_rate = 0.0
        self.store.fail = 0
        problem = "never looked"
        for _ in range(SETTLING_SECONDS):
            self.tick()
            problem = self.difference()
            if not problem:
                break
        assert not problem, f"after {SETTLING_SECONDS} s: {problem}"
        self.check_reasons()

    def difference(self) -> str:
        """Describe how the cluster differs from the rows; empty when it does not."""
        wanted = {}
        for row in self.store.table.values():
            if not row.wanted and not row.state.ended:
                return f"{row.subject} was not stopped"
            if row.state.ended or not row.wanted or row.next_retry_at is not None:
                continue
            if not row.launched:
                return f"{row.subject} was not launched"
            wanted[row.work] = row
        for kind in OBJECTS:
            for name, found in self.cluster.all(kind).items():
                work = found["metadata"]["labels"][WORK_LABEL]
                if work not in wanted or found["metadata"].get("deletionTimestamp"):
                    return f"{kind.kind} {name} is nobody's"
        for work, row in wanted.items():
            training = row.subject.kind is RunKind.TRAINING
            if work not in self.cluster.all(JOB if training else STATEFUL_SET) or work not in self.cluster.all(SECRET):
                return f"{work} has no objects"
            pods = self.cluster.pods_of(work)
            if sum(self.cluster.is_alive(pod) for pod in pods) != row.replicas:
                return f"{work} has not its {row.replicas} pods: {[pod['status'] for pod in pods]}"
            if not training and row.ready_replicas_shown != row.replicas:
                return f"{work} shows {row.ready_replicas_shown} replicas of {row.replicas}"
            if row.state.value != "running":
                return f"{work} is {row.state}"
        return ""

    def check_reasons(self) -> None:
        for (subject, attempt), failure in self.store.failures.items():
            name = subject.attempt(attempt)
            if subject.kind is RunKind.TRAINING and name not in self.removed:
                assert failure.category is self.truth.get(name), f"{name}: {failure}, truly {self.truth.get(name)}"


EVENTS = (
    *[History.create] * 5,
    *[History.worker_ends] * 2,
    *[History.worker_finishes] * 2,
    *[History.trouble] * 3,
    *[History.disruption] * 2,
    *[History.deadly] * 2,
    History.stop,
    History.restart,
    History.delete,
    History.rescale,
    History.calm,
    History.node_is_lost,
    History.node_returns,
    History.somebody_deletes,
    History.full,
    History.restart_controller,
    History.database_fails,
)


def has_ended(job: dict) -> bool:
    return bool(job.get("status", {}).get("conditions"))


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Silence the logs, because things go wrong here on purpose, thousands of times."""
    with structlog.testing.capture_logs(processors=[drop]):
        yield


def drop(_logger: object, _method: str, _event: object) -> Never:
    raise structlog.DropEvent


@pytest.mark.timeout(3600 if soaking() else 600)
@pytest.mark.parametrize("group", range(GROUPS))
def test_any_history_converges_without_orphan_twin_or_lost_reason(group: int, tmp_path: Path, soak: SoakRecord) -> None:
    soak.begin("R11")
    chosen = os.environ.get("KML_TEST_HISTORY_SEED")
    seeds = [int(chosen)] if chosen else range(group, HISTORIES, GROUPS)
    works = controllers = 0
    for seed in seeds:
        history = History(seed, tmp_path / str(seed))
        try:
            history.play()
        except (AssertionError, KafkaMLError, KeyError, TypeError, ValueError) as error:
            raise AssertionError(f"history of KML_TEST_HISTORY_SEED={seed}: {error}") from error
        finally:
            history.close()
        works += next(history.numbers) - 1
        controllers += len(history.launchers) - 1
    soak.did(f"{len(seeds):,} histories of {works:,} runs, the controller replaced {controllers:,} times")

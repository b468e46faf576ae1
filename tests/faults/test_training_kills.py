"""Workers of incremental training killed with SIGKILL in every phase of a window: the next one goes on alike.

``make soak`` has ten times as many killed.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import pytest

from kafkaml.wire.choices import Direction
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import Runtime
from tests.conftest import TestBroker
from tests.fake_backend import FakeBackend
from tests.integration.training_support import Worker, blobs, online_plan, send_online
from tests.support import soaking

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.timeout(3600)]

KILLS = 200 if soaking() else 20
# In the order of a window; the last three are of the end.
POINTS = (
    "training.built",
    "incremental.window",
    "incremental.trained",
    "incremental.version",
    "incremental.state_saved",
    "checkpoint.written",
    "checkpoint.kept",
)
ENDS = ("training.saved", "training.uploaded")
WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with FakeBackend() as running:
        yield running


def plan_for(broker: TestBroker, framework: Framework, windows: int) -> TrainingPlan:
    """Return the plan of a stream of ``windows`` whose order of records is one, with a version in almost each."""
    features, labels = blobs(20 * windows)
    stream = send_online(broker, broker.topic(), features, labels)
    settings = Incremental(
        stream_timeout=500,
        window_records=20,
        monitoring_metric="loss",
        change=Direction.DOWN,
        improvement=0.0001,
        validation_rate=0.2,
    )
    return online_plan(framework, stream, incremental=settings, confusion_matrix=False)


@pytest.mark.parametrize("framework", list(Framework))
def test_workers_killed_in_every_phase_learn_what_an_undisturbed_one_does(
    broker: TestBroker, tmp_path: Path, fork_server_of: Callable[[Runtime], str], framework: Framework
) -> None:
    kills = KILLS // 2
    points = [f"{point}:kill:1" for point in islice(cycle(POINTS), kills - len(ENDS))]
    points += [f"{point}:kill" for point in ENDS]
    plan = plan_for(broker, framework, windows=kills)
    servers = {framework: fork_server_of(Runtime(framework))}

    with FakeBackend() as backend:
        whole = Worker(backend, broker, tmp_path, servers).train(plan)
        epochs = backend.events_of("epoch")
        weights = bytes(backend.uploads[WEIGHTS[framework]].content)
        versions = [each["step"] for each in backend.versions.values()]
    assert len(epochs) == kills

    with FakeBackend() as backend:
        worker = Worker(backend, broker, tmp_path, servers)
        for attempt, point in enumerate(points, 1):
            code, log = worker.run(_going_on(plan, backend), attempt=attempt, KML_FAILPOINT=point)
            assert code == -signal.SIGKILL, (point, log)
        outcome = worker.train(_going_on(plan, backend), attempt=len(points) + 1)
        assert bytes(backend.uploads[WEIGHTS[framework]].content) == weights
        assert [each["step"] for each in backend.versions.values()] == versions
        # Told twice where a worker died between telling and keeping: the same each time.
        told = {each["epoch"]: _learnt(each) for each in backend.events_of("epoch")}
        assert told == {each["epoch"]: _learnt(each) for each in epochs}
        assert len(backend.events_of("epoch")) <= kills + len(points)
    assert _without_time(outcome) == _without_time(whole)


def _going_on(plan: TrainingPlan, backend: FakeBackend) -> TrainingPlan:
    return plan.model_copy(update={"checkpoint": backend.checkpoints[-1] if backend.checkpoints else None})


def _learnt(epoch: dict[str, object]) -> tuple[object, ...]:
    return epoch["training"], epoch["validation"], epoch["before"]


def _without_time(outcome: TrainingOutcome) -> dict[str, object]:
    return outcome.model_dump(exclude={"seconds", "artifacts"})

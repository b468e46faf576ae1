"""Workers of incremental training are killed with SIGKILL in every phase of a window; the next one resumes alike.

``make soak`` kills ten times as many.
"""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest

from kafkaml.control import ControlMessage
from kafkaml.stream_range import StreamRange
from kafkaml.wire.checkpoint import WindowEnd
from kafkaml.wire.choices import Direction
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.runtimes import Runtime
from tests.conftest import TestBroker
from tests.fake_backend import FakeBackend
from tests.integration.training_support import Worker, blobs, online_plan, send_online
from tests.soak_record import SoakRecord
from tests.support import eventually, soaking
from tests.weights import weights_in

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.soak, pytest.mark.timeout(3600)]

# The quick run kills PyTorch more often, because TensorFlow takes twice as long to start and to convert.
KILLS = {
    Framework.TENSORFLOW: 100 if soaking() else 6,
    Framework.PYTORCH: 100 if soaking() else 14,
}
VERSION = "incremental.version"
MOST_IMPROVING = 40
# Fail-points in the order of a window; the last two belong to the end of training.
POINTS = (
    "training.built",
    "incremental.window",
    "incremental.trained",
    VERSION,
    "incremental.state_saved",
    "checkpoint.written",
    "checkpoint.kept",
)
ENDS = ("training.saved", "training.uploaded") * (6 if soaking() else 1)
# Several partitions make the order of records, and thus the windows, differ between attempts.
PARTITIONS = 3
# Fail-points at which the framework's own state is half kept. At all others the state is the worker's, in any
# framework.
STATE_POINTS = ("incremental.trained", VERSION, "incremental.state_saved", "checkpoint.kept")
WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}


def plan_for(framework: Framework, stream: ControlMessage) -> TrainingPlan:
    """Return the plan of a training that makes a version of almost every window."""
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
    broker: TestBroker,
    tmp_path: Path,
    fork_server_of: Callable[[Runtime], str],
    framework: Framework,
    soak: SoakRecord,
) -> None:
    soak.begin(f"R12 {framework}")
    kills = KILLS[framework]
    in_windows = STATE_POINTS if kills < len(POINTS) + len(ENDS) else POINTS
    # A model that has learnt everything stops improving, so windows without a version follow.
    improving = list(islice(cycle(in_windows), min(kills, MOST_IMPROVING) - len(ENDS)))
    later = islice(cycle(window for window in in_windows if window != VERSION), kills - len(ENDS) - len(improving))
    points = [*(f"{point}:kill:1" for point in (*improving, *later)), *(f"{point}:kill" for point in ENDS)]
    features, labels = blobs(20 * kills)
    stream = send_online(broker, broker.topic(PARTITIONS), features, labels, partitions=PARTITIONS)
    plan = plan_for(framework, stream)
    servers = {framework: fork_server_of(framework)}

    with FakeBackend() as backend:
        worker = Worker(backend, broker, tmp_path, servers)
        for attempt, point in enumerate(points, 1):
            code, log = worker.run(_going_on(plan, backend), attempt=attempt, KML_FAILPOINT=point)
            assert code == -signal.SIGKILL, (point, log)
        outcome = worker.train(_going_on(plan, backend), attempt=len(points) + 1)
        weights = weights_in(bytes(backend.uploads[WEIGHTS[framework]].content), WEIGHTS[framework])
        versions = [version["step"] for version in backend.versions.values()]
        shown, ends = backend.events_of("epoch"), backend.events_of("window")
        assert len(shown) <= kills + len(points)
    # A worker that died between reporting and keeping reported a window twice, with the same content.
    assert all(end == _by_step(ends)[end["step"]] for end in ends)
    epochs = {epoch["epoch"]: _learnt(epoch) for epoch in shown}
    assert all(_learnt(epoch) == epochs[epoch["epoch"]] for epoch in shown)

    # An undisturbed training learns the same windows from a topic whose records have only one order.
    order = _order(_by_step(ends), stream.ranges[0].topic)
    assert sorted(order) == list(range(len(features)))
    stream = send_online(broker, broker.topic(), features[order], labels[order])
    with FakeBackend() as backend:
        whole = Worker(backend, broker, tmp_path, servers).train(plan_for(framework, stream))
        assert weights_in(bytes(backend.uploads[WEIGHTS[framework]].content), WEIGHTS[framework]) == weights
        assert [version["step"] for version in backend.versions.values()] == versions
        assert {epoch["epoch"]: _learnt(epoch) for epoch in backend.events_of("epoch")} == epochs
    assert _without_time(outcome) == _without_time(whole)
    times = Counter(points)
    soak.did(f"{len(points)} kills at {len(times)} points, {min(times.values())} or more at each, {kills} windows")


def test_workers_killed_in_rounds_and_between_windows_learn_the_same_unlabelled_samples(
    broker: TestBroker, tmp_path: Path, fork_server_of: Callable[[Runtime], str]
) -> None:
    # One framework is enough: the rounds belong to the runner, and the test above shows that both frameworks keep their
    # state.
    framework = Framework.PYTORCH
    servers = {framework: fork_server_of(framework)}
    labelled, unlabelled = broker.topic(), broker.topic()
    # There is one window of labelled samples, one with both kinds, and one without labels.
    stream = send_online(broker, labelled, *blobs(50))
    plan = online_plan(
        framework,
        replace(stream, unsupervised_ranges=(StreamRange(unlabelled),)),
        incremental=Incremental(stream_timeout=3000, window_records=40, validation_rate=0.2),
        semi_supervised=SemiSupervised(rounds=2, confidence=0.5),
        confusion_matrix=False,
    )
    with FakeBackend() as backend:
        process = Worker(backend, broker, tmp_path, servers).start(plan)
        try:
            # These samples are sent later, because they could otherwise be read first and be in the first window.
            eventually(lambda: backend.events_of("window"), 120)
            send_online(broker, unlabelled, *blobs(70, seed=1))
            log, _ = process.communicate(timeout=120)
        finally:
            process.kill()
        assert process.returncode == 0, log
        whole = TrainingOutcome.model_validate(backend.outcomes[-1])
        weights = weights_in(bytes(backend.uploads[WEIGHTS[framework]].content), WEIGHTS[framework])
        epochs = {epoch["epoch"]: (*_learnt(epoch), epoch["pseudo_labels"]) for epoch in backend.events_of("epoch")}
        ends = {end["step"]: WindowEnd.model_validate(end) for end in backend.events_of("window")}
    assert [epochs[step][-1] is not None for step in (1, 2, 3)] == [False, True, True]
    assert whole.samples["pseudo_labelled"] > 50

    # Each attempt is given the end of its window, as of a begun one, because all records exist already and may arrive
    # in any order.
    points = ("checkpoint.kept:kill", "incremental.round:kill", "checkpoint.kept:kill", "incremental.state_saved:kill")
    with FakeBackend() as backend:
        worker = Worker(backend, broker, tmp_path, servers)
        for attempt, point in enumerate(points, 1):
            code, log = worker.run(_from(plan, backend, ends), attempt=attempt, KML_FAILPOINT=point)
            assert code == -signal.SIGKILL, (point, log)
        outcome = worker.train(_from(plan, backend, ends), attempt=len(points) + 1)
        shown = {epoch["epoch"]: (*_learnt(epoch), epoch["pseudo_labels"]) for epoch in backend.events_of("epoch")}
        assert weights_in(bytes(backend.uploads[WEIGHTS[framework]].content), WEIGHTS[framework]) == weights
    assert shown == epochs
    assert _without_time(outcome) == _without_time(whole)


def _from(plan: TrainingPlan, backend: FakeBackend, ends: Mapping[int, WindowEnd]) -> TrainingPlan:
    """Return the plan of the next attempt, with the window after the last checkpoint begun."""
    checkpoint = backend.checkpoints[-1] if backend.checkpoints else None
    return plan.model_copy(update={"checkpoint": checkpoint, "begun": ends[(checkpoint.step if checkpoint else 0) + 1]})


def _going_on(plan: TrainingPlan, backend: FakeBackend) -> TrainingPlan:
    """Return the plan that the backend would give to the next attempt."""
    checkpoint = backend.checkpoints[-1] if backend.checkpoints else None
    begun = [WindowEnd.model_validate(window) for window in backend.events_of("window")][-1:]
    behind = [end for end in begun if end.step == (checkpoint.step if checkpoint else 0) + 1]
    return plan.model_copy(update={"checkpoint": checkpoint, "begun": behind[0] if behind else None})


def _by_step(ends: list[dict[str, Any]]) -> dict[int, dict[str, Any]]:
    return {end["step"]: end for end in ends}


def _order(ends: dict[int, dict[str, Any]], topic: str) -> list[int]:
    """Return which samples were learnt, window by window."""
    order, starts = list[int](), dict.fromkeys(range(PARTITIONS), 0)
    for _, end in sorted(ends.items()):
        stops = {int(partition): offset for partition, offset in end["positions"][topic].items()}
        order += sorted(
            PARTITIONS * offset + partition
            for partition, start in starts.items()
            for offset in range(start, stops[partition])
        )
        starts = stops
    return order


def _learnt(epoch: dict[str, object]) -> tuple[object, ...]:
    return epoch["training"], epoch["validation"], epoch["before"]


def _without_time(outcome: TrainingOutcome) -> dict[str, object]:
    return outcome.model_dump(exclude={"seconds", "artifacts"})

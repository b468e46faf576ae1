"""Trainings are killed at the end of an epoch; the next attempt ends with the weights of an undisturbed one."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kafkaml.input_format import InputFormat
from kafkaml.wire.failure import FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.state import WorkerExit
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.runtimes import Runtime
from tests.conftest import TestBroker
from tests.fake_backend import FakeBackend
from tests.integration.training_support import Worker, blobs, epochs, plan_of, send
from tests.support import eventually, soaking
from tests.weights import weights_in

pytestmark = [pytest.mark.faults, pytest.mark.integration, pytest.mark.soak, pytest.mark.timeout(900)]

EPOCHS = 30
# Fail-points in the order in which the end of an epoch passes them; each kills an attempt. TensorFlow has fewer,
# because it starts slowly.
POINTS = {
    Framework.TENSORFLOW: ("training.state_saved", "checkpoint.kept"),
    Framework.PYTORCH: ("training.epoch", "training.state_saved", "checkpoint.written", "checkpoint.kept"),
}

KERAS = """
model = keras.Sequential([
    keras.Input(shape=(4,)),
    keras.layers.Dense(16, activation="relu"),
    keras.layers.BatchNormalization(),
    keras.layers.Dropout(0.2),
    keras.layers.Dense(3, activation="softmax"),
])
model.compile(optimizer=keras.optimizers.Adam(0.003, use_ema=True), loss="sparse_categorical_crossentropy",
              metrics=["accuracy"])
"""

TORCH = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Dropout(0.2), nn.Linear(16, 3))
    def forward(self, x):
        return self.layers(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(self.parameters(), lr=0.003)
    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}
model = Network()
"""

MODELS = {Framework.TENSORFLOW: (KERAS, "model.weights.h5"), Framework.PYTORCH: (TORCH, "model.safetensors")}
# Formats differ in how an attempt reads records again and learns from them; ``make soak`` runs all pairs.
QUICK = [(Framework.TENSORFLOW, InputFormat.AVRO), (Framework.PYTORCH, InputFormat.JSON)]
FORMATS = [InputFormat.RAW, InputFormat.AVRO, InputFormat.JSON]
PAIRS = [(framework, stream_format) for framework in Framework for stream_format in FORMATS] if soaking() else QUICK


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with FakeBackend() as running:
        yield running


@dataclass
class Attempts:
    """Attempts at one training, one after the other, each resuming from the backend's last checkpoint."""

    worker: Worker
    plan: TrainingPlan
    made: int = 0
    reported: list[dict[str, Any]] = field(default_factory=list)

    @property
    def backend(self) -> FakeBackend:
        return self.worker.backend

    def run(self, **env: str) -> tuple[int, str]:
        return self.worker.run(self._next(), attempt=self.made, KML_CHECKPOINT_SECONDS="0", **env)

    def run_until_the_model_process_is_killed(self) -> int:
        """Kill the attempt once there is another checkpoint; returns the runner's exit code."""
        kept = len(self.backend.checkpoints)
        process = self.worker.start(self._next(), attempt=self.made, KML_CHECKPOINT_SECONDS="0")
        try:
            assert process.stdout is not None
            line = next(printed for printed in process.stdout if "model process started" in printed)
            eventually(lambda: len(self.backend.checkpoints) > kept, 120, interval_seconds=0.001)
            os.kill(json.loads(line)["pid"], signal.SIGKILL)
            process.communicate(timeout=120)
        finally:
            process.kill()
        return process.returncode

    def _next(self) -> TrainingPlan:
        self.made += 1
        # The slice is removed, as if the next attempt ran on another machine.
        shutil.rmtree(self.worker.folder / "slices")
        last = self.backend.checkpoints[-1] if self.backend.checkpoints else None
        return self.plan.model_copy(update={"checkpoint": last})


@pytest.mark.parametrize(("framework", "input_format"), PAIRS)
def test_killed_wherever_it_is_a_training_ends_as_if_undisturbed(
    framework: Framework,
    input_format: InputFormat,
    broker: TestBroker,
    backend: FakeBackend,
    tmp_path: Path,
    fork_server_of: Callable[[Runtime], str],
) -> None:
    code, name = MODELS[framework]
    worker = Worker(backend, broker, tmp_path, {framework: fork_server_of(framework)})
    stream = send(broker, *blobs(), input_format=input_format)
    plan = plan_of(framework, stream, code, fit_arguments={**epochs(framework, EPOCHS), "restore_best_weights": True})
    undisturbed = worker.train(plan, KML_CHECKPOINT_SECONDS="3600")
    expected = {epoch["epoch"]: (epoch["training"], epoch["validation"]) for epoch in backend.events_of("epoch")}
    expected_weights = weights_in(backend.uploads[name].content, name)
    assert sorted(expected) == list(range(1, EPOCHS + 1))

    attempts = Attempts(worker, plan, made=1)
    log = tmp_path / "failpoints"
    for point in POINTS[framework]:
        # Each attempt is killed in its third epoch.
        exit_code, output = attempts.run(KML_FAILPOINT=f"{point}:kill:3", KML_FAILPOINT_LOG=str(log))
        assert exit_code == -signal.SIGKILL, output
    assert [line.split()[0] for line in log.read_text().splitlines()] == list(POINTS[framework])
    # Each attempt kept the checkpoints of two epochs, and the last one those of three.
    assert [checkpoint.step for checkpoint in backend.checkpoints] == [*range(1, 2 * len(POINTS[framework]) + 2)]
    assert attempts.run_until_the_model_process_is_killed() == WorkerExit.FAILURE_REPORTED
    assert backend.failures[-1]["category"] == FailureCategory.LOST

    backend.events.clear()
    last = backend.checkpoints[-1].step
    exit_code, output = attempts.run()
    assert exit_code == 0, output
    reported = {epoch["epoch"]: (epoch["training"], epoch["validation"]) for epoch in backend.events_of("epoch")}
    assert sorted(reported) == list(range(last + 1, EPOCHS + 1))
    assert all(expected[number] == metrics for number, metrics in reported.items())
    assert weights_in(backend.uploads[name].content, name) == expected_weights
    assert backend.outcomes[-1]["best_epoch"] == undisturbed.to_json()["best_epoch"]
    assert backend.outcomes[-1]["best_epoch"]["restored"]
    assert backend.outcomes[-1]["test_metrics"] == undisturbed.test_metrics
    assert backend.outcomes[-1]["warnings"] == list(undisturbed.warnings)


def test_killed_in_a_round_and_between_two_a_training_learns_the_same_unlabelled_samples(
    broker: TestBroker,
    backend: FakeBackend,
    tmp_path: Path,
    fork_server_of: Callable[[Runtime], str],
) -> None:
    # One framework is enough: the rounds belong to the runner, and the test above shows that both frameworks keep their
    # state.
    framework = Framework.PYTORCH
    code, name = MODELS[framework]
    worker = Worker(backend, broker, tmp_path, {framework: fork_server_of(framework)})
    stream = send(broker, *blobs(), unsupervised_ranges=send(broker, *blobs(200, seed=1)).ranges)
    semi_supervised = SemiSupervised(rounds=2, confidence=0.5)
    plan = plan_of(framework, stream, code, fit_arguments=epochs(framework, 4), semi_supervised=semi_supervised)
    undisturbed = worker.train(plan, KML_CHECKPOINT_SECONDS="3600")
    assert undisturbed.pseudo_labels[0].chosen > 50
    expected_weights = weights_in(backend.uploads[name].content, name)

    attempts = Attempts(worker, plan, made=1)
    # The kills hit the second epoch of the first round, and the moment before the second round is chosen.
    for point in ("training.state_saved:kill:6", "training.round:kill:1"):
        exit_code, output = attempts.run(KML_FAILPOINT=point)
        assert exit_code == -signal.SIGKILL, output
    exit_code, output = attempts.run()
    assert exit_code == 0, output
    assert backend.outcomes[-1]["pseudo_labels"] == undisturbed.to_json()["pseudo_labels"]
    assert weights_in(backend.uploads[name].content, name) == expected_weights

"""Training on the real broker, in the real model process, with the worker as a process of its own."""

from __future__ import annotations

import hashlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kafkaml.confusion_samples import CONFUSION_SAMPLES, MAX_PER_CELL, ConfusionSamples
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.wire.choices import Split
from kafkaml.wire.failure import FailureCategory
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.report import Finish
from kafkaml.wire.state import WorkerExit
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.frameworks.onnx import create_handler as create_onnx_handler
from mlcode_executor.runtimes import Runtime
from tests.conftest import TestBroker
from tests.fake_backend import FakeBackend
from tests.integration.training_support import (
    ENCODINGS,
    Worker,
    blobs,
    digits,
    epochs,
    model_code,
    online_plan,
    plan_of,
    send,
    send_online,
)
from tests.local_server import Answer
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

FRAMEWORKS = list(Framework)


@pytest.fixture
def fork_servers(fork_server_of: Callable[[Runtime], str]) -> dict[Framework, str]:
    """One warm server per framework, as on a laptop."""
    return {framework: fork_server_of(framework) for framework in FRAMEWORKS}


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    with FakeBackend() as running:
        yield running


@pytest.fixture
def worker(backend: FakeBackend, broker: TestBroker, tmp_path: Path, fork_servers: dict[Framework, str]) -> Worker:
    return Worker(backend, broker, tmp_path, fork_servers)


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_digits_are_learned(worker: Worker, framework: Framework, tmp_path: Path) -> None:
    features, labels = digits()
    stream = send(worker.broker, features, labels)
    outcome = worker.train(plan_of(framework, stream, model_code(framework, shape=(8, 8), classes=10)))

    assert outcome.test_metrics["accuracy"] > 0.9
    assert outcome.samples == {"training": 1258, "validation": 180, "test": 359}
    matrix = np.array(outcome.confusion_matrix)
    assert matrix.shape == (10, 10)
    assert matrix.sum() == 359
    assert matrix.trace() / 359 == pytest.approx(outcome.test_metrics["accuracy"], abs=1e-6)
    assert outcome.labels == [str(number) for number in range(10)]
    assert outcome.onnx_max_difference is not None
    assert outcome.onnx_max_difference < 1e-3
    assert outcome.isolation in ("namespaces", "landlock")
    for name, sha256 in outcome.artifacts.items():
        assert hashlib.sha256(worker.backend.uploads[name].content).hexdigest() == sha256
    own = (
        {"model.weights.h5", "model.py", "model.keras"}
        if framework is Framework.TENSORFLOW
        else {"model.safetensors", "model.py"}
    )
    assert set(outcome.artifacts) == own | {"model.onnx", CONFUSION_SAMPLES}
    shown = worker.backend.events_of("epoch")
    assert [epoch["epoch"] for epoch in shown] == list(range(1, 16))
    assert shown[-1]["training"]["accuracy"] > shown[0]["training"]["accuracy"]
    assert shown[-1]["validation"]["accuracy"] > 0.9

    (tmp_path / "kept").write_bytes(worker.backend.uploads[CONFUSION_SAMPLES].content)
    kept = ConfusionSamples.read(tmp_path / "kept")
    # The samples are stored as they were sent, and each is really of its class.
    assert (kept.features.dtype, kept.features.shape[1:]) == (features.dtype, (8, 8))
    sent = {(image.tobytes(), int(label)) for image, label in zip(features, labels, strict=True)}
    assert all(
        (image.tobytes(), actual) in sent for image, actual in zip(kept.features, kept.actual.tolist(), strict=True)
    )
    for actual, predicted in np.ndindex(matrix.shape):
        assert len(kept.cell(actual, predicted).features) == min(matrix[actual, predicted], MAX_PER_CELL)
    assert ((kept.probability > 0.1) & (kept.probability <= 1)).all()


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("input_format", list(ENCODINGS))
def test_every_format_trains(worker: Worker, framework: Framework, input_format: InputFormat) -> None:
    features, labels = blobs()
    stream = send(worker.broker, features, labels, input_format=input_format)
    outcome = worker.train(plan_of(framework, stream, model_code(framework, shape=(4,), classes=3)))
    assert outcome.test_metrics["accuracy"] > 0.95
    assert outcome.samples == {"training": 210, "validation": 30, "test": 60}
    assert np.array(outcome.confusion_matrix).sum() == 60


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_same_slice_and_seed_give_the_same_metrics(worker: Worker, framework: Framework, tmp_path: Path) -> None:
    stream = send(worker.broker, *blobs())
    plan = plan_of(framework, stream, model_code(framework, shape=(4,), classes=3), fit_arguments=epochs(framework, 3))
    first = worker.train(plan)
    again = worker.train(plan, attempt=2)
    assert again.test_metrics == first.test_metrics
    assert again.slice_sha256 == first.slice_sha256
    assert again.code_sha256 == first.code_sha256
    shown = [
        [(epoch["training"], epoch["validation"]) for epoch in worker.backend.events_of("epoch")][start : start + 3]
        for start in (0, 3)
    ]
    assert shown[0] == shown[1]

    # A machine without a slice reads the same data again from Kafka.
    (tmp_path / "other").mkdir()
    fresh = replace_folder(worker, tmp_path / "other").train(plan, attempt=3)
    assert fresh.test_metrics == first.test_metrics
    other_seed = worker.train(plan.model_copy(update={"seed": 6}), attempt=4)
    assert other_seed.test_metrics != first.test_metrics


def replace_folder(worker: Worker, folder: Path) -> Worker:
    return replace(worker, folder=folder)


def test_an_error_in_the_users_fit_is_reported_with_its_line(worker: Worker) -> None:
    code = """
class Picky(keras.layers.Layer):
    def call(self, x, training=False):
        if not training:
            return x
        raise ValueError("I am never trained")
inputs = keras.Input(shape=(4,))
model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(Picky()(inputs)))
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy")
print("built by", "the user")
"""
    stream = send(worker.broker, *blobs(100))
    code_, log = worker.run(plan_of(Framework.TENSORFLOW, stream, code))
    assert code_ == WorkerExit.FAILURE_REPORTED
    (failure,) = worker.backend.failures
    assert failure["category"] == FailureCategory.USER_CODE
    assert "I am never trained" in failure["cause"]
    assert failure["line"] == 6
    assert "mlcode_executor" not in failure["traceback_text"]
    # The log contains the output of the code unchanged.
    assert any(json.loads(line).get("line") == "built by the user" for line in log.splitlines())


def test_a_process_that_dies_while_converting_leaves_what_was_saved(worker: Worker) -> None:
    forward = "def forward(self, x):\n"
    dying = "        if torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export():\n            import ctypes\n"
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    code = code.replace(forward, f"{forward}{dying}            ctypes.string_at(0)\n".replace("    def", "def", 1))
    features, labels = blobs(120)
    stream = send(worker.broker, features, labels + np.uint8(1))
    outcome = worker.train(plan_of(Framework.PYTORCH, stream, code, fit_arguments=epochs(Framework.PYTORCH, 1)))
    assert set(outcome.artifacts) == {"model.safetensors", "model.py", CONFUSION_SAMPLES}
    assert outcome.labels == ["1", "2", "3"]
    assert any("not converted to ONNX" in warning and "SIGSEGV" in warning for warning in outcome.warnings)


def test_the_newest_samples_test_where_it_is_split_by_time(worker: Worker) -> None:
    code = """
def mean_of_labels(labels, _predictions):
    return keras.ops.mean(keras.ops.cast(labels, "float32"))
model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(1)])
model.compile(loss="mse", metrics=[mean_of_labels])
"""
    moments = np.arange(200, dtype=np.uint8)
    stream = send(worker.broker, np.zeros((200, 4), np.float32), moments)
    # Only one partition is used, because records of the same millisecond in several partitions have no order of time.
    ordered = replace(stream, ranges=stream.ranges[:1], total_msg=100)
    fit = {"epochs": 1, "shuffle": False}
    outcome = worker.train(
        plan_of(Framework.TENSORFLOW, ordered, code, split=Split.TIME, fit_arguments=fit, confusion_matrix=False)
    )
    # This partition has every second moment, and the last 20 of 100 test.
    assert outcome.test_metrics["mean_of_labels"] == pytest.approx(np.arange(160, 200, 2).mean())
    assert outcome.split.startswith("by time")


def test_code_that_does_not_build_is_reported_although_the_stream_is_fine(worker: Worker) -> None:
    stream = send(worker.broker, *blobs(100))
    failure = worker.fail(plan_of(Framework.PYTORCH, stream, "model = nn.Linear(4, undefined_name)"))
    assert failure.category is FailureCategory.USER_CODE
    assert failure.line == 1
    assert "undefined_name" in failure.cause


def test_arguments_that_the_framework_does_not_take(worker: Worker) -> None:
    stream = send(worker.broker, *blobs(100))
    code = model_code(Framework.TENSORFLOW, shape=(4,), classes=3)
    failure = worker.fail(plan_of(Framework.TENSORFLOW, stream, code, fit_arguments={"epoch": 3}))
    assert failure.category is FailureCategory.ARGUMENTS
    assert "epoch" in failure.cause


def test_a_slice_that_retention_deleted(worker: Worker) -> None:
    stream = send(worker.broker, *blobs(100), partitions=1)
    topic = stream.ranges[0].topic
    worker.broker.delete_records(topic, before=60)
    failure = worker.fail(plan_of(Framework.PYTORCH, stream, model_code(Framework.PYTORCH, shape=(4,), classes=3)))
    assert failure.category is FailureCategory.DATA
    assert topic in failure.cause
    assert "retention" in failure.hint


def test_an_empty_stream(worker: Worker) -> None:
    topic = worker.broker.topic()
    stream = replace(send(worker.broker, *blobs(1)), ranges=(StreamRange(topic, 0, 0, 0),), total_msg=0)
    failure = worker.fail(plan_of(Framework.PYTORCH, stream, model_code(Framework.PYTORCH, shape=(4,), classes=3)))
    assert failure.category is FailureCategory.DATA
    assert "no" in failure.cause


def test_a_stream_of_another_shape_is_refused_before_training(worker: Worker) -> None:
    features, labels = digits()
    stream = send(worker.broker, features[:100], labels[:100])
    code = model_code(Framework.TENSORFLOW, shape=(28, 28), classes=10)
    failure = worker.fail(plan_of(Framework.TENSORFLOW, stream, code))
    assert failure.category is FailureCategory.DATA
    assert "(8, 8)" in failure.cause
    assert "(28, 28)" in failure.cause
    assert not worker.backend.events_of("epoch")


def test_images_without_a_channel_axis_fit_a_convolution(worker: Worker, tmp_path: Path) -> None:
    code = """
model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.Flatten(),
                          keras.layers.Dense(10, activation="softmax")])
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
    features, labels = digits()
    stream = send(worker.broker, features[:200], labels[:200])
    outcome = worker.train(plan_of(Framework.TENSORFLOW, stream, code, fit_arguments={"epochs": 1}))
    assert outcome.samples["test"] == 40
    # The trained file is served.
    (tmp_path / "model.onnx").write_bytes(worker.backend.uploads["model.onnx"].content)
    handler = create_onnx_handler()
    with (tmp_path / "model.onnx").open("rb") as file:
        params = {"input": {"dtype": "uint8", "shape": [8, 8]}}
        loaded = handler.call("load", params, {}, {"model.onnx": file.fileno()}, lambda _event, _data: None)
    assert loaded["outputs"] == [{"dtype": "float32", "shape": [10]}]
    assert handler.predict(features[:3])[0].shape == (3, 10)


def test_a_record_that_does_not_decode_is_named(worker: Worker) -> None:
    stream = send(worker.broker, *blobs(50), partitions=1)
    broken = replace(stream, input_config={**stream.input_config, "data_reshape": "5"})
    failure = worker.fail(plan_of(Framework.PYTORCH, broken, model_code(Framework.PYTORCH, shape=(5,), classes=3)))
    assert failure.category is FailureCategory.DATA
    assert f"{stream.ranges[0].topic}[0]@0" in failure.cause


def test_too_little_memory_says_what_to_change(worker: Worker) -> None:
    code = "blocks = [np.ones((256, 1024, 1024)) for _ in range(8)]\nmodel = None"
    stream = send(worker.broker, *blobs(50))
    plan = plan_of(Framework.PYTORCH, stream, code, limits=ResourceLimits(memory_bytes=1 << 30))
    failure = worker.fail(plan)
    assert failure.category is FailureCategory.OUT_OF_MEMORY
    assert "memory limit" in failure.hint


def test_the_time_limit(worker: Worker) -> None:
    stream = send(worker.broker, *blobs(50))
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    plan = plan_of(
        Framework.PYTORCH,
        stream,
        code,
        fit_arguments={"max_epochs": 1_000_000},
        limits=ResourceLimits(wall_seconds=5),
    )
    assert worker.fail(plan).category is FailureCategory.TIME_LIMIT


def test_a_data_set_larger_than_memory(worker: Worker) -> None:
    """Train on 562 MiB of samples with a runner and a model process that may each hold less than that."""
    labels = (np.arange(4500) % 3).astype(np.uint8)
    images = np.zeros((4500, 1 << 17), np.uint8)
    images[np.arange(4500), labels] = 255
    stream = send(worker.broker, images, labels)
    code = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool, self.layer = nn.AvgPool1d(2), nn.Linear(4, 3)
    def forward(self, x):
        return self.layer(self.pool(x[:, :8] / 255))
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(model.parameters(), lr=0.01)
    def metrics(self):
        return {"accuracy": Accuracy()}
model = Network()
"""
    plan = plan_of(
        Framework.PYTORCH,
        stream,
        code,
        fit_arguments={"max_epochs": 1},
        confusion_matrix=False,
    )
    outcome = worker.train(plan, data_bytes=480 << 20)
    assert sum(outcome.samples.values()) == 4500


@pytest.mark.faults
@pytest.mark.parametrize("point", ["training.built", "training.fitted", "training.saved", "training.uploaded"])
def test_killed_in_the_middle_and_run_again(worker: Worker, point: str) -> None:
    stream = send(worker.broker, *blobs())
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    plan = plan_of(Framework.PYTORCH, stream, code, fit_arguments={"max_epochs": 3})
    exit_code, log = worker.run(plan, KML_FAILPOINT=f"{point}:kill")
    assert exit_code == -signal.SIGKILL, log
    assert not worker.backend.outcomes
    outcome = worker.train(plan, attempt=2)
    assert len(worker.backend.outcomes) == 1
    assert list((worker.folder / "scratch").iterdir()) == []
    undisturbed = worker.train(plan, attempt=3)
    assert outcome.test_metrics == undisturbed.test_metrics


def test_two_models_read_the_stream_once(worker: Worker) -> None:
    stream = send(worker.broker, *blobs())
    reads = []
    for attempt, framework in enumerate(FRAMEWORKS, 1):
        plan = plan_of(framework, stream, model_code(framework, shape=(4,), classes=3), result_id=attempt)
        code, log = worker.run(plan, attempt=attempt)
        assert code == 0, log
        reads.append(log)
    hashes = {outcome["slice_sha256"] for outcome in worker.backend.outcomes}
    assert len(hashes) == 1
    assert "the stream was read from Kafka" in reads[0]
    assert "taken from the cache" in reads[1]
    assert len(list((worker.folder / "slices").glob("*/features.npy"))) == 1


def test_stopped_while_training_ends_quickly_and_is_not_a_failure(worker: Worker) -> None:
    stream = send(worker.broker, *blobs())
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    process = worker.start(plan_of(Framework.PYTORCH, stream, code, fit_arguments={"max_epochs": 1_000_000}))
    try:
        eventually(lambda: worker.backend.events_of("epoch"), 150)
        process.send_signal(signal.SIGTERM)
        # Without the stop, its million epochs would take hours.
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == WorkerExit.STOPPED
    assert not worker.backend.failures
    assert not worker.backend.outcomes
    assert list((worker.folder / "scratch").iterdir()) == []


def test_a_newer_attempt_ends_the_older_one_quietly(worker: Worker) -> None:
    stream = send(worker.broker, *blobs())
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    process = worker.start(plan_of(Framework.PYTORCH, stream, code, fit_arguments={"max_epochs": 1_000_000}))
    try:
        eventually(lambda: worker.backend.events_of("epoch"), 150)
        worker.backend.attempt = 2
        process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == WorkerExit.SUPERSEDED
    assert not worker.backend.failures


def leave_at_the_first_epoch(backend: FakeBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop answering once an epoch was reported, because a later request of the test might come too late."""
    answer, lock = backend.answer, threading.Lock()

    def answer_until_then(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with lock:
            if backend.events_of("epoch"):
                return Answer(503)
            return answer(method, path, headers, body)

    monkeypatch.setattr(backend, "answer", answer_until_then)


def test_a_backend_that_is_unreachable_while_results_go_up_loses_nothing(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = send(worker.broker, *blobs())
    code = model_code(Framework.PYTORCH, shape=(4,), classes=3)
    plan = plan_of(Framework.PYTORCH, stream, code, fit_arguments={"max_epochs": 400})
    leave_at_the_first_epoch(worker.backend, monkeypatch)
    process = worker.start(plan)
    try:
        eventually(lambda: worker.backend.events_of("epoch"), 150)
        worker.backend.stop()
        # The training ends while nobody listens, so the upload is retried again and again.
        eventually(lambda: list((worker.folder / "scratch").rglob("model.onnx")), 240)
        monkeypatch.undo()
        back = threading.Timer(1.5, worker.backend.start)
        back.start()
        log, _ = process.communicate(timeout=150)
    finally:
        process.kill()
    assert process.returncode == 0, log
    assert len(worker.backend.outcomes) == 1
    assert [epoch["epoch"] for epoch in worker.backend.events_of("epoch")] == list(range(1, 401))
    outcome = worker.backend.outcomes[0]
    for name, sha256 in outcome["artifacts"].items():
        assert hashlib.sha256(worker.backend.uploads[name].content).hexdigest() == sha256


def test_a_stop_by_a_user_keeps_the_model_and_one_by_the_machine_leaves_it_to_the_next_attempt(
    worker: Worker,
) -> None:
    stream = send_online(worker.broker, worker.broker.topic(), *blobs(100))
    settings = Incremental(indefinite=True, window_records=50)
    plan = online_plan(Framework.PYTORCH, stream, incremental=settings)

    def stopped(attempt: int, plan: TrainingPlan, windows: int) -> tuple[int, float, str]:
        """Return how the worker ends once it has learnt this many windows, and how long that takes."""
        process = worker.start(plan, attempt=attempt)
        eventually(lambda: len(worker.backend.checkpoints) == windows, 120, what="windows")
        began = time.monotonic()
        process.terminate()
        log, _ = process.communicate(timeout=60)
        return process.returncode, time.monotonic() - began, log

    code, seconds, log = stopped(1, plan, 2)
    assert code == WorkerExit.STOPPED, log
    assert not worker.backend.finishes
    # The bound is generous for a shared machine; without load the end takes half a second.
    assert seconds < 20, log

    going_on = plan.model_copy(update={"checkpoint": worker.backend.checkpoints[-1], "stop_asked": True})
    send_online(worker.broker, stream.ranges[0].topic, *blobs(50))
    code, seconds, log = stopped(2, going_on, 3)
    assert code == WorkerExit.FINISHED, log
    (finish,) = worker.backend.finishes
    assert Finish.model_validate(finish).positions == {stream.ranges[0].topic: {"0": 150}}
    assert finish["outcome"]["samples"] == {"training": 120, "validation": 30, "test": 30}

"""The seam of training modes carries more than classic training: streams without end, and several models.

Broker and model processes are real. The mode for several models belongs to the tests; no deployment can ask for it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kafkaml.artifacts import CONTRACT_FILE
from kafkaml.confluent import KafkaRecordReader
from kafkaml.input_format import InputFormat
from kafkaml.settings import KafkaSettings
from kafkaml.testing import RecordingReporter
from kafkaml.wire.choices import Direction
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import Runtime
from model_training.context import RunContext
from model_training.interrupts import Interrupts
from model_training.model_session import BuiltModel, ModelSession
from model_training.modes import classic, incremental
from model_training.part import Part, TrainedPart
from model_training.training_data import TrainingData
from tests.conftest import TestBroker
from tests.integration.training_support import (
    SINCE_MS,
    blobs,
    digits,
    epochs,
    model_code,
    online_plan,
    plan_of,
    send,
    send_online,
    send_readings,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# A model whose metric is the number of passes over a batch in training: one in each window.
SCORED_TORCH = """
import ignite.metrics
class Score(ignite.metrics.Metric):
    def reset(self): ...
    def update(self, output): ...
    def compute(self):
        return SCORES[int(model.passes)]
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)
        self.register_buffer("passes", torch.zeros(()))
    def forward(self, x):
        if self.training:
            self.passes += 1
        return self.layer(x)
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)
    def metrics(self):
        return {"score": Score()}
model = Network()
"""
SCORED_KERAS = """
class Counted(keras.layers.Dense):
    def build(self, shape):
        super().build(shape)
        self.passes = self.add_weight(shape=(), initializer="zeros", trainable=False, name="passes")
    def call(self, x, training=False):
        if training:
            self.passes.assign_add(1.0)
        return super().call(x)
class Score(keras.metrics.Metric):
    def __init__(self):
        super().__init__(name="score")
    def update_state(self, y_true, y_pred, sample_weight=None): ...
    def reset_state(self): ...
    def result(self):
        return tf.gather(tf.constant(SCORES), tf.cast(model.layers[-1].passes, "int32"))
model = keras.Sequential([keras.Input(shape=(4,)), Counted(3)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer="sgd", loss=loss, metrics=[Score()])
"""

TWO_INPUTS_KERAS = """
left, right = keras.Input((2, 2), name="left"), keras.Input((2, 2), name="right")
x = keras.layers.Flatten()(keras.layers.concatenate([left, right]))
outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Dense(32, activation="relu")(x))
model = keras.Model([left, right], outputs)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
"""
TWO_INPUTS_TORCH = """
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))
    def forward(self, left, right):
        return self.layers(torch.cat([left, right], dim=2).flatten(1))
    def loss_fn(self):
        return nn.CrossEntropyLoss()
    def optimizer(self):
        return torch.optim.Adam(model.parameters(), lr=0.01)
    def metrics(self):
        return {"accuracy": Accuracy(), "loss": Loss(self.loss_fn())}
model = Network()
"""

WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}


@dataclass
class Run:
    """A context of real parts, and its reports."""

    broker: TestBroker
    folder: Path
    fork_server_of: Callable[[Runtime], str]
    process: ModelProcess | None = None

    def context(self, plan: TrainingPlan, reporters: Mapping[str, RecordingReporter], **more: Any) -> RunContext:
        kafka = KafkaSettings(bootstrap_servers=self.broker.bootstrap_servers)
        scratch = self.folder / f"scratch-{len(list(self.folder.iterdir()))}"
        scratch.mkdir()
        return RunContext(
            plan=plan,
            reporters=reporters,
            read_slice=lambda on_progress: TrainingData.read(
                plan,
                open_reader=lambda: KafkaRecordReader(kafka),
                cache_dir=self.folder / "slices",
                on_progress=on_progress,
            ),
            open_reader=lambda: KafkaRecordReader(kafka),
            start_process=self._start,
            scratch=scratch,
            **more,
        )

    def learn(self, plan: TrainingPlan, reporter: RecordingReporter) -> TrainingOutcome:
        """Learn a stream without end until a SIGTERM stops it; returns the outcome."""
        interrupts = Interrupts()
        with interrupts:
            (part,) = incremental.run(self.context(plan, {plan.model_name: reporter}, interrupts=interrupts))
        return part.outcome

    def _start(self, plan: TrainingPlan) -> ModelProcess:
        runtime = plan.framework
        self.process = ModelProcess.start(runtime, plan.limits, fork_server=self.fork_server_of(runtime))
        return self.process


@pytest.fixture
def run(broker: TestBroker, tmp_path: Path, fork_server_of: Callable[[Runtime], str]) -> Run:
    return Run(broker, tmp_path, fork_server_of)


def outcome_of(
    part: Part, session: ModelSession, model: BuiltModel, samples: int, metrics: Mapping[str, float]
) -> TrainingOutcome:
    """Return the model's report after its files were saved and uploaded."""
    return TrainingOutcome(
        seconds=0.1,
        samples={"training": samples},
        test_metrics=metrics,
        artifacts=part.files.upload(part.reporter),
        versions=model.versions,
        code_sha256="0" * 64,
        slice_sha256="0" * 64,
        warnings=part.warnings.texts,
        preparation=session.preparation,
        isolation=session.isolation,
    )


@dataclass
class TrainsSeveral:
    """Trains models side by side on one slice, each in its own process, and reports each as a part."""

    plans: Sequence[TrainingPlan]

    def run(self, context: RunContext) -> Sequence[TrainedPart]:
        found = []
        parts = [context.part(plan.model_name) for plan in self.plans]
        with context.slice() as reading, ExitStack() as stack:
            sessions = [stack.enter_context(context.session(plan)) for plan in self.plans]
            models = [session.build() for session in sessions]
            with reading.result() as data:
                for part, session, model in zip(parts, sessions, models, strict=True):
                    fitted = session.fit(
                        data.training, None, on_progress=part.reporter.progress, on_epoch=part.reporter.epoch
                    )
                    part.warnings.add(*fitted.warnings)
                    predicted = session.predict_classes(data.test.features).classes
                    right = float((predicted == data.test.labels.array).mean())
                    metrics = {**session.evaluate(data.test), "right": right}
                    part.files.save(session, session.artifact_names().names)
                    found.append(part.finished(outcome_of(part, session, model, len(data.training), metrics)))
        return found


def stopping_at(reporter: RecordingReporter, window: int) -> RecordingReporter:
    """Request a stop of the run, as a user would, once ``window`` is learnt."""
    report = reporter.epoch

    def epoch(metrics: EpochMetrics) -> None:
        report(metrics)
        if metrics.epoch == window:
            os.kill(os.getpid(), signal.SIGTERM)

    reporter.epoch = epoch  # type: ignore[method-assign]
    return reporter


@pytest.mark.parametrize("input_format", [InputFormat.RAW, InputFormat.AVRO, InputFormat.JSON])
@pytest.mark.parametrize("indefinite", [False, True], ids=["time-limited", "indefinite"])
@pytest.mark.parametrize("framework", list(Framework))
def test_a_stream_without_end_is_learnt_from_its_announcement_on(
    run: Run, framework: Framework, indefinite: bool, input_format: InputFormat
) -> None:
    features, labels = blobs(340)
    topic, since_ms = run.broker.topic(2), SINCE_MS
    # Forty records exist before the stream is announced.
    send_online(run.broker, topic, features[:40], labels[:40], since_ms - 100, input_format, partitions=2)
    stream = send_online(run.broker, topic, features[40:], labels[40:], since_ms, input_format, partitions=2)
    plan = online_plan(
        framework,
        stream,
        since_ms=since_ms,
        incremental=Incremental(indefinite=indefinite, stream_timeout=600, window_records=60),
    )
    reporter = RecordingReporter()
    outcome = run.learn(plan, stopping_at(reporter, 5) if indefinite else reporter)
    assert [epoch.window.records for epoch in reporter.epochs if epoch.window] == [60] * 5
    assert outcome.samples == {"training": 240, "validation": 60, "test": 60}
    assert outcome.test_metrics["accuracy"] > 0.9
    assert outcome.test_metrics["loss"] < 1
    assert {"accuracy", "loss"} <= set(reporter.epochs[0].before)
    assert outcome.confusion_matrix is not None
    assert sum(map(sum, outcome.confusion_matrix)) == 60
    assert WEIGHTS[framework] in outcome.artifacts
    assert "model.onnx" in outcome.artifacts
    assert sum(reporter.positions[topic].values()) == 340
    assert not [warning for warning in outcome.warnings if "error" in warning.lower()]


@pytest.mark.parametrize("framework", list(Framework))
def test_images_of_bytes_are_prepared_as_in_classic_training(run: Run, framework: Framework) -> None:
    images, labels = digits()
    keras = framework is Framework.TENSORFLOW
    code = model_code(framework, shape=(8, 8), classes=10)
    topic = run.broker.topic()
    stream = send_online(run.broker, topic, images[:600], labels[:600])
    plan = online_plan(framework, stream, code=code, incremental=Incremental(stream_timeout=600, window_records=300))
    learnt = run.learn(plan.model_copy(update={"fit_arguments": epochs(framework, 8)}), RecordingReporter())
    classic_stream = send(run.broker, images[:600], labels[:600])
    (classic_part,) = classic.run(run.context(plan_of(framework, classic_stream, code), {"small": RecordingReporter()}))
    assert learnt.preparation == classic_part.outcome.preparation
    assert bool(learnt.preparation) is not keras
    assert learnt.test_metrics["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("framework", "change", "scores"),
    [
        (Framework.PYTORCH, Direction.UP, (0.0, 0.5, 0.549, 0.551, 0.551)),
        (Framework.TENSORFLOW, Direction.DOWN, (1.0, 0.5, 0.451, 0.449, 0.449)),
    ],
)
def test_a_gain_of_0_049_makes_no_version_and_one_of_0_051_makes_one(
    run: Run, framework: Framework, change: Direction, scores: tuple[float, ...]
) -> None:
    features, labels = blobs(160)
    stream = send_online(run.broker, run.broker.topic(), features, labels)
    code = (SCORED_KERAS if framework is Framework.TENSORFLOW else SCORED_TORCH).replace("SCORES", str(list(scores)))
    settings = Incremental(stream_timeout=600, window_records=40, monitoring_metric="score", change=change)
    plan = online_plan(framework, stream, code=code, incremental=settings, confusion_matrix=False, batch_size=32)
    reporter = RecordingReporter()
    run.learn(plan, reporter)
    compared = {step: comparison for step, (_, comparison) in reporter.versions.items()}
    assert {step: comparison.champion for step, comparison in compared.items() if comparison} == {1: None, 3: 1}
    promoted = compared[3]
    assert promoted is not None
    values = (promoted.champion_value, promoted.challenger_value, promoted.samples)
    assert values == pytest.approx((scores[1], scores[3], 24))
    # The last window is compared with the new champion.
    assert reporter.comparison is not None
    assert (reporter.comparison.champion, reporter.comparison.champion_value) == (2, pytest.approx(scores[3]))


@pytest.mark.parametrize("of_columns", [False, True], ids=["arrays", "columns"])
@pytest.mark.parametrize("framework", list(Framework))
def test_a_killed_model_process_is_replaced_and_the_weights_are_the_same(
    run: Run, framework: Framework, of_columns: bool
) -> None:
    features, labels = blobs(200)
    settings: dict[str, Any] = {"stream_timeout": 600, "window_records": 40}
    more: dict[str, Any] = {}
    if of_columns:
        stream = send_readings(run.broker, run.broker.topic(), features, labels)
        settings |= {"monitoring_metric": "accuracy", "change": Direction.UP, "improvement": 1.0}
        more["code"] = TWO_INPUTS_KERAS if framework is Framework.TENSORFLOW else TWO_INPUTS_TORCH
        more["fit_arguments"] = epochs(framework, 10)
    else:
        stream = send_online(run.broker, run.broker.topic(), features, labels)
    plan = online_plan(framework, stream, incremental=Incremental(**settings), **more)
    undisturbed = run.learn(plan, RecordingReporter())
    reporter, killed = RecordingReporter(), dict[int, int]()
    report = reporter.epoch

    def epoch(metrics: EpochMetrics) -> None:
        report(metrics)
        # The process is killed before the window is kept, so that the window is learnt again.
        if metrics.epoch in (2, 4) and metrics.epoch not in killed:
            assert run.process is not None
            killed[metrics.epoch] = run.process.pid
            os.kill(run.process.pid, signal.SIGKILL)

    reporter.epoch = epoch  # type: ignore[method-assign]
    outcome = run.learn(plan, reporter)
    assert len(set(killed.values())) == 2
    assert outcome.artifacts[WEIGHTS[framework]] == undisturbed.artifacts[WEIGHTS[framework]]
    assert outcome.samples == undisturbed.samples
    if of_columns:
        # The first record of each machine fills no window.
        assert outcome.samples["training"] + outcome.samples["validation"] == 195
        assert outcome.test_metrics["accuracy"] > 0.9
        assert outcome.labels == ["state 0", "state 1", "state 2"]
        assert reporter.versions
        for version in [numbered for numbered, _ in reporter.versions.values()]:
            assert (version.learnt, version.artifacts[CONTRACT_FILE]) == (
                outcome.learnt,
                outcome.artifacts[CONTRACT_FILE],
            )


def test_a_mode_trains_several_models_at_once_to_several_parts(run: Run) -> None:
    stream = send(run.broker, *blobs())
    plans = [
        plan_of(
            framework,
            stream,
            model_code(framework, shape=(4,), classes=3),
            model_name=str(framework),
            fit_arguments=epochs(framework, 5),
        )
        for framework in Framework
    ]
    reporters = {plan.model_name: RecordingReporter() for plan in plans}
    found = TrainsSeveral(plans).run(run.context(plans[0], reporters))
    assert [(trained.model, trained.version) for trained in found] == [(plan.model_name, None) for plan in plans]
    for framework, part in zip(Framework, found, strict=True):
        reporter = reporters[part.model]
        assert reporter.outcome == part.outcome
        assert len(reporter.epochs) == 5
        assert WEIGHTS[framework] in reporter.artifacts
        assert part.outcome.test_metrics["right"] > 0.9
        assert part.outcome.test_metrics["accuracy"] == pytest.approx(part.outcome.test_metrics["right"], abs=1e-6)

"""Chains of sub-models are trained as one network, and each sub-model comes out as a model of its own.

Model processes are real and learn scikit-learn's digits; the stream is in memory.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from kafkaml.confidence import confidences
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, RecordingReporter
from kafkaml.wire.checkpoint import Checkpoint
from kafkaml.wire.choices import Direction, TrainingMode
from kafkaml.wire.contract import Learnt
from kafkaml.wire.distributed import ChainTraining, Scores, SubModel
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.limits import ResourceLimits
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.predictor import Predictor
from mlcode_executor.process import ModelProcess
from mlcode_executor.runtimes import Runtime
from mlcode_executor.shared_array import SharedArray
from model_inference.encoding import encode_outputs
from model_training.context import RunContext
from model_training.model_session import Samples
from model_training.modes import classic, incremental
from model_training.training_data import TrainingData
from tests.mlcode_executor import sources
from tests.weights import weights_in

Array = NDArray[Any]

NAMES = ("edge", "my fog", "cloud")
CODES = {
    Framework.TENSORFLOW: (sources.EDGE.replace("28,28,1", "8,8,1"), sources.FOG, sources.CLOUD),
    Framework.PYTORCH: (sources.PYTORCH_EDGE, sources.PYTORCH_FOG, sources.PYTORCH_CLOUD),
}
WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}
METRICS = ("sparse_categorical_accuracy", "sparse_top_k_categorical_accuracy")


def plan_of(framework: Framework, **more: Any) -> TrainingPlan:
    chain = tuple(
        SubModel(result_id=5 + number, model_name=name, code=code, imports="")
        for number, (name, code) in enumerate(zip(NAMES, CODES[framework], strict=True))
    )
    fields: dict[str, Any] = {
        "result_id": 7,
        "deployment_id": 3,
        "model_name": NAMES[-1],
        "framework": framework,
        "mode": TrainingMode.CLASSIC,
        "code": chain[-1].code,
        "imports": "",
        "batch_size": 32,
        "fit_arguments": {"epochs": 3},
        "evaluation_arguments": {},
        "stream": ControlMessage(
            ranges=(StreamRange("digits", 0, 0, 1797),),
            input_format=InputFormat.RAW,
            input_config={"data_type": "float32"},
        ),
        "seed": 11,
        "confusion_matrix": True,
        "chain": chain,
        "chain_training": ChainTraining(metrics=METRICS),
    }
    return TrainingPlan(**{**fields, **more})


def digits() -> tuple[Array, Array]:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    return (bunch.images * (255 / 16)).astype(np.uint8)[order], bunch.target[order].astype(np.uint8)


IMAGES, LABELS = digits()
TEST = slice(1400, 1797)


def samples(rows: slice) -> Samples:
    def shared(array: Array) -> SharedArray:
        memory = SharedArray.allocate(array.shape, array.dtype, writable=False)
        memory.array[...] = array
        return memory

    return Samples(shared(IMAGES[rows]), shared(LABELS[rows]))


def data(*, test: slice = TEST) -> TrainingData:
    return TrainingData(
        training=samples(slice(1200)),
        validation=samples(slice(1200, 1400)),
        test=samples(test),
        slice_sha256="5" * 64,
        split="seeded",
    )


@dataclass
class Runs:
    """Trains chains with real model processes."""

    fork_server_of: Callable[[Runtime], str]
    folder: Path

    def start(self, plan: TrainingPlan) -> ModelProcess:
        runtime = plan.framework
        return ModelProcess.start(runtime, ResourceLimits(), fork_server=self.fork_server_of(runtime))

    def classic(self, plan: TrainingPlan, **more: Any) -> Mapping[str, RecordingReporter]:
        reporters = {name: RecordingReporter() for name in NAMES}
        context = RunContext(
            plan=plan,
            reporters=reporters,
            read_slice=lambda _on_progress: data(),
            open_reader=InMemoryBroker().reader,
            start_process=self.start,
            scratch=Path(tempfile.mkdtemp(dir=self.folder)),
            **more,
        )
        assert [part.model for part in classic.run(context)] == list(NAMES)
        return reporters

    def serve(self, plan: TrainingPlan, number: int, reporter: RecordingReporter, features: Array) -> list[Array]:
        """Load a sub-model from its artifacts as serving does; returns its answers."""
        outcome = reporter.outcome
        assert outcome is not None
        with ExitStack() as stack:
            process = stack.enter_context(self.start(plan))
            file = stack.enter_context(tempfile.TemporaryFile())
            name = WEIGHTS[plan.framework]
            file.write(reporter.artifacts[name])
            file.flush()
            about = {
                "input": {"dtype": str(features.dtype), "shape": list(features.shape[1:])},
                "max_batch": 512,
                "code": plan.chain[number].code,
                "imports": "",
                "seed": outcome.seed,
                "preparation": outcome.preparation,
            }
            process.call("load", about, files={name: file.fileno()}, timeout_seconds=100)
            predictor = stack.enter_context(Predictor(process, features.dtype, features.shape[1:], 512))
            predictor.input_array[: len(features)] = features
            predictor.submit(len(features))
            return [batch.copy() for batch in predictor.collect()]


@dataclass
class Trained:
    plan: TrainingPlan
    reporters: Mapping[str, RecordingReporter]
    # The answers of each sub-model, served from its own files, to the test samples that came through those below.
    answers: list[list[Array]]

    def outcome(self, name: str) -> TrainingOutcome:
        outcome = self.reporters[name].outcome
        assert outcome is not None
        return outcome


@pytest.fixture(scope="module")
def runs(fork_server_of: Callable[[Runtime], str], tmp_path_factory: pytest.TempPathFactory) -> Runs:
    return Runs(fork_server_of, tmp_path_factory.mktemp("chains"))


@pytest.fixture(scope="module", params=list(Framework))
def trained(request: pytest.FixtureRequest, runs: Runs) -> Trained:
    plan = plan_of(request.param)
    reporters = runs.classic(plan)
    features: Array = IMAGES[TEST]
    if request.param is Framework.TENSORFLOW:
        features = features[..., None]
    answers = []
    for number, name in enumerate(NAMES):
        answers.append(runs.serve(plan, number, reporters[name], features))
        features = answers[-1][0]
    return Trained(plan, reporters, answers)


def probabilities(scores: Array) -> Array:
    if (scores >= 0).all():
        return scores.astype(np.float64)
    powers = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    found: Array = powers / powers.sum(axis=1, keepdims=True)
    return found


def test_metrics_of_each_exit_are_those_of_the_sub_model_served_alone(trained: Trained) -> None:
    labels = LABELS[TEST].astype(int)
    for name, answers in zip(NAMES, trained.answers, strict=True):
        found = probabilities(answers[-1])
        shown = trained.outcome(name).test_metrics
        assert shown["sparse_categorical_accuracy"] == pytest.approx((found.argmax(1) == labels).mean(), abs=1e-6)
        best = np.argsort(found, axis=1)[:, -5:]
        assert shown["sparse_top_k_categorical_accuracy"] == pytest.approx(
            (best == labels[:, None]).any(axis=1).mean(), abs=1e-6
        )
        assert shown["loss"] == pytest.approx(-np.log(found[np.arange(len(labels)), labels]).mean(), abs=1e-4)
        assert shown["sparse_categorical_accuracy"] > 0.8
        matrix = np.array(trained.outcome(name).confusion_matrix)
        assert matrix.trace() / matrix.sum() == pytest.approx(shown["sparse_categorical_accuracy"], abs=1e-6)
        assert matrix.sum() == len(labels)


def test_several_metrics_do_not_mix_and_the_top_tells_the_whole_loss(trained: Trained) -> None:
    own = {"loss", *METRICS}
    outcomes = [trained.outcome(name).test_metrics for name in NAMES]
    assert [set(outcome) for outcome in outcomes] == [own, own, own | {"total_loss"}]
    assert outcomes[-1]["total_loss"] == pytest.approx(sum(outcome["loss"] for outcome in outcomes), abs=1e-5)
    for name in NAMES:
        epochs = trained.reporters[name].epochs
        assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
        assert set(epochs[0].training) == set(epochs[0].validation) == set(trained.outcome(name).test_metrics)
        assert epochs[-1].training["loss"] < epochs[0].training["loss"]
    assert len({outcome["loss"] for outcome in outcomes}) == 3


def test_what_goes_up_and_who_is_last_is_reported(trained: Trained) -> None:
    outcomes = [trained.outcome(name) for name in NAMES]
    assert [part.exit.upper_bytes for part in outcomes if part.exit] == [256, 256, 0]
    assert [part.exit.classes for part in outcomes if part.exit] == [10, 10, 10]
    assert all(part.exit and 0 < part.exit.seconds_per_sample < 1 for part in outcomes)
    assert [part.output_shapes for part in outcomes] == [[[64], [10]], [[64], [10]], [[10]]]
    assert [part.input_shape for part in outcomes[1:]] == [[64], [64]]
    assert len({part.code_sha256 for part in outcomes}) == 3
    for outcome in outcomes:
        assert {WEIGHTS[trained.plan.framework], "model.py", "model.onnx"} <= set(outcome.artifacts)
        assert outcome.onnx_max_difference is not None
        assert outcome.onnx_max_difference < 1e-4
        assert not outcome.warnings


def test_what_is_served_by_onnx_is_what_the_framework_predicts(trained: Trained) -> None:
    features: Array = IMAGES[TEST]
    if trained.plan.framework is Framework.TENSORFLOW:
        features = features[..., None]
    for name, predicted in zip(NAMES, trained.answers, strict=True):
        session = onnxruntime.InferenceSession(
            trained.reporters[name].artifacts["model.onnx"], providers=["CPUExecutionProvider"]
        )
        (taken,) = session.get_inputs()
        kind = np.uint8 if "uint8" in taken.type else np.float32
        answers = [np.asarray(array) for array in session.run(None, {taken.name: features.astype(kind)})]
        # The answers are written as JSON and read again by their receiver.
        written = [json.loads(value)["values"] for value in encode_outputs(answers[-1:])]
        assert np.array_equal(np.array(written, np.float32), answers[-1])
        for answer, wanted in zip(answers, predicted, strict=True):
            # The tolerance is relative to the largest number. Float32 sums in another order differ in their last
            # places, which an exponential magnifies to 1e-6 on Intel's processors and 3e-6 on AMD's.
            assert np.abs(answer - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())
        assert np.abs(probabilities(answers[-1]) - probabilities(predicted[-1])).max() <= 1e-5
        features = predicted[0]


def test_the_curve_of_a_limit_is_reported_by_what_is_served(trained: Trained) -> None:
    document = json.loads(trained.reporters["cloud"].artifacts["exits.json"])
    assert "exits.json" not in trained.reporters["edge"].artifacts
    assert (document["of"], document["samples"]) == ("test", 397)
    kinds = [Scores.PROBABILITIES] * 3
    if trained.plan.framework is Framework.PYTORCH:
        kinds = [Scores.LOGITS, Scores.PROBABILITIES, Scores.LOGITS]
    for name, answers, kind, tier in zip(NAMES, trained.answers, kinds, document["tiers"], strict=True):
        exit_ = trained.outcome(name).exit
        assert exit_ is not None
        assert exit_.scores is kind
        sure = confidences(answers[-1], scores=kind, temperature=exit_.temperature)
        assert tier["model"] == name
        assert tier["confidence"] == pytest.approx(sure, abs=1e-4)
        assert tier["right"] == (answers[-1].argmax(axis=1) == LABELS[TEST]).astype(int).tolist()


DATA_SET = {
    "format": "JSON",
    "fields": [{"path": ["pixels"], "kind": "numbers"}, {"path": ["digit"], "kind": "text"}],
    "columns": [
        {"name": "pixels", "expression": "pixels", "encoding": "numbers", "shape": [8, 8, 1], "scaling": "min_max"}
    ],
    "labels": [{"name": "digit", "expression": "digit", "kind": "class"}],
}


@dataclass
class Live:
    """A stream of digits without end, in memory, and the reports of a run over it."""

    runs: Runs
    framework: Framework
    broker: InMemoryBroker
    input_format: InputFormat = InputFormat.RAW
    input_config: Mapping[str, Any] = field(
        default_factory=lambda: {"data_type": "uint8", "data_reshape": "8 8", "label_type": "uint8"}
    )

    @classmethod
    def of(cls, runs: Runs, framework: Framework, count: int) -> Live:
        broker = InMemoryBroker()
        broker.create_topic("live")
        for number in range(count):
            value, key = IMAGES[number].tobytes(), bytes([LABELS[number]])
            broker.append(OutgoingRecord("live", value, key, timestamp_ms=1_000_000 + number, partition=0))
        return cls(runs, framework, broker)

    @classmethod
    def of_data_set(cls, runs: Runs, framework: Framework, count: int) -> Live:
        broker = InMemoryBroker()
        broker.create_topic("live")
        for number in range(count):
            record = {"pixels": IMAGES[number].ravel().tolist(), "digit": f"no {LABELS[number]}"}
            broker.append(OutgoingRecord("live", json.dumps(record).encode(), timestamp_ms=number, partition=0))
        return cls(runs, framework, broker, InputFormat.COLUMNS, {"contract": DATA_SET, "fit_records": 300})

    def run(self, checkpoint: Checkpoint | None = None, content: bytes = b"") -> Mapping[str, RecordingReporter]:
        plan = plan_of(
            self.framework,
            mode=TrainingMode.INCREMENTAL,
            chain_training=ChainTraining(metrics=METRICS, learning_rate=0.005),
            fit_arguments={"epochs": 4},
            stream=ControlMessage(
                ranges=(StreamRange("live"),),
                input_format=self.input_format,
                input_config=dict(self.input_config),
                validation_rate=0.2,
                incremental=True,
            ),
            incremental=Incremental(
                window_records=300, stream_timeout=1, monitoring_metric="loss", change=Direction.DOWN, improvement=99
            ),
            checkpoint=checkpoint,
        )
        reporters = {name: RecordingReporter() for name in NAMES}
        file = self.runs.folder / "fetched"
        file.write_bytes(content)
        context = RunContext(
            plan=plan,
            reporters=reporters,
            read_slice=lambda _on_progress: pytest.fail("nobody asked for the slice"),
            open_reader=self.broker.reader,
            start_process=self.runs.start,
            scratch=Path(tempfile.mkdtemp(dir=self.runs.folder)),
            fetch_checkpoint=lambda _checkpoint: file,
        )
        assert [part.model for part in incremental.run(context)] == list(NAMES)
        return reporters


@pytest.mark.parametrize("framework", list(Framework))
def test_a_chain_learns_a_stream_without_end_and_goes_on_from_a_window(runs: Runs, framework: Framework) -> None:
    live = Live.of(runs, framework, 900)
    whole = live.run()
    for name, reporter in whole.items():
        own = {"loss", *METRICS, *(["total_loss"] if name == "cloud" else [])}
        assert [reported.epoch for reported in reporter.epochs] == [1, 2, 3]
        for epoch in reporter.epochs:
            assert set(epoch.training) == set(epoch.validation) == set(epoch.before) == own
        assert list(reporter.versions) == [1]
        assert reporter.outcome is not None
        assert reporter.outcome.test_metrics["sparse_categorical_accuracy"] > 0.5
        assert reporter.outcome.exit is not None
        assert reporter.outcome.samples == {"training": 720, "validation": 180, "test": 180}
    top = whole["cloud"]
    assert top.outcome is not None
    assert top.comparison is not None
    # The loss of the whole chain decides, not that of the top's own exit.
    assert top.comparison.challenger_value == pytest.approx(top.outcome.test_metrics["total_loss"], abs=1e-6)
    document = json.loads(top.artifacts["exits.json"])
    assert (document["of"], document["samples"]) == ("validation", 180)
    assert [len(reporter.checkpoints) for reporter in whole.values()] == [0, 0, 3]
    second = top.checkpoints[1]
    again = live.run(second, top.artifacts[second.name])
    assert [reported.epoch for reported in again["edge"].epochs] == [3]
    for name in NAMES:
        weights = WEIGHTS[framework]
        assert weights_in(again[name].artifacts[weights], weights) == weights_in(
            whole[name].artifacts[weights], weights
        )


def test_a_chain_learns_a_data_set_without_end(runs: Runs) -> None:
    trained = Live.of_data_set(runs, Framework.TENSORFLOW, 900).run()
    for name, reporter in trained.items():
        assert [epoch.epoch for epoch in reporter.epochs] == [1, 2, 3]
        outcome = reporter.outcome
        assert outcome is not None
        assert outcome.exit is not None
        assert outcome.samples["training"] + outcome.samples["validation"] == 900
        assert outcome.test_metrics["sparse_categorical_accuracy"] > 0.5
        # Each tier reads as the first window decided, and answers with the classes found in it.
        learnt = Learnt.model_validate(outcome.learnt["learnt"])
        assert learnt.classes == tuple(f"no {digit}" for digit in range(10))
        assert learnt.columns["pixels"].scale == 255, name

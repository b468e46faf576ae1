"""What the seam of training modes carries beyond classic training: data without end, several models, versions.

Modes of the tests use it on a real broker and real model processes; no deployment can ask for them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from confluent_kafka import Producer

from kafkaml.confluent import KafkaRecordReader
from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from kafkaml.testing import RecordingReporter
from kafkaml.wire.framework import Framework
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.training import TrainingPlan
from mlcode_executor.process import ModelProcess, Runtime
from model_training.context import RunContext
from model_training.held_out import share
from model_training.model_session import BuiltModel, ModelSession
from model_training.modes import Mode
from model_training.part import Part, TrainedPart, Whence
from model_training.training_data import TrainingData
from model_training.windows import Limits, Reading
from tests.conftest import TestBroker
from tests.integration.training_support import Array, blobs, epochs, model_code, plan_of, raw_encoding, send

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

WEIGHTS = {Framework.TENSORFLOW: "model.weights.h5", Framework.PYTORCH: "model.safetensors"}


@dataclass
class Run:
    """A context of real parts, and what it reported."""

    broker: TestBroker
    folder: Path
    fork_server_of: Callable[[Runtime], str]

    def context(
        self,
        plan: TrainingPlan,
        reporters: Mapping[str, RecordingReporter],
    ) -> RunContext:
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
            start_process=lambda wanted: ModelProcess.start(
                Runtime(wanted.framework), wanted.limits, fork_server=self.fork_server_of(Runtime(wanted.framework))
            ),
            scratch=scratch,
        )


@pytest.fixture
def run(broker: TestBroker, tmp_path: Path, fork_server_of: Callable[[Runtime], str]) -> Run:
    return Run(broker, tmp_path, fork_server_of)


def outcome_of(
    part: Part, session: ModelSession, model: BuiltModel, samples: int, metrics: Mapping[str, float]
) -> TrainingOutcome:
    """Return what is known of a model after its files were saved and uploaded."""
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
class KeepsLearning:
    """Learns a stream without end window by window, each tried before it is learnt; a version every two windows."""

    reading: Reading | None = None

    def run(self, context: RunContext) -> Sequence[TrainedPart]:
        part, found, learnt = context.part(), list[TrainedPart](), 0
        metrics: Mapping[str, float] = {}
        with (
            context.session() as session,
            context.windows(Limits(records=100, seconds=30, idle_seconds=2), self.reading) as windows,
        ):
            model = session.build()
            for number, window in enumerate(windows, 1):
                assert window.labels is not None
                with share(window.features, window.labels, targets_are_features=False) as samples:
                    metrics = session.evaluate(samples) if learnt else {}
                    done = session.partial_fit(samples)
                learnt += len(window)
                part.warnings.add(*done.warnings)
                part.reporter.epoch(EpochMetrics(epoch=number, seconds=0.1, training=done.metrics, validation=metrics))
                self.reading = window.reading
                if number % 2 == 0:
                    part.files.save(session, session.artifact_names())
                    whence = Whence(step=number, positions=window.reading.positions)
                    found.append(part.version_finished(outcome_of(part, session, model, learnt, metrics), whence))
            part.files.save(session, session.artifact_names())
            found.append(part.finished(outcome_of(part, session, model, learnt, metrics)))
        return found


@dataclass
class TrainsSeveral:
    """Trains models side by side on one slice, each in a process of its own, and reports each as a part."""

    plans: Sequence[TrainingPlan]

    def run(self, context: RunContext) -> Sequence[TrainedPart]:
        found = []
        parts = [context.part(plan.model_name) for plan in self.plans]
        with context.slice() as reading, ExitStack() as stack:
            sessions = [stack.enter_context(context.session(plan)) for plan in self.plans]
            models = [session.build() for session in sessions]
            with reading.result() as data:
                for part, session, model in zip(parts, sessions, models, strict=True):
                    part.warnings.add(
                        *session.fit(
                            data.training, None, on_progress=part.reporter.progress, on_epoch=part.reporter.epoch
                        )
                    )
                    predicted = session.predict_classes(data.test).classes
                    right = float((predicted == data.test.labels.array).mean())
                    metrics = {**session.evaluate(data.test), "right": right}
                    part.files.save(session, session.artifact_names())
                    found.append(part.finished(outcome_of(part, session, model, len(data.training), metrics)))
        return found


def online(broker: TestBroker, features: Array, labels: Array) -> tuple[ControlMessage, Callable[[int, int], None]]:
    """Announce a topic without end; returns the announcement and what sends rows of the samples to it."""
    topic = broker.topic(2)
    encoding = raw_encoding(features, labels)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})

    def send_rows(start: int, stop: int) -> None:
        for row in range(start, stop):
            value, key = encoding.value(features[row]), encoding.key(labels[row])
            producer.produce(topic, value, key, partition=row % 2)
        assert producer.flush(60) == 0

    stream = ControlMessage(
        ranges=(StreamRange(topic),),
        input_format=InputFormat.RAW,
        input_config=encoding.config,
        incremental=True,
    )
    return stream, send_rows


@pytest.mark.parametrize("framework", list(Framework))
def test_a_mode_learns_a_stream_without_end_in_versions(run: Run, framework: Framework) -> None:
    stream, send_rows = online(run.broker, *blobs(800))
    plan = plan_of(framework, stream, model_code(framework, shape=(4,), classes=3))
    reporter = RecordingReporter()
    send_rows(0, 250)
    # More comes while the model learns.
    reporter.epoch = sending_more(reporter.epoch, lambda: send_rows(250, 500))  # type: ignore[method-assign]
    mode = KeepsLearning()
    as_mode: Mode = mode
    found = as_mode.run(run.context(plan, {plan.model_name: reporter}))

    assert [(each.model, each.version) for each in found] == [("small", 1), ("small", 2), ("small", None)]
    assert [outcome for outcome, _ in reporter.versions.values()] == [each.outcome for each in found[:-1]]
    assert reporter.outcome == found[-1].outcome
    assert [each.outcome.samples["training"] for each in found] == [200, 400, 500]
    assert len({each.outcome.artifacts[WEIGHTS[framework]] for each in found}) == 3
    assert found[-1].outcome.test_metrics["accuracy"] > 0.9
    assert mode.reading is not None
    assert sum(mode.reading.positions.values()) == 500
    content = reporter.artifacts[WEIGHTS[framework]]
    assert hashlib.sha256(content).hexdigest() == found[-1].outcome.artifacts[WEIGHTS[framework]]

    # Another run goes on where this one stopped.
    send_rows(500, 600)
    (last,) = KeepsLearning(mode.reading).run(run.context(plan, {plan.model_name: RecordingReporter()}))
    assert last.outcome.samples["training"] == 100


def sending_more(
    epoch: Callable[[EpochMetrics], None], send_more: Callable[[], None]
) -> Callable[[EpochMetrics], None]:
    def first_sends(metrics: EpochMetrics) -> None:
        if metrics.epoch == 1:
            send_more()
        epoch(metrics)

    return first_sends


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
    assert [(each.model, each.version) for each in found] == [(plan.model_name, None) for plan in plans]
    for framework, part in zip(Framework, found, strict=True):
        reporter = reporters[part.model]
        assert reporter.outcome == part.outcome
        assert len(reporter.epochs) == 5
        assert WEIGHTS[framework] in reporter.artifacts
        assert part.outcome.test_metrics["right"] > 0.9
        assert part.outcome.test_metrics["accuracy"] == pytest.approx(part.outcome.test_metrics["right"], abs=1e-6)

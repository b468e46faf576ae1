"""Unlabelled samples make a model better than its few labels alone: both frameworks, every format, a real broker.

Each case starts a process, so every framework has every format only once, with an end or without.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import StreamRange
from kafkaml.testing import RecordingReporter
from kafkaml.wire.choices import TrainingMode
from kafkaml.wire.framework import Framework
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.outcome import TrainingOutcome
from kafkaml.wire.progress import EpochMetrics
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.training import TrainingPlan
from model_training.modes import classic
from tests.integration.test_modes import Run, run, stopping_at
from tests.integration.training_support import Array, encodings, epochs, model_code, plan_of
from tests.support import ordered_producer

__all__ = ["run"]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

# Twenty of the labelled samples train; the others measure the result.
LABELLED, TRAINED, UNLABELLED = 400, 20, 800
NUMBERS = 16


def close_blobs() -> tuple[Array, Array]:
    """Three classes that twenty samples of sixteen numbers separate badly, and many separate well."""
    random = np.random.default_rng(4)
    centres = np.linalg.qr(random.normal(size=(NUMBERS, 3)))[0].T * 5 / np.sqrt(2)
    labels = random.integers(0, 3, LABELLED + UNLABELLED)
    features = centres[labels] + random.normal(0, 1, (len(labels), NUMBERS))
    return features.astype(np.float32), labels.astype(np.uint8)


@dataclass
class Stream:
    """Send labelled samples to a topic and unlabelled ones, keyed as by old sinks without labels, to another."""

    run: Run
    input_format: InputFormat
    labelled: str = ""
    unlabelled: str = ""

    def __post_init__(self) -> None:
        self.encoding = encodings(NUMBERS)[self.input_format]
        self.features, self.labels = close_blobs()
        self.labelled, self.unlabelled = self.run.broker.topic(), self.run.broker.topic()

    def send_labelled(self) -> None:
        keys = [self.encoding.key(label) for label in self.labels[:LABELLED]]
        self._send(self.labelled, self.features[:LABELLED], keys)

    def send_unlabelled(self) -> None:
        self._send(self.unlabelled, self.features[LABELLED:], [b"\0"] * UNLABELLED)

    def announcement(self, *, online: bool) -> ControlMessage:
        """Announce labelled samples as a range and name the topic in which they continue, as old online sinks do."""
        more = StreamRange(self.unlabelled) if online else StreamRange(self.unlabelled, 0, 0, UNLABELLED)
        return ControlMessage(
            ranges=(StreamRange(self.labelled, 0, 0, LABELLED),),
            unsupervised_ranges=(more,),
            input_format=self.input_format,
            input_config=self.encoding.config,
            validation_rate=1 - TRAINED / LABELLED,
            incremental=online,
            total_msg=LABELLED,
        )

    def _send(self, topic: str, features: Array, keys: Sequence[bytes]) -> None:
        producer = ordered_producer(self.run.broker.bootstrap_servers, linger_ms=5)
        for sample, key in zip(features, keys, strict=True):
            producer.produce(topic, self.encoding.value(sample), key)
            producer.poll(0)
        assert producer.flush(150) == 0


def sending_after_the_first_window(reporter: RecordingReporter, stream: Stream) -> RecordingReporter:
    """Send the unlabelled samples once the labelled ones are learnt."""
    report = reporter.epoch

    def epoch(metrics: EpochMetrics) -> None:
        report(metrics)
        if metrics.epoch == 1:
            stream.send_unlabelled()

    reporter.epoch = epoch  # type: ignore[method-assign]
    return reporter


def plan_for(framework: Framework, stream: ControlMessage, **fields: Any) -> TrainingPlan:
    code = model_code(framework, shape=(NUMBERS,), classes=3)
    asked = {"fit_arguments": epochs(framework, 10), "confusion_matrix": False}
    semi_supervised = SemiSupervised(rounds=3, confidence=0.8)
    return plan_of(framework, stream, code, **asked, semi_supervised=semi_supervised, **fields)


def check(outcome: TrainingOutcome, *, labels_alone: float, with_more: float) -> None:
    assert with_more > labels_alone + 0.03
    assert outcome.samples["training"] == TRAINED
    assert outcome.samples["pseudo_labelled"] > UNLABELLED / 2
    assert (outcome.pseudo_labels[-1].agreement or 0) > 0.9


@pytest.mark.parametrize(
    ("framework", "input_format"),
    [
        (Framework.TENSORFLOW, InputFormat.RAW),
        (Framework.TENSORFLOW, InputFormat.JSON),
        (Framework.PYTORCH, InputFormat.AVRO),
    ],
)
def test_many_samples_without_a_label_add_to_few_with_one(
    run: Run, framework: Framework, input_format: InputFormat
) -> None:
    stream = Stream(run, input_format)
    stream.send_labelled()
    stream.send_unlabelled()
    plan, reporter = plan_for(framework, stream.announcement(online=False)), RecordingReporter()
    (part,) = classic.run(run.context(plan, {plan.model_name: reporter}))
    accuracies = [epoch.validation["accuracy"] for epoch in reporter.epochs]
    check(part.outcome, labels_alone=accuracies[9], with_more=accuracies[-1])


@pytest.mark.parametrize(
    ("framework", "input_format"),
    [
        (Framework.TENSORFLOW, InputFormat.AVRO),
        (Framework.PYTORCH, InputFormat.RAW),
        (Framework.PYTORCH, InputFormat.JSON),
    ],
)
def test_those_that_come_later_are_learnt_window_by_window(
    run: Run, framework: Framework, input_format: InputFormat
) -> None:
    stream = Stream(run, input_format)
    since_ms = int(time.time() * 1000)
    stream.send_labelled()
    plan = plan_for(
        framework,
        stream.announcement(online=True),
        mode=TrainingMode.INCREMENTAL,
        incremental=Incremental(indefinite=True, window_records=LABELLED),
        since_ms=since_ms,
    )
    reporter = stopping_at(sending_after_the_first_window(RecordingReporter(), stream), 3)
    outcome = run.learn(plan, reporter)
    assert [epoch.window.records for epoch in reporter.epochs if epoch.window] == [LABELLED] * 3
    labels_alone = reporter.epochs[0].validation["accuracy"]
    check(outcome, labels_alone=labels_alone, with_more=outcome.test_metrics["accuracy"])

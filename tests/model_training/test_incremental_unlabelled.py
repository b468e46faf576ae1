"""Windows with unlabelled samples, over the broker in memory and a model without a process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.records import OutgoingRecord, PartitionKey, RecordBatch
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, InMemoryReader
from kafkaml.wire.semi_supervised import PseudoLabels, SemiSupervised
from model_training.windows import Limits, read_windows
from tests.model_training import test_incremental
from tests.model_training.test_incremental import STREAM

WITH_MORE = replace(STREAM, unsupervised_ranges=(StreamRange("more"),))


@dataclass
class Run(test_incremental.Run):
    """A run whose stream has unlabelled samples; its model answers every sample with the probability 0.75."""

    def send_unlabelled(self, count: int, *, start: int = 0) -> None:
        """Send samples like ``send``, half a millisecond later, with the key of old sinks."""
        for number in range(start, start + count):
            sample = np.array([number + 0.5, 100 * (number % 2)], np.float32).tobytes()
            self.broker.append(OutgoingRecord("more", sample, b"\0", timestamp_ms=1_000_000 + number, partition=0))


def semi(confidence: float, rounds: int = 2) -> dict[str, Any]:
    return {"semi_supervised": SemiSupervised(rounds=rounds, confidence=confidence), "stream": WITH_MORE}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path)
    run.broker.create_topic("more")
    return run


def test_of_a_window_the_unlabelled_samples_that_it_is_sure_of_are_learnt_with_the_labelled(run: Run) -> None:
    run.set(**semi(0.7), window_records=8)
    run.send(10)
    run.send_unlabelled(6)
    outcome = run.run()
    # An untrained model learns the labelled samples first. The second round would add nothing.
    assert all(value % 1 == 0 for value in run.model.seen[0])
    assert [epoch.window and epoch.window.records for epoch in run.reporter.epochs] == [8, 8]
    assert outcome.samples["pseudo_labelled"] == 6
    reported = [epoch.pseudo_labels for epoch in run.reporter.epochs]
    assert [pseudo_labels and (pseudo_labels.unlabelled, pseudo_labels.chosen) for pseudo_labels in reported] == [
        None,
        (6, 6),
    ]
    union = run.model.seen[-1]
    assert sum(value % 1 for value in union) == 3.0
    assert not [warning for warning in outcome.warnings if "unlabelled" in warning]


def test_without_a_sure_one_windows_are_learnt_as_ever(run: Run, tmp_path: Path) -> None:
    run.set(**semi(0.8), window_records=8)
    run.send(10)
    run.send_unlabelled(6)
    outcome = run.run()
    assert outcome.samples["pseudo_labelled"] == 0
    (said,) = [warning for warning in outcome.warnings if "unlabelled" in warning]
    assert said.startswith("none of 6 unlabelled samples was predicted with the confidence 0.8, the surest with 0.75")
    assert all(value % 1 == 0 for seen in run.model.seen for value in seen)


def test_windows_without_labels_are_learnt_with_the_newest_labelled_samples(run: Run) -> None:
    run.set(**semi(0.7), window_records=5)
    run.send(10)
    run.send_unlabelled(10, start=20)
    outcome = run.run()
    assert [len(batch) for batch in run.model.seen] == [4, 4, 13, 13]
    assert [value for value in run.model.seen[-1] if value % 1 == 0] != []
    assert outcome.samples == {"training": 8, "validation": 2, "test": 2, "pseudo_labelled": 10}
    assert [epoch.before != {} for epoch in run.reporter.epochs] == [True, True, False, False]
    assert outcome.pseudo_labels == [
        PseudoLabels(round=1, unlabelled=5, chosen=5, added=5, classes=outcome.pseudo_labels[0].classes),
        PseudoLabels(round=2, unlabelled=5, chosen=5, added=0, agreement=1.0, classes=outcome.pseudo_labels[0].classes),
    ]


def test_from_any_window_the_end_is_the_same(run: Run, tmp_path: Path) -> None:
    run.set(**semi(0.7, rounds=3), window_records=5)
    run.send(10)
    run.send_unlabelled(10, start=20)
    outcome = run.run()
    for step in (1, 2, 3):
        again = run.going_on(step)
        found = again.run()
        assert again.models[-1].weights == run.model.weights
        assert found.slice_sha256 == outcome.slice_sha256
        assert found.samples == outcome.samples
        assert found.pseudo_labels == outcome.pseudo_labels


def test_a_regression_is_refused_with_the_first_window(run: Run) -> None:
    run.model.loss = {"kind": "numbers", "ignored": None, "outputs": []}
    run.set(**semi(0.7))
    run.send(10)
    with pytest.raises(DataMismatch, match="a regression has no classes"):
        run.run()
    assert not run.model.seen


def test_a_deployment_that_is_not_semi_supervised_says_what_it_left(run: Run) -> None:
    run.set(stream=WITH_MORE)
    run.send(10)
    run.send_unlabelled(5)
    assert "the unlabelled data in more was not used: the deployment is not semi-supervised" in run.run().warnings


class UnlabelledFirst(InMemoryReader):
    """Reads the topics in the opposite order, which Kafka's brokers may do too."""

    def follow(self, starts: Mapping[PartitionKey, int], **options: Any) -> Iterator[RecordBatch]:
        return super().follow(dict(reversed(starts.items())), **options)


class TestReading:
    """Return the windows of a stream that has both kinds."""

    @pytest.fixture
    def broker(self) -> InMemoryBroker:
        broker = InMemoryBroker()
        for topic in ("live", "more"):
            broker.create_topic(topic)
        return broker

    def send(self, broker: InMemoryBroker, topic: str, *values: float, at: int = 1000) -> None:
        for value in values:
            sample = np.full(2, value, np.float32).tobytes()
            broker.append(OutgoingRecord(topic, sample, b"\1", timestamp_ms=at, partition=0))

    def windows(self, broker: InMemoryBroker, *labelled: StreamRange, **more: Any) -> list[Any]:
        stream = replace(WITH_MORE, ranges=labelled or WITH_MORE.ranges)
        limits = Limits(records=4, seconds=60.0, idle_seconds=0.0)
        return list(read_windows(stream, broker.reader(), limits, with_unlabelled=True, **more))

    def test_old_online_sinks_announce_what_they_sent_with_labels_as_ranges(self, broker: InMemoryBroker) -> None:
        self.send(broker, "live", 0, 1, 2, 3, 4, at=500)
        self.send(broker, "more", 9, at=500)
        self.send(broker, "more", 10, 11, at=2000)
        found = self.windows(broker, StreamRange("live", 0, 1, 4), since_ms=1000)
        assert [window.features[:, 0].tolist() for window in found] == [[1, 2, 3]]
        assert [window.unlabelled[:, 0].tolist() for window in found] == [[10, 11]]

    def test_unlabelled_samples_wait_for_the_first_labelled_one(self, broker: InMemoryBroker) -> None:
        self.send(broker, "more", 1, 2, 3, 4, 5, at=100)
        self.send(broker, "live", 6, 7, at=200)
        limits = Limits(records=2, seconds=60.0, idle_seconds=0.0)
        (window,) = read_windows(WITH_MORE, UnlabelledFirst(broker), limits, with_unlabelled=True)
        assert window.features[:, 0].tolist() == [6, 7]
        assert window.unlabelled[:, 0].tolist() == [1, 2, 3, 4, 5]

    def test_without_a_labelled_one_they_are_counted(self, broker: InMemoryBroker) -> None:
        self.send(broker, "more", 1, 2, 3, 4, 5, at=100)
        (window,) = self.windows(broker)
        again = window.reading.from_json(window.reading.to_json())
        assert (len(window), len(window.unlabelled), window.records) == (0, 0, 5)
        assert again.warnings == ["5 unlabelled samples came before the first labelled one and were not used"]

    def test_one_topic_for_both_is_refused(self, broker: InMemoryBroker) -> None:
        with pytest.raises(DataMismatch, match="are both in more"):
            self.windows(broker, StreamRange("more"))

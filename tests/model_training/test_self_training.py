"""Rounds of classic training on unlabelled samples of which the model is sure, with a model without a process."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kafkaml.control import ControlMessage
from kafkaml.errors import StreamUnavailable
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord
from kafkaml.shapes import DataMismatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from kafkaml.wire.semi_supervised import PseudoLabels, SemiSupervised
from model_training.pseudo_labels import labels_of
from model_training.training_data import TrainingData
from tests.model_training.mean_model import MeanModel
from tests.model_training.test_classic import PLAN, Run, data, shared

SEMI = PLAN.model_copy(update={"semi_supervised": SemiSupervised(rounds=3, confidence=0.9)})


class SureModel(MeanModel):
    """Its certainty of a class grows with the nearness of the class's mean. It keeps the samples of each fit."""

    def __init__(self) -> None:
        super().__init__(input_shape=[None, 2, 2])
        self.loss = {"kind": "classes", "ignored": None, "outputs": []}
        self.fitted: list[tuple[list[float], list[int]]] = []

    def _fit(self, params: Any, arrays: Any, files: Any, on_event: Any) -> dict[str, Any]:
        answer = super()._fit(params, arrays, files, on_event)
        if not answer.get("paused"):
            self.epoch = 0
            samples = arrays["train_features"].reshape(len(arrays["train_features"]), -1)[:, 0]
            self.fitted.append((samples.tolist(), arrays["train_labels"].tolist()))
        return answer

    def _predict_classes(self, _params: Any, arrays: Any, *_: Any) -> dict[str, Any]:
        flat = arrays["features"].reshape(len(arrays["features"]), 1, -1)
        distances = np.abs(flat - self._means).sum(axis=2)
        arrays["out"][:] = distances.argmin(axis=1)
        arrays["confidence"][:] = distances.max(axis=1) / distances.sum(axis=1)
        return {"classes": 2}

    def _save_state(self, params: Any, arrays: Any, files: Any, on_event: Any) -> dict[str, Any]:
        os.write(files["state"], self._means.tobytes())
        return {}


def unlabelled(*places: float) -> Callable[[], TrainingData]:
    """Return data with unlabelled samples around these places; classes lie around 0 and 10."""
    features = np.repeat(np.array(places, np.float32), 4).reshape(-1, 2, 2)
    return lambda: replace(data(), unlabelled=shared(features))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path, plan=SEMI, model=SureModel())
    run.data = unlabelled(0, 0.2, 9.9, 10, 5.1)
    return run


def fitted(run: Run) -> list[tuple[list[float], list[int]]]:
    assert isinstance(run.model, SureModel)
    return run.model.fitted


def test_samples_of_which_the_model_is_sure_are_learnt_as_labelled(run: Run) -> None:
    outcome = run.run()
    labelled, again = fitted(run)
    assert len(labelled[0]) == 20
    assert again[0][:20] == labelled[0]
    np.testing.assert_allclose(again[0][20:], [0, 0.2, 9.9, 10])
    assert again[1] == [*labelled[1], 0, 0, 1, 1]
    # The second round is skipped, because it would have learnt the same.
    assert outcome.pseudo_labels == [
        PseudoLabels(round=1, unlabelled=5, chosen=4, added=4, agreement=None, classes=[2, 2]),
        PseudoLabels(round=2, unlabelled=5, chosen=4, added=0, agreement=1.0, classes=[2, 2]),
    ]
    assert outcome.samples == {"training": 20, "validation": 4, "test": 6, "pseudo_labelled": 4}
    assert not [warning for warning in outcome.warnings if "unlabelled" in warning]


def test_epochs_are_counted_on_and_say_which_round_they_begin(run: Run) -> None:
    run.run()
    reported = [(epoch.epoch, epoch.pseudo_labels and epoch.pseudo_labels.round) for epoch in run.reporter.epochs]
    assert reported == [(1, None), (2, None), (3, 1), (4, None)]
    # The total is the largest possible number of epochs.
    assert [(progress.epoch, progress.epochs) for progress in run.reporter.progresses if progress.epoch] == [
        (1, 8),
        (2, 8),
        (3, 8),
        (4, 8),
    ]
    assert all(epoch.validation == {"loss": 2.0} for epoch in run.reporter.epochs)


def test_a_class_that_is_predicted_otherwise_is_learnt_again(run: Run) -> None:
    assert isinstance(run.model, SureModel)
    predict, answers = run.model._predict_classes, [[0, 0, 1, 1, 1], [0, 1, 1, 1, 1], [0, 1, 1, 1, 1]]

    def changes_its_mind(params: Any, arrays: Any, *more: Any) -> dict[str, Any]:
        if len(arrays["out"]) != 5:
            return predict(params, arrays, *more)
        arrays["out"][:], arrays["confidence"][:] = answers.pop(0), [1, 1, 1, 1, 0.5]
        return {"classes": 2}

    run.model._predict_classes = changes_its_mind  # type: ignore[method-assign]
    outcome = run.run()
    assert [(label.added, label.agreement) for label in outcome.pseudo_labels] == [(4, None), (1, 0.75), (0, 1.0)]
    assert [labels[20:] for _, labels in fitted(run)] == [[], [0, 0, 1, 1], [0, 1, 1, 1]]


def test_where_none_is_sure_the_labels_alone_are_learnt_and_it_is_said(run: Run) -> None:
    run.data = unlabelled(5, 4.9, 5.1)
    outcome = run.run()
    assert len(fitted(run)) == 1
    assert outcome.samples["pseudo_labelled"] == 0
    (said,) = [warning for warning in outcome.warnings if "unlabelled" in warning]
    assert said.startswith("none of 3 unlabelled samples was predicted with the confidence 0.9, the surest with 0.5")


def test_one_class_for_nearly_all_is_a_warning(run: Run) -> None:
    run.data = unlabelled(*[0.0] * 39, 10)
    outcome = run.run()
    assert "in round 1 98% of 40 unlabelled samples were taken for class 0" in "".join(outcome.warnings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model.loss.update(kind="numbers"), "a regression has no classes"),
        (lambda model: model.loss.update(kind="signs"), "gives a margin and no probability"),
        (lambda model: model.report["outputs"].append(model.report["outputs"][0] | {"name": "z"}), "has 2 outputs"),
        (lambda model: model.report["outputs"][0].update(shape=[None, 8, 8]), r"answers with \(8, 8\)"),
    ],
)
def test_a_model_without_classes_is_refused_before_it_learns(run: Run, change: Any, said: str) -> None:
    assert isinstance(run.model, SureModel)
    change(run.model)
    with pytest.raises(DataMismatch, match=said):
        run.run()
    assert not fitted(run)


def test_labels_that_are_not_classes_are_refused(run: Run) -> None:
    assert isinstance(run.model, SureModel)
    run.model.loss["kind"] = ""
    whole = unlabelled(1.0)()
    part = replace(whole.training, labels=shared(np.linspace(0, 1, 20, dtype=np.float32)))
    run.data = lambda: replace(whole, training=part)
    with pytest.raises(DataMismatch, match="not whole numbers"):
        run.run()


@pytest.mark.parametrize("step", [1, 2, 3])
def test_another_attempt_goes_on_in_the_round_and_with_its_samples(run: Run, tmp_path: Path, step: int) -> None:
    run.checkpoint_seconds = 0
    whole = run.run()
    # There is a checkpoint after each epoch except the last of a round, and between the rounds. The end of the last
    # round is the result.
    assert [checkpoint.step for checkpoint in run.reporter.checkpoints] == [1, 2, 3, 4]
    saved = run.reporter.checkpoints[step - 1]
    again = Run(tmp_path, plan=SEMI.model_copy(update={"checkpoint": saved}), model=SureModel())
    again.checkpoint, again.data = run.reporter.artifacts[saved.name], run.data
    model = again.model
    assert isinstance(model, SureModel)

    def restore(_params: Any, _arrays: Any, files: Any, _on_event: Any) -> dict[str, Any]:
        model._means = np.frombuffer(os.read(files["state"], 1000), np.float32).reshape(2, -1)
        # The first epoch of a round of two is done.
        model.epoch = step % 2
        return {}

    model._restore_state = restore  # type: ignore[method-assign]
    outcome = again.run()
    assert [epoch.epoch for epoch in again.reporter.epochs] == list(range(step + 1, 5))
    assert outcome.pseudo_labels == whole.pseudo_labels
    assert fitted(again) == fitted(run)[step // 2 :]


@pytest.mark.parametrize(
    ("like", "expected"),
    [
        (np.zeros(0, np.uint8), np.array([2, 0], np.uint8)),
        (np.zeros((0, 1), np.float32), np.array([[2], [0]], np.float32)),
        (np.zeros((0, 3), np.float32), np.array([[0, 0, 1], [1, 0, 0]], np.float32)),
    ],
)
def test_classes_have_the_form_of_the_labels(like: Any, expected: Any) -> None:
    found = labels_of(np.array([2, 0]), like=like, count=3)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    assert labels_of(np.array([299]), like=np.zeros(0, np.uint8), count=300).tolist() == [299]


class TestReading:
    """Which records count as unlabelled, whatever their keys are."""

    @pytest.fixture
    def broker(self) -> InMemoryBroker:
        broker = InMemoryBroker()
        for number in range(12):
            sample = np.full(2, number, np.float32).tobytes()
            broker.append(OutgoingRecord("labelled", sample, bytes([number % 2]), timestamp_ms=1000 + number))
            # The key of an old sink is not a label.
            broker.append(OutgoingRecord("more", sample, b"\0", timestamp_ms=1000 + number))
        return broker

    def read(self, broker: InMemoryBroker, folder: Path, *ranges: StreamRange, **plan: Any) -> TrainingData:
        stream = ControlMessage(
            ranges=(StreamRange("labelled", 0, 0, 12),),
            unsupervised_ranges=ranges,
            input_format=InputFormat.RAW,
            input_config={"data_type": "float32", "data_reshape": "2", "label_type": "uint8"},
        )
        asked = SEMI.model_copy(update={"stream": stream, **plan})
        return TrainingData.read(
            asked, open_reader=broker.reader, cache_dir=folder, on_progress=lambda _done, _all: None
        )

    def test_the_announced_slice_alone(self, broker: InMemoryBroker, tmp_path: Path) -> None:
        with self.read(broker, tmp_path, StreamRange("more", 0, 2, 5)) as found:
            assert found.unlabelled is not None
            assert sorted(found.unlabelled.array[:, 0].tolist()) == [2, 3, 4]
            assert found.counts["training"] == 12
            first = found.slice_sha256
        with self.read(broker, tmp_path, StreamRange("more", 0, 2, 6)) as found:
            assert found.slice_sha256 != first

    def test_a_topic_without_offsets_up_to_its_announcement(self, broker: InMemoryBroker, tmp_path: Path) -> None:
        with self.read(broker, tmp_path, StreamRange("more"), since_ms=1004) as found:
            assert found.unlabelled is not None
            assert sorted(found.unlabelled.array[:, 0].tolist()) == [0, 1, 2, 3, 4]

    def test_none_is_refused_where_the_deployment_learns_such(self, broker: InMemoryBroker, tmp_path: Path) -> None:
        with pytest.raises(StreamUnavailable, match="announced without unlabelled data"):
            self.read(broker, tmp_path)

    def test_a_deployment_that_is_not_semi_supervised_says_what_it_left(
        self, broker: InMemoryBroker, tmp_path: Path
    ) -> None:
        with self.read(broker, tmp_path, StreamRange("more", 0, 0, 9), semi_supervised=None) as found:
            assert found.unlabelled is None
            assert found.warnings == ["the unlabelled data in more was not used: the deployment is not semi-supervised"]

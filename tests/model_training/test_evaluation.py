"""Baselines, and the evaluation of answers to test samples: known figures, whatever form the labels have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kafkaml.wire.evaluation import MAX_OUTPUTS, MAX_POINTS, MAX_RESIDUALS, Residuals
from kafkaml.wire.scores import Score
from model_training.confusion import NoConfusionMatrix
from model_training.evaluation import class_baseline, curves, residuals, value_baseline

ACTUAL = np.array([0, 0, 1, 1])
# The example of Fawcett and every textbook since: one of four pairs is in the wrong order.
POSITIVE = np.array([0.1, 0.4, 0.35, 0.8], np.float32)


@pytest.mark.parametrize("labels", [ACTUAL, ACTUAL[:, None].astype(float), np.eye(2)[ACTUAL]])
def test_curves_of_two_classes(labels: NDArray[Any]) -> None:
    predicted = (POSITIVE > 0.5).astype(np.int64)
    probability = np.where(predicted == 1, POSITIVE, 1 - POSITIVE).astype(np.float32)
    found = curves(labels, predicted, probability, classes=2, names=("well", "failing"))
    assert found is not None
    assert (found.positive, found.negative, found.positives, found.negatives) == ("failing", "well", 2, 2)
    assert (found.roc_auc, round(found.average_precision, 6)) == (0.75, 0.833333)
    counts = [(point.true_positives, point.false_positives) for point in found.points]
    assert counts == [(1, 0), (1, 1), (2, 1), (2, 2)]
    assert [round(point.threshold, 6) for point in found.points] == [0.8, 0.4, 0.35, 0.1]


def test_equal_scores_turn_together_and_are_half_right() -> None:
    found = curves(ACTUAL, np.ones(4, np.int64), np.full(4, 0.7, np.float32), classes=2)
    assert found is not None
    assert (found.roc_auc, found.average_precision) == (0.5, 0.5)
    assert [(point.true_positives, point.false_positives) for point in found.points] == [(2, 2)]


def test_curves_are_bounded_and_exact_all_the_same() -> None:
    random = np.random.default_rng(1)
    positive = random.random(5000).astype(np.float32)
    actual = (random.random(5000) < positive).astype(np.int64)
    predicted = (positive > 0.5).astype(np.int64)
    probability = np.where(predicted == 1, positive, 1 - positive)
    found = curves(actual, predicted, probability, classes=2)
    assert found is not None
    assert MAX_POINTS / 2 < len(found.points) <= MAX_POINTS
    # At the threshold that predicts classes, the counts are those of the confusion matrix.
    at_half = [point for point in found.points if point.threshold >= 0.5][-1]
    assert at_half.true_positives == int(predicted[actual == 1].sum())
    assert at_half.false_positives == int(predicted[actual == 0].sum())
    assert (found.points[-1].true_positives, found.points[-1].false_positives) == (found.positives, found.negatives)
    higher = (positive[actual == 1][:, None] > positive[actual == 0][None, :]).mean()
    assert found.roc_auc == pytest.approx(float(higher), abs=1e-6)


def test_nothing_to_draw_is_not_a_curve() -> None:
    sure = np.ones(4, np.float32)
    assert curves(ACTUAL, ACTUAL, sure, classes=3) is None
    assert curves(np.zeros(4, int), ACTUAL, sure, classes=2) is None
    assert curves(ACTUAL, ACTUAL, np.array([1, 1, 1, np.nan], np.float32), classes=2) is None
    with pytest.raises(NoConfusionMatrix, match="regression"):
        curves(np.array([0.5, 1.5]), np.array([0, 1]), np.ones(2, np.float32), classes=2)


def test_the_majority_is_what_a_classifier_must_beat() -> None:
    found = class_baseline(np.array([0] * 427 + [1] * 73), classes=2, names=("well", "failing"))
    assert found is not None
    assert (found.kind, found.answer, found.scores, found.samples) == ("majority", "well", {"accuracy": 0.854}, 500)
    signs = class_baseline(np.array([-1, 1, 1]), classes=1)
    assert signs is not None
    assert signs.answer == "1"
    assert class_baseline(np.zeros(0, int), classes=2) is None


def test_median_and_mean_are_what_a_regression_must_beat() -> None:
    found = value_baseline(np.array([0.0, 0.0, 0.0, 8.0]))
    assert found is not None
    assert (found.kind, found.answer) == ("median", "0")
    assert found.scores[Score.MEAN_ABSOLUTE_ERROR] == 2
    assert found.scores[Score.ROOT_MEAN_SQUARED_ERROR] == pytest.approx(12**0.5)


def test_residuals_are_chosen_evenly_and_their_quantiles_are_of_all() -> None:
    labels = np.arange(2000, dtype=np.float64)
    (found,) = residuals(labels, (labels[:, None] + 1).astype(np.float32))
    assert (found.samples, len(found.points)) == (2000, MAX_RESIDUALS)
    assert (found.points[0], found.points[-1]) == ((0, 1), (1999, 2000))
    assert found.quantiles == [1] * 5
    wide = residuals(np.zeros((3, 20)), np.zeros((3, 20), np.float32))
    assert [output.number for output in wide] == list(range(MAX_OUTPUTS))
    assert residuals(np.zeros((3, 2)), np.zeros((3, 1), np.float32)) == []


def test_answers_that_are_not_numbers_travel_as_nothing() -> None:
    (found,) = residuals(np.array([1.0, 2.0]), np.array([[np.nan], [3.0]], np.float32))
    again = Residuals.model_validate(found.to_json())
    assert found.to_json()["points"] == [[1.0, None], [2.0, 3.0]]
    assert again.quantiles == [1.0] * 5


@pytest.mark.parametrize(
    ("scores", "beaten"),
    [
        ({Score.ACCURACY: 0.854}, False),
        ({Score.ACCURACY: 0.86}, True),
        # The training diverged.
        ({Score.ACCURACY: float("nan")}, False),
        ({}, None),
    ],
)
def test_a_model_that_always_says_the_same_beats_nothing(scores: dict[Score, float], beaten: bool | None) -> None:
    found = class_baseline(np.array([0] * 427 + [1] * 73), classes=2)
    assert found is not None
    assert found.beaten_by(scores) is beaten


def test_a_lower_error_beats_the_median() -> None:
    found = value_baseline(np.array([0.0, 0.0, 0.0, 8.0]))
    assert found is not None
    assert found.beaten_by({Score.MEAN_ABSOLUTE_ERROR: 1.5, Score.ROOT_MEAN_SQUARED_ERROR: 4.0}) is True
    assert found.beaten_by({Score.MEAN_ABSOLUTE_ERROR: 2.0, Score.ROOT_MEAN_SQUARED_ERROR: 4.0}) is False

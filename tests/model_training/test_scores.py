"""Scores follow one rule for all frameworks, whatever form the labels have."""

import numpy as np
import pytest

from model_training.confusion import NoConfusionMatrix
from model_training.scores import class_scores, value_scores


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (np.array([0, 1, 2, 2]), 3),
        (np.array([[0.0], [1.0], [2.0], [2.0]]), 3),
        (np.eye(3)[[0, 1, 2, 2]], 3),
        # There are more classes than a confusion matrix shows.
        (np.array([0, 1, 2, 2]), 1000),
    ],
)
def test_accuracy_is_the_share_of_right_classes(labels: np.ndarray, classes: int) -> None:
    assert class_scores(labels, np.array([0, 1, 2, 0]), classes=classes) == {"accuracy": 0.75}


def test_labels_that_are_not_classes_have_no_accuracy() -> None:
    with pytest.raises(NoConfusionMatrix, match="regression"):
        class_scores(np.array([0.5, 1.25]), np.array([0, 1]), classes=2)


def test_errors_are_means_over_all_numbers() -> None:
    predicted = np.array([[1, 2], [3, 4]], np.float32)
    scores = value_scores(np.array([[1, 2], [3, 0]]), predicted)
    assert scores == {"mean_absolute_error": 1.0, "root_mean_squared_error": 2.0}


def test_other_shapes_and_no_samples_have_no_score() -> None:
    assert value_scores(np.zeros((2, 3)), np.zeros((2, 1), np.float32)) == {}
    assert value_scores(np.zeros((0, 1)), np.zeros((0, 1), np.float32)) == {}
    assert class_scores(np.zeros(0, np.int64), np.zeros(0, np.int64), classes=2) == {}

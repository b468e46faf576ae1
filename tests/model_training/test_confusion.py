from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.confusion import MAX_CLASSES, NoConfusionMatrix, confusion_matrix


def predicted(*classes: int) -> np.ndarray:
    return np.array(classes, np.int64)


def test_rows_are_true_classes_and_columns_predictions() -> None:
    matrix = confusion_matrix(np.array([0, 1, 1, 2]), predicted(0, 2, 1, 2), classes=3)
    assert matrix.counts.tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 1]]
    assert matrix.labels == ("0", "1", "2")


def test_one_hot_rows_and_columns_of_one_are_the_same_labels() -> None:
    classes = np.array([2, 0, 1, 2])
    expected = confusion_matrix(classes, predicted(2, 0, 2, 2), classes=3).counts.tolist()
    for labels in (np.eye(3, dtype=np.float32)[classes], classes[:, None], classes.astype(np.float64)):
        assert confusion_matrix(labels, predicted(2, 0, 2, 2), classes=3).counts.tolist() == expected


def test_binary_labels_of_every_kind() -> None:
    for labels in ([False, True, True], [0.0, 1.0, 1.0], [[0], [1], [1]]):
        assert confusion_matrix(np.array(labels), predicted(0, 1, 0), classes=2).counts.tolist() == [[1, 0], [1, 1]]


def test_hinge_labels_keep_their_names() -> None:
    matrix = confusion_matrix(np.array([-1, 1, 1]), predicted(0, 1, 0), classes=2)
    assert matrix.labels == ("-1", "1")
    assert matrix.counts.tolist() == [[1, 0], [1, 1]]


def test_a_label_that_the_model_cannot_predict_has_its_own_row() -> None:
    assert confusion_matrix(np.array([3, 0]), predicted(0, 0), classes=3).counts.shape == (4, 4)


def test_texts_that_were_sent_as_labels_name_the_classes() -> None:
    assert confusion_matrix(np.array([0, 1]), predicted(0, 1), classes=3, names=["cat", "dog"]).labels == (
        "cat",
        "dog",
        "2",
    )


def test_no_samples_give_zeros() -> None:
    assert confusion_matrix(np.array([], np.int64), predicted(), classes=2).counts.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("labels", "classes", "why"),
    [
        (np.array([0.5, 1.25]), 2, "regression"),
        (np.array([np.nan, 1.0]), 2, "regression"),
        (np.array([120000, 95000]), 2, "not classes"),
        (np.array([-3, 1]), 4, "not classes"),
        (np.array([2**63, 1], np.uint64), 4, "not classes"),
        (np.array([[1, 1, 0], [0, 1, 0]]), 3, "several labels"),
        (np.array([[0.2, 0.8], [1.0, 0.0]]), 2, "not one-hot"),
        (np.zeros((2, 4, 4)), 4, "not one-hot"),
        (np.array([b"cat", b"dog"]), 2, "not numbers"),
        (np.array([0, 1]), MAX_CLASSES + 1, "at most"),
        (np.array([0, 1, 2]), 3, "cannot be compared"),
    ],
)
def test_what_has_no_classes_gets_the_reason(labels: np.ndarray, classes: int, why: str) -> None:
    with pytest.raises(NoConfusionMatrix, match=why):
        confusion_matrix(labels, predicted(0, 1), classes=classes)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=200))
def test_every_sample_is_counted_once(pairs: list[tuple[int, int]]) -> None:
    labels = np.array([true for true, _ in pairs], np.uint8)
    guesses = np.array([guess for _, guess in pairs], np.int64)
    counts = confusion_matrix(labels, guesses, classes=10).counts
    assert counts.sum() == len(pairs)
    assert counts.trace() == sum(true == guess for true, guess in pairs)
    assert counts.sum(axis=1).tolist() == np.bincount(labels, minlength=10).tolist()

"""The confidence of an exit: computed by hand, at the edges of float32, and for answers that have none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kafkaml.confidence import are_distributions, confidences, confidences_of_answers
from kafkaml.wire.distributed import Scores

P, L = Scores.PROBABILITIES, Scores.LOGITS


@pytest.mark.parametrize(
    ("rows", "scores", "temperature", "expected"),
    [
        ([[0.1, 0.7, 0.2]], P, 1.0, [float(np.float32(0.7))]),
        ([[1.0, 0.0, 0.0]], P, 1.0, [1.0]),
        ([[1.0, 0.0, 0.0]], P, 3.0, [1.0]),
        # Temperature 2 takes the square roots of probabilities.
        ([[0.64, 0.36]], P, 2.0, [0.8 / 1.4]),
        ([[2.0, 0.0, 0.0]], L, 1.0, [math.exp(2) / (math.exp(2) + 2)]),
        ([[2.0, 0.0, 0.0]], L, 2.0, [math.e / (math.e + 2)]),
        ([[1e30, 0.0]], L, 1.0, [1.0]),
        # With a single sigmoid unit a certain no is as confident as a certain yes.
        ([[0.02], [0.98], [0.5]], P, 1.0, [0.98, 0.98, 0.5]),
        ([0.02, 0.98], P, 1.0, [0.98, 0.98]),
        ([[-3.0], [3.0]], L, 1.0, [1 / (1 + math.exp(-3))] * 2),
        ([[0.0], [1.0], [0.8]], P, 2.0, [1.0, 1.0, 2 / 3]),
    ],
)
def test_confidence_is_that_of_the_most_probable_class(
    rows: list[object], scores: Scores, temperature: float, expected: list[float]
) -> None:
    found = confidences(np.array(rows, np.float32), scores=scores, temperature=temperature)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_probability_is_widened_and_not_rounded() -> None:
    (found,) = confidences(np.array([[0.9, 0.1]], np.float32), scores=P)
    assert found == float(np.float32(0.9)) < 0.9


@pytest.mark.parametrize("scores", [P, L])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_has_no_confidence(scores: Scores, temperature: float, bad: float) -> None:
    found = confidences(np.array([[0.9, bad], [0.6, 0.4]], np.float32), scores=scores, temperature=temperature)
    assert np.isnan(found).tolist() == [True, False]


def test_values_are_refused() -> None:
    with pytest.raises(ValueError, match="values have no confidence"):
        confidences(np.zeros((1, 1)), scores=Scores.VALUES)


def test_answers_that_are_a_choice_between_classes_are_recognised_by_their_values() -> None:
    rows = [[0.7, 0.3], [0.0, 1.0], [0.5, 0.496], [0.6, 0.6], [1.5, -0.5], [math.nan, 1.0], [0.0, 0.0]]
    assert are_distributions(np.array(rows, np.float32)).tolist() == [True] * 3 + [False] * 4
    # Half-precision values sum to one only approximately, and many classes are summed along their rows.
    many = np.full((3, 1000), 0.001, np.float16)
    assert are_distributions(many).all()
    for not_classes in (np.ones((2, 1)), np.ones(2), np.ones((2, 2, 2)), np.array([["a", "b"]])):
        assert not are_distributions(not_classes).any()


def test_the_confidence_of_answers_is_their_highest_probability_where_they_have_one() -> None:
    softmax = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)
    for classes in (None, 2):
        assert confidences_of_answers(softmax, classes=classes) == pytest.approx([0.9, 0.5])
    scores = np.array([[2.0, 0.0], [0.1, 0.9], [math.nan, 0.0]], np.float32)
    # Raw scores get a confidence by their softmax, once they are known to be of classes.
    known = confidences_of_answers(scores, classes=2)
    assert known == pytest.approx([math.exp(2) / (math.exp(2) + 1), 0.9, math.nan], nan_ok=True)
    assert confidences_of_answers(scores, classes=None) == pytest.approx([math.nan, 0.9, math.nan], nan_ok=True)


@pytest.mark.parametrize("answers", [np.ones((3, 1)), np.ones(3), np.ones((3, 2, 2)), np.array([["a", "b"]])])
def test_what_is_not_a_choice_between_classes_has_no_confidence(answers: np.ndarray) -> None:
    assert confidences_of_answers(answers, classes=None) is None


def test_numbers_have_none_even_where_they_look_like_probabilities() -> None:
    assert confidences_of_answers(np.array([[0.4, 0.6]]), classes=0) is None

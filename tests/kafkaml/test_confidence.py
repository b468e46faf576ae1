"""How sure an exit is: by hand-computed numbers, at the edges of float32, and for what has no confidence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from kafkaml.confidence import confidences
from kafkaml.wire.distributed import Scores

P, L = Scores.PROBABILITIES, Scores.LOGITS


@pytest.mark.parametrize(
    ("rows", "scores", "temperature", "expected"),
    [
        ([[0.1, 0.7, 0.2]], P, 1.0, [float(np.float32(0.7))]),
        ([[1.0, 0.0, 0.0]], P, 1.0, [1.0]),
        ([[1.0, 0.0, 0.0]], P, 3.0, [1.0]),
        # Temperature 2 takes square roots of probabilities.
        ([[0.64, 0.36]], P, 2.0, [0.8 / 1.4]),
        ([[2.0, 0.0, 0.0]], L, 1.0, [math.exp(2) / (math.exp(2) + 2)]),
        ([[2.0, 0.0, 0.0]], L, 2.0, [math.e / (math.e + 2)]),
        ([[1e30, 0.0]], L, 1.0, [1.0]),
        # One sigmoid unit: a sure no is as sure as a sure yes.
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

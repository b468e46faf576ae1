"""Hints about the curves of a training: for typical shapes, and for real numbers of the digits example."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from kafkaml.training_hints import training_hints
from kafkaml.wire.best_epoch import BestEpoch
from kafkaml.wire.hint import HintCode
from kafkaml.wire.outcome import ConfusionMatrix
from kafkaml.wire.progress import EpochMetrics


def epochs(losses: Sequence[float], held_out: Sequence[float] = ()) -> list[EpochMetrics]:
    return [
        EpochMetrics(
            epoch=place + 1,
            seconds=1,
            training={"loss": loss, "accuracy": 0.5},
            validation={"loss": held_out[place]} if held_out else {},
        )
        for place, loss in enumerate(losses)
    ]


def codes(losses: Sequence[float], held_out: Sequence[float] = ()) -> list[HintCode]:
    return [hint.code for hint in training_hints(epochs(losses, held_out))]


FALLING = [2.3 * 0.7**place for place in range(20)]


@pytest.mark.parametrize(
    ("losses", "held_out", "expected"),
    [
        (FALLING, FALLING, []),
        (FALLING[:3], (), []),
        ([], (), []),
        ([0.7, 0.9, math.nan, math.nan], (), [HintCode.DIVERGED]),
        ([0.7, 0.8, 3.0, 9.0], (), [HintCode.DIVERGED]),
        ([0.693, 0.693, 0.692, 0.693, 0.693], (), [HintCode.NOT_LEARNING]),
        (FALLING, [1.0, 0.8, 0.7, *[0.7 + 0.05 * place for place in range(17)]], [HintCode.OVERFITTING]),
        ([2.3 - 0.1 * place for place in range(20)], (), [HintCode.STILL_IMPROVING]),
        (FALLING, [2.3 - 0.1 * place for place in range(20)], [HintCode.STILL_IMPROVING]),
        # Noise around the minimum is not reported as getting worse.
        (FALLING, [*FALLING[:10], *[FALLING[9] * 1.05] * 10], []),
    ],
)
def test_each_shape_has_its_hint(losses: Sequence[float], held_out: Sequence[float], expected: list[HintCode]) -> None:
    assert codes(losses, held_out) == expected


def test_a_hint_says_where_and_what_to_try() -> None:
    held_out = [1.0, 0.8, 0.7, *[0.7 + 0.05 * place for place in range(17)]]
    (hint,) = training_hints(epochs(FALLING, held_out))
    assert "from epoch 3 on" in hint.message
    assert hint.advice.startswith("keep the weights of that epoch (early_stopping=5)")
    kept = BestEpoch(epoch=3, epochs=20, trained=20, monitor="val_loss", value=0.7, restored=True)
    assert training_hints(epochs(FALLING, held_out), best=kept) == []
    assert training_hints(epochs(FALLING, held_out), best=kept.model_copy(update={"restored": False})) == [hint]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[90, 0], [10, 0]], [HintCode.ONE_CLASS]),
        ([[85, 5], [7, 3]], [HintCode.MAJORITY]),
        ([[88, 2], [2, 8]], []),
        ([[9, 0], [1, 0]], []),
        # Samples of a single class give no hint.
        ([[100, 0], [0, 0]], []),
    ],
)
def test_a_model_that_is_no_better_than_the_most_frequent_class_is_reported(
    matrix: list[list[int]], expected: list[HintCode]
) -> None:
    found = training_hints(epochs(FALLING), ConfusionMatrix(matrix=matrix, labels=["fine", "broken"]))
    assert [hint.code for hint in found] == expected


def test_what_diverged_explains_the_rest() -> None:
    matrix = ConfusionMatrix(matrix=[[90, 0], [10, 0]], labels=["fine", "broken"])
    assert [hint.code for hint in training_hints(epochs([0.7, math.nan, math.nan]), matrix)] == [HintCode.DIVERGED]

"""The importance of columns: known answers, whatever shape the model takes, within its time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from kafkaml.named_inputs import FeatureSpan, joined
from kafkaml.wire.evaluation import MAX_COLUMNS, Importance
from kafkaml.wire.scores import Score
from mlcode_executor.shared_array import SharedArray
from model_training import importance
from model_training.importance import evenly, permutation_importance

Array = NDArray[Any]
RANDOM = np.random.default_rng(7)
NUMBERS = RANDOM.normal(size=(400, 3)).astype(np.float32)
SPANS = [FeatureSpan(name, "", place, place + 1) for place, name in enumerate(("noise", "much", "little"))]


def target(samples: Array) -> Array:
    return 10 * samples[:, 1] + samples[:, 2]


def found(
    features: Array, read: Callable[[Array], Array], spans: list[FeatureSpan], shape: tuple[int, ...], **more: Any
) -> Importance | None:
    """The importance for a perfect regression, which answers what is right for ``read(features)``."""

    def error(shared: SharedArray) -> float:
        return float(np.sqrt(np.mean(np.square(target(read(shared.array)) - target(NUMBERS)))))

    given = {"score": Score.ROOT_MEAN_SQUARED_ERROR, "ask": error, "seed": 1, "sample_shape": shape, **more}
    return permutation_importance(features, spans, **given)


def test_what_the_score_loses_without_a_column_is_its_importance() -> None:
    measured = found(NUMBERS, lambda array: array, SPANS, (3,))
    assert measured is not None
    assert (measured.score, measured.samples, measured.rounds) == ("root_mean_squared_error", 400, 5)
    assert [column.column for column in measured.columns] == ["much", "little", "noise"]
    # The difference of two independent values of a column deviates by the square root of 2, times its weight.
    much, little, noise = (column.importance for column in measured.columns)
    assert (much, little) == (pytest.approx(10 * math.sqrt(2), rel=0.1), pytest.approx(math.sqrt(2), rel=0.1))
    assert noise == 0
    assert 0 < measured.columns[0].spread < 1
    assert found(NUMBERS, lambda array: array, SPANS, (3,)) == measured


@pytest.mark.parametrize(
    ("features", "read", "spans", "shape"),
    [
        (NUMBERS[:, :, None], lambda array: array[:, :, 0], SPANS, (3,)),
        (
            np.repeat(NUMBERS[:, None], 2, axis=1).reshape(400, 6),
            lambda array: array[:, 3:],
            SPANS,
            (2, 3),
        ),
        (
            joined({"a": NUMBERS[:, :1], "b": NUMBERS[:, 1:]}),
            lambda array: np.hstack([array["a"], array["b"]]),
            [FeatureSpan("noise", "a", 0, 1), FeatureSpan("much", "b", 0, 1), FeatureSpan("little", "b", 1, 2)],
            (),
        ),
    ],
    ids=["another axis", "windows that are flattened", "several inputs"],
)
def test_columns_are_found_in_every_shape(
    features: Array, read: Callable[[Array], Array], spans: list[FeatureSpan], shape: tuple[int, ...]
) -> None:
    assert found(features, read, spans, shape) == found(NUMBERS, lambda array: array, SPANS, (3,))


def test_accuracy_is_better_the_higher_it_is() -> None:
    actual = NUMBERS[:, 1] > 0

    def accuracy(shared: SharedArray) -> float:
        return float(np.mean((shared.array[:, 1] > 0) == actual))

    measured = found(NUMBERS, lambda array: array, SPANS, (3,), score=Score.ACCURACY, ask=accuracy)
    assert measured is not None
    assert measured.columns[0].column == "much"
    assert measured.columns[0].importance == pytest.approx(0.5, abs=0.05)


def test_few_samples_of_all_are_tried_and_a_slow_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert evenly(3).tolist() == [0, 1, 2]
    assert (len(evenly(100_000)), evenly(100_000)[-1], len(evenly(0))) == (500, 99_999, 0)
    monkeypatch.setattr(importance, "_SECONDS", 0.0)
    once = found(NUMBERS, lambda array: array, SPANS, (3,))
    assert once is not None
    assert once.rounds == 1
    monkeypatch.setattr(importance, "_ROUND_SECONDS", 0.0)
    assert found(NUMBERS, lambda array: array, SPANS, (3,)) is None


def test_nothing_is_measured_where_there_is_nothing_to_compare() -> None:
    assert found(NUMBERS, lambda array: array, SPANS[:1], (3,)) is None
    assert found(NUMBERS[:1], lambda array: array, SPANS, (3,)) is None
    assert found(NUMBERS, lambda array: array, SPANS[:1] * (MAX_COLUMNS + 1), (3,)) is None

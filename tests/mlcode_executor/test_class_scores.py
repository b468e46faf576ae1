from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mlcode_executor.frameworks.base import Request
from mlcode_executor.frameworks.class_scores import write_classes


def classes_of(scores: list[list[float]], *, logits: bool) -> tuple[list[int], list[float], int]:
    array: np.ndarray[Any, Any] = np.array(scores, np.float32)
    out, confidence = np.zeros(len(array), np.int64), np.zeros(len(array), np.float32)
    request = Request({"batch_size": 2}, {"features": array, "out": out, "confidence": confidence})
    classes = write_classes(request, lambda part: part, logits=logits)["classes"]
    return out.tolist(), confidence.tolist(), classes


def test_probabilities_are_taken_as_they_are() -> None:
    for logits in (False, True):
        predicted, confidence, classes = classes_of([[0.1, 0.2, 0.7], [0.5, 0.3, 0.2], [0, 0, 1]], logits=logits)
        assert (predicted, classes) == ([2, 0, 2], 3)
        assert confidence == pytest.approx([0.7, 0.5, 1.0])


def test_logits_become_probabilities() -> None:
    predicted, confidence, _ = classes_of([[-1, 1000], [3, 3]], logits=True)
    assert predicted == [1, 0]
    assert confidence == pytest.approx([1.0, 0.5])


def test_a_sigmoid_for_each_class_keeps_its_value() -> None:
    assert classes_of([[0.9, 0.8], [0.1, 0.2]], logits=False)[1] == pytest.approx([0.9, 0.2])


def test_one_score_is_that_of_the_second_class() -> None:
    predicted, confidence, classes = classes_of([[0.9], [0.2]], logits=False)
    assert (predicted, classes) == ([1, 0], 2)
    assert confidence == pytest.approx([0.9, 0.8])
    assert classes_of([[0.0], [2.0]], logits=True)[1] == pytest.approx([0.5, 0.8808], abs=1e-4)


def test_a_diverged_model_has_no_probability() -> None:
    predicted, confidence, _ = classes_of([[float("nan"), float("nan")]], logits=False)
    assert predicted == [0]
    assert np.isnan(confidence).all()


def test_without_the_array_only_classes_are_written() -> None:
    out = np.zeros(1, np.int64)
    request = Request({"batch_size": 1}, {"features": np.array([[0.0, 1.0]]), "out": out})
    assert write_classes(request, lambda part: part, logits=False) == {"classes": 2}
    assert out.tolist() == [1]

"""Metrics of any shape become numbers by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kafkaml.errors import UserCodeError
from mlcode_executor.frameworks.base import flat_metrics


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, {"m": 0.5}),
        (np.float32(2), {"m": 2.0}),
        ([[3]], {"m": 3.0}),
        (np.array([1, 2]), {"m_0": 1.0, "m_1": 2.0}),
        (np.eye(2), {"m_0_0": 1.0, "m_0_1": 0.0, "m_1_0": 0.0, "m_1_1": 1.0}),
        ({"a": 1, "b": [1, 2]}, {"m_a": 1.0, "m_b_0": 1.0, "m_b_1": 2.0}),
        ([{"f": 1}, {"f": 2}], {"m_0_f": 1.0, "m_1_f": 2.0}),
        (np.arange(500), {"m_mean": 249.5, "m_min": 0.0, "m_max": 499.0}),
        ([], {}),
    ],
)
def test_values_are_numbers_by_name(value: Any, expected: dict[str, float]) -> None:
    assert flat_metrics("m", value) == expected


def test_what_is_not_a_number_is_the_users_to_fix() -> None:
    with pytest.raises(UserCodeError, match="the metric 'm' is str"):
        flat_metrics("m", "high")

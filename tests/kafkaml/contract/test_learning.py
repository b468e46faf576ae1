"""The values learnt from a training part are exact, and the same in any order and in any pieces."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.contract.exact_sums import ExactSum, order_statistics
from kafkaml.contract.learning import class_names
from kafkaml.errors import RefusedError

numbers = st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60)


@given(values=numbers, cut=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_a_sum_is_exact_in_any_pieces(values: list[float], cut: int) -> None:
    total = ExactSum()
    for part in (values[:cut], values[cut:]):
        total.add(np.array(part, np.float64))
    assert total.total() == sum(map(Fraction, values))
    assert total.count == len(values)


@given(values=numbers, cut=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_order_statistics_are_those_of_the_sorted_numbers(values: list[float], cut: int) -> None:
    parts = [np.array(part, np.float64) for part in (values[:cut], values[cut:])]
    found = order_statistics(lambda: parts, {0, len(values) // 2, len(values) - 1})
    ordered = sorted(values)
    assert found == {rank: ordered[rank] for rank in found}


def test_classes_are_sorted_by_number_or_as_texts() -> None:
    assert class_names(["10", "9", "-1.5"], "y") == ("-1.5", "9", "10")
    assert class_names(["10", "9", "x"], "y") == ("10", "9", "x")
    with pytest.raises(RefusedError, match="10001 different values"):
        class_names(map(str, range(10_001)), "y")

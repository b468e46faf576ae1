"""The one rule that splits samples for training, validation and test."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.errors import RefusedError
from kafkaml.splits import SplitPlan

rates = st.tuples(st.floats(0, 0.99), st.floats(0, 0.99)).filter(lambda pair: pair[0] + pair[1] < 1)


@pytest.mark.parametrize(
    ("num_samples", "validation_rate", "test_rate", "expected"),
    [
        (1000, 0.1, 0.1, SplitPlan(800, 100, 100)),
        (1000, 0.0, 0.0, SplitPlan(1000, 0, 0)),
        (1797, 0.1, 0.1, SplitPlan(1437, 180, 180)),
        # A rate above zero gives at least one sample if training keeps at least one.
        (3, 0.1, 0.1, SplitPlan(1, 1, 1)),
        (2, 0.1, 0.1, SplitPlan(1, 1, 0)),
        (1, 0.4, 0.4, SplitPlan(1, 0, 0)),
        (0, 0.1, 0.1, SplitPlan(0, 0, 0)),
    ],
)
def test_sizes(num_samples: int, validation_rate: float, test_rate: float, expected: SplitPlan) -> None:
    assert SplitPlan.of(num_samples, validation_rate=validation_rate, test_rate=test_rate) == expected


@pytest.mark.parametrize(("validation_rate", "test_rate"), [(0.5, 0.5), (-0.1, 0), (0, 1), (float("nan"), 0)])
def test_rates_that_leave_nothing_are_refused(validation_rate: float, test_rate: float) -> None:
    with pytest.raises(RefusedError):
        SplitPlan.of(100, validation_rate=validation_rate, test_rate=test_rate)


@given(st.integers(0, 10**7), rates)
def test_sections_cover_all_rows_once(num_samples: int, pair: tuple[float, float]) -> None:
    plan = SplitPlan.of(num_samples, validation_rate=pair[0], test_rate=pair[1])
    assert plan.num_samples == num_samples
    assert plan.training_rows.start == 0
    assert plan.training_rows.stop == plan.validation_rows.start
    assert plan.validation_rows.stop == plan.test_rows.start
    assert plan.test_rows.stop == num_samples
    assert min(plan.training, plan.validation, plan.test) >= 0
    assert plan.training > 0 or num_samples == 0
    assert abs(plan.validation - num_samples * pair[0]) <= 1 or num_samples < 3


def test_text_for_results() -> None:
    assert str(SplitPlan(8, 1, 1)) == "training 8, validation 1, test 1"

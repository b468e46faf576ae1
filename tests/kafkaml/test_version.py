"""The rule by which a model takes the place of another."""

from __future__ import annotations

import math

import pytest

from kafkaml.wire.choices import Direction
from kafkaml.wire.version import Comparison


@pytest.mark.parametrize(
    ("direction", "champion", "challenger", "promotes"),
    [
        (Direction.UP, 0.8, 0.849, False),
        # In binary the difference is a little less than 0.05.
        (Direction.UP, 0.8, 0.85, True),
        (Direction.UP, 0.8, 0.851, True),
        (Direction.DOWN, 0.8, 0.751, False),
        (Direction.DOWN, 0.8, 0.75, True),
        (Direction.DOWN, 0.8, 0.749, True),
        (Direction.UP, math.nan, 0.1, True),
        (Direction.UP, math.nan, math.nan, False),
        (Direction.DOWN, 0.8, math.nan, False),
    ],
)
def test_a_challenger_is_promoted_by_at_least_the_improvement(
    direction: Direction, champion: float, challenger: float, promotes: bool
) -> None:
    compared = Comparison(
        metric="m",
        direction=direction,
        improvement=0.05,
        champion=1,
        champion_value=champion,
        challenger_value=challenger,
        samples=10,
    )
    assert compared.promotes == promotes
    # A value that is no number travels as null.
    assert Comparison.model_validate(compared.to_json()).promotes == promotes


def test_the_first_version_needs_no_champion() -> None:
    first = Comparison(metric="m", direction=Direction.UP, improvement=0.05, challenger_value=0.1, samples=10)
    assert first.promotes

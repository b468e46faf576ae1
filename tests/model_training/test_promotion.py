from __future__ import annotations

import math

import pytest

from kafkaml.errors import SettingsError
from kafkaml.wire.choices import Direction
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.version import Comparison
from model_training.promotion import PromotionRule

UP = Incremental(monitoring_metric="accuracy", change=Direction.UP)
DOWN = Incremental(monitoring_metric="loss", change=Direction.DOWN)


def promotes(settings: Incremental, challenger: float, champion: float | None) -> bool:
    rule = PromotionRule.of(settings, validation_rate=0.2)
    assert rule is not None
    name = rule.metric
    compared = rule.compare(
        {name: challenger},
        None if champion is None else {name: champion},
        number=None if champion is None else 3,
        samples=10,
    )
    # A value that is not a number is sent as null.
    assert Comparison.model_validate(compared.to_json()).promotes == compared.promotes
    return compared.promotes


@pytest.mark.parametrize(
    ("settings", "challenger", "champion", "expected"),
    [
        (UP, 0.1, None, True),
        (UP, 0.849, 0.8, False),
        (UP, 0.851, 0.8, True),
        # The improvement is exactly the required one, which neither 0.85 - 0.8 nor float32 represents.
        (UP, 0.85, 0.8, True),
        (UP, 0.8500000238418579, 0.800000011920929, True),
        (UP, 0.7, 0.8, False),
        (DOWN, 0.751, 0.8, False),
        (DOWN, 0.749, 0.8, True),
        (DOWN, 0.75, 0.8, True),
        (DOWN, 0.9, 0.8, False),
        (UP, math.nan, 0.8, False),
        (UP, 0.1, math.nan, True),
        (DOWN, math.inf, 0.8, False),
        (Incremental(monitoring_metric="loss", change=Direction.DOWN, improvement=0), 0.8, 0.8, True),
    ],
)
def test_a_gain_of_at_least_the_improvement_promotes(
    settings: Incremental, challenger: float, champion: float | None, expected: bool
) -> None:
    assert promotes(settings, challenger, champion) is expected


def test_a_rule_that_can_decide_nothing_is_refused() -> None:
    assert PromotionRule.of(Incremental(), validation_rate=0.0) is None
    with pytest.raises(SettingsError, match="no sample validates"):
        PromotionRule.of(UP, validation_rate=0.0)
    with pytest.raises(SettingsError, match="which way is better"):
        PromotionRule.of(Incremental(monitoring_metric="accuracy"), validation_rate=0.2)


def test_a_metric_that_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    rule = PromotionRule.of(UP, validation_rate=0.2)
    assert rule is not None
    rule.check({"accuracy": 0.5})
    rule.check_built(["loss", "accuracy"])
    # A metric that only an evaluation reports is not refused before the first one.
    rule.check_built([])
    with pytest.raises(SettingsError, match="no metric 'accuracy': it has loss, f1"):
        rule.check_built(["loss", "f1"])
    several = PromotionRule.of(Incremental(monitoring_metric="f1_2", change=Direction.UP), validation_rate=0.2)
    assert several is not None
    several.check_built(["loss", "f1"])
    with pytest.raises(SettingsError, match="no metric 'accuracy': it has loss, auc"):
        rule.check({"loss": 1.0, "auc": 0.5})

"""When does a model that goes on learning take the place of the champion? Pure; asked by incremental training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from kafkaml.errors import SettingsError
from kafkaml.wire.choices import Direction
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.version import Comparison

__all__ = ["PromotionRule"]

# Frameworks compute metrics as float32: a gain that is short of what was asked for by no more than their rounding is
# as much.
_ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class PromotionRule:
    """The champion's place is taken by a model whose ``metric`` is better by ``improvement``, in its own unit."""

    metric: str
    direction: Direction
    improvement: float

    @classmethod
    def of(cls, settings: Incremental, *, validation_rate: float) -> Self | None:
        """Return the rule that was asked for, None where none was; SettingsError for what cannot decide anything."""
        metric = settings.monitoring_metric
        if not metric:
            return None
        if settings.change is None:
            raise SettingsError(
                f"{metric} is to decide about versions, and nothing says which way is better",
                hint="set 'change' to up (more is better) or down",
            )
        if not validation_rate:
            raise SettingsError(
                f"{metric} is to decide about versions, and no sample validates: the validation rate is 0",
                hint="set the deployment's validation_rate, or that of the sink, to a share such as 0.2",
            )
        return cls(metric=metric, direction=settings.change, improvement=settings.improvement)

    def check(self, metrics: Mapping[str, float]) -> None:
        """Raise SettingsError unless the model has the metric; ``metrics`` are those of an evaluation."""
        if self.metric not in metrics:
            raise SettingsError(
                f"the model has no metric {self.metric!r}: it has {', '.join(metrics) or 'none'}",
                hint="choose one of these for 'monitoring_metric', or compile the model with another",
            )

    def compare(
        self,
        challenger: Mapping[str, float],
        champion: Mapping[str, float] | None,
        *,
        number: int | None,
        samples: int,
    ) -> Comparison:
        """Return how the challenger compares with version ``number``, both evaluated on the same ``samples``."""
        return Comparison(
            metric=self.metric,
            direction=self.direction,
            improvement=self.improvement,
            champion=number,
            champion_value=None if champion is None else champion[self.metric],
            challenger_value=challenger[self.metric],
            samples=samples,
        )

    @staticmethod
    def promotes(comparison: Comparison) -> bool:
        """Whether the challenger takes the champion's place, or is the first; equal to what was asked for does."""
        challenger, champion = comparison.challenger_value, comparison.champion_value
        if comparison.champion is None or champion is None:
            return True
        if not (math.isfinite(challenger) and math.isfinite(champion)):
            # Any number is better than none.
            return math.isfinite(challenger)
        gain = challenger - champion if comparison.direction is Direction.UP else champion - challenger
        return gain >= comparison.improvement - _ROUNDING * max(abs(challenger), abs(champion))

"""Decides when a model that keeps learning replaces the champion. Pure; called by incremental training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from kafkaml.errors import SettingsError
from kafkaml.wire.choices import Direction
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.version import Comparison

__all__ = ["PromotionRule"]


@dataclass(frozen=True, kw_only=True)
class PromotionRule:
    """A model replaces the champion when its ``metric`` is better by ``improvement``, in the metric's unit."""

    metric: str
    direction: Direction
    improvement: float

    @classmethod
    def of(cls, settings: Incremental, *, validation_rate: float) -> Self | None:
        """Return the requested rule, None without one. Raises SettingsError for a rule that cannot decide anything."""
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

    def check_built(self, names: Sequence[str]) -> None:
        """Raise SettingsError where the model is known not to have the metric.

        ``names`` are those of ``BuiltModel.metrics``; a metric of several numbers is known after an evaluation.
        """
        parts = (f"{name}_" for name in names)
        if names and self.metric not in names and not self.metric.startswith(tuple(parts)):
            raise self._missing(names)

    def check(self, metrics: Mapping[str, float]) -> None:
        """Raise SettingsError unless the model has the metric; ``metrics`` are those of an evaluation."""
        if self.metric not in metrics:
            raise self._missing(list(metrics))

    def _missing(self, names: Sequence[str]) -> SettingsError:
        return SettingsError(
            f"the model has no metric {self.metric!r}: it has {', '.join(names) or 'none'}",
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

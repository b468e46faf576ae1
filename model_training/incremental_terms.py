"""The settings of an incremental training: checked, with defaults filled in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from kafkaml.frameworks import FRAMEWORKS, Purpose
from kafkaml.wire.incremental import Incremental
from kafkaml.wire.semi_supervised import SemiSupervised
from kafkaml.wire.training import TrainingPlan
from model_training.promotion import PromotionRule
from model_training.window import HeldOut
from model_training.window_samples import Ordering
from model_training.windows import Limits

__all__ = ["Terms"]

# Arguments of fit that apply to windows, by their common names in all frameworks.
_PASSES, _SHUFFLE = "epochs", "shuffle"


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The settings of an incremental training. ``ignored`` are arguments of fit without effect on windows."""

    limits: Limits
    held_out: HeldOut
    rule: PromotionRule | None
    semi_supervised: SemiSupervised | None
    passes: int
    ordering: Ordering
    ignored: Sequence[str]

    @classmethod
    def of(cls, plan: TrainingPlan) -> Terms:
        """Read the plan; raises SettingsError for impossible settings."""
        settings = plan.incremental or Incremental()
        rate = plan.stream.validation_rate if settings.validation_rate is None else settings.validation_rate
        arguments = FRAMEWORKS[plan.framework].arguments[Purpose.FIT]
        given = arguments.in_common_names(plan.fit_arguments)
        return cls(
            limits=Limits(
                records=settings.window_records,
                seconds=settings.message_poll_timeout / 1000,
                idle_seconds=None if settings.indefinite else settings.stream_timeout / 1000,
            ),
            # The share is a Fraction, because 0.29 of 100 is 28.999... in floating point.
            held_out=HeldOut(rate=Fraction(rate).limit_denominator(1_000_000_000), seed=plan.seed % 2**64),
            rule=PromotionRule.of(settings, validation_rate=rate),
            semi_supervised=plan.semi_supervised,
            passes=given.get(_PASSES, 1),
            ordering=Ordering(seed=plan.seed % 2**64, shuffle=given.get(_SHUFFLE, True), batch_size=plan.batch_size),
            ignored=arguments.without_effect_in_windows(plan.fit_arguments),
        )

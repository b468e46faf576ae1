"""SplitPlan: one rule for which samples train, validate and test, for every framework.

A ``StreamDataset`` is in an order that depends on its content and the seed only, so a split is three contiguous
sections of it: independent of partitions, of arrival and of the framework, and served without copying.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from kafkaml.errors import RefusedError

__all__ = ["SplitPlan"]


@dataclass(frozen=True)
class SplitPlan:
    """How many samples train, validate and test; sections follow each other in this order."""

    training: int
    validation: int
    test: int

    @classmethod
    def of(cls, num_samples: int, *, validation_rate: float, test_rate: float) -> SplitPlan:
        """Split ``num_samples`` by the rates of the control message; training gets what the others leave.

        Sizes are rounded to the nearest whole number. A rate above zero gives at least one sample, and training keeps
        at least one, as far as there are samples. Raises RefusedError for rates that leave nothing to train on.
        """
        if num_samples < 0 or validation_rate < 0 or test_rate < 0 or not validation_rate + test_rate < 1:
            raise RefusedError(
                f"cannot split {num_samples} samples by validation_rate {validation_rate} and test_rate {test_rate}: "
                "expected rates from 0 on whose sum is below 1"
            )
        left = max(0, num_samples - 1)
        validation = min(left, _share(num_samples, validation_rate))
        test = min(left - validation, _share(num_samples, test_rate))
        return cls(num_samples - validation - test, validation, test)

    @property
    def num_samples(self) -> int:
        return self.training + self.validation + self.test

    @property
    def training_rows(self) -> slice:
        return slice(0, self.training)

    @property
    def validation_rows(self) -> slice:
        return slice(self.training, self.training + self.validation)

    @property
    def test_rows(self) -> slice:
        return slice(self.training + self.validation, self.num_samples)

    def __str__(self) -> str:
        """Text for results and logs: ``training 800, validation 100, test 100``."""
        return f"training {self.training}, validation {self.validation}, test {self.test}"


def _share(num_samples: int, rate: float) -> int:
    # The product is computed as a fraction. In floating point 0.1 + 0.2 would make sizes depend on how rates were added
    # up.
    exact = Fraction(rate).limit_denominator(1_000_000_000) * num_samples
    return max(1, int(exact + Fraction(1, 2))) if rate > 0 and num_samples > 0 else 0

"""Splits: which samples train, validate and test, so that nothing in a test is known from the training. Pure.

A split by time puts no record into two parts, neither in a window nor as a label, so windows across a border are left
out. A split by key puts no key into two parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.contract.sequences import Windows
from kafkaml.errors import RefusedError
from kafkaml.splits import SplitPlan

__all__ = ["Parts", "by_key", "by_time", "in_order"]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Parts:
    """Samples of each part in their order, disjoint; ``left_out`` counts those across a border."""

    training: Rows
    validation: Rows
    test: Rows
    left_out: int = 0

    def __str__(self) -> str:
        """Text for results and logs."""
        text = f"training {len(self.training)}, validation {len(self.validation)}, test {len(self.test)}"
        return text + (f", {self.left_out} across a border left out" if self.left_out else "")


def in_order(order: Rows, *, validation_rate: float, test_rate: float) -> Parts:
    """Split samples into consecutive sections of ``order``."""
    plan = SplitPlan.of(len(order), validation_rate=validation_rate, test_rate=test_rate)
    return Parts(order[plan.training_rows], order[plan.validation_rows], order[plan.test_rows])


def by_time(windows: Windows, ranks: Array, *, validation_rate: float, test_rate: float) -> Parts:
    """Split so that all records of a test are newer than all of the training.

    ``ranks`` (rows,) are the places of all rows from old to new, each once. Raises RefusedError when the windows leave
    nothing to train on.
    """
    plan = SplitPlan.of(len(windows), validation_rate=validation_rate, test_rate=test_rate)
    oldest, newest = windows.extremes(ranks)
    order = np.argsort(newest, kind="stable")
    test, before = _newest(order, oldest, newest, plan.test)
    validation, training = _newest(before, oldest, newest, plan.validation)
    if len(windows) and not len(training):
        raise RefusedError(
            f"no window of {windows.length} records lies before the borders of a split by time: {len(windows)} windows "
            f"in all, {plan.validation} to validate and {plan.test} to test",
            hint="take more records, shorter windows, or a split by key",
        )
    left_out = len(windows) - len(training) - len(validation) - len(test)
    return Parts(training, validation, test, left_out)


def by_key(keys: Array, order: Rows, seed_hashes: Array, *, validation_rate: float, test_rate: float) -> Parts:
    """Split so that all samples of one of ``keys`` (samples,) are in one part. ``order`` is the order of samples in a
    part.

    ``seed_hashes`` (samples,) order keys randomly, with equal hashes for samples of one key. Raises RefusedError where
    there are fewer keys than parts.
    """
    plan = SplitPlan.of(len(keys), validation_rate=validation_rate, test_rate=test_rate)
    distinct, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    targets = [plan.test, plan.validation]
    wanted = 1 + sum(target > 0 for target in targets)
    if len(distinct) < wanted:
        raise RefusedError(
            f"the samples have {len(distinct)} keys: expected at least {wanted}, one for each part of a split by key",
            hint="split by time or by content",
        )
    sizes = [0, 0]
    # The part of each key: 0 trains, 1 tests, 2 validates.
    part = np.zeros(len(distinct), np.int64)
    for key in np.argsort(seed_hashes[first], kind="stable").tolist():
        count = int(counts[key])
        for place, target in enumerate(targets):
            # Stop when one more key would lead further away from the target.
            if target and (not sizes[place] or sizes[place] + count / 2 <= target):
                sizes[place] += count
                part[key] = place + 1
                break
    if not (part == 0).any():
        raise RefusedError(
            f"a split by key leaves none of the {len(distinct)} keys to train on", hint="split by time or by content"
        )
    of_sample = part[inverse][order]
    return Parts(order[of_sample == 0], order[of_sample == 2], order[of_sample == 1])


def _newest(order: Rows, oldest: Array, newest: Array, count: int) -> tuple[Rows, Rows]:
    """Return the ``count`` samples that begin last, and those that end before the first of them begins."""
    # The caller has already removed the samples that cross the border to the next part.
    count = min(count, len(order))
    if not count:
        return order[:0], order
    border = np.partition(oldest[order], len(order) - count)[len(order) - count]
    return order[oldest[order] >= border], order[newest[order] < border]

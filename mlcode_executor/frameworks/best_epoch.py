"""The best epoch of a ``fit``: which one it is, when to stop waiting for a better one, and its weights.

One rule for all frameworks, that of ``keras.callbacks.EarlyStopping``. Ignite's handler of that name differs: it takes
NaN for the best value, and does not know which epoch it belongs to. Used by the loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kafkaml.errors import ArgumentsError
from kafkaml.metric_direction import known_direction
from kafkaml.wire.choices import Direction

__all__ = ["BestEpoch", "BestWeights", "Monitoring", "with_validation"]


@dataclass(frozen=True, kw_only=True)
class Monitoring:
    """The arguments that ``kafkaml.frameworks.BEST_EPOCH`` describes, with their defaults."""

    early_stopping: int | None = None
    monitor: str | None = None
    mode: str = "auto"
    min_delta: float = 0.0
    restore_best_weights: bool | None = None

    @property
    def restores(self) -> bool:
        """Whether the model ends with the weights of its best epoch."""
        return self.early_stopping is not None if self.restore_best_weights is None else self.restore_best_weights


@dataclass
class BestEpoch:
    """The best ``epoch`` by the ``value`` of ``monitor``: 1-based, 0 for none yet. ``waited`` epochs since then were no
    better.
    """

    epoch: int = 0
    value: float = math.nan
    monitor: str = ""
    waited: int = 0
    stopped: bool = False

    def epoch_done(
        self,
        arguments: Monitoring,
        *,
        epoch: int,
        training: Mapping[str, float],
        validation: Mapping[str, float],
        validates: bool,
    ) -> bool:
        """Take an epoch; returns whether it is the best so far. ``stopped`` says afterwards whether it is the last.

        An epoch that was not validated, where the others are, neither counts nor ends anything. ``validates``: the
        training has validation samples. Raises ArgumentsError where no epoch can have the metric.
        """
        values = with_validation(training, validation)
        if arguments.monitor is None:
            if validates and not validation:
                return False
            self.monitor = "val_loss" if "val_loss" in values else "loss"
        else:
            self.monitor = arguments.monitor
            if self.monitor not in values and self.monitor.startswith("val_") and validates and not validation:
                return False
            if self.monitor not in values:
                raise _unknown_metric(self.monitor, values, validates=validates)
        if self.monitor not in values:
            # The model has no loss, and the user did not name a metric to monitor.
            return False
        value = values[self.monitor]
        if self._is_better(value, arguments):
            self.epoch, self.value, self.waited = epoch, value, 0
            return True
        self.waited += 1
        self.stopped = arguments.early_stopping is not None and self.waited >= arguments.early_stopping
        return False

    def _is_better(self, value: float, arguments: Monitoring) -> bool:
        if math.isnan(value) or not self.epoch:
            return not math.isnan(value)
        mode = arguments.mode
        if mode == "auto":
            mode = "max" if known_direction(self.monitor) is Direction.UP else "min"
        gained = value - self.value if mode == "max" else self.value - value
        return gained > arguments.min_delta


class BestWeights:
    """The weights of the best epoch so far, ``kept`` in this process: what ``copy`` returns and ``put`` takes."""

    def __init__(self, copy: Callable[[], Any], put: Callable[[Any], None]) -> None:
        self._copy = copy
        self._put = put
        self.kept: Any = None

    def keep(self) -> None:
        """Keep the present weights, replacing those kept before."""
        self.kept = self._copy()

    def restore(self) -> bool:
        """Give the model the kept weights and release them; returns whether there were any."""
        if self.kept is None:
            return False
        self._put(self.kept)
        self.kept = None
        return True


def with_validation(training: Mapping[str, float], validation: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics of an epoch by name; those on validation samples have ``val_`` before it."""
    return {**training, **{f"val_{name}": value for name, value in validation.items()}}


def _unknown_metric(monitor: str, values: Mapping[str, float], *, validates: bool) -> ArgumentsError:
    hint = ""
    if monitor.startswith("val_") and not validates:
        hint = "no samples validate: let the stream set some aside (validation_rate), or monitor the training's metric"
    return ArgumentsError(
        f"no epoch has the metric {monitor!r} that monitor names: expected one of {', '.join(values)}",
        argument="monitor",
        hint=hint,
    )

"""The progress of ``fit``: where it stands, when it pauses, the events it emits, and its final report."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from mlcode_executor.frameworks.best_epoch import BestEpoch, BestWeights, Monitoring, with_validation
from mlcode_executor.runtimes import Emit

__all__ = ["FitPlace", "Pause", "ProgressEvents", "divergence_warnings", "end_epoch", "fit_answer"]

# Shortest time between two progress events. Users cannot follow more, and each event costs a frame and a request to the
# backend.
_PROGRESS_INTERVAL_SECONDS = 0.2


@dataclass
class FitPlace:
    """Where ``fit`` stands: after ``epoch`` (1-based) and ``batch`` batches, with the metrics of each epoch so far.

    ``best`` is the best of these epochs.
    """

    epoch: int = 0
    batches: int = 0
    history: dict[str, list[float]] = field(default_factory=dict)
    best: BestEpoch = field(default_factory=BestEpoch)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON that ``from_json`` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "best": BestEpoch(**document.get("best", {}))})

    def epoch_done(
        self, *, epoch: int, batches: int, training: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """Add one epoch; names of ``validation`` get ``val_`` before them."""
        self.epoch, self.batches = epoch, batches
        for name, value in with_validation(training, validation).items():
            self.history.setdefault(name, []).append(value)


class Pause:
    """Decides at the end of an epoch whether ``fit`` pauses: after ``seconds``, or never with None."""

    def __init__(self, seconds: float | None) -> None:
        self._until = math.inf if seconds is None else time.monotonic() + seconds

    @property
    def due(self) -> bool:
        return time.monotonic() >= self._until


class ProgressEvents:
    """Emits ``progress`` and ``epoch`` events of one training run, the former at most five times a second."""

    def __init__(self, emit: Emit, *, epochs: int) -> None:
        self._emit = emit
        self._epochs = epochs
        self._epoch_started = self._last = time.monotonic()

    @classmethod
    def silent(cls) -> ProgressEvents:
        """Return an object that reports to nobody."""
        return cls(lambda _name, _data: None, epochs=1)

    def start_epoch(self) -> None:
        self._epoch_started = time.monotonic()

    @property
    def due(self) -> bool:
        """Whether ``batch_done`` would emit, because metrics need not be computed otherwise."""
        return time.monotonic() - self._last >= _PROGRESS_INTERVAL_SECONDS

    def batch_done(self, *, epoch: int, batch: int, batches: int, metrics: Mapping[str, float]) -> None:
        """Report ``batch`` of ``batches`` done in ``epoch`` (1-based), unless the last report is too recent."""
        if not self.due:
            return
        self._last = time.monotonic()
        self._emit(
            "progress",
            {"epoch": epoch, "epochs": self._epochs, "batch": batch, "batches": batches, "metrics": dict(metrics)},
        )

    def epoch_done(
        self,
        *,
        epoch: int,
        training: Mapping[str, float],
        validation: Mapping[str, float],
        learning_rate: Mapping[str, float],
        best_epoch: int,
    ) -> None:
        """Report the end of ``epoch`` (1-based); ``best_epoch`` is the best so far, 0 for none."""
        seconds = time.monotonic() - self._epoch_started
        self._emit(
            "epoch",
            {
                "epoch": epoch,
                "seconds": seconds,
                "training": dict(training),
                "validation": dict(validation),
                "learning_rate": dict(learning_rate),
                "best_epoch": best_epoch,
            },
        )


def end_epoch(
    place: FitPlace,
    progress: ProgressEvents,
    arguments: Monitoring,
    best: BestWeights | None,
    *,
    epoch: int,
    batches: int,
    training: Mapping[str, float],
    validation: Mapping[str, float],
    validates: bool,
    learning_rate: Mapping[str, float],
) -> None:
    """Note and report the end of an epoch, and keep its weights where it is the best and ``arguments`` want them.

    ``place.best.stopped`` says afterwards whether it is the last. Raises as ``BestEpoch.epoch_done`` does.
    """
    place.epoch_done(epoch=epoch, batches=batches, training=training, validation=validation)
    is_best = place.best.epoch_done(
        arguments, epoch=epoch, training=training, validation=validation, validates=validates
    )
    if is_best and arguments.restores and best is not None:
        best.keep()
    progress.epoch_done(
        epoch=epoch,
        training=training,
        validation=validation,
        learning_rate=learning_rate,
        best_epoch=place.best.epoch,
    )


def fit_answer(place: FitPlace, *, restores: bool, restored: bool) -> dict[str, Any]:
    """Return the answer of ``fit`` for a finished training: its history, its best epoch, and warnings."""
    best, warnings = place.best, divergence_warnings(place.history)
    if restores and not restored:
        monitored = best.monitor or "loss"
        warnings.append(f"no epoch was the best, because {monitored} was never a number: the last weights are kept")
    found = {"epoch": best.epoch, "monitor": best.monitor, "value": best.value, "restored": restored}
    return {"history": place.history, "best": found if best.epoch else None, "warnings": warnings}


def divergence_warnings(history: Mapping[str, Sequence[float]]) -> list[str]:
    """Return a warning about the first epoch with metrics that are not finite; empty when all are.

    A loss that is not finite ruins the weights; another metric may be affected alone.
    """
    lost = {
        name: next(place for place, value in enumerate(values) if not math.isfinite(value))
        for name, values in history.items()
        if not all(map(math.isfinite, values))
    }
    if not lost:
        return []
    first = min(lost.values())
    names = [name for name, place in lost.items() if place == first]
    what = f"{', '.join(names)} {'are not numbers' if len(names) > 1 else 'is not a number'} from epoch {first + 1} on"
    if "loss" not in lost and "val_loss" not in lost:
        return [f"{what}, although the loss is: look for a division by zero or a logarithm in the metric"]
    help_text = "a smaller learning rate, features scaled to 0..1, or clipped gradients (clipnorm=1.0) usually help"
    return [f"the training diverged: {what}; {help_text}"]

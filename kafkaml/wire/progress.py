"""Where a training is: Progress while it goes, EpochMetrics after each epoch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["EpochMetrics", "Progress"]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is: epoch (1-based) of epochs, batch of batches inside it, and the running metrics.

    Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records.
    """

    epoch: int
    epochs: int
    batch: int
    batches: int
    metrics: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EpochMetrics:
    """Metrics after one epoch (1-based). ``validation`` is empty without validation data."""

    epoch: int
    seconds: float
    training: Mapping[str, float]
    validation: Mapping[str, float] = field(default_factory=dict)

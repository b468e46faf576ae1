"""Where a training is: Progress while it goes, EpochMetrics after each epoch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Metrics

__all__ = ["EpochMetrics", "Progress"]


class Progress(Message):
    """Where a run is: epoch (1-based) of epochs, batch of batches inside it, and the running metrics.

    Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records.
    """

    epoch: Count
    epochs: Count
    batch: Count
    batches: Count
    metrics: Metrics = {}


class EpochMetrics(Message):
    """Metrics after one epoch (1-based). ``validation`` is empty without validation data."""

    epoch: Annotated[int, Field(ge=0, le=2**31 - 1)]
    seconds: Annotated[float, Field(ge=0)]
    training: Metrics
    validation: Metrics = {}

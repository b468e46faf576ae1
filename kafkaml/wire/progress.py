"""Where a training is: Progress while it goes, EpochMetrics after each epoch or window."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Metrics
from kafkaml.wire.semi_supervised import PseudoLabels

__all__ = ["EpochMetrics", "Progress", "WindowPlace"]


class Progress(Message):
    """Where a run is: epoch (1-based) of epochs, batch of batches inside it, and the running metrics.

    Epoch 0 is the reading of the stream; ``batch`` of ``batches`` then counts records. ``remaining_seconds`` is how
    long the epochs will still take, null where that is not known or has no end; ``may_end_sooner``: at most, as with
    early stopping.
    """

    epoch: Count
    epochs: Count
    batch: Count
    batches: Count
    metrics: Metrics = {}
    remaining_seconds: Annotated[float, Field(ge=0, le=1e12)] | None = None
    may_end_sooner: bool = False


class WindowPlace(Message):
    """A window of a stream without end: how many records it had, how they were used, and how far behind it was.

    ``left_out`` were not samples. ``lag`` counts the records that were there and not read yet, ``rate`` those that came
    in a second. ``ended_ms`` is when it was learnt, since 1970.
    """

    records: Count
    trained: Count
    validated: Count
    left_out: Count = 0
    lag: Count | None = None
    rate: Annotated[float, Field(ge=0)] = 0.0
    ended_ms: Count


class EpochMetrics(Message):
    """Metrics after one epoch, or one window (both 1-based). ``validation`` is empty without validation data.

    ``before`` is the model's score on the samples of the window before it learnt any of them, on 2,000 by chance where
    there are more (test, then train: Gama, Sebastiao, Rodrigues, "On evaluating stream learning algorithms", 2013).
    ``pseudo_labels`` are of the round that began with this epoch, or of the last one in this window. ``learning_rate``
    is what the optimiser had come to at its end, numbered where groups of parameters have different ones.
    ``best_epoch`` is the best so far, null where none is.
    """

    epoch: Annotated[int, Field(ge=0, le=2**31 - 1)]
    seconds: Annotated[float, Field(ge=0)]
    training: Metrics
    validation: Metrics = {}
    before: Metrics = {}
    window: WindowPlace | None = None
    pseudo_labels: PseudoLabels | None = None
    learning_rate: Metrics = {}
    best_epoch: Count | None = None

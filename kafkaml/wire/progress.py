"""Where a training is: Progress while it goes, EpochMetrics after each epoch or window."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Metrics
from kafkaml.wire.semi_supervised import PseudoLabels

__all__ = ["EpochMetrics", "Progress", "WindowPlace"]


class Progress(Message):
    """How far a run is, with the metrics so far. Epochs and batches count from 1, to ``epochs`` and ``batches``.

    While ``epoch`` is 0 the stream is being read, and ``batch`` of ``batches`` counts records. ``remaining_seconds`` is
    the time that the remaining epochs will take. It is null if that is unknown, or if the training has no end.
    ``may_end_sooner`` is true if early stopping may make it shorter.
    """

    epoch: Count
    epochs: Count
    batch: Count
    batches: Count
    metrics: Metrics = {}
    remaining_seconds: Annotated[float, Field(ge=0, le=1e12)] | None = None
    may_end_sooner: bool = False


class WindowPlace(Message):
    """A window of an incremental training: how its records were used, and how far behind the stream it was.

    Of its ``records``, ``trained`` were learnt and ``validated`` were used for validation. ``left_out`` records were
    not samples. ``lag`` is the number of records that were available and not read yet, null if it is not known.
    ``rate`` is the number of records that arrived per second. ``ended_ms`` is when the window had been learnt, in
    milliseconds since 1970.
    """

    records: Count
    trained: Count
    validated: Count
    left_out: Count = 0
    lag: Count | None = None
    rate: Annotated[float, Field(ge=0)] = 0.0
    ended_ms: Count


class EpochMetrics(Message):
    """Metrics after one epoch or one window. Both count from 1, in ``epoch``. ``validation`` is empty without
    validation samples.

    ``seconds`` is how long the epoch or window took. ``window`` and ``pseudo_labels`` are null for trainings that have
    no such thing. ``before`` are the metrics on the samples of a window before any of them was learnt (test, then
    train: Gama, Sebastiao, Rodrigues, "On evaluating stream learning algorithms", 2013). At most 2,000 samples are
    used, chosen at random. ``pseudo_labels`` is the round that began with this epoch, or the last round of this window.
    ``learning_rate`` is that of the optimiser at the end of the epoch. Its names are numbered if groups of parameters
    have different ones. ``best_epoch`` is the best epoch so far, null if there is none.
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

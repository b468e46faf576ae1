"""BestEpoch: which epoch of a training was the best, and whether its weights are the result's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Metric, Name

__all__ = ["BestEpoch"]


class BestEpoch(Message):
    """``epoch`` (1-based) had the best ``value`` of the metric ``monitor``, which has ``val_`` before it if validated.

    ``trained`` epochs were learnt of the ``epochs`` requested: fewer where training stopped early. ``restored``: the
    result has the weights of ``epoch``, not those of the last. For a distributed model all this concerns the whole.
    """

    epoch: Annotated[int, Field(ge=1, le=2**31 - 1)]
    epochs: Count
    trained: Count
    monitor: Name
    value: Metric
    restored: bool

    @property
    def stopped_early(self) -> bool:
        return self.trained < self.epochs

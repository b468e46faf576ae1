"""BestEpoch: which epoch of a training was the best, and whether its weights are the result's."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message, Metric, Name

__all__ = ["BestEpoch"]


class BestEpoch(Message):
    """The best epoch of a training, judged by one metric.

    ``monitor`` is the name of the metric. It begins with ``val_`` if the metric was measured on the validation samples.
    ``value`` is its value in ``epoch``, which counts from 1. ``epochs`` is the number of epochs that were requested,
    and ``trained`` the number that was completed. It is lower if training stopped early. ``restored`` is true if the
    result has the weights of ``epoch``, and false if it has those of the last epoch. For a distributed model, all
    fields are about the whole chain.
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

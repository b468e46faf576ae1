"""Where the answer to a record goes. Pure; called by the loop once for each batch.

``OutputRouter`` is the plain case. A cascade (a distributed model, ``plan.limit`` and ``plan.upper_topic``) is another
Router: below the limit it hands the intermediate tensor to the upper topic instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from model_inference.encoding import encode_outputs

__all__ = ["OutputRouter", "Routed", "Router"]


class Routed(NamedTuple):
    """For each sample of a batch, in order: the topic that its answer goes to, and the value."""

    topics: Iterable[str]
    values: Sequence[bytes]


class Router(Protocol):
    """Decides for each sample of a batch."""

    def route(self, outputs: Sequence[npt.NDArray[Any]]) -> Routed:
        """Return where each answer goes; ``outputs`` are the model's, arrays (batch, ...)."""
        ...


class OutputRouter:
    """Every prediction goes to one topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def route(self, outputs: Sequence[npt.NDArray[Any]]) -> Routed:
        """Return where each answer goes."""
        return Routed(repeat(self._topic), encode_outputs(outputs))

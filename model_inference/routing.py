"""Where the answer to a record goes. Pure; called by the loop once for each batch.

``OutputRouter`` is the plain case. A cascade (a distributed model, ``plan.limit`` and ``plan.upper_topic``) is another
Router: below the limit it hands the intermediate tensor to the upper topic instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt

from model_inference.encoding import encode_outputs

__all__ = ["Destination", "OutputRouter", "Router"]


class Destination(NamedTuple):
    """A topic, and the value that goes there."""

    topic: str
    value: bytes


class Router(Protocol):
    """Decides for each sample of a batch."""

    def route(self, outputs: Sequence[npt.NDArray[Any]]) -> list[Destination]:
        """Return one destination for each sample; ``outputs`` are the model's, arrays (batch, ...)."""
        ...


class OutputRouter:
    """Every prediction goes to one topic."""

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def route(self, outputs: Sequence[npt.NDArray[Any]]) -> list[Destination]:
        """Return one destination for each sample."""
        topic = self._topic
        return [Destination(topic, value) for value in encode_outputs(outputs)]

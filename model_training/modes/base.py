"""The seam of training modes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from model_training.context import RunContext
from model_training.part import TrainedPart

__all__ = ["Mode"]


class Mode(Protocol):
    """One way to train. Any module with ``run`` implements it."""

    def run(self, context: RunContext) -> Sequence[TrainedPart]:
        """Do the whole run: read, train, evaluate, save and report, until the backend has confirmed every part.

        Called once, in the main thread. Returns what was trained: one part in classic training, otherwise one per model
        and version. Any exception ends the run, and the caller reports it.
        """
        ...

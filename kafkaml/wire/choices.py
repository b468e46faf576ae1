"""What can be chosen of a training or an inference: closed sets, in words that users read too.

Separate from the plans that hold them, because the command line lists them before any slow import.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeliveryGuarantee", "Direction", "OutputTimestamps", "Split", "Targets", "TrainingMode"]


class TrainingMode(StrEnum):
    """How a deployment trains. Further modes are modules next to ``model_training/modes/classic.py``."""

    CLASSIC = "classic"
    INCREMENTAL = "incremental"

    @property
    def online(self) -> bool:
        """Whether the mode learns a stream while it arrives, window by window. Other modes wait until the stream is
        complete.
        """
        return self is TrainingMode.INCREMENTAL


class Direction(StrEnum):
    """Which way a metric goes when the model gets better."""

    UP = "up"
    DOWN = "down"


class Split(StrEnum):
    """Which samples train, validate and test: at random by their content, or the newest ones test."""

    CONTENT = "content"
    TIME = "time"


class Targets(StrEnum):
    """What a model learns to answer: the samples' labels, or the samples themselves (autoencoders)."""

    LABELS = "labels"
    FEATURES = "features"


class DeliveryGuarantee(StrEnum):
    """What an inference promises about each input record."""

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class OutputTimestamps(StrEnum):
    """Which time an answer is stamped with: that of its input record, or that of its writing."""

    SOURCE = "source"
    WRITTEN = "written"

"""What can be chosen of a training or an inference: closed sets, in words that users read too.

Separate from the plans that hold them, because the command line lists them before any slow import.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["DeliveryGuarantee", "Direction", "OutputTimestamps", "Split", "Targets", "TrainingMode"]


class TrainingMode(StrEnum):
    """How a deployment trains.

    * ``classic``: Waits until its stream is complete, and trains on it in epochs.
    * ``incremental``: Learns a stream while it arrives, window by window.
    """

    CLASSIC = "classic"
    INCREMENTAL = "incremental"

    @property
    def online(self) -> bool:
        """Whether the mode learns a stream while it arrives, window by window. Other modes wait until the stream is
        complete.
        """
        return self is TrainingMode.INCREMENTAL


class Direction(StrEnum):
    """Which values of a metric are better.

    * ``up``: Higher values are better, as for accuracy.
    * ``down``: Lower values are better, as for a loss.
    """

    UP = "up"
    DOWN = "down"


class Split(StrEnum):
    """Which samples train, validate and test.

    * ``content``: Samples are split at random, by their content and the seed. The arrival order does not matter.
    * ``time``: The newest samples test, and those before them validate.
    """

    CONTENT = "content"
    TIME = "time"


class Targets(StrEnum):
    """What a model learns to predict.

    * ``labels``: The label of the sample.
    * ``features``: The sample itself, as autoencoders do.
    """

    LABELS = "labels"
    FEATURES = "features"


class DeliveryGuarantee(StrEnum):
    """What an inference guarantees for each input record.

    * ``exactly_once``: The record is answered once, also after a crash. Consumers must read with ``read_committed``.
    * ``at_least_once``: The record is answered, and may be answered again after a crash.
    """

    EXACTLY_ONCE = "exactly_once"
    AT_LEAST_ONCE = "at_least_once"


class OutputTimestamps(StrEnum):
    """Which timestamp a prediction has in Kafka.

    * ``source``: The timestamp of the input record, as far as the output topic accepts and keeps it.
    * ``written``: The time at which the prediction was written.
    """

    SOURCE = "source"
    WRITTEN = "written"

"""StalledPartitions: which partitions are not read though records wait in them. Used by KafkaLoopClient.

Seen with librdkafka 2.16: a partition that is sought in while the assignment changes is at times not fetched any more.
The client tells nothing of it, and only the next rebalance ends it. Its issue 5591 has the like: what is to pause or
resume a partition around a rebalance is dropped where it is overtaken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from kafkaml.records import PartitionKey

__all__ = ["StalledPartitions"]

# How long nothing may come of a partition before it is looked at. The time doubles with each look that changes nothing.
_FIRST_LOOK_SECONDS = 10.0
_LAST_LOOK_SECONDS = 300.0
_REQUEST_SECONDS = 1.0


@dataclass(slots=True)
class _Reading:
    next: int
    look_at: float
    patience: float = _FIRST_LOOK_SECONDS
    # Whether records were waiting at the last look already.
    behind: bool = False


class StalledPartitions:
    """What is read next of each partition, and since when nothing came of it. Not safe for several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._readings: dict[PartitionKey, _Reading] = {}

    def reading(self, key: PartitionKey, offset: int) -> None:
        """Note that ``offset`` is the next to come: the record before it came, or it is read from there now."""
        self._readings[key] = _Reading(offset, self._clock() + _FIRST_LOOK_SECONDS)

    def forget(self, keys: Iterable[PartitionKey]) -> None:
        """Leave out partitions that are not read here any more."""
        for key in keys:
            self._readings.pop(key, None)

    def find(self, consumer: Consumer) -> list[TopicPartition]:
        """Return the partitions in which records waited at two looks, each with the offset to read next.

        Called when everything that ``consumer`` fetched was given out: what waits is then not on its way. Costs a
        request when nothing came of a partition for a while, and nothing otherwise.
        """
        now = self._clock()
        # Read from "the end" again, what came meanwhile would be passed over.
        looked_at = {
            key: reading
            for key, reading in self._readings.items()
            if reading.look_at <= now and reading.next != OFFSET_END
        }
        if not looked_at:
            return []
        ends = self._ends(consumer, looked_at)
        stalled = []
        for key, reading in looked_at.items():
            behind = ends.get(key, 0) > max(reading.next, 0)
            if behind and reading.behind:
                stalled.append(TopicPartition(*key, reading.next))
            elif behind:
                reading.behind = True
                reading.look_at = now + _FIRST_LOOK_SECONDS
                continue
            reading.behind = False
            reading.patience = min(2 * reading.patience, _LAST_LOOK_SECONDS)
            reading.look_at = now + reading.patience
        return stalled

    @staticmethod
    def _ends(consumer: Consumer, keys: Iterable[PartitionKey]) -> dict[PartitionKey, int]:
        """Ask for the ends of partitions; those that the broker does not tell in time are left out."""
        try:
            # The time of OFFSET_END stands for the end (ListOffsets of Kafka's protocol).
            answers = consumer.offsets_for_times(
                [TopicPartition(*key, OFFSET_END) for key in keys], timeout=_REQUEST_SECONDS
            )
        except KafkaException:
            return {}
        return {(each.topic, each.partition): each.offset for each in answers if not each.error}

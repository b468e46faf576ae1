"""StalledPartitions: finds partitions that are not read although records wait in them. Used by KafkaLoopClient.

Seen with librdkafka 2.16: after a seek during a change of assignment, a partition is sometimes not fetched any more.
The client does not report it, and only the next rebalance ends it. Issue 5591 there is similar: a pause or resume
around a rebalance is dropped when it is overtaken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from kafkaml.records import PartitionKey

__all__ = ["StalledPartitions"]

# How long a partition may give nothing before it is checked. The time doubles with each check without a finding.
_FIRST_LOOK_SECONDS = 10.0
_LAST_LOOK_SECONDS = 300.0
_REQUEST_SECONDS = 1.0


@dataclass(slots=True)
class _Reading:
    next: int
    look_at: float
    patience: float = _FIRST_LOOK_SECONDS
    # Whether records were already waiting at the last check.
    behind: bool = False


class StalledPartitions:
    """Tracks the next offset of each partition, and since when it has given nothing. Not thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._readings: dict[PartitionKey, _Reading] = {}

    def reading(self, key: PartitionKey, offset: int) -> None:
        """Note that ``offset`` is next, because the record before it came or reading starts there."""
        self._readings[key] = _Reading(offset, self._clock() + _FIRST_LOOK_SECONDS)

    def forget(self, keys: Iterable[PartitionKey]) -> None:
        """Forget partitions that are no longer read here."""
        for key in keys:
            self._readings.pop(key, None)

    def find(self, consumer: Consumer) -> list[TopicPartition]:
        """Return the partitions in which records waited at two checks, each with the next offset to read.

        Called when everything that ``consumer`` fetched was handed out, so that waiting records are not on their way.
        Costs a request when nothing came of a partition for a while, and nothing otherwise.
        """
        now = self._clock()
        # A partition read from "the end" would skip what came meanwhile.
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
        """Return the ends of partitions, without those that the broker does not return in time."""
        try:
            # The time of OFFSET_END stands for the end (ListOffsets of Kafka's protocol).
            answers = consumer.offsets_for_times(
                [TopicPartition(*key, OFFSET_END) for key in keys], timeout=_REQUEST_SECONDS
            )
        except KafkaException:
            return {}
        return {(answer.topic, answer.partition): answer.offset for answer in answers if not answer.error}

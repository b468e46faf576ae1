"""Assignment: the partitions that the group gave this member, and from where each is read. Used by KafkaLoopClient."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from kafkaml.confluent.errors import ClientLog, error_of, failure_of, kafka_errors, to_error
from kafkaml.confluent.positions import committed_positions, partitions_text, places_text
from kafkaml.confluent.stalled import StalledPartitions
from kafkaml.errors import BrokerError
from kafkaml.records import PartitionKey, PartitionListener

__all__ = ["Assignment", "InputPositions"]

_logger = logging.getLogger(__name__)

# Time limits of a poll for requests of committed positions: for one request for all new partitions, for a request for a
# single partition, and for all such requests together. Single requests follow when one partition holds up the answer
# for all.
_PLACE_ALL_SECONDS = 1.0
_PLACE_ONE_SECONDS = 0.1
_PLACE_EACH_SECONDS = 0.5
# The longest wait of the client, in the group and before it was given a share.
_STEP_SECONDS = 0.05
_FIRST_STEP_SECONDS = 0.01


@dataclass(slots=True)
class InputPositions:
    """Offsets by partition. ``polled`` is the next offset after the polled records, ``uncommitted`` the first polled
    one that is not committed. ``committed`` are the committed positions of this member's partitions.
    """

    polled: dict[PartitionKey, int] = field(default_factory=dict)
    uncommitted: dict[PartitionKey, int] = field(default_factory=dict)
    committed: dict[PartitionKey, int] = field(default_factory=dict)

    def note(self, topic: str, partitions: list[int], offsets: list[int]) -> dict[int, int]:
        """Note what was polled of a topic, in the order of offsets; returns the next offset of each partition."""
        # Offsets ascend within a partition, so the last pair per partition wins: the highest, or the lowest when read
        # backwards.
        ends = {partition: offset + 1 for partition, offset in dict(zip(partitions, offsets, strict=True)).items()}
        for partition, end in ends.items():
            self.polled[topic, partition] = end
        for partition, offset in dict(zip(reversed(partitions), reversed(offsets), strict=True)).items():
            self.uncommitted.setdefault((topic, partition), offset)
        return ends

    def commit(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Note that everything before ``offsets`` is committed."""
        self.committed |= offsets
        for key, offset in offsets.items():
            if self.polled.get(key, 0) <= offset:
                self.polled.pop(key, None)
                self.uncommitted.pop(key, None)
            else:
                self.uncommitted[key] = offset

    def rewind(self) -> None:
        """Forget polled but uncommitted positions."""
        self.polled.clear()
        self.uncommitted.clear()


class Assignment:
    """Places, pauses and rewinds the partitions of one consumer; not safe for several threads.

    ``keys`` is None before the group has given this member its share, which may be empty. ``generation`` counts the
    changes.
    """

    def __init__(
        self,
        consumer: Consumer,
        log: ClientLog,
        positions: InputPositions,
        *,
        start: int,
        recovery_timeout_seconds: float,
    ) -> None:
        self._consumer = consumer
        self._log = log
        self._positions = positions
        self._start = start
        self._recovery_timeout_seconds = recovery_timeout_seconds
        self.keys: set[PartitionKey] | None = None
        self.generation = 0
        self.paused = False
        # Partitions that are not read yet because their committed position is unknown, with the number of requests for
        # it; and the time since when there have been any.
        self._unplaced: dict[PartitionKey, int] = {}
        self._unplaced_since = 0.0
        self._stalled = StalledPartitions()

    def add(self, keys: set[PartitionKey]) -> None:
        """Take partitions that the group gave; the next ``place`` begins to read them."""
        self.generation += 1
        self.keys = (self.keys or set()) | keys
        if not self._unplaced:
            self._unplaced_since = time.monotonic()
        self._unplaced |= dict.fromkeys(keys, 0)
        _logger.info("assigned: %s", partitions_text(keys))

    def remove(self, keys: set[PartitionKey]) -> set[PartitionKey]:
        """Forget partitions that the group took away; returns the ones that this member was reading."""
        self.generation += 1
        _logger.info("revoked: %s", partitions_text(keys))
        if self.keys is not None:
            self.keys -= keys
        read = keys - self._unplaced.keys()
        self._stalled.forget(keys)
        for key in keys:
            self._unplaced.pop(key, None)
            self._positions.committed.pop(key, None)
        return read

    def reading(self, key: PartitionKey, offset: int) -> None:
        """Note that ``offset`` is the next to come of a partition."""
        self._stalled.reading(key, offset)

    def poll(
        self, timeout_seconds: float, listener: PartitionListener | None, interrupted: Callable[[], bool]
    ) -> Message | None:
        """Wait for a message, or until a rebalance has ``interrupted`` the caller. Read partitions that come meanwhile.

        The client's own wait goes on after a rebalance, so it is made of short ones.
        """
        deadline = time.monotonic() + timeout_seconds
        while True:
            self.place(listener)
            left = deadline - time.monotonic()
            step = _FIRST_STEP_SECONDS if self.keys is None else _STEP_SECONDS
            message = self._consumer.poll(max(0.0, min(left, step)))
            if message is not None or left <= step or interrupted():
                return message

    def place(self, listener: PartitionListener | None) -> None:
        """Begin to read new partitions, each from the group's committed position.

        The client could look up these positions itself. But if the assignment changes while a dead replica's
        transaction holds a position, it treats the position as never committed and reads all records again (librdkafka
        2.16, ``rd_kafka_assignment_apply_offsets``: UNSTABLE_OFFSET_COMMIT).
        """
        if not self._unplaced:
            return
        new = [key for key, tries in self._unplaced.items() if not tries]
        if new and self._place_some(new, listener, _PLACE_ALL_SECONDS):
            return
        # Each partition is asked for alone, because the client returns nothing while it waits for one of several.
        deadline = time.monotonic() + _PLACE_EACH_SECONDS
        for key in sorted(self._unplaced, key=self._unplaced.__getitem__):
            if time.monotonic() > deadline:
                return
            self._place_some([key], listener, _PLACE_ONE_SECONDS)

    def _place_some(
        self, keys: Sequence[PartitionKey], listener: PartitionListener | None, timeout_seconds: float
    ) -> bool:
        """Ask once for committed positions and begin to read there; returns whether that was possible."""
        for key in keys:
            self._unplaced[key] += 1
        try:
            places = committed_positions(
                self._consumer,
                [TopicPartition(*key) for key in keys],
                self._log,
                request_timeout_seconds=timeout_seconds,
                recovery_timeout_seconds=0.0,
            )
        except BrokerError:
            if time.monotonic() - self._unplaced_since > self._recovery_timeout_seconds:
                raise
            return False
        if listener is not None and not listener.taken([(place.topic, place.partition) for place in places]):
            return False
        for place in places:
            key = (place.topic, place.partition)
            if place.offset < 0:
                place.offset = self._start
            else:
                self._positions.committed[key] = place.offset
            del self._unplaced[key]
            self._stalled.reading(key, place.offset)
        with kafka_errors("beginning to read", self._log):
            self._consumer.incremental_assign(places)
            # A partition that was revoked while all were paused is still paused.
            (self._consumer.pause if self.paused else self._consumer.resume)(places)
        _logger.info("reading %s", places_text(places))
        return True

    def seek(self, offsets: Mapping[PartitionKey, int]) -> None:
        """Read again from ``offsets``; partitions that are gone meanwhile are left to their new owner."""
        for (topic, partition), offset in offsets.items():
            if self.keys is None or (topic, partition) not in self.keys:
                continue
            place = TopicPartition(topic, partition, offset)
            failure = failure_of(lambda place=place: self._consumer.seek(place), KafkaException)  # type: ignore[misc]
            if failure is not None:
                if error_of(failure).code() != KafkaError._STATE:
                    raise to_error(error_of(failure), f"rewinding {topic}[{partition}]") from failure
                # The partition is not being fetched yet, so assign it again with the start position.
                self._give_out_again([place])
            self._stalled.reading((topic, partition), offset)

    def read_stalled_again(self) -> None:
        """Restart partitions that give nothing although records wait. Called when everything fetched was handed out."""
        if not self.paused and (stalled := self._stalled.find(self._consumer)):
            _logger.warning("nothing comes of %s though records wait there: reading it again", places_text(stalled))
            self._give_out_again(stalled)

    def _give_out_again(self, places: list[TopicPartition]) -> None:
        with kafka_errors(f"reading {places_text(places)} again", self._log):
            self._consumer.incremental_unassign(places)
            self._consumer.incremental_assign(places)
            # The client remembers per partition whether it is paused, even while it is not assigned.
            (self._consumer.pause if self.paused else self._consumer.resume)(places)

    def pause(self) -> None:
        """Give out no records, while the group is served."""
        self.paused = True
        with kafka_errors("pausing the input", self._log):
            self._consumer.pause(self._consumer.assignment())

    def resume(self) -> None:
        """End ``pause``."""
        self.paused = False
        with kafka_errors("resuming the input", self._log):
            self._consumer.resume(self._consumer.assignment())

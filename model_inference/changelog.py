"""Changelog: what the contract keeps of each key, in a compacted topic. Called by the loop, and by its client on each
rebalance.

Works as in Kafka Streams. The state of a key is written in the transaction of the answers that it led to, so both are
there or neither is. A replica that takes a partition over reads its state back before the first record. Partition n of
the changelog holds the keys of partition n of the input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Protocol

from kafkaml.changelogs import changelog_config, changelog_record_bytes
from kafkaml.codecs.base import KeyedState, StateKey
from kafkaml.errors import BrokenError, BrokerError, RefusedError
from kafkaml.logs import get_logger
from kafkaml.records import OutgoingRow, PartitionKey, RecordBatch, TransactionalLoopClient

__all__ = ["Changelog", "ReadState", "make_changelog"]

logger = get_logger(__name__)

# A function that reads the committed records of some partitions of the changelog.
ReadState = Callable[[Collection[int]], Iterator[RecordBatch]]

# Pause between two searches for keys that were not seen for long. A search takes a moment where there are many keys.
_FORGET_SECONDS = 600.0


class Topics(Protocol):
    """The part of Kafka's administration that the changelog uses: see ``kafkaml.confluent.KafkaAdmin``."""

    def partition_counts(self) -> Mapping[str, int]: ...

    def create_topics(self, partitions: Mapping[str, int], /, *, config: Mapping[str, str]) -> Collection[str]: ...

    def add_partitions(self, name: str, count: int, /) -> None: ...

    def topic_configs(self, names: Sequence[str], /) -> Mapping[str, Mapping[str, str]]: ...


def make_changelog(topics: Topics, name: str, partitions: int, state: KeyedState) -> None:
    """Create the changelog, or grow it to the number of partitions that the input has now.

    Raises RefusedError for an existing topic that would not keep what is written.
    """
    size = changelog_record_bytes(state)
    known = topics.partition_counts().get(name, 0)
    if not known:
        topics.create_topics({name: partitions}, config=changelog_config(size))
        return
    if known < partitions:
        topics.add_partitions(name, partitions)
    try:
        config = topics.topic_configs([name])[name]
    except BrokerError as error:
        logger.warning("the settings of the changelog cannot be read", topic=name, reason=error.message)
        return
    if config.get("cleanup.policy") != "compact":
        raise RefusedError(
            f"topic {name} has cleanup.policy={config.get('cleanup.policy')}: expected compact, or the windows of keys "
            "are lost",
            hint=f"kafka-configs --alter --topic {name} --add-config cleanup.policy=compact",
        )
    if size > int(config.get("max.message.bytes", size)):
        raise RefusedError(
            f"topic {name} takes records of {int(config['max.message.bytes']):,} bytes: expected {size:,}, what the "
            "window of a key can take",
            hint=f"kafka-configs --alter --topic {name} --add-config max.message.bytes={size}",
        )


class Changelog:
    """Keeps ``state`` and its topic in step. A ``kafkaml.records.PartitionListener``; belongs to the loop's thread."""

    def __init__(
        self,
        state: KeyedState,
        client: TransactionalLoopClient,
        *,
        topic: str,
        read: ReadState,
        gives_up: Callable[[], bool] = lambda: False,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._client = client
        self._topic = topic
        self._read = read
        # A function that says whether this process should end; ``read`` then stops early.
        self._gives_up = gives_up
        self._clock = clock
        self._wall_clock = wall_clock
        self._looked = clock()
        self._forgetting: list[StateKey] = []
        client.listener = self

    def taken(self, partitions: Collection[PartitionKey]) -> bool:
        """Read the state of partitions back, replacing what was known of them. Returns False when this process should
        end first.
        """
        started, count = self._clock(), 0
        numbers = sorted(partition for _, partition in partitions)
        for number in numbers:
            self._state.drop(number)
        for batch in self._read(numbers):
            for record in batch:
                self._state.restore(record.partition, record.key or b"", record.value)
            count += len(batch)
        if self._gives_up():
            logger.info("state not read back, as this replica is to end", partitions=numbers)
            return False
        logger.info("state read back", partitions=numbers, records=count, seconds=round(self._clock() - started, 3))
        return True

    def lost(self, partitions: Collection[PartitionKey]) -> None:
        """Forget partitions that now belong to other replicas."""
        for _, partition in partitions:
            self._state.drop(partition)

    def write(self, changes: Mapping[StateKey, bytes]) -> Mapping[PartitionKey, int]:
        """Write what batches changed, and tombstones for keys to be forgotten, in the open transaction.

        Returns positions to commit along with those of the batches. A replica that was taken for dead must not write
        tombstones for keys that others own now, and Kafka refuses a transaction only by its positions.
        """
        rows = [_row(self._topic, key, value) for key, value in changes.items()]
        positions: Mapping[PartitionKey, int] = {}
        if self._clock() - self._looked >= _FORGET_SECONDS:
            self._looked = self._clock()
            self._forgetting = list(self._state.expired(int(self._wall_clock() * 1000)))
            rows += [_row(self._topic, key, None) for key in self._forgetting]
            positions = self._client.positions() if self._forgetting else {}
        for place, error in self._client.produce_all(rows):
            raise BrokenError(f"the state of a key of partition {rows[place][5]} cannot be written: {error.message}")
        return positions

    def committed(self, batches: int) -> None:
        """Keep what the oldest batches changed, because their transaction is committed."""
        self._state.commit(batches)
        self._state.forget(self._forgetting)
        if self._forgetting:
            logger.info("keys forgotten that were not seen for long", keys=len(self._forgetting))
        self._forgetting = []

    def rolled_back(self) -> None:
        """Forget what uncommitted batches changed, because their records will come again."""
        self._state.roll_back()
        self._forgetting = []


def _row(topic: str, key: StateKey, value: bytes | None) -> OutgoingRow:
    partition, name = key
    return (topic, value, name, [], 0, partition)

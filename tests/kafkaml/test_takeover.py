"""A replica that takes over partitions of a dead one begins at the committed offsets, whatever happens."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from kafkaml.confluent import KafkaLoopClient, KafkaRecordWriter
from kafkaml.errors import TransactionAborted
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.support import eventually

pytestmark = pytest.mark.integration

_PARTITIONS = 4
# The committed offset of every partition, half of its records.
_COMMITTED = 50


class DeadReplica:
    """A transaction that holds offsets of the group, like that of a replica killed before its commit."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": settings.bootstrap_servers,
                "transactional.id": f"dead-{group}",
                # The transaction lasts until the test ends it.
                "transaction.timeout.ms": 600_000,
            }
        )
        self._producer.init_transactions(60)
        self._group = Consumer({"bootstrap.servers": settings.bootstrap_servers, "group.id": group})

    def hold(self, topic: str, partitions: range, offset: int) -> None:
        self._producer.begin_transaction()
        places = [TopicPartition(topic, partition, offset) for partition in partitions]
        self._producer.send_offsets_to_transaction(places, self._group.consumer_group_metadata(), 60)

    def commit(self) -> None:
        self._producer.commit_transaction(60)

    def end(self) -> None:
        """End the transaction, as its time limit or its successor would."""
        self._producer.abort_transaction(60)

    def close(self) -> None:
        self._group.close()


class Replica:
    """A member of the group, and the offsets that it was given, by partition."""

    def __init__(self, settings: KafkaSettings, topic: str, group: str, number: int) -> None:
        # The session is long: a member that is only held up must not count as dead, because its records would be handed
        # out twice.
        self.client = KafkaLoopClient.exactly_once(
            settings, topics=[topic], group=group, transactional_id=f"{group}-{number}", session_timeout_seconds=60
        )
        self.topic = topic
        self.given: dict[int, list[int]] = {}

    def poll(self) -> None:
        try:
            batch = self.client.poll(max_records=1000, timeout_seconds=0.05)
        except TransactionAborted:
            return
        for record in batch:
            self.given.setdefault(record.partition, []).append(record.offset)

    @property
    def is_answered(self) -> bool:
        """Whether Kafka answers the consumer. Its requests wait while one to join the group does."""
        try:
            self.client._consumer.committed([TopicPartition(self.topic, 0)], timeout=0.5)
        except KafkaException:
            return False
        return True

    @property
    def shares(self) -> bool:
        """Whether the group gave it some of the partitions, but not all."""
        return 0 < len(self.client._assignment.keys or ()) < _PARTITIONS


@pytest.fixture
def settings(broker: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def group() -> str:
    return f"takeover-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topic(broker: Any, settings: KafkaSettings) -> str:
    name = str(broker.topic(_PARTITIONS))
    writer = KafkaRecordWriter(settings)
    for number in range(2 * _COMMITTED * _PARTITIONS):
        writer.write(OutgoingRecord(name, b"%d" % number, partition=number % _PARTITIONS))
    writer.flush(30)
    writer.close()
    return name


@pytest.fixture
def dead(settings: KafkaSettings, group: str, topic: str) -> Iterator[DeadReplica]:
    """A replica that has committed half of each partition. Tests let it die while it holds more."""
    replica = DeadReplica(settings, group)
    replica.hold(topic, range(_PARTITIONS), _COMMITTED)
    replica.commit()
    yield replica
    replica.close()


@pytest.fixture
def replicas(settings: KafkaSettings, topic: str, group: str) -> Iterator[list[Replica]]:
    made: list[Replica] = []
    yield made
    for replica in made:
        replica.client.close()


def test_partitions_move_while_a_dead_replica_holds_their_offsets(
    dead: DeadReplica, replicas: list[Replica], settings: KafkaSettings, topic: str, group: str
) -> None:
    dead.hold(topic, range(_PARTITIONS), _COMMITTED + 10)
    replicas.append(Replica(settings, topic, group, 0))
    first = replicas[0]

    def owns_all() -> bool:
        first.poll()
        return len(first.client._assignment.keys or ()) == _PARTITIONS

    eventually(owns_all, 60)
    # The first replica asks for the offsets without success. Then the second takes half of the partitions.
    first.poll()
    replicas.append(Replica(settings, topic, group, 1))

    def shared() -> bool:
        for replica in replicas:
            replica.poll()
        return all(replica.shares for replica in replicas)

    # Two waits of a quarter of the session would take half a minute.
    eventually(shared, 12)
    assert [replica.given for replica in replicas] == [{}, {}]
    dead.end()

    def all_given() -> bool:
        for replica in replicas:
            replica.poll()
        return (
            sum(len(offsets) for replica in replicas for offsets in replica.given.values()) >= _PARTITIONS * _COMMITTED
        )

    eventually(all_given, 60)
    expected = list(range(_COMMITTED, 2 * _COMMITTED))
    found = {partition: offsets for replica in replicas for partition, offsets in replica.given.items()}
    assert found == dict.fromkeys(range(_PARTITIONS), expected)


def test_one_held_offset_does_not_hold_up_the_other_partitions(
    dead: DeadReplica, replicas: list[Replica], settings: KafkaSettings, topic: str, group: str
) -> None:
    dead.hold(topic, range(1), _COMMITTED + 10)
    replicas.append(Replica(settings, topic, group, 0))
    (replica,) = replicas

    def others_given() -> bool:
        replica.poll()
        return {partition: len(offsets) for partition, offsets in replica.given.items()} == dict.fromkeys(
            range(1, _PARTITIONS), _COMMITTED
        )

    eventually(others_given, 60)
    dead.commit()
    eventually(lambda: (replica.poll(), 0 in replica.given)[1], 60)
    assert replica.given[0][0] == _COMMITTED + 10


def test_one_long_poll_joins_the_group_and_returns_its_first_records(
    replicas: list[Replica], settings: KafkaSettings, topic: str, group: str
) -> None:
    replicas.append(Replica(settings, topic, group, 0))
    assert len(replicas[0].client.poll(max_records=1000, timeout_seconds=60)) > 0


# A member that does nothing but belong to the group; its arguments are the broker, the topic and the group.
_MEMBER = """
import sys
from confluent_kafka import Consumer
servers, topic, group = sys.argv[1:]
member = Consumer({
    "bootstrap.servers": servers, "group.id": group, "partition.assignment.strategy": "cooperative-sticky",
    "session.timeout.ms": 60_000,
})
member.subscribe([topic])
while not member.assignment():
    member.poll(0.1)
print("joined", flush=True)
while True:
    member.poll(0.1)
"""


def test_a_lost_commit_is_cleared_up_while_the_group_waits_for_a_dead_member(
    monkeypatch: pytest.MonkeyPatch, replicas: list[Replica], settings: KafkaSettings, topic: str, group: str
) -> None:
    replicas.append(Replica(settings, topic, group, 0))
    first = replicas[0]
    eventually(lambda: (first.poll(), first.given)[1], 60)
    command = [sys.executable, "-c", _MEMBER, settings.bootstrap_servers, topic, group]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as member:
        eventually(lambda: (first.poll(), first.shares)[1], 60)
        assert member.stdout is not None
        assert member.stdout.readline() == "joined\n"
        member.kill()
    # Kafka lets nobody join before the dead member's session has ended. The first replica waits to join again.
    replicas.append(Replica(settings, topic, group, 1))
    eventually(lambda: (first.poll(), replicas[1].poll(), not first.is_answered)[2], 30)

    def lose(*_: Any) -> None:
        raise TransactionAborted("the answer was lost")

    monkeypatch.setattr(first.client._output, "commit", lose)
    began = time.monotonic()
    with pytest.raises(TransactionAborted, match="lost"):
        first.client.commit()
    assert time.monotonic() - began < 20

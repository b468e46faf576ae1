"""Reading a changelog back: all that is committed, including what is committed during the reading."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from confluent_kafka import Producer

from kafkaml.confluent import KafkaAdmin, KafkaChangelog
from kafkaml.errors import BrokerError, BrokerTimeout
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker

pytestmark = pytest.mark.integration


@pytest.fixture
def settings(broker: TestBroker) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def topic(broker: TestBroker) -> str:
    return broker.topic(2)


@pytest.fixture
def producer(settings: KafkaSettings, topic: str) -> Producer:
    """A producer that has committed keys of each partition, the empty key among them, and a tombstone."""
    made = Producer(
        {
            "bootstrap.servers": settings.bootstrap_servers,
            "transactional.id": f"{topic}-writer",
            # The transaction lasts until the test ends it.
            "transaction.timeout.ms": 600_000,
        }
    )
    made.init_transactions(60)
    made.begin_transaction()
    for key, value, partition in ((b"a", b"1", 0), (b"", b"2", 1), (b"a", None, 0), (b"b", b"3", 0)):
        made.produce(topic, value, key, partition=partition)
    made.commit_transaction(60)
    return made


def read(settings: KafkaSettings, topic: str, *partitions: int, seconds: float = 60) -> dict[Any, bytes | None]:
    changelog = KafkaChangelog(settings, topic, timeout_seconds=seconds)
    return {(change.partition, change.key): change.value for batch in changelog.read(partitions) for change in batch}


def test_the_last_of_each_key_is_read_back_with_tombstones(
    settings: KafkaSettings, topic: str, producer: Producer
) -> None:
    assert read(settings, topic, 0, 1) == {(0, b"a"): None, (0, b"b"): b"3", (1, b""): b"2"}
    assert read(settings, topic, 1) == {(1, b""): b"2"}
    with pytest.raises(BrokerError, match=topic):
        read(settings, topic, 2)


def test_what_is_being_committed_is_waited_for_unless_asked_to_end_and_what_does_not_end_is_reported(
    settings: KafkaSettings, topic: str, producer: Producer
) -> None:
    producer.begin_transaction()
    producer.produce(topic, b"4", b"b", partition=0)
    producer.flush(60)
    with pytest.raises(BrokerTimeout, match=r"was not read back from .* in 1 s"):
        read(settings, topic, 0, seconds=1)
    to_end = threading.Event()
    changelog = KafkaChangelog(settings, topic, timeout_seconds=600, gives_up=to_end.is_set)
    found: list[bytes | None] = []
    for batch in changelog.read([0]):
        found += [change.key for change in batch]
        # All committed records were read. Only a request to stop ends the wait for the rest.
        if len(found) == 3:
            to_end.set()
    assert found == [b"a", b"a", b"b"]
    assert list(changelog.read([0])) == []
    commit = threading.Timer(0.5, producer.commit_transaction, [60])
    commit.start()
    assert read(settings, topic, 0) == {(0, b"a"): None, (0, b"b"): b"4"}
    commit.join()


def test_a_compacted_topic_takes_empty_keys_and_more_partitions(settings: KafkaSettings, topic: str) -> None:
    admin = KafkaAdmin(settings)
    compacted = f"{topic}-compacted"
    admin.create_topics({compacted: 1}, config={"cleanup.policy": "compact"})
    admin.add_partitions(compacted, 2)
    failed: list[Any] = []
    producer = Producer(
        {"bootstrap.servers": settings.bootstrap_servers, "on_delivery": lambda error, _: failed.append(error)}
    )
    producer.produce(compacted, b"1", b"", partition=1)
    producer.flush(60)
    assert failed == [None]
    assert read(settings, compacted, 0, 1) == {(1, b""): b"1"}

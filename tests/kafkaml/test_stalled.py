"""A partition that the client forgot is resumed. A partition that is only slow, empty or new is left alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

from kafkaml.confluent import KafkaLoopClient, KafkaRecordWriter, stalled
from kafkaml.confluent.stalled import StalledPartitions
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.support import eventually

_KEY = ("numbers", 0)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Ends:
    """A consumer that gives the ends of partitions, and counts how often it was asked."""

    def __init__(self, end: int) -> None:
        self.end = end
        self.asked = 0
        self.answers = True

    def offsets_for_times(self, places: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked += 1
        if not self.answers:
            raise KafkaException("timed out")
        assert all(place.offset == OFFSET_END for place in places)
        return [TopicPartition(place.topic, place.partition, self.end) for place in places]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def partitions(clock: Clock) -> StalledPartitions:
    return StalledPartitions(clock)


def _found(partitions: StalledPartitions, clock: Clock, consumer: Any, seconds: float) -> list[float]:
    """Return the seconds at which a partition was found stalled, when checked once per second."""
    begin = clock.now
    times = []
    while clock.now < begin + seconds:
        clock.now += 1
        if partitions.find(consumer):
            times.append(clock.now)
    return times


@pytest.mark.parametrize("next_offset", [5, OFFSET_BEGINNING])
def test_waiting_records_are_missed_for_ten_seconds_before_anything_is_done(
    partitions: StalledPartitions, clock: Clock, next_offset: int
) -> None:
    partitions.reading(_KEY, next_offset)
    consumer: Any = Ends(8)
    assert _found(partitions, clock, consumer, 19) == []
    clock.now += 1
    (place,) = partitions.find(consumer)
    assert (place.topic, place.partition, place.offset) == (*_KEY, next_offset)


def test_what_helps_not_is_done_ever_more_rarely(partitions: StalledPartitions, clock: Clock) -> None:
    partitions.reading(_KEY, 5)
    assert _found(partitions, clock, Ends(8), 200) == [20, 50, 100, 190]


@pytest.mark.parametrize(("next_offset", "end"), [(8, 8), (OFFSET_BEGINNING, 0), (OFFSET_END, 8)])
def test_a_partition_at_its_end_is_left_alone_and_seldom_asked_for(
    partitions: StalledPartitions, clock: Clock, next_offset: int, end: int
) -> None:
    partitions.reading(_KEY, next_offset)
    consumer = Ends(end)
    assert _found(partitions, clock, consumer, 3600) == []
    assert consumer.asked <= 16


def test_a_partition_that_gives_records_or_is_gone_is_not_asked_for(
    partitions: StalledPartitions, clock: Clock
) -> None:
    consumer = Ends(100)
    for offset in range(60):
        partitions.reading(_KEY, offset)
        assert _found(partitions, clock, consumer, 9) == []
    partitions.forget([_KEY])
    assert _found(partitions, clock, consumer, 100) == []
    assert consumer.asked == 0


def test_a_broker_that_does_not_answer_is_asked_again(partitions: StalledPartitions, clock: Clock) -> None:
    partitions.reading(_KEY, 5)
    consumer = Ends(8)
    consumer.answers = False
    assert _found(partitions, clock, consumer, 15) == []
    consumer.answers = True
    assert _found(partitions, clock, consumer, 60) == [40]


@pytest.fixture
def settings(broker: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def client(settings: KafkaSettings, broker: Any) -> Iterator[tuple[KafkaLoopClient, str]]:
    topic = broker.topic(2)
    group = f"stalled-{uuid.uuid4().hex[:8]}"
    client = KafkaLoopClient.exactly_once(settings, topics=[topic], group=group, transactional_id=group)
    yield client, topic
    client.close()


@pytest.mark.integration
def test_a_partition_that_kafkas_client_forgot_is_read_on_without_a_gap(
    client: tuple[KafkaLoopClient, str], settings: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, topic = client
    monkeypatch.setattr(stalled, "_FIRST_LOOK_SECONDS", 0.3)
    writer = KafkaRecordWriter(settings)
    given: dict[int, list[int]] = {0: [], 1: []}

    def write(count: int) -> None:
        for number in range(count):
            writer.write(OutgoingRecord(topic, b"%d" % number, partition=number % 2))
        writer.flush(30)

    def given_all(count: int) -> bool:
        for record in loop.poll(max_records=1000, timeout_seconds=0.05):
            given[record.partition].append(record.offset)
        return all(len(offsets) == count for offsets in given.values())

    write(20)
    eventually(lambda: given_all(10), 60)
    # The consumer keeps the partition but fetches nothing from it, as after a lost seek.
    loop._consumer.pause([TopicPartition(topic, 0)])
    write(20)
    eventually(lambda: given_all(20), 60)
    assert given == {0: list(range(20)), 1: list(range(20))}
    writer.close()

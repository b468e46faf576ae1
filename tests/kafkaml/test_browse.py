"""Pages of records from a real broker: where they begin, what they leave out, and their bounds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from confluent_kafka import Producer

from kafkaml.confluent import PageStart, RecordPage, TopicBrowser
from kafkaml.errors import BrokerTimeout, StreamUnavailable
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.support import ordered_producer

pytestmark = pytest.mark.integration


@pytest.fixture
def browser(broker: TestBroker) -> TopicBrowser:
    return TopicBrowser(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))


def write(
    broker: TestBroker, topic: str, values: Sequence[bytes], *, partition: int = 0, first_timestamp_ms: int = 1000
) -> None:
    producer = ordered_producer(broker.bootstrap_servers)
    for place, value in enumerate(values):
        producer.produce(topic, value, partition=partition, timestamp=first_timestamp_ms + 10 * place)
    assert producer.flush(60) == 0


def transaction(broker: TestBroker, topic: str, count: int, *, commit: bool, name: str = "browsed") -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": f"{name}-{topic}"})
    producer.init_transactions(60)
    producer.begin_transaction()
    for _ in range(count):
        producer.produce(topic, b"in a transaction", partition=0)
    producer.flush(60)
    if commit:
        producer.commit_transaction(60)
    else:
        producer.abort_transaction(60)


def offsets(page: RecordPage) -> list[int]:
    return [record.offset for record in page.records]


def test_pages_begin_at_either_end_at_an_offset_and_at_a_time(broker: TestBroker, browser: TopicBrowser) -> None:
    topic = broker.topic()
    write(broker, topic, [b"%d" % number for number in range(200)])
    newest = browser.page(topic, limit=3)
    assert (offsets(newest), newest.at_newest, newest.at_oldest) == ([199, 198, 197], True, False)
    oldest = browser.page(topic, start=PageStart.OLDEST, limit=3)
    assert (offsets(oldest), oldest.at_oldest, oldest.at_newest) == ([0, 1, 2], True, False)
    assert offsets(browser.page(topic, start=150, limit=2)) == [150, 151]
    assert offsets(browser.page(topic, timestamp_ms=1000 + 10 * 42, limit=2)) == [42, 43]
    # A time between two records finds the later one; a time after the last record finds the end.
    assert offsets(browser.page(topic, timestamp_ms=1001, limit=1)) == [1]
    assert offsets(browser.page(topic, timestamp_ms=10_000_000)) == []
    assert offsets(browser.page(topic, start=10_000)) == []


def test_pages_can_be_turned_both_ways_without_gaps(broker: TestBroker, browser: TopicBrowser) -> None:
    topic = broker.topic(3)
    for partition in range(3):
        write(broker, topic, [b"x"] * (40 + partition), partition=partition, first_timestamp_ms=1000 + partition)
    seen = []
    page = browser.page(topic, limit=25)
    while page.records:
        seen += [(record.partition, record.offset) for record in page.records]
        page = browser.page(topic, before=page.starts, limit=25)
    assert len(seen) == len(set(seen)) == 40 + 41 + 42
    forward = []
    page = browser.page(topic, start=PageStart.OLDEST, limit=25)
    while page.records:
        forward += [(record.timestamp_ms, record.partition, record.offset) for record in page.records]
        page = browser.page(topic, after=page.ends, limit=25)
    assert page.at_newest
    assert forward == sorted(forward)
    assert {record[1:] for record in forward} == set(seen)
    assert offsets(browser.page(topic, partition=2, limit=2)) == [41, 40]


def test_markers_and_aborted_records_are_not_there(broker: TestBroker, browser: TopicBrowser) -> None:
    topic = broker.topic()
    write(broker, topic, [b"first"])
    transaction(broker, topic, 300, commit=False)
    transaction(broker, topic, 2, commit=True)
    transaction(broker, topic, 200, commit=False, name="last")
    page = browser.page(topic, limit=10)
    assert [record.value for record in page.records] == [b"in a transaction"] * 2 + [b"first"]
    assert (page.at_oldest, page.at_newest, page.timed_out) == (True, True, False)
    page = browser.page(topic, start=1, limit=1)
    assert [record.value for record in page.records] == [b"in a transaction"]
    # Only markers follow, so the page ends at once and is empty.
    page = browser.page(topic, start=page.ends[0] + 2)
    assert (page.records, page.at_newest) == ([], True)


def test_pages_are_bounded_by_bytes_and_hold_one_record_at_least(broker: TestBroker, browser: TopicBrowser) -> None:
    topic = broker.topic()
    write(broker, topic, [bytes(100_000)] * 20)
    page = browser.page(topic, limit=20, max_bytes=350_000)
    assert offsets(page) == [19, 18, 17]
    assert offsets(browser.page(topic, before=page.starts, limit=20, max_bytes=350_000)) == [16, 15, 14]
    assert offsets(browser.page(topic, start=PageStart.OLDEST, max_bytes=10)) == [0]
    assert offsets(browser.page(topic, max_bytes=10)) == [19]


def test_topics_and_partitions(broker: TestBroker, browser: TopicBrowser) -> None:
    topic = broker.topic(2)
    write(broker, topic, [b"a", b"b"], partition=1)
    summary = next(topic_summary for topic_summary in browser.topics() if topic_summary.name == topic)
    assert (summary.partitions, summary.records, summary.internal) == (2, 2, False)
    states = browser.partitions(topic)
    assert [(state.low, state.high, state.in_sync) for state in states] == [(0, 0, 1), (0, 2, 1)]
    assert not any(topic_summary.internal for topic_summary in browser.topics())


def test_what_does_not_exist_is_not_made(broker: TestBroker, browser: TopicBrowser) -> None:
    with pytest.raises(StreamUnavailable, match="does not exist"):
        browser.page("never-made")
    with pytest.raises(StreamUnavailable, match="no partition 9"):
        browser.page(broker.topic(), partition=9)
    assert "never-made" not in {topic.name for topic in browser.topics()}


def test_a_broker_that_is_unreachable_is_said_in_time() -> None:
    settings = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    browser = TopicBrowser(settings, request_timeout_seconds=1)
    with pytest.raises(BrokerTimeout):
        browser.topics()

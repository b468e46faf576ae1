"""Input and output on two clusters: answers are acknowledged before offsets are committed, and a restart finds them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kafkaml.confluent import KafkaLoopClient, KafkaRecordReader, KafkaRecordWriter
from kafkaml.errors import TransactionAborted
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, Record, format_source
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from tests.support import eventually

pytestmark = pytest.mark.integration

MakeClient = Callable[[], KafkaLoopClient]


@pytest.fixture
def settings(broker: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def source(broker: Any) -> str:
    return str(broker.topic())


@pytest.fixture
def target(broker: Any) -> str:
    return str(broker.topic(2))


@pytest.fixture
def make_client(settings: KafkaSettings, source: str, target: str) -> Iterator[MakeClient]:
    """Make members of one group. Both clusters are the same here, which makes no difference to the client."""
    group = uuid.uuid4().hex[:8]
    clients: list[KafkaLoopClient] = []

    def make() -> KafkaLoopClient:
        client = KafkaLoopClient.at_least_once(
            settings,
            topics=[source],
            group=group,
            outputs=[(settings, [target])],
            # The session is long: no member dies without leaving, and a member that is only held up must not count as
            # dead.
            session_timeout_seconds=20,
        )
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.close()


def write(settings: KafkaSettings, topic: str, first: int, last: int) -> None:
    writer = KafkaRecordWriter(settings)
    for number in range(first, last):
        writer.write(OutgoingRecord(topic, b"%d" % number))
    writer.flush(60)
    writer.close()


def poll(client: KafkaLoopClient, count: int) -> list[Record]:
    found: list[Record] = []

    def enough() -> bool:
        found.extend(client.poll(max_records=count - len(found), timeout_seconds=0.1))
        return len(found) >= count

    eventually(enough, 60, what=f"{count} records")
    return found


def answer(client: KafkaLoopClient, target: str, records: list[Record]) -> None:
    client.begin()
    for record in records:
        header = (SOURCE_HEADER, format_source(record.topic, record.partition, record.offset))
        client.produce(OutgoingRecord(target, record.value, headers=[header], partition=record.offset % 2))


def answers(settings: KafkaSettings, target: str) -> list[int]:
    reader = KafkaRecordReader(settings)
    ends = reader.watermarks(target)
    ranges = [StreamRange(target, partition, low, high) for partition, (low, high) in ends.items()]
    found = [int(value or b"-1") for batch in reader.read(ranges, idle_timeout_seconds=60) for value in batch.values()]
    reader.close()
    return sorted(found)


def test_a_commit_covers_what_was_answered(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 10)
    client = make_client()
    answer(client, target, poll(client, 10))
    client.commit()
    client.close()
    write(settings, source, 10, 12)
    assert [record.value for record in poll(make_client(), 2)] == [b"10", b"11"]
    assert answers(settings, target) == list(range(10))


def test_what_was_answered_and_not_committed_is_not_answered_again(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 10)
    client = make_client()
    answer(client, target, poll(client, 4))
    client.commit()
    # The answers to 4, 5 and 7 arrive, then the worker dies before its commit.
    records = poll(client, 6)
    answer(client, target, [records[0], records[1], records[3]])
    client.abort()
    client.close()
    successor = make_client()
    left = poll(successor, 3)
    assert [record.value for record in left] == [b"6", b"8", b"9"]
    answer(successor, target, left)
    successor.commit()
    assert answers(settings, target) == list(range(10))


def test_what_was_answered_is_committed_though_nothing_follows(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 10)
    client = make_client()
    answer(client, target, poll(client, 4))
    client.commit()
    # The answers to 4 to 7 and to 9 arrive, then the worker dies before it commits.
    records = poll(client, 6)
    answer(client, target, [*records[:4], records[5]])
    client.abort()
    client.close()
    successor = make_client()
    (left,) = poll(successor, 1)
    assert left.value == b"8"
    assert successor.positions() == {(source, 0): 8}
    answer(successor, target, [left])
    successor.commit()

    def is_through() -> bool:
        assert not successor.poll(max_records=10, timeout_seconds=0.1)
        return successor.positions() == {(source, 0): 10}

    eventually(is_through, 30)
    successor.close()
    write(settings, source, 10, 11)
    assert [record.value for record in poll(make_client(), 1)] == [b"10"]


def test_a_successor_that_dies_among_the_answers_of_the_dead_hands_them_on(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 10)
    client = make_client()
    answer(client, target, poll(client, 2))
    client.commit()
    # The answers to 3, 4, 8 and 9 arrive, then the worker dies before its commit.
    records = poll(client, 8)
    answer(client, target, [records[1], records[2], records[6], records[7]])
    client.abort()
    client.close()
    # The next one commits some of its own answers and passes over some of the dead worker's, but not all, and dies.
    successor = make_client()
    own = poll(successor, 2)
    assert [record.value for record in own] == [b"2", b"5"]
    answer(successor, target, own)
    successor.commit({(source, 0): 6})
    successor.close()
    last = make_client()
    left = poll(last, 2)
    assert [record.value for record in left] == [b"6", b"7"]
    answer(last, target, left)
    last.commit()
    eventually(lambda: (last.poll(max_records=10, timeout_seconds=0.1), last.positions() == {(source, 0): 10})[1], 30)
    assert answers(settings, target) == list(range(10))


def test_a_worker_that_dies_before_its_first_commit_leaves_a_mark(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 3)
    client = make_client()
    answer(client, target, poll(client, 3)[:2])
    client.abort()
    client.close()
    assert [record.value for record in poll(make_client(), 1)] == [b"2"]


def test_a_client_that_aborts_skips_what_arrived_all_the_same(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    write(settings, source, 0, 5)
    client = make_client()
    answer(client, target, poll(client, 5)[:3])
    client.abort()
    left = poll(client, 2)
    assert [record.value for record in left] == [b"3", b"4"]
    answer(client, target, left)
    client.commit()
    assert answers(settings, target) == list(range(5))


def test_outputs_of_earlier_groups_are_not_searched(
    settings: KafkaSettings, source: str, target: str, make_client: MakeClient
) -> None:
    # Answers of another group in the same topic do not count for this group.
    writer = KafkaRecordWriter(settings)
    writer.write(OutgoingRecord(target, b"0", headers=[(SOURCE_HEADER, format_source(source, 0, 0))], partition=0))
    writer.flush(60)
    write(settings, source, 0, 1)
    assert [record.value for record in poll(make_client(), 1)] == [b"0"]


def test_a_cluster_that_is_unreachable_is_waited_for_until_the_worker_is_to_end(
    settings: KafkaSettings, source: str
) -> None:
    write(settings, source, 0, 3)
    reported: list[str] = []

    def gives_up() -> bool:
        reported.append(client.waits_for)
        return len(reported) > 1

    client = KafkaLoopClient.at_least_once(
        settings,
        topics=[source],
        group=uuid.uuid4().hex[:8],
        outputs=[(KafkaSettings(bootstrap_servers="127.0.0.1:1"), ["answers"])],
        session_timeout_seconds=20,
        gives_up=gives_up,
    )
    # Without the offsets of answers it is unknown which records were answered, so none is handed out.
    with pytest.raises(TransactionAborted, match=r"asking for the offsets of answers: .*, and this worker is to end"):
        poll(client, 1)
    assert len(reported) == 2
    assert all(message.startswith("Kafka at 127.0.0.1:1: ") for message in reported)
    client.close()

"""One suite for the broker in memory and the real adapters checks the promises of ``kafkaml.records``."""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

import pytest

from kafkaml.confluent import KafkaGroupReader, KafkaLoopClient, KafkaRecordReader, KafkaRecordWriter
from kafkaml.confluent.exchange import KafkaExchange
from kafkaml.errors import ProducerFenced, StreamUnavailable, TransactionAborted
from kafkaml.exchange import Exchange, answers_to
from kafkaml.records import (
    SOURCE_HEADER,
    GroupReader,
    OutgoingRecord,
    Position,
    Record,
    RecordReader,
    RecordWriter,
    TransactionalLoopClient,
    format_source,
)
from kafkaml.settings import KafkaSettings
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, InMemoryGroup
from tests.support import eventually

# A long session: members leave the group in order here, and one that is only held up must not count as dead.
SESSION_SECONDS = 20


class Kit(Protocol):
    """Makes the objects that the suite tests."""

    def topic(self, partitions: int = 1) -> str: ...
    def reader(self) -> RecordReader: ...
    def writer(self) -> RecordWriter: ...
    def group_reader(self, topic: str, group: str) -> GroupReader: ...
    def loop(self, topic: str, group: str, transactional_id: str) -> TransactionalLoopClient: ...
    def exchange(self, input_topic: str, *answer_topics: str) -> Exchange: ...


class InMemoryKit:
    def __init__(self) -> None:
        self.broker = InMemoryBroker()
        self.groups: dict[str, InMemoryGroup] = {}
        self.names = itertools.count()

    def topic(self, partitions: int = 1) -> str:
        return self.broker.create_topic(f"topic-{next(self.names)}", partitions=partitions)

    def reader(self) -> RecordReader:
        return self.broker.reader()

    def writer(self) -> RecordWriter:
        return self.broker.writer()

    def group_reader(self, topic: str, group: str) -> GroupReader:
        return self.broker.group_reader(topics=[topic], group=group)

    def loop(self, topic: str, group: str, transactional_id: str) -> TransactionalLoopClient:
        if group not in self.groups:
            self.groups[group] = InMemoryGroup(self.broker, topics=[topic], group=group)
        return self.groups[group].join(transactional_id)

    def exchange(self, input_topic: str, *answer_topics: str) -> Exchange:
        return self.broker.exchange(input_topic, answer_topics)


class KafkaKit:
    def __init__(self, broker: Any) -> None:
        self.broker = broker
        self.settings = KafkaSettings(bootstrap_servers=broker.bootstrap_servers)
        self.opened: list[Any] = []
        self.exits = contextlib.ExitStack()

    def topic(self, partitions: int = 1) -> str:
        return str(self.broker.topic(partitions))

    def reader(self) -> RecordReader:
        return self._opened(KafkaRecordReader(self.settings))

    def writer(self) -> RecordWriter:
        return self._opened(KafkaRecordWriter(self.settings, timeout_seconds=30))

    def group_reader(self, topic: str, group: str) -> GroupReader:
        return self._opened(
            KafkaGroupReader(self.settings, topics=[topic], group=group, session_timeout_seconds=SESSION_SECONDS)
        )

    def loop(self, topic: str, group: str, transactional_id: str) -> TransactionalLoopClient:
        client = KafkaLoopClient.exactly_once(
            self.settings,
            topics=[topic],
            group=group,
            transactional_id=transactional_id,
            session_timeout_seconds=SESSION_SECONDS,
        )
        return self._opened(client)

    def exchange(self, input_topic: str, *answer_topics: str) -> Exchange:
        return self.exits.enter_context(KafkaExchange(self.settings, input_topic, answer_topics))

    def _opened(self, client: Any) -> Any:
        self.opened.append(client)
        return client

    def close(self) -> None:
        self.exits.close()
        for client in self.opened:
            client.close()


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    if request.param == "memory":
        yield InMemoryKit()
        return
    kafka = KafkaKit(request.getfixturevalue("broker"))
    yield kafka
    kafka.close()


@pytest.fixture
def name() -> str:
    return uuid.uuid4().hex[:8]


def write(kit: Kit, topic: str, values: Sequence[bytes], *, partition: int = 0) -> list[Position]:
    """Write values; returns their places."""
    positions: list[Position] = []
    writer = kit.writer()
    for value in values:
        writer.write(OutgoingRecord(topic, value, partition=partition), positions.append)
    writer.flush(60)
    return positions


def read(kit: Kit, *ranges: StreamRange, batch_records: int = 100, idle_timeout_seconds: float = 60) -> list[Record]:
    """Read all records in the ranges."""
    batches = kit.reader().read(ranges, batch_records=batch_records, idle_timeout_seconds=idle_timeout_seconds)
    return [record for batch in batches for record in batch]


def poll(client: TransactionalLoopClient, *, most: int = 100) -> list[Record]:
    """Poll until records arrive."""
    return list(eventually(lambda: client.poll(max_records=most, timeout_seconds=0.1), 60, what="a batch"))


def poll_values(client: TransactionalLoopClient, count: int) -> list[bytes | None]:
    """Poll until ``count`` records have arrived; returns their values, sorted."""
    found: list[bytes | None] = []

    def enough() -> bool:
        found.extend(client.poll(max_records=count - len(found), timeout_seconds=0.1).values())
        return len(found) >= count

    eventually(enough, 60, what=f"{count} records")
    return sorted(found, key=lambda value: value or b"")


def following(kit: Kit, starts: Mapping[tuple[str, int], int], count: int) -> list[Record]:
    """Follow from ``starts`` until ``count`` records have arrived."""
    found: list[Record] = []
    for batch in kit.reader().follow(starts, batch_records=100, wait_seconds=0.1):
        found += batch
        if len(found) >= count:
            break
    return found


class TestFollowing:
    def test_what_comes_later_is_read_too(self, kit: Kit) -> None:
        topic = kit.topic(2)
        write(kit, topic, [b"a", b"b"])
        batches = kit.reader().follow(kit.reader().starts(topic), batch_records=100, wait_seconds=0.1)
        first = [record.value for record in eventually(lambda: next(batches), 60, what="a batch")]
        write(kit, topic, [b"c"], partition=1)
        later = eventually(lambda: next(batches), 60, what="a batch")
        assert first + [record.value for record in later] == [b"a", b"b", b"c"]

    def test_nothing_new_is_an_empty_batch(self, kit: Kit) -> None:
        topic = kit.topic()
        assert list(next(iter(kit.reader().follow({(topic, 0): 0}, batch_records=9, wait_seconds=0.1)))) == []

    def test_it_goes_on_behind_a_record(self, kit: Kit) -> None:
        topic = kit.topic()
        write(kit, topic, [b"a", b"b", b"c"])
        assert [record.value for record in following(kit, {(topic, 0): 1}, 2)] == [b"b", b"c"]

    def test_it_starts_with_the_first_record_that_is_young_enough(self, kit: Kit) -> None:
        topic = kit.topic(2)
        writer = kit.writer()
        for timestamp in (1000, 2000, 3000):
            writer.write(OutgoingRecord(topic, b"x", timestamp_ms=timestamp, partition=0))
        writer.write(OutgoingRecord(topic, b"x", timestamp_ms=1000, partition=1))
        writer.flush(60)
        reader = kit.reader()
        assert reader.starts(topic) == {(topic, 0): 0, (topic, 1): 0}
        assert reader.starts(topic, since_ms=2000) == {(topic, 0): 1, (topic, 1): 1}

    def test_it_says_whether_all_was_handed_out_markers_of_transactions_included(self, kit: Kit, name: str) -> None:
        source, topic = kit.topic(), kit.topic(2)
        write(kit, topic, [b"a", b"b"])
        reader = kit.reader()
        batches = reader.follow(reader.starts(topic), batch_records=1, wait_seconds=0.1)
        eventually(lambda: len(next(batches)), 60, what="a record")

        def all_handed_out() -> bool:
            next(batches)
            return reader.caught_up()

        eventually(all_handed_out, 60, what="the end")
        loop = kit.loop(source, name, name)
        loop.begin()
        loop.produce(OutgoingRecord(topic, b"c", partition=1))
        loop.commit({})
        # An unread record and the marker behind it are left.
        assert not reader.caught_up()
        eventually(lambda: len(next(batches)), 60, what="the record of the transaction")
        eventually(all_handed_out, 60, what="the end again")
        assert reader.ends() == {(topic, 0): 2, (topic, 1): 2}

    def test_a_topic_or_a_start_that_is_not_there_is_refused(self, kit: Kit) -> None:
        with pytest.raises(StreamUnavailable, match="does not exist"):
            kit.reader().starts("no-such-topic")
        topic = kit.topic()
        write(kit, topic, [b"a"])
        with pytest.raises(StreamUnavailable, match="not in the log"):
            following(kit, {(topic, 0): 5}, 1)


class TestReaderAndWriter:
    def test_what_was_written_is_read_with_all_its_parts(self, kit: Kit) -> None:
        topic = kit.topic()
        writer = kit.writer()
        acknowledged: list[Position] = []
        record = OutgoingRecord(topic, b"value", b"key", [("a", b"1"), ("a", None)], 1_700_000_000_000)
        writer.write(record, acknowledged.append)
        writer.flush(60)
        assert acknowledged == [Position(topic, 0, 0)]
        (found,) = read(kit, StreamRange(topic, 0, 0, 1))
        assert found._replace(headers=list(found.headers)) == Record(
            topic, 0, 0, b"key", b"value", [("a", b"1"), ("a", None)], 1_700_000_000_000
        )

    def test_keys_and_values_may_be_missing(self, kit: Kit) -> None:
        topic = kit.topic()
        writer = kit.writer()
        writer.write(OutgoingRecord(topic, None, b"key"))
        writer.write(OutgoingRecord(topic, b"", None))
        writer.flush(60)
        assert [(record.key, record.value) for record in read(kit, StreamRange(topic, 0, 0, 2))] == [
            (b"key", None),
            (None, b""),
        ]

    def test_a_range_is_half_open(self, kit: Kit) -> None:
        topic = kit.topic()
        write(kit, topic, [b"%d" % number for number in range(10)])
        assert [record.value for record in read(kit, StreamRange(topic, 0, 3, 6))] == [b"3", b"4", b"5"]

    def test_several_ranges_of_several_partitions(self, kit: Kit) -> None:
        topic = kit.topic(3)
        for partition in range(3):
            write(kit, topic, [b"%d-%d" % (partition, number) for number in range(50)], partition=partition)
        ranges = [StreamRange(topic, 0, 0, 10), StreamRange(topic, 2, 40, 50), StreamRange(topic, 0, 20, 25)]
        found = read(kit, *ranges, batch_records=7)
        expected = [(0, number) for number in [*range(10), *range(20, 25)]] + [(2, number) for number in range(40, 50)]
        assert sorted((record.partition, record.offset) for record in found) == expected

    def test_an_empty_range_holds_nothing(self, kit: Kit) -> None:
        topic = kit.topic()
        assert read(kit, StreamRange(topic, 0, 0, 0)) == []

    def test_batches_are_bounded_and_have_columns(self, kit: Kit) -> None:
        topic = kit.topic()
        write(kit, topic, [b"%d" % number for number in range(25)])
        batches = list(kit.reader().read([StreamRange(topic, 0, 0, 25)], batch_records=10, idle_timeout_seconds=60))
        assert all(0 < len(batch) <= 10 for batch in batches)
        assert [value for batch in batches for value in batch.values()] == [b"%d" % number for number in range(25)]
        assert batches[0].keys() == [None] * len(batches[0])
        assert batches[0][1:3].values() == [b"1", b"2"]

    def test_what_never_arrives_is_unavailable(self, kit: Kit) -> None:
        topic = kit.topic()
        write(kit, topic, [b"only"])
        with pytest.raises(StreamUnavailable, match="nothing arrived"):
            read(kit, StreamRange(topic, 0, 0, 2), idle_timeout_seconds=3)

    def test_a_missing_topic_is_unavailable(self, kit: Kit, name: str) -> None:
        with pytest.raises(StreamUnavailable):
            kit.reader().identity([name])

    def test_identity_tells_topics_apart(self, kit: Kit) -> None:
        one, two = kit.topic(), kit.topic()
        reader = kit.reader()
        assert reader.identity([one]) == reader.identity([one, one])
        assert reader.identity([one]) != reader.identity([two])


class TestGroupReader:
    def test_what_is_committed_is_not_read_again(self, kit: Kit, name: str) -> None:
        topic = kit.topic()
        write(kit, topic, [b"a", b"b", b"c"])
        reader = kit.group_reader(topic, name)
        first = eventually(lambda: reader.poll(0.2), 60)
        second = eventually(lambda: reader.poll(0.2), 60)
        assert (first.value, second.value) == (b"a", b"b")
        reader.commit(first)
        reader.close()
        again = kit.group_reader(topic, name)
        assert eventually(lambda: again.poll(0.2), 60).value == b"b"

    def test_nothing_new_is_none(self, kit: Kit, name: str) -> None:
        reader = kit.group_reader(kit.topic(), name)
        assert reader.poll(0.2) is None


class TestLoop:
    def test_outputs_and_positions_are_committed_together(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(), kit.topic()
        write(kit, source, [b"1", b"2"])
        client = kit.loop(source, name, name)
        assert poll_values(client, 2) == [b"1", b"2"]
        assert client.assigned
        client.begin()
        client.begin()
        client.produce(OutgoingRecord(target, b"answer", b"key", [("h", b"x")]))
        assert client.positions() == {}
        client.commit()
        assert client.positions() == {(source, 0): 2}
        client.close()
        (answer,) = read(kit, StreamRange(target, 0, 0, 1))
        assert (answer.value, answer.key, list(answer.headers)) == (b"answer", b"key", [("h", b"x")])
        write(kit, source, [b"3"])
        again = kit.loop(source, name, name)
        assert poll_values(again, 1) == [b"3"]
        assert again.positions() == {(source, 0): 2}

    def test_what_is_aborted_is_never_seen_and_its_input_comes_again(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(), kit.topic()
        write(kit, source, [b"1", b"2"])
        client = kit.loop(source, name, name)
        assert poll_values(client, 2) == [b"1", b"2"]
        client.begin()
        client.produce(OutgoingRecord(target, b"given up"))
        client.abort()
        assert poll_values(client, 2) == [b"1", b"2"]
        client.begin()
        client.produce(OutgoingRecord(target, b"kept"))
        client.commit()
        write(kit, target, [b"end"])
        end = write(kit, target, [b"last"])[0].offset
        assert [record.value for record in read(kit, StreamRange(target, 0, 0, end + 1))] == [b"kept", b"end", b"last"]

    def test_a_range_may_end_in_a_marker(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(), kit.topic()
        write(kit, source, [b"1"])
        client = kit.loop(source, name, name)
        poll(client)
        client.begin()
        client.produce(OutgoingRecord(target, b"a"))
        client.commit()
        # Offset 1 is the transaction's marker, so a reader that waited for a record there would wait forever.
        assert [record.value for record in read(kit, StreamRange(target, 0, 0, 2))] == [b"a"]

    def test_positions_may_be_committed_in_part(self, kit: Kit, name: str) -> None:
        source = kit.topic()
        write(kit, source, [b"1", b"2", b"3"])
        client = kit.loop(source, name, name)
        assert poll_values(client, 3) == [b"1", b"2", b"3"]
        client.commit({(source, 0): 1})
        client.abort()
        assert poll_values(client, 2) == [b"2", b"3"]

    def test_a_newer_client_of_the_same_name_fences_the_older(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(), kit.topic()
        write(kit, source, [b"1"])
        older = kit.loop(source, name, name)
        poll(older)
        older.begin()
        older.produce(OutgoingRecord(target, b"of the older"))
        newer = kit.loop(source, name, name)
        with pytest.raises(ProducerFenced):
            older.commit()
        older.close()
        assert poll_values(newer, 1) == [b"1"]

    def test_a_rebalance_gives_uncommitted_records_to_the_new_owner(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(2), kit.topic()
        for partition in (0, 1):
            write(kit, source, [b"%d" % partition], partition=partition)
        one = kit.loop(source, name, f"{name}-1")
        assert poll_values(one, 2) == [b"0", b"1"]
        one.begin()
        one.produce(OutgoingRecord(target, b"too early"))
        two = kit.loop(source, name, f"{name}-2")
        seen: dict[str, list[Record]] = {"one": [], "two": []}
        interrupted: list[str] = []

        def both_have_theirs() -> bool:
            for key, client in (("one", one), ("two", two)):
                try:
                    seen[key] += client.poll(max_records=10, timeout_seconds=0.1)
                except TransactionAborted:
                    interrupted.append(key)
            return bool(seen["one"]) and bool(seen["two"])

        eventually(both_have_theirs, 90, what="each member to have one of the two records")
        assert interrupted == ["one"]
        assert sorted(record.partition for record in [*seen["one"], *seen["two"]]) == [0, 1]

    def test_a_listener_gets_partitions_before_their_records_and_before_others_have_them(
        self, kit: Kit, name: str
    ) -> None:
        source = kit.topic(2)
        reported: list[tuple[str, str, list[int]]] = []

        class Listener:
            def __init__(self, who: str) -> None:
                self.who = who

            def taken(self, partitions: Collection[tuple[str, int]]) -> bool:
                reported.append((self.who, "taken", sorted(number for _, number in partitions)))
                # The listener gives up at its first call.
                return len(reported) > 1

            def lost(self, partitions: Collection[tuple[str, int]]) -> None:
                reported.append((self.who, "lost", sorted(number for _, number in partitions)))

        for partition in (0, 1):
            write(kit, source, [b"%d" % partition], partition=partition)
        one = kit.loop(source, name, f"{name}-1")
        one.listener = Listener("one")
        assert poll_values(one, 2) == [b"0", b"1"]
        assert reported.pop(0) == ("one", "taken", [0, 1])
        assert sorted(number for _, what, numbers in reported for number in numbers if what == "taken") == [0, 1]
        first = len(reported)
        one.begin()
        one.commit()
        two = kit.loop(source, name, f"{name}-2")
        two.listener = Listener("two")

        def two_has_one() -> bool:
            for client in (one, two):
                client.poll(max_records=10, timeout_seconds=0.1)
            return any(who == "two" for who, *_ in reported)

        eventually(two_has_one, 90)
        (_, what, (moved,)), (_, how, numbers) = reported[first:]
        assert (what, how, numbers) == ("lost", "taken", [moved])

    def test_pausing_holds_records_back_and_resuming_gives_them(self, kit: Kit, name: str) -> None:
        source = kit.topic()
        write(kit, source, [b"1"])
        client = kit.loop(source, name, name)
        poll(client)
        client.pause()
        write(kit, source, [b"2"])
        assert all(not client.poll(max_records=10, timeout_seconds=0.1) for _ in range(5))
        client.resume()
        assert poll_values(client, 1) == [b"2"]

    def test_lag_is_what_is_left_to_poll(self, kit: Kit, name: str) -> None:
        source = kit.topic()
        write(kit, source, [b"%d" % number for number in range(10)])
        client = kit.loop(source, name, name)
        poll(client, most=1)
        lag: Mapping[tuple[str, int], int] = client.lag()
        assert lag == {(source, 0): 9}
        poll_values(client, 9)
        assert client.lag() == {(source, 0): 0}
        client.begin()
        client.commit()
        client.close()
        # A member without partitions knows it as well.
        again = kit.loop(source, name, name)

        def idle() -> bool:
            assert not again.poll(max_records=10, timeout_seconds=0.1)
            return again.lag() == {(source, 0): 0}

        eventually(idle, 60)

    def test_answers_of_a_partition_stay_together(self, kit: Kit, name: str) -> None:
        source, target = kit.topic(), kit.topic(3)
        client = kit.loop(source, name, name)
        assert [client.partition_for(target, partition) for partition in (0, 1, 2, 3)] == [0, 1, 2, 0]


def test_an_exchange_tells_where_each_record_is(kit: Kit) -> None:
    topic, answers = kit.topic(partitions=2), kit.topic()
    positions = kit.exchange(topic, answers).send([b"a", b"b", b"c", b"d"], headers=[("mine", b"1")])
    by_place = {
        (record.partition, record.offset): record
        for record in read(kit, *(StreamRange(topic, n, 0, 2) for n in (0, 1)))
    }
    assert [by_place[place.partition, place.offset].value for place in positions] == [b"a", b"b", b"c", b"d"]
    assert {tuple(record.headers) for record in by_place.values()} == {(("mine", b"1"),)}


def test_answers_are_found_by_the_record_that_they_name(kit: Kit) -> None:
    topic, answers, letters = kit.topic(), kit.topic(partitions=2), kit.topic()
    write(kit, answers, [b"before"])
    exchange = kit.exchange(topic, answers, letters)
    positions = exchange.send([b"a", b"b", b"c"])
    writer = kit.writer()
    for target, value, source in (
        (answers, b"another's", ("other", 0, 1)),
        (answers, b"of b", positions[1]),
        (letters, b"of a", positions[0]),
        (answers, b"of b again", positions[1]),
    ):
        # In a chain of inferences the last source header is the newest.
        headers = [(SOURCE_HEADER, b"other/0/0"), (SOURCE_HEADER, format_source(*source))]
        writer.write(OutgoingRecord(target, value, headers=headers, partition=0))
    writer.flush(60)
    found = answers_to(positions[:2], exchange, timeout_seconds=60)
    assert [answer and answer.record.value for answer in found] == [b"of a", b"of b"]
    assert answers_to(positions[2:], exchange, timeout_seconds=0.3) == [None]
    assert answers_to([], exchange, timeout_seconds=60) == []


def test_an_exchange_needs_its_topics(kit: Kit) -> None:
    for topics in ((kit.topic(), "missing"), ("missing", kit.topic())):
        with pytest.raises(StreamUnavailable, match="missing"):
            kit.exchange(*topics)

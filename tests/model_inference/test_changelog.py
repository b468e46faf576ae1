"""Windows when serving: answers are those of one undisturbed replica, whatever happens to transactions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any

import numpy as np
import orjson
import pytest

from kafkaml.codecs.columns import ColumnsCodec
from kafkaml.errors import RefusedError, TransactionAborted
from kafkaml.records import OutgoingRecord, Record, RecordBatch
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, InMemoryGroup
from kafkaml.wire.contract import Column, Contract, Encoding, FieldKind, Learnt, RecordField, Window
from kafkaml.wire.distributed import Cascade
from model_inference.answering import Alone, Challenge, is_challenged
from model_inference.changelog import Changelog, make_changelog
from model_inference.comparison import ComparisonCounter
from model_inference.loop import InferenceLoop
from model_inference.output_topics import OutputTopics
from model_inference.publishing import Publisher
from model_inference.routing import CascadeRouter, OutputRouter, Router
from model_inference.stats import LoopStats
from tests.model_inference.fake_engine import EngineFactory, FakeModels

LENGTH, PARTITIONS, KEYS = 3, 2, 5
DAY = 86_400_000
CONTRACT = Contract(
    format="JSON",
    fields=(RecordField(path=("x",), kind=FieldKind.NUMBER),),
    columns=(Column(name="x", expression="x", encoding=Encoding.NUMBER),),
    window=Window(length=LENGTH),
    split="time",
)


class Topics:
    """Kafka's administration of one topic."""

    def __init__(self, partitions: int = 0, **config: str) -> None:
        self.partitions = partitions
        self.config = config

    def partition_counts(self) -> dict[str, int]:
        return {"changes": self.partitions} if self.partitions else {}

    def create_topics(self, partitions: Any, /, *, config: Any) -> Collection[str]:
        (self.partitions,) = partitions.values()
        self.config = dict(config)
        return list(partitions)

    def add_partitions(self, name: str, count: int, /) -> None:
        self.partitions = count

    def topic_configs(self, names: Any, /) -> dict[str, dict[str, str]]:
        return dict.fromkeys(names, self.config)


class Serving:
    """A broker with an input topic, and replicas of an inference that answer windows with the sum of their numbers."""

    def __init__(self) -> None:
        self.broker = InMemoryBroker()
        for topic in ("in", "changes", "out", "out.dlq", "up"):
            self.broker.create_topic(topic, partitions=PARTITIONS)
        self.group = InMemoryGroup(self.broker, topics=["in"], group="group")
        self.sent = 0
        self.now_ms = 0
        self.seconds = 0.0

    def send(self, count: int, *, time_ms: int = 1000) -> None:
        for number in range(self.sent, self.sent + count):
            key = number % KEYS
            value = b"poison" if number % 11 == 10 else b'{"x":%d}' % number
            self.broker.append(OutgoingRecord("in", value, b"k%d" % key, (), time_ms + number, key % PARTITIONS))
        self.sent += count

    def read(self, topic: str, partitions: Collection[int]) -> Iterator[RecordBatch]:
        ranges = [StreamRange(topic, partition, *self.broker.watermarks(topic, partition)) for partition in partitions]
        yield from self.broker.reader().read(ranges, batch_records=1000, idle_timeout_seconds=1)

    def replica(self, name: str, *, factory: EngineFactory | None = None, router: Router | None = None) -> Replica:
        return Replica(self, name, factory or EngineFactory(), router or OutputRouter("out"))

    def written(self, topic: str) -> dict[str, Record]:
        """Return all records of a topic by the place that they answer; each place is answered once."""
        records = [record for batch in self.read(topic, range(PARTITIONS)) for record in batch]
        found = {(dict(record.headers)["kml-source"] or b"").decode(): record for record in records}
        assert len(found) == len(records)
        return found

    def answers(self) -> dict[str, float]:
        """Return all answers by the place of their record, after checking that each record is answered once."""
        written = self.written("out").items()
        return {place: orjson.loads(record.value or b"")["values"][0][0] for place, record in written}

    def expected(self) -> dict[str, float]:
        """Return the answers of a loop over all records."""
        kept: dict[bytes | None, list[int]] = defaultdict(list)
        found = {}
        for batch in self.read("in", range(PARTITIONS)):
            for record in batch:
                if record.value == b"poison":
                    continue
                window = kept[record.key] = [*kept[record.key], orjson.loads(record.value or b"")["x"]][-LENGTH:]
                if len(window) == LENGTH:
                    found[f"in/{record.partition}/{record.offset}"] = float(sum(window))
        return found

    def state(self) -> dict[tuple[int, bytes | None], bytes | None]:
        """Return the last value of each key in the changelog."""
        batches = self.read("changes", range(PARTITIONS))
        return {(record.partition, record.key): record.value for batch in batches for record in batch}


class Replica:
    def __init__(self, serving: Serving, name: str, factory: EngineFactory, router: Router) -> None:
        self.serving = serving
        self.client = serving.group.join(name)
        self.stats = LoopStats()
        # Whether the replica is asked to end, and whether it ends while it reads its state back.
        self.is_to_end = self.ends_reading = False
        self.models = FakeModels(factory.loaded())
        codec = ColumnsCodec(CONTRACT, Learnt.model_validate({"columns": {"x": {}}}))
        assert codec.state is not None
        self.state: Any = codec.state
        self.changelog = Changelog(
            codec.state,
            self.client,
            topic="changes",
            read=self.read,
            gives_up=lambda: self.is_to_end,
            clock=lambda: serving.seconds,
            wall_clock=lambda: serving.now_ms / 1000,
        )
        self.loop = InferenceLoop(
            client=self.client,
            codec=codec,
            models=self.models,
            publisher=Publisher(
                self.client, router=router, topics=OutputTopics("out", "out.dlq", upper=router.upper_topic)
            ),
            stats=self.stats,
            batch_sizes=(1, 4, 8),
            changelog=self.changelog,
            clock=lambda: 0.0,
        )

    def read(self, partitions: Collection[int]) -> Iterator[RecordBatch]:
        self.is_to_end = self.ends_reading
        yield from islice(self.serving.read("changes", partitions), 0 if self.is_to_end else None)

    def turns(self, count: int) -> None:
        """Run some turns without the orderly end of ``run``, so that work in progress stays open."""
        for _ in range(count):
            try:
                self.loop._turn()
            except TransactionAborted as error:
                self.loop._start_over(error)

    def run_through(self) -> None:
        left = iter(range(500))
        self.loop.run(lambda: next(left, None) is None or not any(self.client.lag().values()))


@pytest.fixture
def serving() -> Serving:
    return Serving()


def test_windows_reach_over_batches_and_what_waits_is_counted(serving: Serving) -> None:
    serving.send(60)
    replica = serving.replica("a")

    replica.run_through()

    assert serving.answers() == serving.expected()
    counts = replica.stats.summary()
    assert (counts.predicted, counts.dead_lettered) == (len(serving.expected()), 5)
    assert counts.warming_up == KEYS * (LENGTH - 1)
    assert counts.records == 60


def test_a_replica_that_was_killed_goes_on_where_its_last_commit_was(serving: Serving) -> None:
    for turns in islice((1, 2, 3, 5) * 3, 12):
        serving.send(17)
        # The next replica of the same name fences it, whatever was in progress.
        serving.replica("a").turns(turns)
    serving.replica("a").run_through()

    assert serving.answers() == serving.expected()


@pytest.mark.parametrize("happened", [True, False])
def test_a_commit_whose_outcome_is_not_known_counts_as_kafka_says(serving: Serving, happened: bool) -> None:
    replica = serving.replica("a")
    for _ in range(4):
        serving.send(20)
        replica.turns(2)
        replica.client.next_commit_is_unknown = happened
        replica.run_through()

    assert serving.answers() == serving.expected()
    assert replica.stats.summary().records == serving.sent
    kept = {
        (number, key): replica.state._values[slot].tobytes()
        for number, table in replica.state._slots.items()
        for key, slot in table.items()
    }
    assert kept == serving.state()


def test_a_second_replica_comes_and_goes(serving: Serving) -> None:
    first = serving.replica("a")
    for _ in range(3):
        serving.send(23)
        first.turns(2)
        second = serving.replica("b")
        serving.send(23)
        first.turns(3)
        second.turns(3)
        assert len(second.state) > 0
        second.client.close()
        first.turns(3)
    first.run_through()

    assert serving.answers() == serving.expected()


def test_one_that_is_to_end_while_it_reads_its_state_back_answers_nothing(serving: Serving) -> None:
    serving.send(40)
    first = serving.replica("a")
    first.run_through()
    answered = len(serving.answers())
    serving.send(40)
    second = serving.replica("b")
    second.ends_reading = True
    second.loop.run(lambda: second.is_to_end)
    assert (second.is_to_end, second.client.polls) == (True, 1)
    second.client.close()

    assert len(serving.answers()) == answered > 0
    first.run_through()
    assert serving.answers() == serving.expected()


def test_records_whose_key_cannot_be_kept_are_dead_letters(serving: Serving) -> None:
    serving.send(20)
    for key in (None, b"k" * 70_000):
        serving.broker.append(OutgoingRecord("in", b'{"x":1}', key, (), 1020, 0))
    replica = serving.replica("a")
    replica.run_through()

    letters = [record for batch in serving.read("out.dlq", range(PARTITIONS)) for record in batch]
    reasons = [dict(record.headers)["kml-error-message"] or b"" for record in letters if record.value != b"poison"]
    assert [reason.split(b":")[0] for reason in reasons] == [
        b"the record has no key",
        b"the record's key is 70,000 bytes",
    ]
    assert replica.stats.summary().records == 22
    assert len(replica.state) == KEYS


def test_another_version_goes_on_with_the_windows(serving: Serving) -> None:
    replica = serving.replica("a")
    serving.send(20)
    replica.run_through()
    first = serving.answers()
    replica.models.due = Alone(EngineFactory(factor=2.0).loaded(version=2))
    serving.send(20)
    replica.run_through()

    assert len(first) > 0
    assert serving.answers() == {
        place: total if place in first else 2 * total for place, total in serving.expected().items()
    }


@pytest.mark.parametrize(("share", "fallback"), [(0.5, True), (1.0, False)])
def test_a_canary_and_a_shadow_see_the_windows_of_all_records(serving: Serving, share: float, fallback: bool) -> None:
    serving.send(20)
    serving.replica("a").run_through()
    first = serving.answers()
    for turns in (1, 3, 500):
        serving.send(20)
        replica = serving.replica("a")
        replica.models.due = Challenge(
            EngineFactory().loaded(),
            EngineFactory(factor=2.0).loaded(version=2),
            share=share,
            fallback=fallback,
            comparison=ComparisonCounter(1, 2, labels=None),
            on_lost=lambda _error: None,
        )
        replica.loop._switch()
        replica.turns(turns)

    written = serving.written("out")
    versions = {place: int(dict(record.headers)["kml-version"] or b"") for place, record in written.items()}
    assert serving.answers() == {place: total * versions[place] for place, total in serving.expected().items()}
    challenged = {p for p in written if p not in first and is_challenged(written[p].key, share, place=("in", 0, 0))}
    assert {place for place, version in versions.items() if version == 2} == challenged
    assert 0 < len(challenged) <= len(written) - len(first)


def test_a_tier_hands_windows_up_in_the_transaction_of_their_state(serving: Serving) -> None:
    router = CascadeRouter("out", Cascade(upper_topic="up", limit=0.75))
    factory = EngineFactory(hands_up=True)
    for turns in (1, 2, 3, 5, 500):
        serving.send(17)
        serving.replica("a", factory=factory, router=router).turns(turns)

    expected = serving.expected()
    sure = {place for place, total in expected.items() if max(total % 10, 10 - total % 10) / 10 >= 0.75}
    answers, handed_up = serving.written("out"), serving.written("up")
    assert (answers.keys(), handed_up.keys()) == (sure, expected.keys() - sure)
    assert min(len(answers), len(handed_up)) > 5
    sums = {place: float(np.frombuffer(record.value or b"", "<f4")[0]) for place, record in handed_up.items()}
    assert sums == {place: expected[place] for place in handed_up}


def test_keys_that_are_not_seen_for_long_are_forgotten_here_and_in_the_changelog(serving: Serving) -> None:
    replica = serving.replica("a")
    serving.send(20)
    replica.run_through()
    assert len(replica.state) == KEYS
    serving.now_ms, serving.seconds = 9 * DAY, 1000.0
    # Only keys 0 and 1 get records, one in each partition.
    for key in (0, 1):
        serving.broker.append(OutgoingRecord("in", b'{"x":1}', b"k%d" % key, (), 8 * DAY, key))

    replica.run_through()

    assert len(replica.state) == 2
    assert {key: value is None for key, value in serving.state().items()} == {
        (0, b"k0"): False,
        (0, b"k2"): True,
        (0, b"k4"): True,
        (1, b"k1"): False,
        (1, b"k3"): True,
    }
    again = serving.replica("a")
    again.turns(1)
    assert len(again.state) == 2


def test_what_was_to_be_forgotten_stays_when_the_transaction_is_aborted(serving: Serving) -> None:
    replica = serving.replica("a")
    serving.send(20)
    replica.run_through()
    serving.now_ms, serving.seconds = 9 * DAY, 1000.0
    for number in (1, 2):
        serving.broker.append(OutgoingRecord("in", b'{"x":1}', b"k0", (), 8 * DAY + number, 0))
        replica.client.next_commit_is_unknown = False
        replica.turns(1)
    assert len(replica.state) == KEYS


@pytest.mark.parametrize(
    ("there", "refused"),
    [
        (Topics(), ""),
        (Topics(1, **{"cleanup.policy": "compact"}), ""),
        (Topics(3, **{"cleanup.policy": "delete"}), "has cleanup.policy=delete: expected compact"),
        (
            Topics(3, **{"cleanup.policy": "compact", "max.message.bytes": "1000"}),
            "records of 1,000 bytes: expected 66",
        ),
    ],
)
def test_the_changelog_has_the_partitions_of_the_input_and_keeps_the_last_of_a_key(there: Topics, refused: str) -> None:
    state = ColumnsCodec(CONTRACT, Learnt.model_validate({"columns": {"x": {}}})).state
    assert state is not None
    make: Callable[[], None] = lambda: make_changelog(there, "changes", 3, state)  # noqa: E731
    if refused:
        with pytest.raises(RefusedError, match=refused):
            make()
        return
    make()
    assert there.partitions == 3
    assert there.config["cleanup.policy"] == "compact"


def test_large_windows_have_a_changelog_that_takes_them() -> None:
    column = Column(name="x", expression="x", encoding=Encoding.NUMBERS, shape=(1000,))
    contract = CONTRACT.model_copy(
        update={
            "columns": (column,),
            "fields": (RecordField(path=("x",), kind=FieldKind.NUMBERS),),
            "window": Window(length=1000),
        }
    )
    state = ColumnsCodec(contract, Learnt.model_validate({"columns": {"x": {}}})).state
    assert state is not None
    topics = Topics()
    make_changelog(topics, "changes", 2, state)
    assert int(topics.config["max.message.bytes"]) > 999 * 1000 * np.dtype("f4").itemsize

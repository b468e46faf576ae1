from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson
import pytest

from kafkaml.codecs.raw import RawCodec
from kafkaml.errors import TransactionAborted
from kafkaml.records import OutgoingRecord
from model_inference.answering import Alone
from model_inference.loop import InferenceLoop
from model_inference.output_topics import OutputTopics
from model_inference.publishing import Publisher
from model_inference.routing import OutputRouter
from model_inference.stats import LoopStats
from tests.model_inference.fake_engine import KILLER, REFUSED, EngineFactory, FakeModels
from tests.model_inference.fake_loop_client import FakeLoopClient

SIZES = (1, 8, 32)


def value(number: float) -> bytes:
    return np.float32(number).tobytes()


class LoopUnderTest:
    def __init__(self) -> None:
        self.client = FakeLoopClient()
        self.factory = EngineFactory()
        self.stats = LoopStats()
        self.ready = 0
        self.now = 0.0
        self.topics = OutputTopics("out", "out.dlq", wall_clock=lambda: 10_000.0)
        self.models = FakeModels(self.factory.loaded())
        self.loop = InferenceLoop(
            client=self.client,
            codec=RawCodec(np.dtype("<f4"), (1,)),
            models=self.models,
            publisher=Publisher(self.client, router=OutputRouter("out"), topics=self.topics),
            stats=self.stats,
            batch_sizes=SIZES,
            on_ready=self._count_ready,
            clock=lambda: self.now,
        )

    def _count_ready(self) -> None:
        self.ready += 1

    def run_until(self, condition: Callable[[], bool], turns: int = 10_000) -> None:
        left = iter(range(turns))
        self.loop.run(lambda: condition() or next(left, None) is None)
        assert condition(), f"not reached in {turns} turns"

    def run_through(self) -> None:
        sent = sum(len(log) for log in self.client._log.values())
        self.run_until(lambda: self.client.answered == sent)

    def values(self, topic: str = "out") -> list[object]:
        return [orjson.loads(record.value or b"")["values"] for record in self.written(topic)]

    def written(self, topic: str) -> list[OutgoingRecord]:
        return [record for record in self.client.written if record.topic == topic]

    def sources(self) -> list[bytes | None]:
        return [dict(record.headers)["kml-source"] for record in self.client.written]


@pytest.fixture
def under_test() -> LoopUnderTest:
    return LoopUnderTest()


def test_every_record_is_answered_in_order(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(100)), key=b"key")

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(100)]
    assert under_test.sources() == [f"in/0/{offset}".encode() for offset in range(100)]
    assert {record.key for record in under_test.client.written} == {b"key"}
    assert [record.timestamp_ms for record in under_test.client.written] == list(range(1000, 1100))


def test_a_single_record_is_committed_at_once(under_test: LoopUnderTest) -> None:
    under_test.client.send(value(1))

    under_test.run_through()

    assert under_test.client.commits == [1]


def test_answers_go_to_the_partition_of_their_records(under_test: LoopUnderTest) -> None:
    under_test.client.send(value(1), partition=0)
    under_test.client.send(value(2), partition=3)

    under_test.run_through()

    assert {(record.partition, record.value) for record in under_test.client.written} == {
        (0, b'{"values":[1.0]}'),
        (3, b'{"values":[2.0]}'),
    }


def test_records_that_do_not_decode_are_dead_letters_in_the_same_transaction(under_test: LoopUnderTest) -> None:
    under_test.client.send(value(1), b"short", None, value(4))

    under_test.run_through()

    assert under_test.values() == [[1.0], [4.0]]
    assert [record.value for record in under_test.written("out.dlq")] == [b"short", None]
    assert under_test.client.commits == [4]
    assert under_test.stats.summary().dead_lettered == 2


def test_a_batch_of_nothing_but_poison_is_passed_over(under_test: LoopUnderTest) -> None:
    under_test.client.send(*[b"poison"] * 50)

    under_test.run_through()

    assert len(under_test.written("out.dlq")) == 50
    assert under_test.factory.batches == []


def test_records_that_the_model_refuses_are_dead_letters(under_test: LoopUnderTest) -> None:
    under_test.client.send(value(1), value(REFUSED), value(3))

    under_test.run_through()

    assert under_test.values() == [[1.0], [3.0]]
    (letter,) = under_test.written("out.dlq")
    assert dict(letter.headers)["kml-error-stage"] == b"predict"
    assert dict(letter.headers)["kml-source"] == b"in/0/1"


def test_a_record_that_kills_the_model_is_a_dead_letter_and_the_rest_is_answered(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(KILLER if number == 17 else number) for number in range(40)))

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(40) if number != 17]
    (letter,) = under_test.written("out.dlq")
    assert dict(letter.headers)["kml-error-class"] == b"ModelProcessDied"


def test_an_aborted_transaction_is_answered_again_and_only_once(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(100)))
    under_test.client.abort_next.extend([TransactionAborted("rebalance"), TransactionAborted("again")])

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(100)]


def test_a_rebalance_while_batches_are_under_way_forgets_them(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(100)))
    polls = iter(range(1000))

    def rebalance_now_and_then() -> bool:
        if next(polls) % 5 == 3 and len(under_test.client.rebalance_next) == 0 and next(polls) < 60:
            under_test.client.rebalance_next.append(TransactionAborted("partitions moved"))
        return under_test.client.answered == 100

    under_test.run_until(rebalance_now_and_then)

    assert under_test.values() == [[float(number)] for number in range(100)]


def test_stopping_answers_what_was_polled(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(40)))
    turns = iter(range(2))

    under_test.loop.run(lambda: next(turns, None) is None)

    assert under_test.client.answered == len(under_test.client.written) > 0


def test_under_load_commits_wait_for_their_interval(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(320)))

    under_test.run_through()

    # The clock stands still, so only the last batch, which drains the input, commits.
    assert under_test.client.commits == [320]


def test_a_slow_model_does_not_delay_the_commit_nor_look_dead(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(96)))
    under_test.factory.waits_left.extend([True, *[False] * 10])

    def time_passes() -> None:
        under_test.now += 0.2

    under_test.factory.on_wait = time_passes

    under_test.run_through()

    assert under_test.client.commits[0] == 32
    assert under_test.client.polls_while_paused > 0
    assert under_test.values() == [[float(number)] for number in range(96)]


def test_a_slow_model_gets_smaller_batches(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(200)))

    def time_passes() -> None:
        under_test.now += 2.0

    under_test.factory.on_wait = time_passes

    under_test.run_through()

    assert under_test.factory.batches[0] == 32
    assert under_test.factory.batches[-1] == 1


def test_an_answer_that_the_client_refuses_is_a_dead_letter(under_test: LoopUnderTest) -> None:
    under_test.client.send(value(1), value(2), value(3))
    under_test.client.too_large.add(b'{"values":[2.0]}')

    under_test.run_through()

    assert under_test.values() == [[1.0], [3.0]]
    (letter,) = under_test.written("out.dlq")
    assert (letter.value, dict(letter.headers)["kml-error-stage"]) == (value(2), b"publish")


def test_an_answer_that_the_broker_refuses_is_found_and_made_a_dead_letter(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(100)))
    under_test.client.refuse.add(b'{"values":[50.0]}')

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(100) if number != 50]
    (letter,) = under_test.written("out.dlq")
    assert (letter.value, dict(letter.headers)["kml-error-stage"]) == (value(50), b"publish")


def test_a_dead_letter_that_the_broker_refuses_is_cut(under_test: LoopUnderTest) -> None:
    poison = b"p" * 400_000
    under_test.client.send(value(1), poison, value(3))
    under_test.client.refuse.add(poison)

    under_test.run_through()

    assert under_test.values() == [[1.0], [3.0]]
    (letter,) = under_test.written("out.dlq")
    assert 0 < len(letter.value or b"") < 400_000
    assert dict(letter.headers)["kml-error-value-bytes"] == b"400000"


def test_ready_is_said_once_after_the_first_poll_with_an_assignment(under_test: LoopUnderTest) -> None:
    under_test.client.assigned = False
    turns = iter(range(6))

    def assigned_later() -> bool:
        turn = next(turns, None)
        under_test.client.assigned = turn is None or turn >= 3
        return turn is None

    under_test.loop.run(assigned_later)

    assert under_test.ready == 1


def test_a_timestamp_that_kafka_refuses_costs_no_record(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(5)))
    under_test.client.abort_next.append(TransactionAborted("invalid timestamp", refused=True, refused_timestamp=True))

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(5)]
    assert under_test.written("out.dlq") == []
    assert [record.timestamp_ms for record in under_test.written("out")] == [0] * 5
    assert under_test.stats.summary().restamped == 5


def test_batches_keep_to_what_the_model_can_do_from_the_first_poll_on(under_test: LoopUnderTest) -> None:
    under_test.factory.limit = 4
    under_test.client.send(*(value(number) for number in range(100)))

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(100)]
    assert max(under_test.factory.batches) == 4


def test_out_of_memory_while_serving_answers_every_record_once(under_test: LoopUnderTest) -> None:
    under_test.factory.fits = 5
    under_test.client.send(*(value(number) for number in range(100)))

    under_test.run_through()

    assert under_test.values() == [[float(number)] for number in range(100)]
    assert under_test.written("out.dlq") == []
    assert under_test.factory.max_batch == 4


def test_another_version_answers_from_a_position_on_with_nothing_in_flight(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(200)))
    doubling = EngineFactory(factor=2.0)
    seen = iter(range(10_000))

    def swap_in_the_middle() -> bool:
        if next(seen) == 3:
            under_test.models.due = Alone(doubling.loaded(version=2))
        return under_test.client.answered == 200

    under_test.run_until(swap_in_the_middle)

    (positions,) = under_test.models.switches
    first = positions["in", 0]
    assert 0 < first < 200
    assert under_test.values() == [[float(number if number < first else 2 * number)] for number in range(200)]
    versions = [dict(record.headers)["kml-version"] for record in under_test.client.written]
    assert versions == [b"1"] * first + [b"2"] * (200 - first)
    assert sum(under_test.factory.batches) == first


def test_a_swap_whose_last_commit_is_aborted_is_done_all_the_same(under_test: LoopUnderTest) -> None:
    under_test.client.send(*(value(number) for number in range(100)))
    under_test.client.abort_next.append(TransactionAborted("unknown outcome"))
    doubling = EngineFactory(factor=2.0)
    seen = iter(range(10_000))

    def swap_in_the_middle() -> bool:
        if next(seen) == 2:
            under_test.models.due = Alone(doubling.loaded(version=2))
        return under_test.client.answered == 100

    under_test.run_until(swap_in_the_middle)

    assert under_test.models.switches == [{}]
    assert under_test.values() == [[float(2 * number)] for number in range(100)]

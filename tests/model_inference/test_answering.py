"""A champion and a challenger answer the same records: who answers which, and the counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import orjson
import pytest

from kafkaml.codecs.raw import RawCodec
from kafkaml.errors import FailedError, KafkaMLError, TransactionAborted
from model_inference.answering import Alone, Challenge, is_challenged
from model_inference.comparison import ComparisonCounter
from tests.model_inference.fake_engine import KILLER, REFUSED, EngineFactory
from tests.model_inference.test_loop import LoopUnderTest, value

KEYS = [b"key %d" % number for number in range(10_000)]


class Duel(LoopUnderTest):
    """The loop with version 1, which sums up, and version 2, which doubles, as its challenger."""

    def __init__(self, *, share: float = 0.5, fallback: bool = True) -> None:
        super().__init__()
        self.doubling = EngineFactory(factor=2.0)
        self.lost: list[KafkaMLError] = []
        self.counter = ComparisonCounter(1, 2, labels=RawCodec(np.dtype("u1"), ()))
        self.challenge = Challenge(
            self.factory.loaded(1),
            self.doubling.loaded(2),
            share=share,
            fallback=fallback,
            comparison=self.counter,
            on_lost=self.lost.append,
        )
        self.models.due = self.challenge

    def versions(self, topic: str = "out") -> list[int]:
        return [int(dict(record.headers)["kml-version"] or b"") for record in self.written(topic)]


def challenged(number: int, share: float = 0.5) -> bool:
    return is_challenged(b"%d" % number, share, place=("in", 0, number))


def send(duel: Duel, count: int, sample: Callable[[int], float] = float) -> None:
    for number in range(count):
        duel.client.send(value(sample(number)), key=b"%d" % number)


def test_a_canary_answers_its_keys_in_the_order_of_all() -> None:
    duel = Duel()
    send(duel, 200)

    duel.run_through()

    expected = [2 if challenged(number) else 1 for number in range(200)]
    assert duel.versions() == expected
    assert duel.values() == [[float(number * version)] for number, version in enumerate(expected)]
    assert 60 < expected.count(2) < 140
    # The champion computes all records, the challenger only its own.
    assert sum(duel.factory.batches) == 200
    assert sum(duel.doubling.batches) == expected.count(2)
    found = duel.counter.report()
    assert (found.records, found.compared) == (len(expected), expected.count(2))


def test_a_share_is_of_the_keys_and_the_same_everywhere() -> None:
    chosen = [key for key in KEYS if is_challenged(key, 0.1, place=("in", 0, 0))]
    assert 0.09 < len(chosen) / len(KEYS) < 0.11
    # Other replicas, places and processes choose the same keys.
    assert chosen == [key for key in KEYS if is_challenged(key, 0.1, place=("other", 3, 99))]
    assert chosen[:3] == [b"key 1", b"key 42", b"key 52"]
    assert all(is_challenged(key, 1.0, place=("in", 0, 0)) for key in KEYS)
    # A larger share includes the keys of the smaller one.
    assert {*chosen} < {key for key in KEYS if is_challenged(key, 0.2, place=("in", 0, 0))}


def test_records_without_key_are_chosen_by_their_place() -> None:
    chosen = [offset for offset in range(2000) if is_challenged(None, 0.1, place=("in", 0, offset))]
    assert 0.08 < len(chosen) / 2000 < 0.12
    assert chosen != [offset for offset in range(2000) if is_challenged(None, 0.1, place=("in", 1, offset))]


def test_what_the_challenger_cannot_answer_the_champion_does() -> None:
    duel = Duel(share=1.0)
    # The record kills the challenger's process, but not the champion's.
    duel.doubling.greedy = 7.0
    send(duel, 20)

    duel.run_through()

    assert duel.versions() == [1 if number == 7 else 2 for number in range(20)]
    assert duel.written("out.dlq") == []
    assert duel.counter.report().challenger.failed == 1


def test_what_both_refuse_is_one_dead_letter() -> None:
    duel = Duel(share=1.0)
    send(duel, 20, lambda number: REFUSED if number == 3 else float(number))

    duel.run_through()

    assert len(duel.written("out")) == 19
    assert duel.versions("out.dlq") == [1]


def test_a_challenger_that_cannot_be_kept_alive_costs_nothing() -> None:
    duel = Duel(share=1.0)
    send(duel, 50)
    duel.run_until(lambda: duel.models.due is None)
    duel.doubling.start_errors.extend([FailedError("no memory")] * 50)
    duel.doubling.deaths_left = 1

    duel.run_through()

    assert duel.values() == [[float(number * version)] for number, version in enumerate(duel.versions())]
    assert [error.message for error in duel.lost] == ["no memory"]
    assert duel.challenge.lost is duel.lost[0]


def test_the_answers_of_a_shadow_are_all_its_own() -> None:
    duel = Duel(share=1.0, fallback=False)
    send(duel, 20, lambda number: KILLER if number == 3 else float(number))

    duel.run_through()

    assert set(duel.versions()) == {2}
    assert duel.values() == [[2.0 * number] for number in range(20) if number != 3]
    assert duel.versions("out.dlq") == [2]


def test_an_aborted_transaction_is_challenged_again_alike() -> None:
    duel = Duel()
    send(duel, 100)
    duel.client.abort_next.append(TransactionAborted("rebalance"))

    duel.run_through()

    assert duel.versions() == [2 if challenged(number) else 1 for number in range(100)]


def test_alone_again_the_champion_answers_everything() -> None:
    duel = Duel(share=1.0)
    send(duel, 10)
    duel.run_through()
    duel.models.due = Alone(duel.factory.loaded(3))
    send(duel, 10)
    duel.run_through()
    assert duel.versions() == [2] * 10 + [3] * 10


class TestComparison:
    labels = RawCodec(np.dtype("u1"), ())

    def test_classes_scores_and_accuracy(self) -> None:
        counter = ComparisonCounter(1, 2, labels=self.labels)
        champion = np.array([[0.9, 0.1], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]])
        challenger = np.array([[0.8, 0.2], [0.4, 0.6], [0.1, 0.9], [0.0, 1.0]])
        counter.add([b"\0", b"\0", b"\1", None], champion, challenger, challenger_failed=[3], seconds=(0.1, 0.2))

        found = counter.report()

        assert (found.compared, found.agreed, found.agreement) == (3, 2, pytest.approx(2 / 3))
        assert (found.champion.labelled, found.champion.correct, found.champion.accuracy) == (
            3,
            1,
            pytest.approx(1 / 3),
        )
        assert (found.challenger.correct, found.challenger.failed) == (2, 1)
        assert found.champion.scores[18] == found.champion.scores[14] == found.champion.scores[12] == 1
        assert sum(found.challenger.scores) == 3
        assert (found.champion.p50_ms, found.challenger.p99_ms) == (100.0, 200.0)

    def test_single_numbers_agree_within_a_hundredth(self) -> None:
        counter = ComparisonCounter(1, 2, labels=None)
        counter.add([None] * 4, np.array([100.0, 100.0, 0.0, np.nan]), np.array([100.5, 102.0, 0.0, 1.0]))
        found = counter.report()
        assert (found.compared, found.agreed) == (4, 2)
        assert found.champion.accuracy is None
        assert orjson.loads(orjson.dumps(found.to_json()))["mean_difference"] == pytest.approx(2.5 / 4)

    def test_keys_that_are_not_labels_count_for_nothing(self) -> None:
        counter = ComparisonCounter(1, 2, labels=self.labels)
        counter.add([b"a name", b"\1"], np.eye(2), np.eye(2))
        assert counter.report().champion.labelled == 1

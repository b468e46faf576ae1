"""The time and the largest size of answers, which depend on the settings of their topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from kafkaml.answers import answer_bytes
from kafkaml.errors import BrokerError, KafkaMLError
from kafkaml.intake import Batch
from kafkaml.records import ListBatch, Record
from kafkaml.wire.choices import OutputTimestamps
from model_inference.answering import Answered
from model_inference.encoding import encode_outputs
from model_inference.output_topics import OutputTopics, TopicLimits, TopicWatch
from model_inference.predicting import Prediction
from model_inference.provenance import Provenance
from model_inference.publishing import Published, Publisher
from model_inference.routing import OutputRouter
from tests.model_inference.fake_loop_client import FakeLoopClient

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def output_topics(config: Mapping[str, str] | None, **values: OutputTimestamps) -> OutputTopics:
    topics = OutputTopics("out", "out.dlq", wall_clock=lambda: NOW_MS / 1000, **values)
    if config is not None:
        topics.update({"out": config, "out.dlq": config})
    return topics


@pytest.mark.parametrize(
    ("config", "kept", "restamped"),
    [
        ({"retention.ms": str(DAY_MS)}, [-HOUR_MS, 0, 300 * DAY_MS], [-2 * DAY_MS]),
        ({"retention.ms": "-1"}, [-400 * DAY_MS], []),
        ({"retention.ms": str(DAY_MS), "cleanup.policy": "compact"}, [-400 * DAY_MS], []),
        ({"retention.ms": str(DAY_MS), "cleanup.policy": "compact,delete"}, [], [-400 * DAY_MS]),
        (
            {"retention.ms": "1000", "message.timestamp.type": "LogAppendTime", "message.timestamp.before.max.ms": "1"},
            [-400 * DAY_MS, 400 * DAY_MS],
            [],
        ),
        (
            {"message.timestamp.before.max.ms": str(HOUR_MS), "message.timestamp.after.max.ms": str(HOUR_MS)},
            [-50 * 60_000, 50 * 60_000],
            # The bounds allow for a minute of difference between the clocks.
            [-HOUR_MS, HOUR_MS, -2 * HOUR_MS, 2 * HOUR_MS],
        ),
        ({"message.timestamp.difference.max.ms": str(HOUR_MS)}, [0], [-2 * HOUR_MS, 2 * HOUR_MS]),
        ({"message.timestamp.before.max.ms": "9223372036854775807", "retention.ms": "garbage"}, [-400 * DAY_MS], []),
        (None, [-400 * DAY_MS, 400 * DAY_MS], []),
    ],
)
def test_a_records_time_is_kept_where_the_topic_bears_it(
    config: Mapping[str, str] | None, kept: Sequence[int], restamped: Sequence[int]
) -> None:
    topics = output_topics(config)
    assert [topics.restamps("out", NOW_MS + age) for age in kept] == [False] * len(kept)
    assert topics.warnings() == []
    assert [topics.restamps("out", NOW_MS + age) for age in restamped] == [True] * len(restamped)
    assert len(topics.warnings()) == (len({age < 0 for age in restamped}))


def test_the_time_of_writing_can_be_asked_for() -> None:
    topics = output_topics({"retention.ms": "-1"}, timestamps=OutputTimestamps.WRITTEN)
    assert topics.restamps("out", NOW_MS)
    assert not topics.restamps("out", -1)
    assert (topics.warnings(), topics.counts_restamped) == ([], False)


def test_times_that_kafka_refuses_are_not_written_again_until_the_settings_are_known() -> None:
    topics = output_topics(None)
    topics.refuses_timestamp()
    assert topics.restamps("out", NOW_MS)
    assert "Kafka refuses timestamps of the input" in topics.warnings()[0]
    topics.update({"out": {"retention.ms": "-1"}})
    assert not topics.restamps("out", NOW_MS)


def test_settings_that_cannot_be_read_are_said_once_and_asked_for_again() -> None:
    answers: list[Mapping[str, Mapping[str, str]] | KafkaMLError] = [
        BrokerError("not permitted"), BrokerError("away"), {"out": {"max.message.bytes": "100"}}, BrokerError("away"),
    ]  # fmt: skip

    def read(names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        assert list(names) == ["out", "out.dlq"]
        answer = answers.pop(0)
        if isinstance(answer, KafkaMLError):
            raise answer
        return answer

    topics = output_topics(None)
    watch = TopicWatch(topics, read)
    watch.look()
    watch.look()
    (warning,) = topics.warnings()
    assert "the settings of out cannot be read (not permitted)" in warning
    watch.look()
    assert (topics.warnings(), topics.max_bytes("out")) == ([], 100)
    # Known settings stay known when Kafka does not answer.
    watch.look()
    assert (topics.warnings(), topics.max_bytes("out")) == ([], 100)


def test_a_topic_without_room_for_the_answers_is_reported_before_the_first_one() -> None:
    topics = output_topics({"max.message.bytes": "1048588"})
    topics.expect({"out": answer_bytes([(np.dtype(np.float32), (10,))])})
    assert topics.warnings() == []
    topics.expect({"out": 20_000_000})
    (warning,) = topics.warnings()
    assert "replicas write at most 16,777,216: set max.message.bytes of out to 20000000 and KML_INF" in warning
    topics.expect({"out": 2_000_000})
    (warning,) = topics.warnings()
    assert "an answer can take 2,000,000 bytes, and topic out takes at most 1,048,588 (max.message.bytes)" in warning


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", "uint8", "int64", "uint64", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 4, 5), (6, 1, 1)])
def test_no_answer_is_larger_than_foreseen(dtype: str, shape: tuple[int, ...]) -> None:
    kind = np.dtype(dtype)
    random = np.random.default_rng(3)
    numbers = -random.random((50, *shape)) * 10.0 ** random.integers(-30, 30, (50, *shape))
    if kind.kind in "iu":
        numbers = np.full((50, *shape), np.iinfo(kind).min if kind.kind == "i" else np.iinfo(kind).max)
    with np.errstate(over="ignore"):
        samples = numbers.astype(kind)
    for outputs in ([samples], [samples, samples]):
        bound = answer_bytes([(output.dtype, output.shape[1:]) for output in outputs])
        assert max(map(len, encode_outputs(outputs))) <= bound - 512


def publish(topics: OutputTopics, *stamps: int, values: np.ndarray) -> tuple[FakeLoopClient, Published]:
    client = FakeLoopClient()
    publisher = Publisher(client, router=OutputRouter("out"), topics=topics)
    records = [Record("in", 0, offset, b"k", b"v", [("own", b"1")], stamp) for offset, stamp in enumerate(stamps)]
    polled = ListBatch(records)
    batch = Batch(polled, range(len(records)), polled.columns(), values, [], {("in", 0): len(records)}, 0.0, True)
    client.begin()
    published = publisher.publish(batch, Answered(Prediction([values]), Provenance(inference=5, result=12, version=1)))
    client.commit({})
    return client, published


def test_only_answers_that_need_it_are_stamped_again() -> None:
    old = NOW_MS - 2 * DAY_MS
    topics = output_topics({"retention.ms": str(DAY_MS)})
    client, published = publish(topics, NOW_MS, old, -1, values=np.zeros((3, 2), np.float32))
    assert published == Published(dead_lettered=0, restamped=1)
    assert [record.timestamp_ms for record in client.written] == [NOW_MS, 0, 0]
    own = [dict(record.headers).get("kml-source-timestamp") for record in client.written]
    assert own == [None, str(old).encode(), None]


def test_answers_too_large_for_their_topic_say_which_setting_and_by_how_much() -> None:
    topics = output_topics({"max.message.bytes": "2000"})
    values = np.zeros((3, 500), np.float64)
    values[1] = 1 / 3
    client, published = publish(topics, NOW_MS, NOW_MS - 1, NOW_MS, values=values[:, :300])
    assert published[:2] == (1, 0)
    assert published.refusal
    assert [(record.topic, record.timestamp_ms) for record in client.written] == [
        ("out", NOW_MS), ("out", NOW_MS), ("out.dlq", NOW_MS - 1),
    ]  # fmt: skip
    reason = (dict(client.written[2].headers)["kml-error-message"] or b"").decode()
    assert "topic out takes at most 2,000 (max.message.bytes): set max.message.bytes of out to " in reason


def test_limits_without_settings_bound_nothing() -> None:
    assert TopicLimits.of({}) == TopicLimits()

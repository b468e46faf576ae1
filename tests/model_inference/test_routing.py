"""What a tier answers and hands up: boundaries of the limit, the bytes that go up, records without an answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import orjson
import pytest

from kafkaml.errors import KafkaMLError, SettingsError
from kafkaml.intake import Batch
from kafkaml.records import ListBatch, Record
from kafkaml.wire.distributed import Cascade, Scores
from model_inference.answering import Answered
from model_inference.output_topics import OutputTopics
from model_inference.predicting import Prediction
from model_inference.provenance import Provenance
from model_inference.publishing import Publisher
from model_inference.routing import CascadeRouter, OutputRouter
from tests.model_inference.fake_loop_client import FakeLoopClient


def router(limit: float, scores: Scores = Scores.PROBABILITIES, temperature: float = 1.0) -> CascadeRouter:
    return CascadeRouter("out", Cascade(upper_topic="up", limit=limit, scores=scores, temperature=temperature))


def routed(under_test: CascadeRouter, scores: Sequence[object], dtype: str = "<f4") -> list[str]:
    """Return the topic of each sample; an empty text for a sample without an answer."""
    found = under_test.route([np.zeros((len(scores), 2), np.float32), np.array(scores, dtype)])
    return [
        "" if index in found.failures else topic
        for (index, _), topic in zip(enumerate(scores), found.topics, strict=False)
    ]


@pytest.mark.parametrize(
    ("limit", "scores", "expected"),
    [
        (0.0, [0.0, 1.0], "out"),
        (0.5, [0.5, 0.5], "out"),
        (1.0, [1.0, 0.0], "out"),
        (1.0, [0.99999994, 0.0], "up"),
        # The float32 next to 0.9 is below 0.9, as in older versions.
        (0.9, [0.9, 0.1], "up"),
        (float(np.float32(0.9)), [0.9, 0.1], "out"),
        (0.9, [0.90000004, 0.1], "out"),
        (0.7, [0.02], "out"),
        (0.7, [0.4], "up"),
        (0.0, [math.nan, 1.0], ""),
        (1.0, [math.inf, 0.0], ""),
    ],
)
def test_equal_to_the_limit_stays_and_below_it_goes_up(limit: float, scores: list[float], expected: str) -> None:
    assert routed(router(limit), [scores]) == [expected]
    # The record goes the same way among others that leave both ways.
    sure, unsure = ([0.0], [0.5]) if len(scores) == 1 else ([1.0, 0.0], [0.0, 0.0])
    topics = routed(router(limit), [sure, scores, unsure])
    assert topics == ["out", expected, "up" if limit else "out"]


def test_logits_and_temperatures_decide_by_probabilities() -> None:
    assert routed(router(0.8, Scores.LOGITS), [[2.0, 0.0], [1.0, 0.0]]) == ["out", "up"]
    assert routed(router(0.8, Scores.LOGITS, 2.0), [[2.0, 0.0], [6.0, 0.0]]) == ["up", "out"]
    assert routed(router(0.8, Scores.LOGITS), [[-2.0], [1.0]]) == ["out", "up"]


def test_the_intermediate_goes_up_as_its_bytes_and_the_prediction_alone_is_the_answer() -> None:
    intermediate = np.arange(3 * 64, dtype=">f8").reshape(3, 8, 8).swapaxes(1, 2)
    predictions = np.array([[0.25, 0.75], [1.0, 0.0], [0.5, 0.5]], np.float32)
    found = router(0.8).route([intermediate, predictions])
    assert list(found.topics) == ["up", "out", "up"]
    assert [len(value) for value in found.values] == [256, len(found.values[1]), 256]
    assert np.array_equal(np.frombuffer(found.values[2], "<f4").reshape(8, 8), intermediate[2])
    assert orjson.loads(found.values[1]) == {"values": [1.0, 0.0]}


def test_a_tier_without_limit_answers_with_its_prediction() -> None:
    outputs = [np.zeros((1, 64), np.float32), np.array([[0.25, 0.75]], np.float32)]
    assert OutputRouter("out", tier=True).route(outputs).values == [b'{"values":[0.25,0.75]}']


@pytest.mark.parametrize(
    ("classes", "answers", "expected"),
    [
        (None, [[0.9, 0.1], [0.6, 0.4]], (2, 1.5)),
        # Rows of failed records are zeros.
        (2, [[0.9, 0.1], [0.0, 0.0]], (1, 0.9)),
        (0, [[0.9, 0.1], [0.6, 0.4]], (0, 0.0)),
        (None, [[12.5], [0.5]], (0, 0.0)),
    ],
)
def test_how_sure_the_model_is_goes_with_its_answers(
    classes: int | None, answers: list[list[float]], expected: tuple[int, float]
) -> None:
    client = FakeLoopClient()
    publisher = Publisher(client, router=OutputRouter("out", classes=classes), topics=OutputTopics("out", "out.dlq"))
    polled = ListBatch([Record("in", 0, number, None, b"", (), 1) for number in range(2)])
    batch = Batch(polled, range(2), polled.columns(), np.zeros((2, 1)), [], {("in", 0): 2}, 0.0, True)
    failed: dict[int, KafkaMLError] = {1: SettingsError("it refuses it")} if answers[1] == [0.0, 0.0] else {}
    prediction = Prediction([np.array(answers, np.float32)], failed)
    client.begin()
    found = publisher.publish(batch, Answered(prediction, Provenance(inference=5, result=12, version=2)))
    assert found[4:] == pytest.approx(expected)


def test_what_can_have_no_limit_is_refused() -> None:
    with pytest.raises(SettingsError, match="the model predicts values, which have no confidence"):
        router(0.5, Scores.VALUES)
    one = (np.dtype(np.float32), (10,))
    with pytest.raises(SettingsError, match="the model has 1 outputs: expected two"):
        router(0.5).record_bytes([one])
    sizes = router(0.5).record_bytes([(np.dtype(np.float32), (64,)), one])
    assert sizes["up"] == 256 + 512


def test_each_record_is_answered_or_handed_up_once_and_what_goes_up_keeps_what_it_had() -> None:
    client, topics = FakeLoopClient(), OutputTopics("out", "out.dlq", upper="up", wall_clock=lambda: 1.0)
    publisher = Publisher(client, router=router(0.8), topics=topics)
    records = [Record("in", 3, number, b"key", b"", (("mine", b"kept"),), 500 + number) for number in range(5)]
    polled = ListBatch(records)
    batch = Batch(polled, range(5), polled.columns(), np.zeros((5, 1)), [], {("in", 3): 5}, 0.0, True)
    scores = np.array([[1, 0], [0.5, 0.5], [math.nan, 0], [0, 0], [0.4, 0.6]], np.float32)
    outputs = [np.arange(10, dtype=np.float32).reshape(5, 2), scores]
    failed: dict[int, KafkaMLError] = {3: SettingsError("the model refuses it")}
    edge = Provenance(inference=5, result=12, version=2, tier="edge")
    client.begin()

    published = publisher.publish(batch, Answered(Prediction(outputs, failed), edge))
    assert published[:3] == (2, 0, 2)
    # Confidences include samples that went up, but neither the sample without one nor the failed one.
    assert published[4:] == pytest.approx((3, 1 + 0.5 + 0.6))

    client.commit({("in", 3): 5})

    assert [(record.topic, record.timestamp_ms, record.partition) for record in client.written] == [
        ("out", 500, 3), ("up", 501, 3), ("up", 504, 3), ("out.dlq", 502, 3), ("out.dlq", 503, 3),
    ]  # fmt: skip
    up = client.written[1]
    assert (up.key, np.frombuffer(up.value or b"", "<f4").tolist()) == (b"key", [2.0, 3.0])
    assert list(up.headers) == [
        ("mine", b"kept"), ("kml-source", b"in/3/1"), ("kml-inference", b"5"), ("kml-result", b"12"),
        ("kml-version", b"2"), ("kml-tier", b"edge"),
    ]  # fmt: skip
    assert dict(client.written[0].headers)["kml-tier"] == b"edge"
    reason = dict(client.written[3].headers)["kml-error-message"] or b""
    assert reason.startswith(b"the model predicts [nan, 0], which says nothing of its confidence")

    # The router respects the bounds of the upper topic as those of the output topic.
    client.begin()
    topics.update({"up": {"retention.ms": "400"}})
    assert publisher.publish(batch, Answered(Prediction(outputs, failed), edge))[:3] == (2, 2, 2)
    topics.update({"up": {"max.message.bytes": "500"}})
    assert publisher.publish(batch, Answered(Prediction(outputs, failed), edge))[:3] == (4, 0, 0)
    client.commit({("in", 3): 5})
    assert [(record.topic, record.timestamp_ms) for record in client.written[5:8]] == [
        ("out", 500),
        ("up", 0),
        ("up", 0),
    ]
    assert [record.topic for record in client.written[10:]] == ["out", *["out.dlq"] * 4]
    reason = dict(client.written[11].headers)["kml-error-message"] or b""
    assert b"topic up takes at most 500 (max.message.bytes)" in reason

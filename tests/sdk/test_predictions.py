"""Samples to an inference and its answers in their order, through the broker in memory and the real inference loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import httpx
import numpy as np
import orjson
import pytest

from kafkaml.codecs import codec_for
from kafkaml.errors import BrokenError, DeadLettered, RefusedError, SampleError
from kafkaml.exchange import Exchange
from kafkaml.failpoints import FailpointError
from kafkaml.records import SOURCE_HEADER, OutgoingRecord, format_source
from kafkaml.sdk import AnswersMissing, Client, Prediction
from kafkaml.sdk.predictions import encode_samples, exchange_samples
from kafkaml.sdk.types import FailureReport, Inference, RunState
from kafkaml.settings import KafkaSettings
from kafkaml.testing import InMemoryBroker, InMemoryGroup
from kafkaml.wire.outcome import Outcome
from model_inference.loop import InferenceLoop
from model_inference.output_topics import OutputTopics
from model_inference.publishing import Publisher
from model_inference.routing import OutputRouter
from model_inference.stats import LoopStats
from tests.model_inference.fake_engine import REFUSED, EngineFactory, FakeModels

FORMAT = {"data_type": "float32", "data_reshape": "4"}


def an_inference(**fields: Any) -> Inference:
    known: dict[str, Any] = {"id": 5, "result": 12, "input_topic": "in", "output_topic": "out", "state": "running"}
    return Inference(**(known | {"input_format": "RAW", "input_config": FORMAT, "ready_replicas": 1} | fields))


class World:
    """An inference whose replicas sum their samples up. They work while answers are awaited."""

    def __init__(self, *, partitions: int = 1) -> None:
        self.broker = InMemoryBroker()
        self.broker.create_topic("in", partitions=partitions)
        self.broker.create_topic("out", partitions=partitions)
        self.broker.create_topic("out.dlq")
        self.inference = an_inference()
        self.group = InMemoryGroup(self.broker, topics=["in"], group="group")
        self.deaths = 0

    def replica(self) -> None:
        client = self.group.join("replica-0")
        topics = OutputTopics("out", "out.dlq")
        loop = InferenceLoop(
            client=client,
            codec=codec_for("RAW", FORMAT).features,
            models=FakeModels(EngineFactory().loaded()),
            publisher=Publisher(client, router=OutputRouter("out"), topics=topics),
            stats=LoopStats(),
            batch_sizes=(1, 8),
        )
        turns = iter(range(100))
        try:
            loop.run(lambda: next(turns, None) is None)
        except FailpointError:
            self.deaths += 1

    def exchange(self) -> Exchange:
        return self.broker.exchange("in", ["out", "out.dlq"], meanwhile=self.replica)

    def predict(self, samples: Any, *, labels: Sequence[str] | None = None) -> list[Prediction | DeadLettered | None]:
        values = encode_samples(self.inference, samples, shape=None)
        return exchange_samples(values, self.exchange(), self.inference, labels, timeout_seconds=60)

    def answer(self, value: object, *, headers: Mapping[str, bytes] | None = None) -> Prediction | DeadLettered | None:
        """Return the prediction made of an answer with ``value``."""
        source = {SOURCE_HEADER: format_source("in", 0, 0), "kml-result": b"12", "kml-version": b"1"}

        def model() -> None:
            said = {**source, **(headers or {})}
            self.broker.append(OutgoingRecord("out", orjson.dumps(value), headers=list(said.items())))

        exchange = self.broker.exchange("in", ["out", "out.dlq"], meanwhile=model)
        return exchange_samples([b"sample"], exchange, self.inference, ["cat", "dog"], timeout_seconds=60)[0]


def test_predictions_come_in_the_order_of_the_samples() -> None:
    world = World(partitions=3)
    samples = np.arange(80, dtype=np.int64).reshape(20, 4)
    predictions = world.predict(samples)
    assert [prediction.values.tolist() for prediction in predictions if isinstance(prediction, Prediction)] == [
        [float(row.sum())] for row in samples
    ]
    first = predictions[0]
    assert isinstance(first, Prediction)
    assert (first.version, first.result, first.class_index, first.label) == ("1", 12, None, None)
    assert 0 < first.seconds < 60
    assert (first.source, first.place) == ("in[0]@0", "out[0]@0")
    assert {record.partition for record in world.broker.records("in")} == {0, 1, 2}


def test_what_the_model_cannot_answer_is_an_error_in_its_place() -> None:
    good, letter, again = World().predict([[1, 2, 3, 4], [REFUSED, 0, 0, 0], [5, 0, 0, 0]])
    assert isinstance(good, Prediction)
    assert isinstance(again, Prediction)
    assert isinstance(letter, DeadLettered)
    assert (letter.stage, letter.error) == ("predict", "UserCodeError")
    assert letter.message == "in[0]@1 could not be answered: the model refuses 404"
    assert "dead-letters 5" in letter.hint


@pytest.mark.parametrize("point", ["inference.polled", "inference.predicted", "inference.produced"])
def test_a_replica_that_dies_in_the_middle_costs_no_answer(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kafkaml.failpoints._passes", {})
    monkeypatch.setenv("KML_FAILPOINT", f"{point}:raise:2")
    world = World()
    exchange = world.broker.exchange("in", ["out", "out.dlq"], meanwhile=lambda: (world.replica(), world.replica()))
    values = encode_samples(world.inference, [[number, 0, 0, 0] for number in range(40)], shape=None)
    predictions = exchange_samples(values, exchange, world.inference, None, timeout_seconds=60)
    assert world.deaths == 1
    assert [prediction.values.item() for prediction in predictions if isinstance(prediction, Prediction)] == list(
        range(40)
    )
    assert len(world.broker.records("out")) == 40


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.25, 0.75], (1, "dog", 0.75)),
        ([3.0, -1.5], (0, "cat", None)),
        ([0.1, 0.1, 0.8], (2, "2", 0.8)),
        # Three numbers are not the scores of two classes, and one number is not a choice.
        ([1.5, 2.5, 7.0], (None, None, None)),
        ([0.9], (None, None, None)),
        ([[0.25, 0.75]], (None, None, None)),
        ([None, 1.0], (None, None, None)),
        (["a", "b"], (None, None, None)),
    ],
)
def test_classes_are_distinguished_from_other_numbers(
    values: object, expected: tuple[int | None, str | None, float | None]
) -> None:
    prediction = World().answer({"values": values})
    assert isinstance(prediction, Prediction)
    assert (prediction.class_index, prediction.label, prediction.probability) == expected


def test_all_outputs_are_there_and_numbers_that_are_none_are_nan() -> None:
    prediction = World().answer({"values": [None, 2], "outputs": [[[1, 2], [3, 4]], [None, 2]]})
    assert isinstance(prediction, Prediction)
    assert np.isnan(prediction.values[0])
    assert prediction.values[1] == 2
    assert [output.shape for output in prediction.outputs] == [(2, 2), (2,)]
    ragged = World().answer({"values": [[1], [2, 3]]})
    assert isinstance(ragged, Prediction)
    assert ragged.values.dtype == object


def test_something_else_in_the_output_topic_is_no_prediction() -> None:
    with pytest.raises(BrokenError, match=r"out\[0\]@0 is not an answer of Kafka-ML"):
        World().answer("a text")


def test_nobody_answers() -> None:
    world = World()
    world.replica = lambda: None  # type: ignore[method-assign]
    assert world.predict([[1, 2, 3, 4]] * 2) == [None, None]


@pytest.mark.parametrize(
    ("now", "hint"),
    [
        ({"state": RunState.STOPPED}, "it is stopped now; start it again: kafka-ml inferences restart 5"),
        (
            {"state": RunState.FAILED, "failure": FailureReport(category="lost", cause="out of memory")},
            "it is failed now (out of memory); start it again: kafka-ml inferences restart 5",
        ),
        ({"ready_replicas": 0}, "none of its replicas is ready; what they do: kafka-ml inferences logs 5"),
        ({"stats": {"lag": 1500}}, "1,500 records wait: give more time, or replicas (kafka-ml inferences scale 5 "),
        ({}, "what its replicas do: kafka-ml inferences logs 5"),
    ],
)
def test_missing_answers_say_how_many_and_what_to_do(now: dict[str, Any], hint: str) -> None:
    error = AnswersMissing.of(5, [None] * 3, timeout_seconds=2.5, ask=lambda _: an_inference(**now))
    assert error.message == "3 of 3 answers did not come from inference 5 within 2.5 s"
    assert error.hint.startswith(hint)
    assert error.answers == (None, None, None)


def client_of(gone: Callable[[], bool] = lambda: False, **fields: Any) -> Client:
    """A client of a platform with only this inference, whose result has the classes cat and dog."""
    outcome = Outcome(
        seconds=1,
        samples={},
        test_metrics={},
        artifacts={},
        versions={},
        code_sha256="0" * 64,
        slice_sha256="0" * 64,
        labels=["cat", "dog"],
    )
    result = {"id": 12, "model": 1, "state": "finished", "outcome": outcome.model_dump(mode="json")}

    def answer(request: httpx.Request) -> httpx.Response:
        if gone():
            raise httpx.ConnectError("connection refused")
        documents: dict[str, object] = {
            "/api/inferences/5/": an_inference(**fields).model_dump(mode="json"),
            "/api/results/12/": result,
            "/api/system/": {"broker": {"sink_bootstrap_servers": "kafka.example:9094"}},
        }
        return httpx.Response(200, content=orjson.dumps(documents[request.url.path]))

    return Client("http://platform", "token", transport=httpx.MockTransport(answer))


def test_a_sample_that_does_not_fit_is_named_and_nothing_is_sent() -> None:
    with client_of() as client, pytest.raises(SampleError, match=r"^sample 1: got the shape 3 \(3 numbers\)") as caught:
        client.inferences.predict_batch(5, [[1, 2, 3, 4], [1, 2, 3]])
    assert caught.value.code == "shape"


@pytest.mark.parametrize(("state", "hint"), [("stopped", "inferences restart 5"), ("waiting", "inferences wait 5")])
def test_an_inference_that_does_not_run_is_not_asked(state: str, hint: str) -> None:
    with client_of(state=state) as client, pytest.raises(RefusedError, match=f"inference 5 is {state}") as caught:
        client.inferences.predict(5, [1, 2, 3, 4])
    assert hint in caught.value.hint


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Sends predictions through a world in memory; returns how its exchange was opened."""
    world = World()
    found: dict[str, Any] = {"world": world}

    def exchange(settings: KafkaSettings, input_topic: str, topics: Sequence[str], **others: Any) -> Any:
        found.update(others, settings=settings)
        return nullcontext(world.broker.exchange(input_topic, topics, meanwhile=lambda: world.replica()))

    monkeypatch.setattr("kafkaml.confluent.exchange.KafkaExchange", exchange)
    return found


def test_one_sample_is_predicted_or_refused_with_the_reason(opened: dict[str, Any]) -> None:
    with client_of() as client:
        assert client.inferences.predict(5, [1, 2, 3, 4]).values.tolist() == [10.0]
        with pytest.raises(DeadLettered, match="the model refuses 404"):
            client.inferences.predict(5, [REFUSED, 0, 0, 0])
    assert opened["settings"].bootstrap_servers == "kafka.example:9094"
    assert opened["output_settings"] == opened["settings"]


def test_answers_are_looked_for_where_the_inference_writes_them(opened: dict[str, Any]) -> None:
    with client_of(output_bootstrap_servers="other.example:1") as client:
        client.inferences.predict(5, [1, 2, 3, 4])
    assert opened["output_settings"].bootstrap_servers == "other.example:1"


def test_what_came_in_time_is_kept_though_the_platform_is_gone(opened: dict[str, Any]) -> None:
    world = opened["world"]

    def answers_one_and_ends() -> None:
        if not world.broker.records("out"):
            source = [(SOURCE_HEADER, format_source("in", 0, 1))]
            world.broker.append(OutgoingRecord("out", b'{"values":[7.0]}', headers=source))

    world.replica = answers_one_and_ends
    client = client_of(gone=lambda: bool(world.broker.records("out")))
    with client, pytest.raises(AnswersMissing, match="1 of 2 answers did not come from inference 5") as caught:
        client.inferences.predict_batch(5, [[1, 2, 3, 4], [5, 6, 7, 8]], timeout_seconds=3)
    missing, came = caught.value.answers
    assert missing is None
    assert isinstance(came, Prediction)
    assert came.values.tolist() == [7.0]
    assert "http://platform could not be reached" in caught.value.hint


def test_kafka_is_where_the_environment_or_the_platform_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_SASL_MECHANISM", "PLAIN")
    with client_of() as client:
        settings = client.kafka_settings()
        assert (settings.bootstrap_servers, settings.sasl_mechanism) == ("kafka.example:9094", "PLAIN")
        monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", "localhost:1")
        assert client.kafka_settings().bootstrap_servers == "localhost:1"


@pytest.mark.parametrize("answers_first", [False, True])
def test_what_a_tier_hands_up_is_answered_by_the_one_above(answers_first: bool) -> None:
    world = World()
    world.broker.create_topic("upper")
    edge = an_inference(tier="edge", upper_topic="upper", limit=0.8)
    fog = an_inference(id=6, tier="fog", input_topic="upper", input_format="RAW", output_topic="answers")
    world.broker.create_topic("answers")
    world.broker.create_topic("answers.dlq")

    def models() -> None:
        """The first sample stays; the second goes up and is answered there; the third goes up and is lost."""
        sources = [(SOURCE_HEADER, format_source("in", 0, number)) for number in range(3)]
        trace = [[source, ("kml-tier", b"edge")] for source in sources]
        up = [OutgoingRecord("upper", bytes(256), headers=headers) for headers in trace[1:]]
        higher = [
            OutgoingRecord(
                topic, b'{"values":[0,1]}', headers=[*headers, (SOURCE_HEADER, format_source("upper", 0, number)), tier]
            )
            for number, (topic, headers, tier) in enumerate(
                zip(("answers", "answers.dlq"), trace[1:], [("kml-tier", b"fog")] * 2, strict=True)
            )
        ]
        low = OutgoingRecord("out", b'{"values":[1,0]}', headers=trace[0])
        for record in [*higher, low, *up] if answers_first else [low, *up, *higher]:
            world.broker.append(record)

    topics = ["out", "out.dlq", "upper", "answers", "answers.dlq"]
    exchange = world.broker.exchange("in", topics, meanwhile=models)
    found = exchange_samples([b"sample"] * 3, exchange, edge, ["cat", "dog"], timeout_seconds=60, tiers=[fog])
    assert [prediction.tier for prediction in found if isinstance(prediction, Prediction)] == ["edge", "fog"]
    assert [prediction.label for prediction in found if isinstance(prediction, Prediction)] == ["cat", "dog"]
    assert isinstance(found[2], DeadLettered)
    assert "kafka-ml inferences dead-letters 6 shows it" in found[2].hint

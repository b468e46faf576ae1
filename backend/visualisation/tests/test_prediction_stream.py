"""Predictions as a page gets them: over the real ASGI path, from a real broker."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson
import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from backend.accounts.models import Role, User
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.config.environment import environment
from backend.deployments.models import ResultVersion
from backend.inferences.models import Inference
from backend.visualisation import source
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.confluent.browse import RecordPage, TopicBrowser
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker

# The stream's thread has a connection of its own, so what it reads must be committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.integration]


@pytest.fixture
def token(db: None) -> str:
    user = User.objects.create(username="watcher", role=Role.VIEWER)
    return create_token(actor=SYSTEM, user=user, name="x", role=Role.VIEWER, days=1)[1]


@pytest.fixture(autouse=True)
def _kafka(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)


def send(broker: TestBroker, topic: str, values: Iterable[Any], **fields: Any) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for value in values:
        content = value if isinstance(value, bytes) else orjson.dumps({"values": value})
        writer.write(OutgoingRecord(topic, content, **fields))
    writer.flush(90)
    writer.close()


async def get(token: str, inference: int, query: str = "") -> Any:
    path = f"/api/inferences/{inference}/predictions/{query}"
    return await AsyncClient().get(path, headers={"authorization": f"Bearer {token}"})


async def events(token: str, inference: Inference, query: str = "") -> AsyncIterator[tuple[str, dict[str, Any]]]:
    answer = await get(token, inference.pk, query)
    assert answer.status_code == 200
    async for chunk in answer.streaming_content:
        for block in chunk.decode().split("\n\n"):
            lines = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line and line[0] != ":")
            if "event" in lines:
                yield lines["event"], orjson.loads(lines["data"])


make_inference = sync_to_async(builders.make_inference)


async def until(stream: AsyncIterator[tuple[str, dict[str, Any]]], name: str) -> dict[str, Any]:
    async with asyncio.timeout(90):
        async for found, data in stream:
            if found == name:
                return data
    raise AssertionError(f"the stream ended without {name}")


@pytest.mark.asyncio
async def test_it_waits_for_the_topic_then_shows_what_was_there_and_what_comes(token: str, broker: TestBroker) -> None:
    # Of all that is sent here the average is taken, however far apart it is sent.
    visualization = {"type": "classification", "labels": [], "average_updated": True, "average_window": 86_400_000}
    inference = await make_inference(visualization=visualization)
    stream = events(token, inference)
    assert await until(stream, "waiting") == {"topic": inference.output_topic}
    await asyncio.to_thread(send, broker, inference.output_topic, [[0.9, 0.1], [0.8, 0.2]])
    snapshot = await until(stream, "snapshot")
    assert snapshot["type"] == "classification"
    await asyncio.to_thread(send, broker, inference.output_topic, [[0.4, 0.6], b"no prediction"])
    total, unreadable, counted = snapshot["total"], 0, _counted(snapshot)
    while total < 4:
        frame = await until(stream, "frame")
        total, unreadable, counted = frame["total"], frame["unreadable"], counted + _counted(frame)
    assert (total, unreadable, counted) == (4, 1, 3)
    assert frame["current"]["id"] == 0
    assert frame["last"]["id"] == 1
    await stream.aclose()  # type: ignore[attr-defined]


def _counted(frame: dict[str, Any]) -> int:
    return sum(count for step in frame.get("steps", ()) for _, count in step["counts"])


@pytest.mark.asyncio
async def test_what_a_slow_cluster_keeps_from_the_first_picture_comes_live(
    token: str, broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    inference = await make_inference(output_topic=broker.topic())

    class SlowBrowser(TopicBrowser):
        def page(self, topic: str, **arguments: Any) -> RecordPage:
            # Written after the view began to follow the topic, and the time is over before they are read.
            send(broker, topic, [[1.0], [2.0]])
            page = super().page(topic, **{**arguments, "timeout_seconds": 0.0})
            assert page.timed_out
            return page

    monkeypatch.setattr(source, "TopicBrowser", SlowBrowser)
    stream = events(token, inference, "?type=regression&outputs=0")
    total = (await until(stream, "snapshot"))["total"]
    while total < 2:
        total = (await until(stream, "frame"))["total"]


@pytest.mark.asyncio
async def test_many_predictions_come_in_few_frames(token: str, broker: TestBroker) -> None:
    inference = await make_inference(output_topic=broker.topic(partitions=3))
    send(broker, inference.output_topic, [[1.0, 2.0]])
    stream = events(token, inference, "?type=regression&outputs=1")
    assert (await until(stream, "snapshot"))["lines"] == [1]
    sending = asyncio.to_thread(send, broker, inference.output_topic, ([0, number] for number in range(5000)))
    task = asyncio.create_task(sending)
    total, frames, low, high = 1, 0, [], []
    while total < 5001:
        frame = await until(stream, "frame")
        total, frames = frame["total"], frames + 1
        low += [step["min"][0] for step in frame["steps"]]
        high += [step["max"][0] for step in frame["steps"]]
        assert len(orjson.dumps(frame)) < 10_000
    await task
    assert frames < 500
    assert (min(low), max(high)) == (0, 4999)
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.asyncio
@pytest.mark.parametrize(("query", "shown"), [("", "classification"), ("?type=regression", "regression")])
async def test_scores_of_a_classifier_are_classes_unless_someone_says_otherwise(
    token: str, broker: TestBroker, query: str, shown: str
) -> None:
    inference = await make_inference(output_topic=broker.topic())
    counted = ResultVersion.objects.filter(result=inference.result_id)
    await counted.aupdate(confusion_matrix={"labels": [0, 1], "counts": [[3, 1], [0, 4]]})
    # Logits: nothing in them tells classes from values.
    send(broker, inference.output_topic, [[-8.1, 3.4]])
    stream = events(token, inference, query)
    assert (await until(stream, "snapshot"))["type"] == shown
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_places_are_found_in_the_inputs(token: str, broker: TestBroker) -> None:
    inference = await make_inference(
        input_topic=broker.topic(), output_topic=broker.topic(), input_format="JSON", input_config={}
    )
    send(broker, inference.input_topic, [b"[1, 36.7, -4.4]", b'"nothing"'])
    for offset in (0, 1, 7):
        header = ("kml-source", f"{inference.input_topic}/0/{offset}".encode())
        send(broker, inference.output_topic, [[0.2, 0.8]], headers=[header])
    stream = events(token, inference, "?map=input:1:2")
    snapshot = await until(stream, "snapshot")
    (place,) = snapshot["places"]
    assert place["latitude"] == pytest.approx(36.7)
    assert place["longitude"] == pytest.approx(-4.4)
    assert (place["id"], place["source"]) == (1, f"{inference.input_topic}/0/0")
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_outputs_on_another_cluster(
    token: str, broker: TestBroker, monkeypatch: pytest.MonkeyPatch, configure: Any
) -> None:
    configure(allowed_output_brokers="*")
    inference = await make_inference(output_topic=broker.topic(), output_bootstrap_servers=broker.bootstrap_servers)
    send(broker, inference.output_topic, [[0.2, 0.8]])
    # Nothing listens there: only the output's own address can answer.
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    assert environment().kafka.bootstrap_servers == "127.0.0.1:1"
    stream = events(token, inference)
    assert (await until(stream, "snapshot"))["total"] == 1
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_a_cluster_that_is_unreachable_is_reported(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setattr(source, "_REQUEST_TIMEOUT_SECONDS", 0.5)
    stream = events(token, await make_inference())
    problem = await until(stream, "problem")
    assert problem["status"] == 503
    assert "did not answer" in problem["detail"]


@pytest.mark.asyncio
async def test_who_goes_away_closes_the_consumer(
    token: str, broker: TestBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = threading.Event()

    class Watched(source.KafkaTail):
        def close(self) -> None:
            super().close()
            closed.set()

    monkeypatch.setattr(source, "KafkaTail", Watched)
    inference = await make_inference(output_topic=broker.topic())
    send(broker, inference.output_topic, [[1.0]])

    async def listen() -> None:
        async for _ in events(token, inference):
            ready.set()

    ready = asyncio.Event()
    listener = asyncio.create_task(listen())
    await asyncio.wait_for(ready.wait(), 90)
    # What the server does when the connection breaks.
    listener.cancel()
    assert await asyncio.to_thread(closed.wait, 90)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "query",
    [
        "?type=pie",
        "?average_window=0",
        "?average_window=x",
        "?outputs=a",
        "?map=moon:0:1",
        "?map=output:0:99999",
        "?script=1",
        "?type=%00",
        "?outputs=" + ",".join(["1"] * 200),
    ],
)
async def test_nonsense_is_refused(token: str, query: str) -> None:
    inference = await make_inference()
    assert (await get(token, inference.pk, query)).status_code == 400


@pytest.mark.asyncio
async def test_strangers_are_refused(token: str) -> None:
    inference = await make_inference()
    path = f"/api/inferences/{inference.pk}/predictions/"
    assert (await AsyncClient().get(path)).status_code == 401
    assert (await AsyncClient().post(path, headers={"authorization": f"Bearer {token}"})).status_code == 405
    assert (await get(token, inference.pk + 1)).status_code == 404

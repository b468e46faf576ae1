"""Tries, predictions of programs and dead letters through the API, with a real replica on the real broker."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AuditEntry, Role
from backend.accounts.services import create_token
from backend.api.actors import SYSTEM
from backend.api.tests import builders
from backend.config.environment import environment
from backend.inferences.models import Inference
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.errors import DeadLettered
from kafkaml.records import OutgoingRecord
from kafkaml.sdk import AnswersMissing, Client, Prediction
from kafkaml.settings import KafkaSettings
from kafkaml.wire.distributed import Cascade
from tests.conftest import TestBroker
from tests.integration.test_tiers import EDGE, FOG, LIMIT, SAMPLES, predict
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.django_db]

FORMAT = {"data_type": "float32", "data_reshape": "4"}


class World:
    """An inference in the database, and its replicas."""

    def __init__(self, broker: TestBroker, folder: Path) -> None:
        topic = broker.topic()
        for name in (f"{topic}-out", f"{topic}-out.dlq"):
            create_topic(broker, name)
        self.row = builders.make_inference(
            input_topic=topic, output_topic=f"{topic}-out", input_format="RAW", input_config=FORMAT
        )
        Inference.objects.filter(pk=self.row.pk).update(state="running", attempt=1)
        self.replicas = InferenceUnderTest(
            folder,
            broker.bootstrap_servers,
            topic,
            {"model.onnx": sum_model(4)},
            plan_fields={"inference_id": self.row.pk, "group": self.row.group, "input_config": FORMAT},
        )
        self.client = APIClient(headers={"host": "localhost"})
        editor = builders.make_user(Role.EDITOR)
        self.client.force_login(editor)
        self.token = create_token(actor=SYSTEM, user=editor, name="program", role=Role.EDITOR, days=1)[1]
        self.path = f"/api/inferences/{self.row.pk}"

    def sdk(self) -> Client:
        """A program's client that calls the API inside this process."""

        def answer(request: httpx.Request) -> httpx.Response:
            path, headers = request.url.raw_path.decode(), {"authorization": request.headers["Authorization"]}
            answered = APIClient(headers={"host": "localhost"}).generic(
                request.method, path, request.content, content_type="application/json", headers=headers
            )
            return httpx.Response(answered.status_code, content=answered.content)

        return Client("http://localhost", self.token, transport=httpx.MockTransport(answer))

    def try_(self, sample: object, **more: object) -> Any:
        return self.client.post(f"{self.path}/try/", {"sample": sample, **more}, format="json")

    def letters(self, **query: object) -> Any:
        return self.client.get(f"{self.path}/dead_letters/", query).json()

    def replay(self, body: object) -> Any:
        return self.client.post(f"{self.path}/dead_letters/replay/", body, format="json")


@pytest.fixture(autouse=True)
def _here(broker: TestBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setitem(environment().__dict__, "state_dir", tmp_path / "state")


def create_topic(broker: TestBroker, name: str) -> None:
    from kafkaml.confluent import KafkaAdmin

    KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers)).create_topic(name)


def send(broker: TestBroker, topic: str, values: Sequence[bytes], **fields: Any) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for value in values:
        writer.write(OutgoingRecord(topic, value, **fields))
    writer.flush(30)
    writer.close()


def test_a_sample_goes_through_kafka_and_back(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    with world.replicas:
        world.replicas.start()
        send(broker, world.row.input_topic, [b"\0" * 16])
        eventually(lambda: world.replicas.answered() == 1, 120)
        answer = world.try_([1, 2, 3, 4], timeout_seconds=30)
        assert answer.status_code == 200, answer.content
        shown = answer.json()
        assert (shown["outcome"], shown["values"], shown["labels"]) == ("answered", [10.0], ["cat", "dog"])
        assert shown["input"] == {"topic": world.row.input_topic, "partition": 0, "offset": 1}
        assert (shown["output"]["topic"], shown["output"]["partition"]) == (world.row.output_topic, 0)
        assert (shown["replica"], shown["version"], shown["result"]) == (0, "1", 12)
        assert shown["sent"]["values"] == [1, 2, 3, 4]
        assert 0 < shown["seconds"] < 30
        assert world.try_([[1, 1], [1, 1]], timeout_seconds=30).json()["values"] == [4.0]
    entry = AuditEntry.objects.filter(action="try").first()
    assert entry is not None
    assert entry.object_id == str(world.row.pk)
    assert world.row.input_topic in entry.detail


def test_a_sample_that_the_replica_refuses_tells_why(broker: TestBroker, tmp_path: Path) -> None:
    # The row has another shape than the one with which the replica was started.
    world = World(broker, tmp_path)
    Inference.objects.filter(pk=world.row.pk).update(input_config={"data_type": "float32", "data_reshape": "3"})
    with world.replicas:
        world.replicas.start()
        # A try waits at most half a minute, which a start alone takes on a busy machine.
        eventually(lambda: "running" in world.replicas.states, 120)
        shown = world.try_([1, 2, 3], timeout_seconds=30).json()
        with world.sdk() as program, pytest.raises(DeadLettered, match="12 bytes") as caught:
            program.inferences.predict(world.row.pk, [1, 2, 3], timeout_seconds=60)
    assert shown["outcome"] == "dead_lettered", world.replicas.logs
    assert (shown["reason"]["stage"], shown["reason"]["error"]) == ("decode", "DecodeError")
    assert "12 bytes" in shown["reason"]["message"]
    assert shown["output"]["topic"] == f"{world.row.output_topic}.dlq"
    assert shown["values"] is None
    assert (caught.value.stage, caught.value.error) == ("decode", "DecodeError")


def test_a_program_gets_all_predictions_though_the_replica_is_killed(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    samples = np.arange(8000, dtype=np.float32).reshape(2000, 4)
    with world.replicas, world.sdk() as program:
        # The replica dies between writing its second transaction and ending it, and another takes its place.
        killed = world.replicas.start(env={"KML_FAILPOINT": "transaction.before_commit:kill:2"})
        eventually(lambda: "running" in world.replicas.states, 120)
        one = program.inferences.predict(world.row.pk, [1, 2, 3, 4], timeout_seconds=60)
        assert (one.values.tolist(), one.version, one.result) == ([10.0], "1", 12)
        assert (one.source, one.label) == (f"{world.row.input_topic}[0]@0", None)
        assert 0 < one.seconds < 60

        def replace() -> None:
            assert killed.wait(120) == -signal.SIGKILL
            world.replicas.start()

        with ThreadPoolExecutor(1) as pool:
            replaced = pool.submit(replace)
            predictions = program.inferences.predict_batch(world.row.pk, samples, timeout_seconds=150)
            replaced.result()
    assert all(isinstance(prediction, Prediction) for prediction in predictions), world.replicas.logs
    assert [
        prediction.values.item() for prediction in predictions if isinstance(prediction, Prediction)
    ] == samples.sum(1).tolist()


def test_nobody_answers_in_time(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    shown = world.try_([1, 2, 3, 4], timeout_seconds=0.5).json()
    assert (shown["outcome"], shown["output"], shown["waiting_before"]) == ("no_answer", None, None)
    assert shown["input"]["offset"] == 0
    with world.sdk() as program, pytest.raises(AnswersMissing, match=r"^2 of 2 answers did not come") as caught:
        program.inferences.predict_batch(world.row.pk, [[1, 2, 3, 4]] * 2, timeout_seconds=0.5)
    assert caught.value.answers == (None, None)
    assert "none of its replicas is ready" in caught.value.hint
    Inference.objects.filter(pk=world.row.pk).update(state="stopped")
    refused = world.try_([1, 2, 3, 4])
    assert (refused.status_code, refused.json()["hint"]) == (409, "start it again")


def test_dead_letters_are_shown_and_sent_back(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    with world.replicas:
        world.replicas.start()
        send(broker, world.row.input_topic, [b"short", b"long" * 9], key=b"k", headers=[("mine", b"kept")])
        eventually(lambda: world.replicas.answered() == 2, 120)
        # Kafka shows the group's positions a moment before the records of the same transaction.
        eventually(lambda: len(world.letters()["letters"]) == 2)
        page = world.letters(limit=1)
        (newest,) = page["letters"]
        assert (newest["reason"]["stage"], newest["own"], newest["cut_from_bytes"]) == ("decode", True, None)
        assert newest["source"] == {"topic": world.row.input_topic, "partition": 0, "offset": 1}
        assert newest["record"]["key"]["text"] == "k"
        assert newest["record"]["value_size"] == 36
        (older,) = world.letters(limit=1, before=page["before"])["letters"]
        assert older["source"]["offset"] == 0

        place = {"partition": older["record"]["partition"], "offset": older["record"]["offset"]}
        done = world.replay({"positions": [place]}).json()
        assert (done["replayed"], done["superseded"], done["cut"]) == (1, 0, 0)
        eventually(lambda: world.replicas.answered() == 3, 120)
        again = eventually(lambda: len(found := world.letters()["letters"]) == 3 and found)[0]
        assert again["replay_of"] == {"topic": f"{world.row.output_topic}.dlq", **place}
        names = [header["name"] for header in again["record"]["headers"]]
        assert names[:2] == ["mine", "kml-replay"]
        assert names.count("kml-source") == 1

        # Of two dead letters for one record, only the newer is sent back.
        done = world.replay({"all": True}).json()
        assert (done["replayed"], done["superseded"], done["more"]) == (2, 1, False)
        eventually(lambda: world.replicas.answered() == 5, 120)
    assert world.replay({"positions": [{"partition": 0, "offset": 10**6}]}).status_code == 400
    found = world.sdk().inferences.dead_letter_groups(world.row.pk)
    assert (found.letters, found.complete, found.rest) == (5, True, 0)
    assert sum(group.count for group in found.groups) == 5
    (newest,) = world.letters(limit=1)["letters"]
    assert newest["reason"]["message"] in [group.reason["message"] for group in found.groups]
    assert AuditEntry.objects.filter(action="replay").count() == 2


def test_a_topic_without_letters_has_none(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    Inference.objects.filter(pk=world.row.pk).update(output_topic=f"{world.row.output_topic}-new")
    assert world.letters() == {
        "topic": f"{world.row.output_topic}-new.dlq",
        "count": 0,
        "letters": [],
        "before": None,
        "timed_out": False,
    }
    assert world.sdk().inferences.dead_letter_groups(world.row.pk).groups == []
    assert world.replay({"all": True}).json()["replayed"] == 0


def test_a_try_and_a_program_follow_a_sample_through_the_tiers(broker: TestBroker, tmp_path: Path) -> None:
    world = World(broker, tmp_path)
    upper, output = f"{world.row.input_topic}-upper", world.row.output_topic
    cascade = Cascade(upper_topic=upper, limit=LIMIT)
    Inference.objects.filter(pk=world.row.pk).update(upper_topic=upper, limit=LIMIT)
    config = {"data_type": "float32", "data_reshape": "64"}
    above = builders.make_inference(input_topic=upper, output_topic=output, input_format="RAW", input_config=config)
    Inference.objects.filter(pk=above.pk).update(state="running", attempt=1)
    fields = {"inference_id": world.row.pk, "group": world.row.group, "input_config": FORMAT, "tier": "edge"}
    edge = InferenceUnderTest(
        tmp_path / "edge",
        broker.bootstrap_servers,
        world.row.input_topic,
        {"model.onnx": EDGE},
        plan_fields={**fields, "cascade": cascade},
    )
    fields = {"inference_id": above.pk, "group": above.group, "input_config": config, "tier": "fog"}
    fog = InferenceUnderTest(
        tmp_path / "fog",
        broker.bootstrap_servers,
        upper,
        {"model.onnx": FOG},
        plan_fields={**fields, "output_topic": output},
    )
    scores = predict(EDGE, SAMPLES)[1].max(axis=1)
    sure, unsure = SAMPLES[int(scores.argmax())], SAMPLES[int(scores.argmin())]
    with edge, fog:
        edge.start()
        fog.start()
        eventually(lambda: "running" in edge.states and "running" in fog.states, 120)
        stayed = world.try_(sure.tolist(), timeout_seconds=30).json()
        passed = world.try_(unsure.tolist(), timeout_seconds=30).json()
        with world.sdk() as client:
            found = client.inferences.predict_batch(world.row.pk, [sure, unsure], timeout_seconds=60)

    assert (stayed["outcome"], stayed["tier"], stayed["way"]) == ("answered", "edge", [])
    assert (passed["outcome"], passed["tier"], passed["output"]["topic"]) == ("answered", "fog", output)
    (step,) = passed["way"]
    assert (step["inference"], step["tier"], step["output"]["topic"]) == (world.row.pk, "edge", upper)
    assert [prediction.tier for prediction in found if isinstance(prediction, Prediction)] == ["edge", "fog"]
    intermediate, expected = predict(EDGE, np.stack([unsure, sure]))
    for shown, wanted in ((passed["values"], predict(FOG, intermediate[:1])[1][0]), (stayed["values"], expected[1])):
        assert np.abs(np.array(shown) - wanted).max() <= 1e-6

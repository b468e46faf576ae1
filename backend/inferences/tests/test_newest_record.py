"""What the newest record of a topic is to a model that is not in service yet, over a real broker."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rest_framework.test import APIClient

from backend.api.tests import builders
from backend.inferences import newest_record
from backend.inferences.models import Inference
from backend.inferences.tests.test_inferences import CONTRACT, LEARNT, WINDOWS
from backend.records import browsing
from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker

pytestmark = [pytest.mark.django_db, pytest.mark.integration]

DIGIT = np.arange(64, dtype=np.uint8).tobytes()
INPUT = {"inputs": [{"name": "pixels", "shape": [None, 8, 8], "dtype": "float32"}], "parameters": 1}
ROW = {"input_format": "RAW", "input_config": {"data_type": "uint8", "data_reshape": "4 4"}}
JSON = {"input_format": "JSON", "input_config": {}}


def columns(contract: Any) -> dict[str, Any]:
    return {"input_format": "COLUMNS", "input_config": {"contract": contract, "learnt": LEARNT}}


@pytest.fixture(autouse=True)
def _kafka(broker: TestBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KML_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
    monkeypatch.setattr(browsing, "REQUEST_SECONDS", 60.0)
    monkeypatch.setattr(newest_record, "_KAFKA_SECONDS", 60.0)


def write(broker: TestBroker, topic: str, *values: bytes | None, key: bytes | None = None) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for value in values:
        writer.write(OutgoingRecord(topic, value, key=key))
    writer.flush(90)
    writer.close()


@pytest.mark.parametrize(
    ("given", "value", "verdict", "stage", "reason"),
    [
        ({}, DIGIT, "readable", "", ""),
        ({}, DIGIT[:60], "unreadable", "decode", "cannot reshape 60 bytes"),
        ({}, None, "unreadable", "decode", "no value"),
        (ROW, DIGIT[:16], "unreadable", "predict", "shape (4, 4): the model's input 'pixels' expects (8, 8)"),
        (JSON, b"[[1, 2]]", "unreadable", "predict", "shape (1, 2): the model's input 'pixels' expects (8, 8)"),
        (JSON, b"<html>", "unreadable", "decode", "features are not JSON"),
    ],
)
def test_the_newest_record_is_held_against_the_model(
    editor: APIClient,
    broker: TestBroker,
    given: dict[str, Any],
    value: bytes | None,
    verdict: str,
    stage: str,
    reason: str,
) -> None:
    topic, result = broker.topic(), builders.make_finished(builders.make_model(report=INPUT))
    write(broker, topic, DIGIT if verdict == "unreadable" else b"an old one", value)
    found = editor.post("/api/inferences/check/", {"result": result.pk, "input_topic": topic, **given}).json()
    assert (found["verdict"], found["record"]["offset"]) == (verdict, 1), found
    assert reason in (found["reason"] or {"message": ""})["message"]
    assert (found["reason"] or {"stage": ""})["stage"] == stage
    assert not Inference.objects.exists()


@pytest.mark.parametrize(
    ("contract", "value", "verdict", "reason"),
    [
        (CONTRACT, b'{"a": 5}', "readable", ""),
        (CONTRACT, b'{"a": null}', "unreadable", "a is NULL"),
        (CONTRACT, b'{"b": 5}', "unreadable", "none of the fields that the model reads (a); its fields are: b"),
        (WINDOWS, b'{"a": 5}', "waits", ""),
        (WINDOWS, b'{"a": "five"}', "unreadable", "five"),
    ],
)
def test_a_data_set_reads_the_newest_record_by_its_contract(
    editor: APIClient, broker: TestBroker, contract: dict[str, Any], value: bytes, verdict: str, reason: str
) -> None:
    topic, result = broker.topic(), builders.make_finished()
    write(broker, topic, value, key=b"pump")
    asked = {"result": result.pk, "input_topic": topic, **columns(contract)}
    found = editor.post("/api/inferences/check/", asked).json()
    assert found["verdict"] == verdict, found
    assert reason in (found["reason"] or {"message": ""})["message"]
    assert found["record"]["decoded"]["text"] == value.decode()


def test_a_topic_without_records_or_that_is_not_there_says_so(editor: APIClient, broker: TestBroker) -> None:
    result, topic = builders.make_finished(), broker.topic()
    for name, verdict in ((topic, "empty"), (f"{topic}-none", "no_topic")):
        found = editor.post("/api/inferences/check/", {"result": result.pk, "input_topic": name}).json()
        assert (found["verdict"], found["record"], found["input_format"]) == (verdict, None, "RAW")


def test_a_converted_model_takes_the_shape_that_it_was_trained_on(editor: APIClient, broker: TestBroker) -> None:
    result = builders.make_launched(builders.make_model(framework="pytorch"))
    builders.make_artifact(result, name="model.onnx")
    builders.finish(result, input_shape=[1, 8, 8])
    topic = broker.topic()
    write(broker, topic, DIGIT)
    asked = {"result": result.pk, "input_topic": topic}
    assert editor.post("/api/inferences/check/", asked).json()["verdict"] == "readable"
    flat = {"input_format": "RAW", "input_config": {"data_type": "uint8", "data_reshape": "64"}}
    found = editor.post("/api/inferences/check/", {**asked, **flat}).json()
    assert found["verdict"] == "unreadable"
    assert "shape (64,): the model's input 'input' expects (1, 8, 8)" in found["reason"]["message"]


def test_what_could_not_be_served_is_refused_as_there(editor: APIClient) -> None:
    asked = {"result": builders.make_launched().pk, "input_topic": "in"}
    (reported,) = editor.post("/api/inferences/check/", asked).json()["errors"]
    assert (reported["field"], "has no version yet" in reported["detail"]) == ("result", True)

"""Clients of the Kafka-ML of 2023 on this platform: sinks, scripts, the Avro example, and their mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from kafkaml.errors import ApiError
from kafkaml.sdk.types import RunState, Stream
from kafkaml.testing import labelled_images
from tests.old_sinks import OldSink
from tests.platform import Platform
from tests.support import eventually

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

MODEL = """
model = keras.Sequential([keras.Input(shape=(8, 8)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
"""


@pytest.fixture(scope="module")
def configuration(platform: Platform) -> int:
    name = f"old-clients-{uuid.uuid4().hex[:6]}"
    model = platform.client.models.create(name=name, framework="tensorflow", code=MODEL)
    return platform.client.configurations.create(name=name, models=[model.id]).id


def _deploy(platform: Platform, configuration: int) -> Any:
    return platform.client.deployments.create(configuration=configuration, tensorflow_fit_arguments="epochs=1")


def _send(platform: Platform, topic: str, deployment: int | str) -> None:
    images, labels = labelled_images(120, size=8)
    producer = KafkaProducer(bootstrap_servers=platform.bootstrap_servers)
    producer.send(topic, b"what lay there before").get(60)
    producer.close()
    sink = OldSink(platform.bootstrap_servers, topic, deployment)
    for image, label in zip(images, labels, strict=True):
        sink.send(image, label)
    sink.close(images[0], labels[0])


def _stream_of(platform: Platform, topic: str) -> Stream:
    def found() -> Stream | None:
        return next((listed for listed in platform.client.streams.list() if topic in listed.topic), None)

    stream = eventually(found, 60)
    assert isinstance(stream, Stream)
    return stream


def test_a_sink_of_2023_trains_unchanged(platform: Platform, configuration: int) -> None:
    deployment = _deploy(platform, configuration)
    topic = f"old-{uuid.uuid4().hex[:8]}"
    _send(platform, topic, deployment.id)
    result = platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=300)
    assert "accuracy" in result.test_metrics
    stream = _stream_of(platform, topic)
    assert (stream.deployment, stream.total_msg, stream.note) == (deployment.id, 120, "")


def test_an_id_sent_as_text_is_reported_and_the_stream_can_still_be_used(
    platform: Platform, configuration: int
) -> None:
    deployment = _deploy(platform, configuration)
    topic = f"old-{uuid.uuid4().hex[:8]}"
    # The text is a number that no deployment has, however many were made before.
    _send(platform, topic, "987654")
    stream = _stream_of(platform, topic)
    assert "did the sink get the id as text? '987654' arrives as 62913607251252" in stream.note
    assert "deployment_id=987654" in stream.note
    platform.client.streams.send(stream.id, deployment=deployment.id)
    platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=300)


def test_data_that_nobody_announced_are_announced_once(platform: Platform, configuration: int) -> None:
    deployment = _deploy(platform, configuration)
    topic = f"silent-{uuid.uuid4().hex[:8]}"
    images, labels = labelled_images(100, size=8)
    producer = KafkaProducer(bootstrap_servers=platform.bootstrap_servers)
    for image, label in zip(images, labels, strict=True):
        producer.send(topic, value=image.tobytes(), key=label.tobytes())
    producer.flush()
    producer.close()
    wrong = platform.cli(
        "--state-dir", str(platform.state.root), "streams", "announce", topic, "-d", str(deployment.id),
        "--config", '{"data_type": "float64", "data_reshape": "8 8", "label_type": "uint8"}',
    )  # fmt: skip
    assert wrong.returncode == 2, wrong.stdout + wrong.stderr
    assert "do not fit RAW" in wrong.stderr
    config = {"data_type": "uint8", "data_reshape": "8 8", "label_type": type(labels[0]).__name__}
    arguments = ("streams", "announce", topic, "-d", str(deployment.id), "--config", json.dumps(config), "--json")
    first = platform.cli("--state-dir", str(platform.state.root), *arguments)
    assert first.returncode == 0, first.stdout + first.stderr
    assert json.loads(first.stdout)["ranges"] == f"{topic}:0:0:100"
    platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=300)
    stream = _stream_of(platform, topic)
    again = platform.cli("--state-dir", str(platform.state.root), *arguments)
    assert json.loads(again.stdout)["stream"] == stream.id


def test_samples_without_labels_that_nobody_announced_are_learnt_too(platform: Platform, configuration: int) -> None:
    deployment = platform.client.deployments.create(
        configuration=configuration,
        tensorflow_fit_arguments="epochs=1",
        semi_supervised={"rounds": 1, "confidence": 0.01},
    )
    labelled, unlabelled, others = (f"silent-{kind}-{uuid.uuid4().hex[:8]}" for kind in ("a", "b", "c"))
    images, labels = labelled_images(100, size=8)
    producer = KafkaProducer(bootstrap_servers=platform.bootstrap_servers)
    for image, label in zip(images, labels, strict=True):
        producer.send(labelled, value=image.tobytes(), key=label.tobytes())
        producer.send(unlabelled, value=image.tobytes())
    producer.send(others, value=images[0].tobytes()[:-1])
    producer.flush()
    producer.close()
    config = {"data_type": "uint8", "data_reshape": "8 8", "label_type": str(labels.dtype)}

    def announce(unlabelled_topic: str) -> None:
        platform.client.streams.announce(
            labelled,
            deployment=deployment.id,
            input_format="RAW",
            input_config=config,
            unlabelled_topic=unlabelled_topic,
        )

    with pytest.raises(ApiError, match=r"unlabelled_topic.*the records without labels do not fit RAW"):
        announce(others)
    announce(unlabelled)
    result = platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=300)
    assert result.outcome is not None
    assert result.outcome.samples["pseudo_labelled"] == 100
    assert _stream_of(platform, labelled).unsupervised_topic == f"{unlabelled}:0:0:100"


def test_an_online_sink_of_2023_trains_unchanged_and_junk_next_to_it_is_passed_over(
    platform: Platform, configuration: int
) -> None:
    settings = {"stream_timeout": 3000, "message_poll_timeout": 1000, "window_records": 50}
    deployment = platform.client.deployments.create(configuration=configuration, incremental=settings)
    topic = f"online-{uuid.uuid4().hex[:8]}"
    images, labels = labelled_images(120, size=8)
    config = {"data_type": "uint8", "label_type": str(labels.dtype), "data_reshape": "8 8", "label_reshape": ""}
    online = {"topic": topic, "input_format": "RAW", "description": "x", "input_config": config}
    producer = KafkaProducer(bootstrap_servers=platform.bootstrap_servers)
    producer.send(topic, b"what lay there before").get(60)
    producer.send("control", key=bytes([deployment.id]), value=b"\xff junk of another program")
    producer.send("control", key=bytes([deployment.id]), value=json.dumps(online).encode()).get(60)
    for image, label in zip(images, labels, strict=True):
        producer.send(topic, value=image.tobytes(), key=label.tobytes())
    producer.flush()
    producer.close()
    result = platform.client.results.wait_for(deployment.results[0].id, RunState.FINISHED, timeout_seconds=300)
    assert result.outcome is not None
    assert result.outcome.samples["training"] == 120
    assert not [
        announcement
        for announcement in platform.client.streams.refused()
        if topic in announcement.value or "junk" in announcement.value
    ]


@pytest.mark.parametrize(
    ("method", "path", "now"),
    [
        ("GET", "/models/", "/api/models/"),
        ("GET", "/results/model/3", "/api/results/3/artifacts/NAME/"),
        ("POST", "/deployments/", "/api/deployments/"),
        ("GET", "/deployments/4", "/api/deployments/?configuration=4"),
        ("DELETE", "/deployments/4", "/api/deployments/4/"),
        ("POST", "/inferences/2", "/api/inferences/2/stop/"),
        ("POST", "/datasources/kafka", "/api/streams/ID/send/"),
    ],
)
def test_a_script_at_an_old_address_gets_the_present_one(platform: Platform, method: str, path: str, now: str) -> None:
    request = urllib.request.Request(platform.status.url + path, method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 410
    assert json.loads(caught.value.read())["new_address"] == now


def test_a_browser_at_the_same_address_gets_the_page(platform: Platform) -> None:
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    request = urllib.request.Request(platform.status.url + "/models/", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")


def test_the_avro_example_sends_its_values(platform: Platform, tmp_path: Path) -> None:
    (tmp_path / "data_scheme.avsc").write_text(
        '{"type": "record", "name": "HCOPD", "fields": [{"name": "gender", "type": "float"}, '
        '{"name": "age", "type": "float"}, {"name": "smoking", "type": "float"}]}'
    )
    program = (
        "import sys\n"
        "from datasources.avro_inference import AvroInference\n"
        "inference = AvroInference(boostrap_servers=sys.argv[1], topic=sys.argv[2],"
        " data_scheme_filename='data_scheme.avsc')\n"
        "inference.send({'gender': 1.0, 'age': 0.5, 'smoking': -1.0})\n"
        "inference.close()\n"
    )
    topic = f"hcopd-{uuid.uuid4().hex[:8]}"
    command = [sys.executable, "-c", program, platform.bootstrap_servers, topic]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    record = platform.client.topics.records(topic).records[0]
    assert record["value_size"] == 12

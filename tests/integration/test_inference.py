"""One replica as a real process against the real broker: what it writes, what it refuses, how it ends."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import orjson
import pytest

from kafkaml.confluent import KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from tests.conftest import TestBroker
from tests.model_inference.onnx_models import sum_model
from tests.model_inference.replicas import InferenceUnderTest
from tests.support import eventually

pytestmark = pytest.mark.integration


def send(broker: TestBroker, records: list[OutgoingRecord]) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for record in records:
        writer.write(record)
    writer.flush(30)
    writer.close()


def sample(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def test_output_keeps_key_headers_and_timestamp_and_says_where_it_comes_from(
    broker: TestBroker, tmp_path: Path
) -> None:
    topic = broker.topic()
    record = OutgoingRecord(topic, sample(1, 2, 3, 4), b"key", [("mine", b"kept")], 1_700_000_000_000)
    with InferenceUnderTest(tmp_path, broker.bootstrap_servers, topic, {"model.onnx": sum_model(4)}) as inference:
        process = inference.start()
        send(broker, [record])
        outputs = eventually(inference.outputs, 30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, inference.logs

    assert len(outputs) == 1
    assert orjson.loads(outputs[0].value or b"") == {"values": [10.0]}
    assert outputs[0].key == b"key"
    assert outputs[0].timestamp_ms == 1_700_000_000_000
    assert dict(outputs[0].headers) == {
        "mine": b"kept",
        "kml-source": f"{topic}/0/0".encode(),
        "kml-inference": b"5",
        "kml-result": b"12",
        "kml-version": b"v1",
    }
    assert inference.dead_letters() == []

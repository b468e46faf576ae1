"""One replica as a real process on the real broker: its output, its refusals, how it ends."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest

from kafkaml.confluent import KafkaAdmin, KafkaRecordWriter
from kafkaml.records import OutgoingRecord
from kafkaml.settings import KafkaSettings
from kafkaml.starts import Start, StartPlace
from kafkaml.wire.state import WorkerExit
from tests.conftest import TestBroker
from tests.model_inference.onnx_models import sum_model, two_outputs
from tests.model_inference.replicas import InferenceUnderTest, sources
from tests.support import eventually

pytestmark = pytest.mark.integration


def send(broker: TestBroker, topic: str, values: Sequence[bytes | None], **fields: object) -> None:
    writer = KafkaRecordWriter(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))
    for value in values:
        writer.write(OutgoingRecord(topic, value, **fields))  # type: ignore[arg-type]
    writer.flush(30)
    writer.close()


def sample(*numbers: float) -> bytes:
    return np.array(numbers, "<f4").tobytes()


def values(inference: InferenceUnderTest) -> list[object]:
    return [orjson.loads(record.value or b"")["values"] for record in inference.outputs()]


def inference(
    broker: TestBroker, folder: Path, *, artifacts: Mapping[str, bytes] | None = None, partitions: int = 1
) -> InferenceUnderTest:
    topic = broker.topic(partitions=partitions)
    return InferenceUnderTest(folder, broker.bootstrap_servers, topic, artifacts or {"model.onnx": sum_model(4)})


def test_output_keeps_key_headers_and_timestamp_and_says_where_it_comes_from(
    broker: TestBroker, tmp_path: Path
) -> None:
    happened = int(time.time() * 1000) - 3_600_000
    with inference(broker, tmp_path) as under_test:
        process = under_test.start(cold=True)
        send(
            broker,
            under_test.input_topic,
            [sample(1, 2, 3, 4)],
            key=b"key",
            headers=[("mine", b"kept"), ("empty", None)],
            timestamp_ms=happened,
        )
        outputs = eventually(under_test.outputs, 120)
        process.send_signal(signal.SIGTERM)
        assert process.wait(90) == 0, under_test.logs

    assert len(outputs) == 1
    assert orjson.loads(outputs[0].value or b"") == {"values": [10.0]}
    assert outputs[0].key == b"key"
    assert outputs[0].timestamp_ms == happened
    assert list(outputs[0].headers) == [
        ("mine", b"kept"),
        ("empty", None),
        ("kml-source", f"{under_test.input_topic}/0/0".encode()),
        ("kml-inference", b"5"),
        ("kml-result", b"12"),
        ("kml-version", b"1"),
    ]
    assert under_test.dead_letters() == []
    assert under_test.states[0] == "starting"
    assert under_test.states[-2:] == ["running", "stopped"]
    assert under_test.backend.stats[-1]["predicted"] == 1


def test_records_that_cannot_be_decoded_are_dead_letters(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path) as under_test:
        send(broker, under_test.input_topic, [sample(1, 0, 0, 0), b"short", None, b"", sample(2, 0, 0, 0)], key=b"k")
        process = under_test.start()
        eventually(lambda: under_test.answered() == 5, 120)
        assert process.poll() is None
        assert values(under_test) == [[1.0], [2.0]]
        letters = under_test.dead_letters()

    assert [(letter.key, letter.value) for letter in letters] == [(b"k", b"short"), (b"k", None), (b"k", b"")]
    assert sources(letters) == [(under_test.input_topic, 0, offset) for offset in (1, 2, 3)]
    headers = dict(letters[0].headers)
    assert (headers["kml-error-stage"], headers["kml-error-class"]) == (b"decode", b"DecodeError")
    assert b"5 bytes" in (headers["kml-error-message"] or b"")


def test_records_that_kafka_refuses_to_write_are_dead_letters_and_the_stream_goes_on(
    broker: TestBroker, tmp_path: Path
) -> None:
    with inference(broker, tmp_path, artifacts={"model.onnx": two_outputs(4)}) as under_test:
        # The output topic takes only answers with small headers; the dead-letter topic takes no more than 300 kB.
        create_topic(broker, under_test.output_topic, 2_000)
        create_topic(broker, under_test.plan.dead_letter_topic, 300_000)
        good, poison = sample(1, 2, 3, 4), b"p" * 600_000
        send(broker, under_test.input_topic, [good] * 50)
        send(broker, under_test.input_topic, [good], headers=[("large", b"x" * 5_000)])
        send(broker, under_test.input_topic, [poison, *[good] * 50])
        under_test.start()
        eventually(lambda: under_test.answered() == 102, 150)
        letters = under_test.dead_letters()
        outputs = under_test.outputs()

    assert sources(outputs) == [(under_test.input_topic, 0, offset) for offset in range(102) if offset not in (50, 51)]
    assert orjson.loads(outputs[0].value or b"") == {"values": [10.0], "outputs": [[2.0, 4.0, 6.0, 8.0], [10.0]]}
    assert sources(letters) == [(under_test.input_topic, 0, offset) for offset in (50, 51)]
    answer_too_large, letter_too_large = letters
    assert answer_too_large.value == good
    assert dict(answer_too_large.headers)["kml-error-stage"] == b"publish"
    assert 0 < len(letter_too_large.value or b"") < 300_000
    assert dict(letter_too_large.headers)["kml-error-value-bytes"] == b"600000"


def admin_of(broker: TestBroker) -> KafkaAdmin:
    return KafkaAdmin(KafkaSettings(bootstrap_servers=broker.bootstrap_servers))


def create_topic(broker: TestBroker, name: str, max_message_bytes: int) -> None:
    admin_of(broker).create_topic(name, config={"max.message.bytes": str(max_message_bytes)})


def test_a_group_begins_where_it_is_set_and_goes_on_where_it_is(broker: TestBroker) -> None:
    topic, admin, began = broker.topic(partitions=2), admin_of(broker), 1_700_000_000_000
    for place in range(5):
        send(broker, topic, [b"x"], timestamp_ms=began + 1000 * place, partition=0)
    starts: dict[str, Start] = {
        "now": StartPlace.NOW,
        "offset": 3,
        "beyond": 9,
        "time": datetime.fromtimestamp(began / 1000 + 1.5, UTC),
        "later": datetime.fromtimestamp(began / 1000 + 60, UTC),
    }
    for name, start in starts.items():
        for again in (start, 1):
            admin.begin_at(f"{topic}-{name}", topic, again)
    found = {name: admin.committed(f"{topic}-{name}", topic) for name in starts}
    assert {name: places[topic, 0] for name, places in found.items()} == {
        "now": 5,
        "offset": 3,
        "beyond": 5,
        "time": 2,
        "later": 5,
    }
    # The other partition is empty.
    assert {places[topic, 1] for places in found.values()} == {0}
    admin.begin_at(f"{topic}-all", topic, StartPlace.BEGINNING)
    assert admin.committed(f"{topic}-all", topic) == {}


def test_answers_carry_their_records_time_where_the_topic_bears_it(broker: TestBroker, tmp_path: Path) -> None:
    admin, hour, now = admin_of(broker), 3_600_000, int(time.time() * 1000)
    times = [now - hour // 2, now - 400 * 24 * hour, now + 3 * hour, now]
    with inference(broker, tmp_path) as under_test:
        bounds = {"retention.ms": str(24 * hour), "message.timestamp.after.max.ms": str(hour)}
        admin.create_topic(under_test.output_topic, config=bounds | {"message.timestamp.before.max.ms": str(2 * hour)})
        admin.create_topic(under_test.plan.dead_letter_topic, config=bounds)
        admin.set_topic_config(under_test.input_topic, {"message.timestamp.after.max.ms": str(100 * hour)})
        for stamp in times:
            send(broker, under_test.input_topic, [sample(1, 2, 3, 4), b"short"], timestamp_ms=stamp)
        under_test.start()
        eventually(lambda: under_test.answered() == 8, 120)
        outputs, letters = under_test.outputs(), under_test.dead_letters()
        # The replica respects new bounds of the topic before it has read them, so nothing is lost or stalls.
        admin.set_topic_config(under_test.output_topic, {"message.timestamp.before.max.ms": "1000"})
        send(broker, under_test.input_topic, [sample(1, 2, 3, 4)] * 3, timestamp_ms=times[0])
        eventually(lambda: under_test.answered() == 11, 120)
        later = under_test.outputs()[4:]
        eventually(lambda: under_test.backend.stats[-1]["restamped"] == 7, 60)
        warnings = under_test.backend.stats[-1]["warnings"]

    for records in (outputs, letters):
        own = [dict(record.headers).get("kml-source-timestamp") for record in records]
        assert own == [None, str(times[1]).encode(), str(times[2]).encode(), None]
        assert [record.timestamp_ms for record in records if record.timestamp_ms in times] == [times[0], times[3]]
        assert all(abs(record.timestamp_ms - now) < hour for record in records)
    assert sources(later) == [(under_test.input_topic, 0, offset) for offset in (8, 9, 10)]
    assert [dict(record.headers)["kml-source-timestamp"] for record in later] == [str(times[0]).encode()] * 3
    assert any("older than" in warning and "retention.ms=86400000, 24 hours" in warning for warning in warnings), (
        warnings
    )
    assert any("message.timestamp.before.max.ms=7200000" in warning for warning in warnings), warnings


def test_answers_larger_than_kafkas_default_fit_the_topic_that_is_made_for_them(
    broker: TestBroker, tmp_path: Path
) -> None:
    size = 200_000
    with inference(broker, tmp_path, artifacts={"model.onnx": two_outputs(size)}) as under_test:
        under_test.backend.plan["input_config"] = {"data_type": "float32", "data_reshape": str(size)}
        admin_of(broker).create_topic(under_test.plan.dead_letter_topic)
        large = (np.arange(size) / 7).astype("<f4").tobytes()
        send(broker, under_test.input_topic, [large] * 5)
        replica = under_test.start()
        eventually(lambda: under_test.answered() == 5, 120)
        sizes = [len(output.value or b"") for output in under_test.outputs()]
        replica.kill()
        replica.wait()
        # Less room in the topic is reported at the start, and for each answer with the excess.
        admin_of(broker).set_topic_config(under_test.output_topic, {"max.message.bytes": "1048588"})
        under_test.start()
        send(broker, under_test.input_topic, [large, bytes(4 * size)])
        eventually(lambda: under_test.answered() == 7, 120)
        (letter,) = under_test.dead_letters()
        warnings = eventually(lambda: under_test.backend.stats[-1]["warnings"], 60)

    assert len(sizes) == 5
    assert min(sizes) > 1 << 20
    assert under_test.outputs()[5].offset > 0
    reason = (dict(letter.headers)["kml-error-message"] or b"").decode()
    assert f"the answer is {sizes[0]:,}"[:20] in reason
    assert f"set max.message.bytes of {under_test.output_topic} to " in reason
    assert "takes at most 1,048,588 (max.message.bytes)" in warnings[0]


def test_small_answers_pass_a_topic_that_takes_small_batches_only(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path) as under_test:
        create_topic(broker, under_test.output_topic, 20_000)
        send(broker, under_test.input_topic, [sample(1, 2, 3, 4)] * 3_000)
        under_test.start()
        eventually(lambda: under_test.answered() == 3_000, 120)
        assert under_test.dead_letters() == []
        assert "aborted" not in under_test.logs


def test_a_model_process_that_is_killed_is_replaced(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path) as under_test:
        replica = under_test.start()
        send(broker, under_test.input_topic, [sample(1, 0, 0, 0)] * 100)
        eventually(lambda: under_test.answered() == 100, 120)
        match = re.search(r'"pid":(\d+)', under_test.logs)
        assert match is not None
        os.kill(int(match[1]), signal.SIGKILL)
        send(broker, under_test.input_topic, [sample(2, 0, 0, 0)] * 100)
        eventually(lambda: under_test.answered() == 200, 120)

        assert replica.poll() is None
        assert values(under_test) == [[1.0]] * 100 + [[2.0]] * 100
        assert under_test.dead_letters() == []


def test_a_backend_that_is_unreachable_does_not_stop_predictions(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path) as under_test:
        under_test.start()
        eventually(lambda: "running" in under_test.states, 120)
        under_test.backend.stop()
        send(broker, under_test.input_topic, [sample(1, 1, 1, 1)] * 10)
        eventually(lambda: under_test.answered() == 10, 120)
        under_test.backend.start()
        eventually(lambda: under_test.backend.stats[-1]["predicted"] == 10, 120)


def test_an_older_attempt_ends_when_the_backend_says_so(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path) as under_test:
        process = under_test.start()
        eventually(lambda: "running" in under_test.states, 120)
        under_test.backend.attempt = 2
        assert process.wait(90) == WorkerExit.SUPERSEDED


def test_an_artifact_that_is_not_a_model_fails_with_a_cause(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path, artifacts={"model.onnx": b"nonsense"}) as under_test:
        process = under_test.start()
        assert process.wait(120) == WorkerExit.FAILURE_REPORTED, under_test.logs
        report = under_test.backend.stats[-1]
    assert report["state"] == "failed"
    assert report["error"]["category"] == "user_code"
    assert "model.onnx cannot be loaded" in report["error"]["cause"]


def predicted_by_replica(inference: InferenceUnderTest) -> dict[int, int]:
    return {stats["replica"]: stats["predicted"] for stats in inference.backend.stats}


def test_replicas_share_the_partitions_and_hand_them_over(broker: TestBroker, tmp_path: Path) -> None:
    with inference(broker, tmp_path, partitions=4) as under_test:
        first = under_test.start(replica=0)
        eventually(lambda: "running" in under_test.states, 120)
        under_test.start(replica=1)
        eventually(
            lambda: {stats["replica"] for stats in under_test.backend.stats if stats["state"] == "running"} == {0, 1},
            120,
        )
        for partition in range(4):
            send(broker, under_test.input_topic, [sample(1, 0, 0, 0)] * 25, partition=partition)
        eventually(lambda: under_test.answered() == 100, 120)
        first.send_signal(signal.SIGTERM)
        assert first.wait(90) == 0
        for partition in range(4):
            send(broker, under_test.input_topic, [sample(2, 0, 0, 0)] * 25, partition=partition)
        eventually(lambda: under_test.answered() == 200, 120)

        assert sorted(sources(under_test.outputs())) == [
            (under_test.input_topic, partition, offset) for partition in range(4) for offset in range(50)
        ]
        eventually(lambda: sum(predicted_by_replica(under_test).values()) == 200, 60)

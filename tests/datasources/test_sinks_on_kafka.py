"""Sinks and readers on the real broker: ours, and those of earlier years, which use kafka-python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Producer
from kafka import KafkaConsumer, TopicPartition

from datasources import AvroSink, JsonSink, OnlineRawSink, RawSink
from kafkaml.confluent import KafkaGroupReader, KafkaRecordReader, KafkaRecordWriter
from kafkaml.control import ControlMessage, deployment_id_from_key
from kafkaml.errors import BrokerTimeout, RefusedError, StreamUnavailable
from kafkaml.records import OutgoingRecord, Record
from kafkaml.settings import KafkaSettings
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import labelled_images, raw_announcement, send_raw
from tests.old_sinks import OldSink
from tests.support import eventually

pytestmark = pytest.mark.integration

Array = np.ndarray[Any, Any]


@pytest.fixture
def settings(broker: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker.bootstrap_servers)


@pytest.fixture
def reader(settings: KafkaSettings) -> Iterator[KafkaRecordReader]:
    reader = KafkaRecordReader(settings)
    yield reader
    reader.close()


def read_control(settings: KafkaSettings, topic: str) -> Record:
    """Return the first record of a control topic."""
    control = KafkaGroupReader(settings, topics=[topic], group=f"test-{topic}")
    record = eventually(lambda: control.poll(0.5), 60)
    control.close()
    return record


def pairs(features: Array, labels: Array) -> list[tuple[bytes, Any]]:
    """Return samples with their labels, sorted."""
    return sorted((sample.tobytes(), label) for sample, label in zip(features, labels.tolist(), strict=True))


def test_an_old_sink_is_understood_byte_for_byte(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    images, labels = labelled_images(400, size=28)
    topic, control = broker.topic(3), broker.topic()
    # Earlier records of the topic are not part of the stream.
    writer = KafkaRecordWriter(settings)
    writer.write(OutgoingRecord(topic, b"earlier"))
    writer.flush(60)
    sink = OldSink(broker.bootstrap_servers, topic, 7, control)
    for image, label in zip(images, labels, strict=True):
        sink.send(image, label)
    sink.close(images[0], labels[0])
    record = read_control(settings, control)
    assert record.key == b"\x07"
    assert deployment_id_from_key(record.key) == 7
    message = ControlMessage.from_bytes(record.value)
    assert message.input_config == {
        "data_type": "uint8",
        "label_type": "uint8",
        "data_reshape": "28 28",
        "label_reshape": "",
    }
    with StreamDataset.open(message, reader=reader, cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        assert pairs(dataset.features.array(), dataset.labels.array()) == pairs(images, labels)
        assert dataset.warnings == ()


def test_our_records_are_what_an_old_reader_expects(broker: Any, settings: KafkaSettings) -> None:
    images, labels = labelled_images(50, size=28)
    topic, control = broker.topic(2), broker.topic()
    with RawSink(broker.bootstrap_servers, topic, 7, control_topic=control, validation_rate=0.1) as sink:
        sink.send_array(images, labels)
    consumer = KafkaConsumer(bootstrap_servers=broker.bootstrap_servers, consumer_timeout_ms=60_000)
    consumer.assign([TopicPartition(control, 0)])
    consumer.seek(TopicPartition(control, 0), 0)
    announcement = next(consumer)
    assert announcement.key == b"\x07"
    message = json.loads(announcement.value)
    found = []
    for text in message["topic"].split(","):
        name, partition, start, end = text.split(":")
        place = TopicPartition(name, int(partition))
        consumer.assign([place])
        consumer.seek(place, int(start))
        found += [next(consumer) for _ in range(int(end) - int(start))]
    consumer.close()
    assert message["total_msg"] == 50
    shape = tuple(map(int, message["input_config"]["data_reshape"].split()))
    decoded = np.stack(
        [np.frombuffer(record.value, message["input_config"]["data_type"]).reshape(shape) for record in found]
    )
    keys = np.array([int.from_bytes(record.key, "little") for record in found])
    assert pairs(decoded, keys) == pairs(images, labels)


@pytest.mark.parametrize("samples_per_record", [1, 16])
def test_what_a_sink_announces_is_what_was_sent(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path, samples_per_record: int
) -> None:
    images, labels = labelled_images(3000)
    topic, control = broker.topic(3), broker.topic()
    with RawSink(
        bootstrap_servers=broker.bootstrap_servers,
        topic=topic,
        deployment_id=4711,
        control_topic=control,
        samples_per_record=samples_per_record,
    ) as sink:
        sink.send_array(images, labels)
    record = read_control(settings, control)
    assert record.key == b"\x12\x67"
    with StreamDataset.open(ControlMessage.from_bytes(record.value), reader=reader, cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        assert dataset.warnings == ()
        assert pairs(dataset.features.array(), dataset.labels.array()) == pairs(images, labels)


def test_two_sinks_on_one_topic_do_not_mix(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    topic, controls = broker.topic(), [broker.topic(), broker.topic()]
    sinks = [RawSink(settings=settings, topic=topic, deployment_id=1, control_topic=control) for control in controls]
    for number in range(40):
        sinks[number % 2].send(np.uint8([number]), np.uint8(number % 2))
        sinks[number % 2].flush()
    for side, (sink, control) in enumerate(zip(sinks, controls, strict=True)):
        sink.close()
        message = ControlMessage.from_bytes(read_control(settings, control).value)
        with StreamDataset.open(message, reader=reader, cache_dir=tmp_path) as dataset:
            assert sorted(dataset.features.array().ravel().tolist()) == list(range(side, 40, 2))
            assert dataset.warnings == ()


def test_the_same_samples_are_in_the_same_order_on_any_number_of_partitions(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    images, labels = labelled_images(1000)
    found = []
    for partitions in (1, 3, 6):
        order = np.random.default_rng(partitions).permutation(1000)
        places = [int(place) % partitions for place in order]
        topic = broker.topic(partitions)
        ranges = send_raw(KafkaRecordWriter(settings), topic, images[order], labels[order], partition_of=places)
        message = raw_announcement(ranges, images, labels)
        with StreamDataset.open(message, reader=reader, cache_dir=tmp_path, seed=11) as dataset:
            assert dataset.labels is not None
            found.append((dataset.features.array().tobytes(), dataset.labels.array().tobytes(), dataset.sha256))
    assert found[0] == found[1] == found[2]


def test_markers_and_aborted_records_leave_gaps(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    images, labels = labelled_images(6)
    topic = broker.topic()
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": topic})
    producer.init_transactions(60)
    for index in range(6):
        producer.begin_transaction()
        producer.produce(topic, images[index].tobytes(), labels[index].tobytes())
        producer.flush(60)
        if index in (1, 4):
            producer.abort_transaction(60)
        else:
            producer.commit_transaction(60)
    # The topic ends after six records and six markers, the last of which is the end of the range. Kafka confirms a
    # transaction before it has written the markers.
    eventually(lambda: reader.watermarks(topic) == {0: (0, 12)})
    message = raw_announcement([StreamRange(topic, 0, 0, 12)], images[:4], labels[:4])
    with StreamDataset.open(message, reader=reader, cache_dir=tmp_path) as dataset:
        assert dataset.labels is not None
        kept = [0, 2, 3, 5]
        assert pairs(dataset.features.array(), dataset.labels.array()) == pairs(images[kept], labels[kept])
        assert dataset.warnings == ()


def test_what_retention_deleted_is_unavailable_and_says_so(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    images, labels = labelled_images(10)
    topic = broker.topic()
    ranges = send_raw(KafkaRecordWriter(settings), topic, images, labels)
    broker.delete_records(topic, before=4)
    with pytest.raises(StreamUnavailable, match="offsets 4 to 10") as caught:
        StreamDataset.open(raw_announcement(ranges, images, labels), reader=reader, cache_dir=tmp_path)
    assert "retention" in caught.value.hint


def test_avro_and_json_sinks_arrive(
    broker: Any, settings: KafkaSettings, reader: KafkaRecordReader, tmp_path: Path
) -> None:
    schema = {"type": "record", "name": "d", "fields": [{"name": "a", "type": "float"}, {"name": "b", "type": "int"}]}
    label = {"type": "record", "name": "l", "fields": [{"name": "diagnosis", "type": "boolean"}]}
    topics = [broker.topic() for _ in range(4)]
    with AvroSink(
        settings=settings,
        topic=topics[0],
        deployment_id=1,
        control_topic=topics[1],
        data_scheme=schema,
        label_scheme=label,
    ) as avro:
        for number in range(20):
            avro.send_avro({"a": number / 2, "b": -number}, {"diagnosis": number % 2 == 0})
    with JsonSink(settings=settings, topic=topics[2], deployment_id=1, control_topic=topics[3]) as sink:
        for number in range(20):
            sink.send([number / 2, -number], number % 2 == 0)
    found = []
    for control in (topics[1], topics[3]):
        message = ControlMessage.from_bytes(read_control(settings, control).value)
        with StreamDataset.open(message, reader=reader, cache_dir=tmp_path) as dataset:
            assert dataset.labels is not None
            found.append(pairs(dataset.features.array().astype(np.float32), dataset.labels.array().astype(np.int64)))
    assert found[0] == found[1]
    assert len(found[0]) == 20


def test_an_online_stream_is_announced_by_its_topic(broker: Any, settings: KafkaSettings) -> None:
    topic, control = broker.topic(), broker.topic()
    with OnlineRawSink(broker.bootstrap_servers, topic, 1, control_topic=control) as sink:
        sink.send(np.uint8([1, 2]), np.uint8(1))
        message = ControlMessage.from_bytes(read_control(settings, control).value)
    assert message.incremental
    assert str(message.ranges[0]) == topic


def test_a_broker_that_is_not_there_is_an_error_with_a_hint() -> None:
    sink = RawSink(bootstrap_servers="127.0.0.1:9", topic="t", deployment_id=1, timeout_seconds=2)
    with pytest.raises(BrokerTimeout, match="Connection refused") as caught, sink:
        sink.send([1.0])
    assert "bootstrap_servers" in caught.value.hint


def test_a_record_that_is_too_large_is_refused(broker: Any, settings: KafkaSettings) -> None:
    topic = broker.topic(max_message_bytes=1000)
    sink = RawSink(settings=settings, topic=topic, deployment_id=1, timeout_seconds=60)
    sink.send(np.zeros(5000, np.uint8))
    with pytest.raises(RefusedError, match="larger than the broker takes"):
        sink.close()

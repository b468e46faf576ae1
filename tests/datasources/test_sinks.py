"""Sinks over a broker in memory: the bytes that they write, their announcements, and their refusals."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from datasources import (
    AvroSink,
    JsonSink,
    KafkaMLSink,
    OnlineAvroSink,
    OnlineJsonSink,
    OnlineRawSink,
    RawSink,
    Sink,
)
from datasources.acknowledged import AcknowledgedOffsets
from kafkaml.control import CONTROL_TOPIC, ControlMessage
from kafkaml.errors import BrokerError, BrokerTimeout, DecodeError, RefusedError
from kafkaml.input_format import InputFormat
from kafkaml.records import OutgoingRecord, Position
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker, InMemoryWriter, labelled_images

SCHEMA = {"type": "record", "name": "d", "fields": [{"name": "a", "type": "float"}, {"name": "b", "type": "int"}]}
LABEL_SCHEMA = {"type": "record", "name": "l", "fields": [{"name": "diagnosis", "type": "boolean"}]}


@pytest.fixture
def broker() -> InMemoryBroker:
    return InMemoryBroker()


@pytest.fixture
def writer(broker: InMemoryBroker) -> InMemoryWriter:
    return broker.writer()


@pytest.fixture
def order(broker: InMemoryBroker, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Topics in the order in which Kafka receives their records."""
    topics: list[str] = []
    append = broker.append

    def note(record: OutgoingRecord) -> Position:
        topics.append(record.topic)
        return append(record)

    monkeypatch.setattr(broker, "append", note)
    return topics


def announced(broker: InMemoryBroker) -> tuple[bytes | None, ControlMessage]:
    """Return key and message of the only announcement."""
    (record,) = broker.records(CONTROL_TOPIC)
    return record.key, ControlMessage.from_bytes(record.value)


class TestRawSink:
    def test_a_sample_is_its_bytes_and_its_label_the_key(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        image = np.arange(784, dtype=np.uint8).reshape(28, 28)
        sink = RawSink("unused:1", "mnist", 1, description="Mnist dataset", validation_rate=0.1, writer=writer)
        sink.send(data=image, label=np.uint8(7))
        sink.close()
        (record,) = broker.records("mnist")
        assert record.value == image.tobytes()
        assert record.key == b"\x07"
        key, message = announced(broker)
        assert key == b"\x01"
        assert message == ControlMessage(
            ranges=(StreamRange("mnist", 0, 0, 1),),
            input_format=InputFormat.RAW,
            input_config={"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28", "label_reshape": "1"},
            description="Mnist dataset",
            validation_rate=0.1,
            total_msg=1,
        )

    def test_arrays_go_in_one_call_over_all_partitions(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        broker.create_topic("images", partitions=3)
        images, labels = labelled_images(2500)
        with RawSink(topic="images", deployment_id=300, writer=writer) as sink:
            sink.send_array(images, labels)
            assert sink.total_messages == 0
        key, message = announced(broker)
        assert key == b"\x01\x2c"
        assert message.total_msg == 2500
        assert [stream_range.max_records for stream_range in message.ranges] == [1000, 1000, 500]
        sent = sorted((record.value or b"", record.key) for record in broker.records("images"))
        assert sent == sorted((image.tobytes(), label.tobytes()) for image, label in zip(images, labels, strict=True))

    @pytest.mark.parametrize(
        ("data", "data_type", "data_reshape"),
        [
            (np.float32([[1, 2], [3, 4]]), "float32", "2 2"),
            ([1.5, 2.5, 3.5], "float64", "3"),
            (7, "int64", "1"),
            (1.5, "float64", "1"),
            (True, "bool", "1"),
            (np.float16(1), "float16", "1"),
            (np.arange(3, dtype=">i4"), "int32", "3"),
        ],
    )
    def test_types_and_shapes_are_found(
        self, writer: InMemoryWriter, data: Any, data_type: str, data_reshape: str
    ) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send(data, 1)
        assert (sink.data_type, sink.data_reshape) == (data_type, data_reshape)
        assert (sink.label_type, sink.label_reshape) == ("int64", "1")

    def test_big_endian_arrays_are_sent_little_endian(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with RawSink(topic="t", deployment_id=1, writer=writer) as sink:
            sink.send(np.array([1], ">i2"))
        assert broker.records("t")[0].value == b"\x01\x00"

    def test_tensors_of_frameworks_are_taken(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        class Tensor:
            def numpy(self) -> Any:
                return np.uint8([1, 2])

        with RawSink(topic="t", deployment_id=1, writer=writer) as sink:
            sink.send(Tensor())
        assert broker.records("t")[0].value == b"\x01\x02"

    def test_a_declared_type_converts_where_no_number_changes(
        self, broker: InMemoryBroker, writer: InMemoryWriter
    ) -> None:
        with RawSink(topic="t", deployment_id=1, data_type="uint8", data_reshape="2 2", writer=writer) as sink:
            sink.send([1, 2, 3, 255])
            with pytest.raises(RefusedError, match="uint8, which data_type says"):
                sink.send([1, 2, 3, 256])
            with pytest.raises(RefusedError, match="data_reshape says"):
                sink.send([1, 2, 3])
        assert [record.value for record in broker.records("t")] == [b"\x01\x02\x03\xff"]

    def test_a_shape_that_changes_is_refused(self, writer: InMemoryWriter) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send(np.zeros((28, 28)))
        with pytest.raises(RefusedError, match=r"sample 1: its data has the shape \(27, 28\): expected \(28, 28\)"):
            sink.send(np.zeros((27, 28)))

    def test_a_type_that_changes_is_refused(self, writer: InMemoryWriter) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send(np.uint8([1]))
        with pytest.raises(RefusedError, match="float64"):
            sink.send(np.float64([1.5]))

    @pytest.mark.parametrize("first", [None, 1])
    def test_labels_for_some_samples_only_are_refused(self, writer: InMemoryWriter, first: int | None) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send(np.uint8([1]), first)
        with pytest.raises(RefusedError, match="for all samples or for none"):
            sink.send(np.uint8([1]), 1 if first is None else None)

    def test_labels_may_be_text(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with RawSink(topic="t", deployment_id=1, writer=writer) as sink:
            sink.send_array(np.uint8([[1], [2]]), np.array(["katze", "hund"]))
        assert [record.key for record in broker.records("t")] == [b"katze", b"hund"]
        assert announced(broker)[1].input_config["label_type"] == "string"

    @pytest.mark.parametrize("data", [object(), np.complex64(1), np.datetime64("2026-01-01"), [[1], [1, 2]], None])
    def test_what_is_not_a_number_is_refused(self, writer: InMemoryWriter, data: Any) -> None:
        with pytest.raises(RefusedError):
            RawSink(topic="t", deployment_id=1, writer=writer).send(data)

    def test_as_many_labels_as_samples(self, writer: InMemoryWriter) -> None:
        with pytest.raises(RefusedError, match="as many labels"):
            RawSink(topic="t", deployment_id=1, writer=writer).send_array(np.zeros((3, 2)), np.zeros(2))

    def test_packed_records_share_their_cost(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        images, labels = labelled_images(10)
        with RawSink(topic="t", deployment_id=1, samples_per_record=4, writer=writer) as sink:
            sink.send_array(images[:6], labels[:6])
            for image, label in zip(images[6:], labels[6:], strict=True):
                sink.send(image, label)
        records = broker.records("t")
        assert [len(record.key or b"") for record in records] == [4, 2, 4]
        assert b"".join(record.value or b"" for record in records) == images.tobytes()
        message = announced(broker)[1]
        assert message.input_config["packed"] is True
        assert message.total_msg == 3

    def test_unlabelled_data_has_a_topic_of_its_own(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with RawSink(topic="t", deployment_id=1, unsupervised_topic="more", writer=writer) as sink:
            sink.send(np.uint8([1, 2]), 1)
            sink.unsupervised_send(np.uint8([3, 4]))
        assert [(record.key, record.value) for record in broker.records("more")] == [(None, b"\x03\x04")]
        message = announced(broker)[1]
        assert message.unsupervised_ranges == (StreamRange("more", 0, 0, 1),)
        assert message.total_msg == 1

    def test_many_unlabelled_samples_in_one_call(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with RawSink(topic="t", deployment_id=1, unsupervised_topic="more", writer=writer) as sink:
            sink.send(np.uint8([1, 2]), 1)
            sink.unsupervised_send_array(np.uint8([[3, 4], [5, 6]]))
            sink.flush()
            assert (sink.total_messages, sink.total_unsupervised) == (1, 2)
        assert [record.value for record in broker.records("more")] == [b"\x03\x04", b"\x05\x06"]

    def test_one_topic_for_both_is_refused(self, writer: InMemoryWriter) -> None:
        with pytest.raises(RefusedError, match="topic and unsupervised_topic are both t"):
            RawSink(topic="t", deployment_id=1, unsupervised_topic="t", writer=writer)


def test_json_and_avro_records_without_labels_are_encoded_as_the_others(
    broker: InMemoryBroker, writer: InMemoryWriter
) -> None:
    with JsonSink(topic="j", deployment_id=1, unsupervised_topic="more-j", writer=writer) as sink:
        # The first sample sets the shape, whether it has a label or not; labels may follow.
        sink.unsupervised_send([3, 4])
        sink.send([1, 2], 1)
        with pytest.raises(RefusedError, match="shape"):
            sink.unsupervised_send([1, 2, 3])
    assert [(record.key, record.value) for record in broker.records("more-j")] == [(None, b"[3,4]")]
    schemas = {"data_scheme": SCHEMA, "label_scheme": LABEL_SCHEMA}
    with AvroSink(topic="a", deployment_id=1, unsupervised_topic="more-a", writer=writer, **schemas) as avro:
        avro.send({"a": 1.0, "b": -1}, {"diagnosis": True})
        avro.unsupervised_send({"a": 1.0, "b": -1})
    (labelled,), (other,) = broker.records("a"), broker.records("more-a")
    assert (other.key, other.value) == (None, labelled.value)


@pytest.mark.parametrize(
    ("module", "name"),
    [("raw_sink", "RawSink"), ("avro_sink", "AvroSink"), ("online_raw_sink", "OnlineRawSink"), ("sink", "KafkaMLSink")],
)
def test_scripts_of_the_old_library_find_its_modules(module: str, name: str) -> None:
    assert issubclass(getattr(importlib.import_module(f"datasources.{module}"), name), Sink)


class TestOnlineSinks:
    @pytest.mark.parametrize(
        ("make", "sample", "label", "config"),
        [
            (OnlineRawSink, np.uint8([1, 2]), np.uint8(1), {"data_type": "uint8", "data_reshape": "2"}),
            (
                partial(OnlineAvroSink, data_scheme=SCHEMA, label_scheme=LABEL_SCHEMA),
                {"a": 1.0, "b": -1},
                {"diagnosis": True},
                {"data_scheme": json.dumps(SCHEMA, separators=(",", ":"))},
            ),
            (OnlineJsonSink, {"b": 1, "a": 2.5}, 1, {"fields": ["a", "b"], "data_reshape": "2"}),
        ],
    )
    def test_the_stream_is_announced_before_its_first_sample(
        self,
        broker: InMemoryBroker,
        writer: InMemoryWriter,
        order: list[str],
        make: Callable[..., Sink],
        sample: object,
        label: object,
        config: dict[str, object],
    ) -> None:
        sink = make(topic="t", deployment_id=1, validation_rate=0.2, writer=writer)
        sink.send(sample, label)
        assert order == [CONTROL_TOPIC, "t"]
        key, message = announced(broker)
        assert key == b"\x01"
        assert json.loads(broker.records(CONTROL_TOPIC)[0].value or b"")["topic"] == "t"
        assert message.incremental
        assert message.total_msg is None
        assert (message.validation_rate, message.test_rate) == (0.2, 0)
        assert message.input_config.items() >= config.items()
        sink.send(sample, label)
        sink.send_online_control_msg()
        sink.close()
        assert len(broker.records("t")) == 2
        assert len(broker.records(CONTROL_TOPIC)) == 1

    def test_the_old_call_announces_declared_types_before_there_is_a_sample(
        self, broker: InMemoryBroker, writer: InMemoryWriter
    ) -> None:
        sink = OnlineRawSink("b:1", "t", 1, "uint8", "uint8", "", "28 28", "", writer=writer)
        sink.send_online_control_msg()
        assert announced(broker)[1].input_config["data_reshape"] == "28 28"
        assert not broker.records("t")

    def test_many_samples_in_one_call_come_after_their_announcement_too(
        self, broker: InMemoryBroker, writer: InMemoryWriter, order: list[str]
    ) -> None:
        with OnlineRawSink(topic="t", deployment_id=1, writer=writer) as sink:
            sink.send_array(np.zeros((5, 2), np.uint8), np.zeros(5, np.uint8))
        assert order[0] == CONTROL_TOPIC
        assert len(broker.records("t")) == 5


class TestAvroSink:
    def test_schemas_from_files_and_the_old_name_of_send(
        self, broker: InMemoryBroker, writer: InMemoryWriter, tmp_path: Path
    ) -> None:
        (tmp_path / "data.avsc").write_text(json.dumps(SCHEMA))
        (tmp_path / "label.avsc").write_text(json.dumps(LABEL_SCHEMA))
        with AvroSink(
            boostrap_servers="unused:1",
            topic="t",
            deployment_id=1,
            data_scheme_filename=tmp_path / "data.avsc",
            label_scheme_filename=str(tmp_path / "label.avsc"),
            writer=writer,
        ) as sink:
            sink.send_avro({"a": 1.0, "b": -1}, {"diagnosis": True})
        (record,) = broker.records("t")
        # A float takes four bytes, followed by an int as a zigzag varint.
        assert record.value == b"\x00\x00\x80\x3f\x01"
        assert record.key == b"\x01"
        message = announced(broker)[1]
        assert message.input_format == InputFormat.AVRO
        assert json.loads(message.input_config["data_scheme"]) == SCHEMA

    def test_arrays_by_the_schemas_order(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with AvroSink(topic="t", deployment_id=1, data_scheme=SCHEMA, label_scheme=LABEL_SCHEMA, writer=writer) as sink:
            sink.send_array(np.array([[1, -1], [0, 2]]), np.array([True, False]))
        assert [record.key for record in broker.records("t")] == [b"\x01", b"\x00"]

    def test_the_shape_of_samples_is_announced(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with AvroSink(topic="t", deployment_id=1, data_scheme=SCHEMA, data_reshape="2 1", writer=writer) as sink:
            sink.send({"a": 1.0, "b": -1})
        assert announced(broker)[1].input_config["data_reshape"] == "2 1"
        with pytest.raises(DecodeError, match="cannot be taken as"):
            AvroSink(topic="t", deployment_id=1, data_scheme=SCHEMA, data_reshape="3", writer=writer)

    @pytest.mark.parametrize("record", [{"a": 1.0}, {"a": "x", "b": 1}, {"a": 1.0, "b": 1, "c": 2}, 7, None])
    def test_a_record_that_does_not_fit_is_refused(self, writer: InMemoryWriter, record: Any) -> None:
        with pytest.raises(DecodeError):
            AvroSink(topic="t", deployment_id=1, data_scheme=SCHEMA, writer=writer).send(record)

    def test_a_schema_file_that_is_not_there(self, writer: InMemoryWriter) -> None:
        with pytest.raises(RefusedError, match="cannot be read"):
            AvroSink(topic="t", deployment_id=1, data_scheme_filename="/nowhere.avsc", writer=writer)


def test_a_declared_order_of_bytes_is_written_and_announced(broker: InMemoryBroker, writer: InMemoryWriter) -> None:
    with RawSink(topic="t", deployment_id=1, data_type=">f4", label_type=">i2", writer=writer) as sink:
        sink.send([1.5, 2.0], 7)
    assert (broker.records("t")[0].value, broker.records("t")[0].key) == (
        b"\x3f\xc0\x00\x00\x40\x00\x00\x00",
        b"\x00\x07",
    )
    config = ControlMessage.from_bytes(broker.records(CONTROL_TOPIC)[0].value).input_config
    assert (config["data_type"], config["label_type"]) == (">f4", ">i2")


class TestJsonSink:
    def test_objects_are_announced_with_their_keys_and_have_the_same(self, writer: InMemoryWriter) -> None:
        sink = JsonSink(topic="t", deployment_id=1, writer=writer)
        sink.send({"y": 2, "x": 1}, 0)
        sink.send({"x": 3, "y": 4}, 1)
        assert sink.input_config == {"data_reshape": "2", "fields": ["x", "y"]}
        for other in ({"x": 1, "z": 2}, [1, 2]):
            with pytest.raises(RefusedError, match="expected the keys x, y"):
                sink.send(other, 0)

    def test_samples_are_json(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with JsonSink(topic="t", deployment_id=1, writer=writer) as sink:
            sink.send([1, 2.5], "cat")
            sink.send(np.float64([3, 4]), "dog")
        assert [(record.value, record.key) for record in broker.records("t")] == [
            (b"[1,2.5]", b'"cat"'),
            (b"[3.0,4.0]", b'"dog"'),
        ]
        message = announced(broker)[1]
        assert message.input_format == InputFormat.JSON
        assert message.input_config == {"data_reshape": "2"}

    def test_a_shape_that_changes_is_refused(self, writer: InMemoryWriter) -> None:
        sink = JsonSink(topic="t", deployment_id=1, writer=writer)
        sink.send({"a": 1, "b": 2})
        with pytest.raises(RefusedError, match="expected the keys a, b"):
            sink.send({"a": 1})

    @pytest.mark.parametrize("data", [object(), {"a": object()}, [float("nan"), "x"], [[1], [1, 2]]])
    def test_what_is_not_json_is_refused(self, writer: InMemoryWriter, data: Any) -> None:
        with pytest.raises(RefusedError):
            JsonSink(topic="t", deployment_id=1, writer=writer).send(data)


class TestEverySink:
    @pytest.mark.parametrize("deployment_id", [None, "one", "", b"", -1, 1.5, True, [1], 1 << 64])
    def test_what_is_not_a_deployment_id_is_refused(self, writer: InMemoryWriter, deployment_id: Any) -> None:
        with pytest.raises(RefusedError, match="deployment_id"):
            RawSink(topic="t", deployment_id=deployment_id, writer=writer)

    @pytest.mark.parametrize(
        ("deployment_id", "key"), [("3", b"\x03"), (np.int64(3), b"\x03"), (b"\x01\x02", b"\x01\x02")]
    )
    def test_deployment_ids_that_are_meant(
        self, broker: InMemoryBroker, writer: InMemoryWriter, deployment_id: Any, key: bytes
    ) -> None:
        with RawSink(topic="t", deployment_id=deployment_id, writer=writer) as sink:
            sink.send([1.0])
        assert announced(broker)[0] == key

    @pytest.mark.parametrize(
        "arguments",
        [
            {"topic": ""},
            {"topic": "a b"},
            {"validation_rate": 1.0},
            {"validation_rate": 0.5, "test_rate": 0.5},
            {"validation_rate": "0.1"},
            {"control_topic": "c:1"},
            {"samples_per_record": 0},
            {"data_type": "EagerTensor"},
            {"data_reshape": "a b"},
            {"bootstrap_servers": "a:1", "boostrap_servers": "b:1"},
        ],
    )
    def test_arguments_that_cannot_be_right(self, writer: InMemoryWriter, arguments: dict[str, Any]) -> None:
        with pytest.raises(RefusedError):
            RawSink(**({"topic": "t", "deployment_id": 1, "writer": writer} | arguments))

    @pytest.mark.parametrize("name", ["boostrap_servers", "bootstrap_servers"])
    def test_both_spellings_of_the_servers(self, writer: InMemoryWriter, name: str) -> None:
        arguments: dict[str, Any] = {name: ["a:1", "b:2"]}
        sink = RawSink(topic="t", deployment_id=1, writer=writer, **arguments)
        assert sink.boostrap_servers == "a:1,b:2"

    def test_the_order_of_arguments_is_the_old_one(self, writer: InMemoryWriter) -> None:
        sink = RawSink(
            "a:1", "t", 1, "uint8", "uint8", "text", "28 28", "1", 0.1, 0.2, "control", "group", "more", writer=writer
        )
        assert (sink.description, sink.data_reshape, sink.validation_rate, sink.test_rate) == (
            "text",
            "28 28",
            0.1,
            0.2,
        )
        assert (sink.control_topic, sink.group_id, sink.unsupervised_topic) == ("control", "group", "more")

    def test_the_base_class_sends_bytes(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        with KafkaMLSink(topic="t", deployment_id=1, input_format="JSON", writer=writer) as sink:
            sink.send(b"[1]", "2")
            sink.send_value("[2]")
            with pytest.raises(RefusedError):
                sink.send(3)
        assert [(record.value, record.key) for record in broker.records("t")] == [(b"[1]", b"2"), (b"[2]", None)]

    def test_nothing_goes_out_after_close(self, writer: InMemoryWriter) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send([1.0])
        sink.close()
        sink.close()
        with pytest.raises(RefusedError, match="is closed"):
            sink.send([1.0])

    def test_an_empty_stream_is_not_announced(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        with pytest.raises(RefusedError, match="nothing was sent"):
            sink.close()
        assert broker.records(CONTROL_TOPIC) == []
        assert writer.closed

    def test_an_error_in_the_block_announces_nothing(
        self, broker: InMemoryBroker, writer: InMemoryWriter, caplog: pytest.LogCaptureFixture
    ) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send([1.0])
        with caplog.at_level(logging.WARNING), pytest.raises(ZeroDivisionError), sink:
            sink.send([1 / 0])
        assert broker.records(CONTROL_TOPIC) == []
        assert "nothing was announced" in caplog.text

    def test_a_record_that_is_not_acknowledged_announces_nothing(
        self, broker: InMemoryBroker, writer: InMemoryWriter
    ) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send([1.0])
        writer.fail_with = BrokerTimeout("writing to t: Kafka did not answer in time")
        with pytest.raises(BrokerTimeout):
            sink.close()
        assert broker.records(CONTROL_TOPIC) == []

    def test_an_acknowledgement_that_is_missing_announces_nothing(
        self, broker: InMemoryBroker, writer: InMemoryWriter, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send([1.0])
        monkeypatch.setattr(writer, "flush", lambda timeout_seconds=None: None)
        with pytest.raises(BrokerError, match="1 records were sent and 0 acknowledged"):
            sink.close()
        assert broker.records(CONTROL_TOPIC) == []

    def test_records_of_others_are_not_announced(self, broker: InMemoryBroker, writer: InMemoryWriter) -> None:
        sink = RawSink(topic="t", deployment_id=1, writer=writer)
        sink.send([1.0])
        sink.flush()
        broker.append(OutgoingRecord("t", b"someone else's"))
        sink.send([2.0])
        sink.close()
        message = announced(broker)[1]
        assert message.ranges == (StreamRange("t", 0, 0, 1), StreamRange("t", 0, 2, 3))
        assert message.total_msg == 2

    @pytest.mark.parametrize("sink_class", [Sink, RawSink, JsonSink, OnlineRawSink, OnlineJsonSink])
    def test_settings_bring_user_and_password(self, writer: InMemoryWriter, sink_class: Callable[..., Sink]) -> None:
        from kafkaml.settings import KafkaSettings

        settings = KafkaSettings(bootstrap_servers="secure:9093", security_protocol="SASL_SSL")
        sink = sink_class(topic="t", deployment_id=1, settings=settings, writer=writer)
        assert sink.boostrap_servers == "secure:9093"


class TestAcknowledgedOffsets:
    @pytest.mark.parametrize(
        ("offsets", "ranges"),
        [
            ([0, 1, 2], [(0, 3)]),
            ([5, 7, 6], [(5, 8)]),
            ([3, 1, 2, 0], [(0, 4)]),
            ([0, 2, 4], [(0, 1), (2, 3), (4, 5)]),
            ([4, 0, 2], [(0, 1), (2, 3), (4, 5)]),
        ],
    )
    def test_runs_whatever_the_order(self, offsets: list[int], ranges: list[tuple[int, int]]) -> None:
        acknowledged = AcknowledgedOffsets("t")
        for offset in offsets:
            acknowledged.add(0, offset)
        assert acknowledged.ranges() == tuple(StreamRange("t", 0, start, end) for start, end in ranges)
        assert acknowledged.count == len(offsets)

    def test_too_many_runs_are_joined_and_reported(self, caplog: pytest.LogCaptureFixture) -> None:
        acknowledged = AcknowledgedOffsets("t")
        for offset in range(0, 3000, 2):
            acknowledged.add(0, offset)
        ranges = acknowledged.ranges()
        assert len(ranges) == 1000
        assert ranges[0].start == 0
        assert ranges[-1].end == 2999
        assert "500 of their records" in caplog.text

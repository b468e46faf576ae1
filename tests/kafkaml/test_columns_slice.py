"""Data sets over a broker in memory: a topic of readings becomes arrays for training, and serving reads alike."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import orjson
import pytest

from kafkaml.codecs import codec_for, with_learnt
from kafkaml.codecs.base import ALONE
from kafkaml.codecs.registry import RegisteredSchema
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.control import ControlMessage
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.named_inputs import input_shapes
from kafkaml.records import ListBatch, OutgoingRecord
from kafkaml.stream_dataset import StreamDataset
from kafkaml.stream_range import StreamRange
from kafkaml.testing import InMemoryBroker
from tests.machines import machine_records

CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [
        {"path": ["reading", "temperature"], "kind": "number"},
        {"path": ["reading", "pressure"], "kind": "number"},
        {"path": ["status"], "kind": "text"},
        {"path": ["load"], "kind": "number"},
        {"path": ["failure"], "kind": "boolean"},
    ],
    "columns": [
        {"name": "temperature", "expression": "reading.temperature", "scaling": "standard"},
        {"name": "ratio", "expression": "reading.temperature / reading.pressure"},
        {"name": "status", "expression": "status", "encoding": "one_hot"},
        {"name": "load", "expression": "load", "missing": "mean"},
    ],
    "labels": [{"name": "failure", "expression": "failure", "kind": "class"}],
}


@pytest.fixture
def memory() -> InMemoryBroker:
    return InMemoryBroker()


def announce(broker: InMemoryBroker, partitions: int, *, count: int = 400, **contract: Any) -> ControlMessage:
    """The readings on ``partitions`` partitions, those of a machine on one of them, announced as a data set."""
    topic = broker.create_topic(f"machines-{partitions}-{len(contract)}", partitions=partitions)
    ends = [0] * partitions
    writer = broker.writer()
    for reading in sorted(machine_records(count), key=lambda record: record.timestamp_ms):
        assert reading.key is not None
        place = int(reading.key[1:]) % partitions
        writer.write(
            OutgoingRecord(topic, reading.value, reading.key, timestamp_ms=reading.timestamp_ms, partition=place)
        )
        ends[place] += 1
    return ControlMessage(
        tuple(StreamRange(topic, place, 0, end) for place, end in enumerate(ends)),
        InputFormat.COLUMNS,
        {"contract": {**CONTRACT, **contract}},
        validation_rate=0.2,
        test_rate=0.25,
        total_msg=count,
    )


def open_dataset(memory: InMemoryBroker, message: ControlMessage, cache_dir: Path, seed: int = 3) -> StreamDataset:
    return StreamDataset.open(message, reader=memory.reader(), cache_dir=cache_dir, seed=seed)


@pytest.mark.parametrize("window", [None, {"length": 4}])
def test_samples_are_the_same_whatever_the_partitions(
    memory: InMemoryBroker, tmp_path: Path, window: dict[str, int] | None
) -> None:
    changes: dict[str, Any] = {} if window is None else {"window": window, "split": "time"}
    found = []
    for partitions in (1, 3, 6):
        with open_dataset(memory, announce(memory, partitions, **changes), tmp_path) as dataset:
            assert dataset.labels is not None
            split = dataset.split(validation_rate=0, test_rate=0)
            found.append(
                (dataset.features.array().tobytes(), dataset.labels.array().tobytes(), dataset.sha256, str(split))
            )
            shape = dataset.features.shape
    assert found[0] == found[1] == found[2]
    assert shape[1:] == ((7,) if window is None else (4, 7))
    # Another seed gives another order, unless the split is by time.
    with open_dataset(memory, announce(memory, 2, **changes), tmp_path, seed=4) as other:
        assert (other.features.array().tobytes() == found[0][0]) is (window is not None)


def test_what_is_learnt_comes_of_the_training_part_and_serves(memory: InMemoryBroker, tmp_path: Path) -> None:
    message = announce(memory, 3)
    with open_dataset(memory, message, tmp_path) as dataset:
        features, split = dataset.features.array(), dataset.split(validation_rate=0, test_rate=0)
        assert (split.training, split.validation, split.test) == (220, 80, 100)
        assert dataset.class_names == ("false", "true")
        training = features[split.training_rows, 0]
        np.testing.assert_allclose([training.mean(), training.std()], [0, 1], atol=1e-5)
        assert abs(features[split.test_rows, 0].mean()) > 1e-4
        config = with_learnt(message.input_config, dataset.learnt)
        codec = codec_for(message.input_format, config)
        assert (codec.features.sample_shape, codec.features.dtype) == ((7,), np.dtype(np.float32))
        served = codec.features.decode([record.value for record in machine_records(400)])
        assert sorted(map(bytes, served)) == sorted(map(bytes, features))
        # Serving reads an object without a label. A status that the training did not know has a place of its own.
        sample = {"reading": {"temperature": 60, "pressure": 900}, "status": "broken", "load": None}
        row = codec.features.decode([codec.features.encode_object(sample)])[0]
        assert row[2:6].tolist() == [1, 0, 0, 0]
        assert row[6] == pytest.approx(0.5, abs=0.1)
        with pytest.raises(DecodeError, match=r"reading\.pressure"):
            codec.features.decode([orjson.dumps({**sample, "reading": {"temperature": 1, "pressure": "high"}})])


def test_several_inputs_are_records_from_the_slice_to_serving(memory: InMemoryBroker, tmp_path: Path) -> None:
    columns = [
        {**column, "input": "state" if column["name"] == "status" else "numbers"} for column in CONTRACT["columns"]
    ]
    message = announce(memory, 3, columns=columns)
    with open_dataset(memory, message, tmp_path) as dataset:
        features = dataset.features.array()
        assert input_shapes(features.dtype) == {"numbers": (3,), "state": (4,)}
        assert features.shape == (400,)
        codec = codec_for(message.input_format, with_learnt(message.input_config, dataset.learnt)).features
        assert (codec.sample_shape, codec.dtype) == ((), features.dtype)
        served = codec.decode([record.value for record in machine_records(400)])
        assert sorted(map(bytes, served)) == sorted(map(bytes, features))
        # The inputs side by side equal the one array of a single input.
        alone = announce(memory, 3)
        with open_dataset(memory, alone, tmp_path) as other:
            one = other.features.array()
            assert features["numbers"].tobytes() == one[:, [0, 1, 6]].tobytes()
            assert features["state"].tobytes() == one[:, 2:6].tobytes()
    # Inputs from the cache are the same.
    with open_dataset(memory, message, tmp_path) as again:
        assert again.features.array().tobytes() == features.tobytes()
        assert again.features.dtype == features.dtype


def test_windows_of_several_inputs_are_served_as_they_were_learnt(memory: InMemoryBroker, tmp_path: Path) -> None:
    columns = [
        {**column, "input": "state" if column["name"] == "status" else "numbers"} for column in CONTRACT["columns"]
    ]
    message = announce(memory, 3, columns=columns, window={"length": 4}, split="time")
    with open_dataset(memory, message, tmp_path) as dataset:
        features = dataset.features.array()
        assert input_shapes(features.dtype) == {"numbers": (4, 3), "state": (4, 4)}
        codec = codec_for(message.input_format, with_learnt(message.input_config, dataset.learnt)).features
        in_time = sorted(machine_records(400), key=lambda record: record.timestamp_ms)
        served = codec.decode_batch(ListBatch([record._replace(partition=0) for record in in_time]))
        # No window crosses a border of the split.
        assert set(map(bytes, features)) < set(map(bytes, served.rows))
        assert (len(served.kept), len(served.waiting)) == (400 - 3 * 20, 3 * 20)


def test_a_contract_that_cannot_be_used_says_why() -> None:
    for config, message in [
        ({}, "no contract"),
        ({"contract": {"format": "JSON", "columns": []}}, "columns"),
        ({"contract": {**CONTRACT, "columns": [{"name": "a", "expression": "nothing"}]}}, "no field nothing"),
        (
            {"contract": {**CONTRACT, "columns": [{**CONTRACT["columns"][0], "input": "a"}, CONTRACT["columns"][1]]}},
            "ratio names no input of the model, and others name a",
        ),
    ]:
        with pytest.raises(DecodeError, match=message):
            codec_for(InputFormat.COLUMNS, config)


def test_records_can_be_looked_at_before_anything_is_learnt() -> None:
    codec = codec_for(InputFormat.COLUMNS, {"contract": CONTRACT})
    values = [record.value for record in machine_records(100)]
    rows = codec.settled(values, values).features.decode(values)
    np.testing.assert_allclose(rows[:, 0].std(), 1, atol=1e-5)
    decoded = codec.features.decode_each([*values[:3], b"{", None])
    assert decoded.kept == [0, 1, 2]
    assert [index for index, _ in decoded.failures] == [3, 4]


def test_writers_of_framed_avro_are_asked_of_the_registry(
    memory: InMemoryBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {"type": "record", "name": "reading", "fields": [{"name": "a", "type": "double"}]}
    new = {**old, "fields": [{"name": "b", "type": "long"}, *old["fields"]]}
    schemas = {1: RegisteredSchema(json.dumps(old)), 2: RegisteredSchema(json.dumps(new))}
    monkeypatch.setattr(SchemaRegistry, "from_environment", lambda: schemas.__getitem__)
    topic, writer = memory.create_topic("framed"), memory.writer()
    for place in range(8):
        schema_id, schema = (1, old) if place < 4 else (2, new)
        text = io.BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
        text.seek(5)
        fastavro.schemaless_writer(text, schema, {"a": float(place), "b": 99})
        writer.write(OutgoingRecord(topic, text.getvalue(), partition=0))
    contract = {
        "format": "AVRO",
        "format_config": {"data_scheme": json.dumps(old), "confluent_framing": True},
        "fields": [{"path": ["a"], "kind": "number"}],
        "columns": [{"name": "a", "expression": "a"}],
    }
    ranges = (StreamRange(topic, 0, 0, 8),)
    message = ControlMessage(ranges, InputFormat.COLUMNS, {"contract": contract}, total_msg=8)
    with open_dataset(memory, message, tmp_path) as dataset:
        assert sorted(dataset.features.array()[:, 0].tolist()) == list(range(8))
        codec = codec_for(message.input_format, with_learnt(message.input_config, dataset.learnt)).features
        values = [record.value for record in memory.records(topic)]
        assert codec.decode(values)[:, 0].tolist() == list(range(8))


def test_a_record_of_windows_is_distinguished_from_one_that_does_not_fit() -> None:
    """The scales are those of all records, because these are too few for a window."""
    codec = codec_for("COLUMNS", {"contract": CONTRACT | {"window": {"length": 10}, "split": "time"}}).features
    record = machine_records(1)[0].value
    with pytest.raises(DecodeError, match="a single record is not a sample") as alone:
        codec.decode([record])
    assert alone.value.gap == ALONE
    with pytest.raises(DecodeError, match="status"):
        codec.decode([b'{"reading": {"temperature": 1, "pressure": 2}, "load": 1}'])

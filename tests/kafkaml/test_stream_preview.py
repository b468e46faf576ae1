"""An announced stream as a data set: names, statistics with gaps, balance of labels; images stay images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
import pytest

from kafkaml.codecs import codec_for
from kafkaml.codecs.avro import AvroCodec
from kafkaml.contract.proposal import propose
from kafkaml.input_format import InputFormat
from kafkaml.records import Record
from kafkaml.stream_preview import named_columns, stream_preview
from kafkaml.wire.contract import FieldKind
from tests.machines import machine_records

SCHEMA = {
    "type": "record",
    "name": "patient",
    "fields": [
        {"name": "gender", "type": "int"},
        {"name": "age", "type": ["null", "int"]},
        {"name": "lung", "type": {"type": "record", "name": "lung", "fields": [{"name": "volume", "type": "double"}]}},
    ],
}


def records(values: Sequence[bytes], keys: Sequence[bytes | None]) -> list[Record]:
    return [Record("t", 0, place, key, value) for place, (value, key) in enumerate(zip(values, keys, strict=True))]


def test_fields_of_a_schema_are_columns_and_a_null_is_missing_in_its_own() -> None:
    codec = AvroCodec(SCHEMA)
    rows: list[dict[str, Any]] = [
        {"gender": place % 2, "age": None if place == 3 else 60 + place, "lung": {"volume": place / 2}}
        for place in range(10)
    ]
    config = {"data_scheme": SCHEMA, "label_scheme": '"string"'}
    keys = [bytes([2 * len(text)]) + text for text in (b"ill", b"well") for _ in range(5)]
    found = stream_preview(
        records([codec.encode_record(row) for row in rows], keys),
        codec_for(InputFormat.AVRO, config),
        available=5000,
    )
    assert (found.records, found.sampled, found.decodes, found.undecodable) == (5000, 10, 0.9, None)
    gender, age, volume, label = found.columns
    assert [column.name for column in found.columns] == ["gender", "age", "lung.volume", "label"]
    assert [column.kind for column in found.columns] == [
        FieldKind.INTEGER, FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.TEXT,
    ]  # fmt: skip
    assert [column.missing for column in (gender, age, volume)] == [0.0, 0.1, 0.0]
    assert age.numbers is not None
    assert volume.numbers is not None
    assert (age.numbers.min, age.numbers.max) == (60, 69)
    assert volume.numbers.mean == pytest.approx((22.5 - 1.5) / 9)
    assert [(value_count.value, value_count.count) for value_count in found.balance] == [("well", 5), ("ill", 4)]
    assert label.top == found.balance


def test_objects_are_taken_by_their_keys_and_labels_of_many_values_are_numbers() -> None:
    values = [orjson.dumps({"x": place, "position": {"y": -place}}) for place in range(60)]
    values[7] = b"no json"
    keys = [str(place * 10).encode() for place in range(60)]
    found = stream_preview(records(values, keys), codec_for(InputFormat.JSON, {}), available=60)
    assert [column.name for column in found.columns] == ["position.y", "x", "label"]
    assert found.undecodable is not None
    assert found.undecodable.place == "t[0]@7"
    label = found.columns[-1]
    assert label.numbers is not None
    assert (found.balance, label.top, label.numbers.max) == ((), (), 590)


def test_what_has_no_names_is_counted_and_pictures_have_no_columns() -> None:
    config = {"data_type": "float32", "data_reshape": "3", "label_type": "uint8", "label_reshape": "2"}
    rows = np.array([[1, 2, math.nan], [3, 4, 5]], "<f4")
    found = stream_preview(
        records([row.tobytes() for row in rows], [bytes([0, 1]), bytes([1, 0])]),
        codec_for(InputFormat.RAW, config),
        available=2,
    )
    assert [column.name for column in found.columns] == ["column 1", "column 2", "column 3", "label"]
    assert [column.missing for column in found.columns[:3]] == [0.0, 0.0, 0.5]
    # The balance of a one-hot label counts its classes.
    assert [(value_count.value, value_count.count) for value_count in found.balance] == [("0", 1), ("1", 1)]

    config = {"data_type": "uint8", "data_reshape": "4 4", "label_type": "uint8", "label_reshape": "1"}
    pictures = stream_preview(
        records([bytes(16)] * 3, [b"\x07", b"\x07", None]), codec_for(InputFormat.RAW, config), available=3
    )
    assert [column.name for column in pictures.columns] == ["label"]
    assert pictures.columns[0].missing == pytest.approx(1 / 3)
    assert (pictures.inputs[0].shape, pictures.balance[0].count) == ((4, 4), 2)


def test_packed_records_are_looked_into() -> None:
    config = {"data_type": "uint8", "data_reshape": "2", "label_type": "uint8", "label_reshape": "1", "packed": True}
    codec = codec_for(InputFormat.RAW, config)
    found = stream_preview(records([bytes(range(8))], [b"\x00\x01\x01\x01"]), codec, available=1)
    assert [column.distinct for column in found.columns] == [4, 4, 2]
    assert found.balance[0].count == 3


def test_a_stream_without_records_says_nothing() -> None:
    found = stream_preview([], codec_for(InputFormat.RAW, {"data_type": "uint8"}), available=0)
    assert (found.sampled, found.columns, found.balance) == (0, (), ())


@pytest.mark.parametrize(("shape", "count"), [((), 1), ((3,), 3), ((500,), 500), ((501,), 0), ((28, 28), 0), ((0,), 0)])
def test_only_rows_of_a_table_have_columns(shape: tuple[int, ...], count: int) -> None:
    assert len(named_columns(codec_for(InputFormat.RAW, {"data_type": "uint8"}).features, shape)) == count


def test_columns_of_a_contract_have_their_names_once_they_are_learnt() -> None:
    contract = propose(machine_records()).contract
    assert contract is not None
    codec = codec_for(InputFormat.COLUMNS, {"contract": contract.to_json()})
    assert codec.features.column_names() == ()
    values = [record.value for record in machine_records()]
    settled = codec.settled(values, [None] * len(values)).features
    names, (row, *_) = settled.column_names(), settled.decode(values[:1])
    assert len(names) == len(row)
    assert "temperature" in names
    windowed = codec_for(InputFormat.COLUMNS, {"contract": {**contract.to_json(), "window": {"length": 3}}})
    window = windowed.settled(values, [None] * len(values)).features
    assert (window.column_names(), window.record_names()) == ((), names)

"""Answers carry chosen columns and fields of their records unchanged."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import orjson
import pytest

from kafkaml.codecs import codec_for
from kafkaml.codecs.base import DecodedBatch
from kafkaml.codecs.columns import ColumnsCodec
from kafkaml.errors import DecodeError
from kafkaml.records import ListBatch
from tests.kafkaml.contract.records import BEGAN_MS, record

CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [
        {"path": ["reading", "temperature"], "kind": "number"},
        {"path": ["machine"], "kind": "text"},
        {"path": ["at"], "kind": "time"},
        {"path": ["count"], "kind": "integer"},
        {"path": ["axes"], "kind": "numbers"},
    ],
    "columns": [{"name": "half", "expression": "reading.temperature / 2", "scaling": "standard"}],
    "split": "time",
}
LEARNT = {"columns": {"half": {"offset": 3.0, "scale": 2.0}}}


def decoded(include: list[str], values: list[Any], **contract: Any) -> DecodedBatch:
    config = {"contract": {**CONTRACT, **contract}, "learnt": LEARNT, "include": include}
    records = [record(value, key=b"m1", place=place, headers=(("unit", b"C"),)) for place, value in enumerate(values)]
    return codec_for("COLUMNS", config).features.decode_batch(ListBatch(records))


def test_values_are_those_of_the_record_and_null_where_it_has_none() -> None:
    full = {
        "reading": {"temperature": 41},
        "machine": 'a "b"\n',
        "at": "2026-01-31T12:30:00.25+01:00",
        "count": 2**60 + 1,
        "axes": [1, 2.5],
    }
    # A field that is only carried never costs a record its answer, whatever its value.
    odd = {"reading": {"temperature": 4}, "machine": ["x"], "count": "many"}
    include = ["half", "reading.temperature", "machine", "at", "count", "axes", "_key", "_timestamp", "_headers.unit"]
    found = decoded([*include, "_headers.none"], [full, {"reading": None}, odd])
    assert found.kept == [0, 2]
    assert [index for index, _ in found.failures] == [1]
    first, second = map(orjson.loads, found.included)
    assert first == {
        "half": 20.5,
        "reading.temperature": 41,
        "machine": 'a "b"\n',
        "at": "2026-01-31T11:30:00.250Z",
        "count": 2**60 + 1,
        "axes": [1, 2.5],
        "_key": "m1",
        "_timestamp": BEGAN_MS,
        "_headers.unit": "C",
        "_headers.none": None,
    }
    assert second | {"_timestamp": BEGAN_MS + 2000} == second
    assert [second[name] for name in ("half", "machine", "at", "count", "axes")] == [2, None, None, None, None]


def test_a_window_carries_what_its_last_record_has() -> None:
    values = [{"reading": {"temperature": place}, "count": place} for place in range(5)]
    found = decoded(["count"], values, window={"length": 3})
    assert found.kept == [2, 3, 4]
    assert [orjson.loads(text)["count"] for text in found.included] == [2, 3, 4]


def test_nothing_is_carried_that_nobody_asked_for() -> None:
    assert decoded([], [{"reading": {"temperature": 1}}]).included == ()


def test_too_much_to_carry_is_a_failure_of_that_record() -> None:
    values = [{"reading": {"temperature": 1}, "machine": name} for name in ("a", "b" * 9000, "c")]
    found = decoded(["machine"], values)
    assert (found.kept, len(found.rows), len(found.included)) == ([0, 2], 2, 2)
    ((index, error),) = found.failures
    assert index == 1
    assert "expected at most 8,192" in str(error)


def test_fields_that_the_contract_does_not_declare_are_carried_as_they_are() -> None:
    full = {"reading": {"temperature": 4, "unit": "C"}, "line": {"no": [1, None, {"x": 2**60}]}, "ok": True, "a.b": 1.5}
    include = [
        "line",
        "reading.unit",
        "reading",
        "ok",
        "a.b",
        "machine",
        "none",
        "machine.deep",
        "_offset",
        "_partition",
    ]
    values = [full, b'{"schema":null,"payload":{"reading":{"temperature":2},"ok":"in an envelope"}}']
    first, second = map(orjson.loads, decoded(include, values).included)
    assert first == {
        "line": full["line"],
        "reading.unit": "C",
        "reading": full["reading"],
        "ok": True,
        "a.b": 1.5,
        "machine": None,
        "none": None,
        "machine.deep": None,
        "_offset": 0,
        "_partition": 0,
    }
    assert (second["ok"], second["_offset"], second["reading.unit"]) == ("in an envelope", 1, None)


def test_the_key_is_carried_where_the_contract_does_not_read_it() -> None:
    config = {"contract": {**CONTRACT, "key": "none"}, "learnt": LEARNT, "include": ["_key", "half"]}
    values = [
        record({"reading": {"temperature": 4}}, key=key, place=at) for at, key in enumerate([b"m1", b"\xff", None])
    ]
    found = codec_for("COLUMNS", config).features.decode_batch(ListBatch(values))
    assert [orjson.loads(text)["_key"] for text in found.included] == ["m1", "/w==", None]


SCHEMA = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "t", "type": "double"},
        {"name": "machine", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "raw", "type": "bytes"},
    ],
}
OF_AVRO = {
    "format": "AVRO",
    "format_config": {"data_scheme": orjson.dumps(SCHEMA).decode()},
    "fields": [{"path": ["t"], "kind": "number"}],
    "columns": [{"name": "half", "expression": "t / 2", "scaling": "standard"}],
}


def test_fields_of_avro_records_are_carried_as_json() -> None:
    at = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    values = io.BytesIO()
    row = {"t": 4.0, "machine": "m", "price": Decimal("1.25"), "at": at, "raw": b"\xff\x00"}
    fastavro.schemaless_writer(values, fastavro.parse_schema(SCHEMA), row)
    (text,) = decoded(["machine", "price", "at", "raw", "half"], [values.getvalue()], **OF_AVRO).included
    written = {"machine": "m", "price": 1.25, "at": "2026-01-31T12:30:00Z", "raw": "/wA=", "half": 2.0}
    assert orjson.loads(text) == written


def test_other_names_are_carried_from_the_next_batch_on_and_windows_go_on() -> None:
    config = {"contract": {**CONTRACT, "window": {"length": 2}}, "learnt": LEARNT, "include": ["count"]}
    features = codec_for("COLUMNS", config).features
    assert isinstance(features, ColumnsCodec)
    assert features.state is not None
    records = [record({"reading": {"temperature": at}, "line": at}, key=b"m1", place=at) for at in range(4)]
    features.decode_batch(ListBatch(records[:2]))
    features.state.commit()
    features.include(["line", "_offset"])
    found = features.decode_batch(ListBatch(records[2:]))
    assert [orjson.loads(text) for text in found.included] == [{"line": at, "_offset": at} for at in (2, 3)]


@pytest.mark.parametrize(
    "contract",
    [
        OF_AVRO,
        {"format": "CSV", "format_config": {"columns": ["machine", "t"]}},
        {"format": "RAW", "format_config": {"data_type": "float32"}},
    ],
)
def test_a_name_that_no_record_can_have_is_refused(contract: dict[str, Any]) -> None:
    fields = {"fields": [*CONTRACT["fields"][1:2], {"path": ["t"], "kind": "number"}]}
    columns = {"columns": [{"name": "half", "expression": "t / 2", "scaling": "standard"}]}
    with pytest.raises(
        DecodeError, match=r"'machin', which is neither a column nor a field: expected some of half"
    ) as wrong:
        decoded(["machin"], [], **{**fields, **columns, **contract})
    assert wrong.value.hint == "did you mean machine?"

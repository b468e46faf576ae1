"""Avro as Connect, Debezium, Spark and pandas write it: logical types, unions with null, named types, frames."""

from __future__ import annotations

import io
import json
import time
import uuid
from contextlib import suppress
from datetime import UTC, date, datetime
from datetime import time as clock
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.codecs import codec_for
from kafkaml.codecs.base import Codec
from kafkaml.codecs.registry import RegisteredSchema
from kafkaml.contract.loading import loader_of
from kafkaml.errors import DecodeError


def record(**fields: Any) -> dict[str, Any]:
    return {"type": "record", "name": "Row", "fields": [{"name": name, "type": kind} for name, kind in fields.items()]}


def logical(kind: str, on: str, **more: Any) -> dict[str, Any]:
    return {"type": on, "logicalType": kind, **more}


def encoded(schema: Any, value: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), value)
    return buffer.getvalue()


def features(schema: Any, **config: Any) -> Codec:
    return codec_for("AVRO", {"data_scheme": json.dumps(schema), **config}).features


AT = datetime(2024, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (logical("timestamp-millis", "long"), AT, 1709294400123),
        (logical("timestamp-micros", "long"), AT, 1709294400123456),
        (logical("local-timestamp-millis", "long"), AT.replace(tzinfo=None), 1709294400123),
        (logical("local-timestamp-micros", "long"), AT.replace(tzinfo=None), 1709294400123456),
        (logical("date", "int"), date(2024, 3, 1), 19783),
        (logical("time-millis", "int"), clock(0, 0, 1, 500_000), 1500),
        (logical("time-micros", "long"), clock(0, 0, 1, 500_000), 1_500_000),
        (logical("decimal", "bytes", precision=10, scale=2), Decimal("-12.34"), -12.34),
        (logical("decimal", "bytes", precision=10, scale=0), Decimal("1000000"), 1_000_000),
        (
            {"type": "fixed", "name": "Money", "size": 8, "logicalType": "decimal", "precision": 15, "scale": 4},
            Decimal("0.5"),
            0.5,
        ),
        (["null", logical("timestamp-millis", "long")], AT, 1709294400123),
        (["null", logical("decimal", "bytes", precision=10, scale=2)], Decimal("3.50"), 3.5),
        # An unknown logical type is read as the type below it.
        (logical("temperature", "double"), 36.5, 36.5),
    ],
)
def test_logical_types_are_the_numbers_under_them(kind: Any, value: Any, expected: float) -> None:
    schema = record(measured=kind, pressure="double")
    rows = features(schema).decode([encoded(schema, {"measured": value, "pressure": 1.5})] * 2)
    assert rows.dtype == np.float64
    assert rows.tolist() == [[expected, 1.5]] * 2


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        (logical("uuid", "string"), "uuid"),
        ({"type": "fixed", "name": "Id", "size": 16, "logicalType": "uuid"}, "uuid"),
        ({"type": "fixed", "name": "Span", "size": 12, "logicalType": "duration"}, "duration"),
        ("string", "string"),
        ("bytes", "bytes"),
        ({"type": "map", "values": "double"}, "map"),
        (["null", "string"], "string"),
        (["double", "string"], "double, string"),
        ([record(x="int") | {"name": "A"}, record(x="int") | {"name": "B"}], "A, B"),
        ({"type": "array", "items": "double"}, "array"),
        ({"type": "array", "items": record(x="int") | {"name": "A"}}, "array"),
        (logical("decimal", "bytes", precision=10**9, scale=10**9), "decimal"),
    ],
)
def test_what_makes_no_number_is_refused_with_the_schema_by_field_and_type(kind: Any, problem: str) -> None:
    with pytest.raises(DecodeError, match="'odd'") as caught:
        features(record(pressure="double", odd=kind))
    assert problem in caught.value.message


def test_nanoseconds_next_to_fractions_are_reported_and_exact_alone() -> None:
    schema = record(at=logical("timestamp-nanos", "long"))
    value = encoded(record(at="long"), {"at": 1709294400123456789})
    assert features(schema).decode([value]).tolist() == [[1709294400123456789]]
    mixed = features(record(at=logical("timestamp-nanos", "long"), x="double"))
    assert mixed.decode([encoded(record(at="long", x="double"), {"at": 1709294400123456789, "x": 1.0})]).shape == (1, 2)
    assert "at (timestamp-nanos) is rounded to 256 ns" in mixed.notes[0]


def test_a_long_that_a_float_would_round_is_an_error_that_names_it() -> None:
    schema = record(id="long", x="double")
    good, bad = ({"id": number, "x": 0.5} for number in (1 << 53, (1 << 53) + 1))
    rows, kept, failures = features(schema).decode_each([encoded(schema, good), encoded(schema, bad)])[:3]
    assert (rows.tolist(), kept) == ([[float(1 << 53), 0.5]], [0])
    assert "9007199254740993 in id" in failures[0][1].message
    whole = record(id="long", n="int")
    assert features(whole).decode([encoded(whole, {"id": (1 << 53) + 1, "n": 2})]).tolist() == [[(1 << 53) + 1, 2]]


@pytest.mark.parametrize(
    ("kind", "value", "dtype"),
    [
        (["null", "double"], 1.5, "float64"),
        (["double", "null"], 1.5, "float64"),
        (["null", "int"], -3, "int32"),
        (["null", "int", "double"], 7, "float64"),
        (["null", "int", "long"], 7, "int64"),
        (["float", "double"], 0.5, "float64"),
        (["null", "boolean"], True, "bool"),
        (["null", {"type": "enum", "name": "Kind", "symbols": ["LOW", "HIGH"]}], "HIGH", "int32"),
    ],
)
def test_unions_with_null_are_the_type_next_to_it(kind: Any, value: Any, dtype: str) -> None:
    schema = record(a=kind, b=kind if isinstance(kind[-1], str) else "int")
    row = {"a": value, "b": value if isinstance(kind[-1], str) else 0}
    rows = features(schema).decode([encoded(schema, row)])
    assert rows.dtype == dtype
    assert rows.tolist()[0][0] == (1 if value == "HIGH" else value)


def test_a_null_is_a_gap_of_its_field() -> None:
    schema = record(height=["null", "double"], weight=["null", "double"])
    values = [encoded(schema, {"height": 1.0, "weight": weight}) for weight in (2.0, None, 3.0)]
    rows, kept, failures = features(schema).decode_each(values)[:3]
    assert (rows.tolist(), kept) == ([[1.0, 2.0], [1.0, 3.0]], [0, 2])
    assert (failures[0][0], failures[0][1].gap) == (1, "null in weight")
    # Bytes that are not such a record are distinguished from records with a null.
    assert features(schema).decode_each([values[1] + b"\x00"]).failures[0][1].gap == ""


def test_a_null_label_is_not_a_label() -> None:
    label = record(adult=["null", "int"])
    codec = codec_for("AVRO", {"data_scheme": record(x="double"), "label_scheme": label})
    value = encoded(record(x="double"), {"x": 1.0})
    _, labels, failures = codec.decode_each(
        [value] * 2, [encoded(label, {"adult": None}), encoded(label, {"adult": 1})]
    )
    assert labels is not None
    assert labels.tolist() == [1]
    assert failures[0].error.gap == "no label (null key)"


def test_records_inside_records_are_flattened_in_order_and_types_may_be_used_by_name() -> None:
    point = record(x="float", y=["null", "float"]) | {"name": "Point"}
    side = {"type": "enum", "name": "Side", "symbols": ["L", "R"]}
    schema = record(a=point, b="Point", c=["null", "Point"], s=side, t="Side")
    values = [
        encoded(schema, {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 4}, "c": c, "s": "R", "t": "L"})
        for c in ({"x": 5, "y": 6}, None)
    ]
    codec = features(schema)
    rows, _, failures = codec.decode_each(values)[:3]
    assert rows.tolist() == [[1, 2, 3, 4, 5, 6, 1, 0]]
    assert failures[0][1].gap == "null in c"
    assert codec.column_name(3) == "b.y"


def test_a_dict_of_python_types_is_written_and_read_back() -> None:
    schema = record(at=logical("timestamp-millis", "long"), price=logical("decimal", "bytes", precision=9, scale=2))
    codec = features(schema)
    value = codec.encode_record({"at": AT, "price": Decimal("1.25")})  # type: ignore[attr-defined]
    assert codec.decode([value]).tolist() == [[1709294400123, 1.25]]
    assert codec.encode(np.array([[1709294400123, 1.25]])) == [value]


FLOATS = record(x="float", y="float")
INTS = record(a="int", b="int", c="int", d="int", e="int", f="int")
NULLABLE = record(a=["null", "double"], b=["null", "int"])
LIST = record(v={"type": "array", "items": "double"})


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (FLOATS, {"x": 1.0, "y": 2.0}),
        (INTS, dict.fromkeys("abcdef", 0)),
        (NULLABLE, {"a": 1.5, "b": 3}),
        (NULLABLE, {"a": None, "b": None}),
        (LIST, {"v": [1.0, 2.0, 3.0]}),
    ],
)
@pytest.mark.parametrize("schema_id", [1, 42, 300, 1 << 24])
def test_framed_records_without_a_registry_are_named_and_never_numbers(schema: Any, value: Any, schema_id: int) -> None:
    framed = b"\x00" + schema_id.to_bytes(4, "big") + encoded(schema, value)
    with pytest.raises(DecodeError, match=f"id {schema_id} of a schema in a Schema Registry") as caught:
        features(schema).decode([framed])
    assert "confluent_framing" in caught.value.hint
    assert "KML_SCHEMA_REGISTRY_URL" in caught.value.hint


def test_framed_labels_are_named_too() -> None:
    codec = codec_for("AVRO", {"data_scheme": FLOATS, "label_scheme": record(y="int")})
    with pytest.raises(DecodeError, match="id 7 of a schema"):
        codec.decode([encoded(FLOATS, {"x": 1, "y": 2})], [b"\x00\x00\x00\x00\x07\x02"])


@pytest.mark.parametrize("schema", [FLOATS, INTS, NULLABLE])
def test_container_files_and_single_objects_are_named(schema: Any) -> None:
    row = dict.fromkeys((field["name"] for field in schema["fields"]), 1)
    buffer = io.BytesIO()
    fastavro.writer(buffer, fastavro.parse_schema(schema), [row])
    for value, problem in ((buffer.getvalue(), "container file"), (b"\xc3\x01" + bytes(8), "single-object")):
        with pytest.raises(DecodeError, match=problem):
            features(schema).decode([value])


@pytest.mark.parametrize("kind", ["empty", "wide"])
def test_schemas_that_grow_with_each_use_of_a_name_are_refused_at_once(kind: str) -> None:
    inner: Any = {"type": "record", "name": "T0", "fields": [] if kind == "empty" else [{"name": "x", "type": "int"}]}
    for level in range(1, 40):
        fields = [{"name": "a", "type": inner}, {"name": "b", "type": f"T{level - 1}"}]
        inner = {"type": "record", "name": f"T{level}", "fields": fields}
    began = time.monotonic()
    with pytest.raises(DecodeError):
        features(inner)
    assert time.monotonic() - began < 10


def chain(levels: int) -> list[Any]:
    """Types that each contain the one before, written side by side."""
    return [record(x="int" if not level else f"T{level - 1}") | {"name": f"T{level}"} for level in range(levels)]


@pytest.mark.parametrize(
    "writer",
    [
        record(a="float", next=["null", "Row"]),
        record(a="float", rest={"type": "array", "items": "Row"}),
        record(a="float", rest={"type": "map", "values": "Row"}),
        record(a="float", many={"type": "array", "items": "null"}),
        record(a="float", many={"type": "array", "items": record() | {"name": "Nothing"}}),
        record(a="float", many={"type": "array", "items": {"type": "fixed", "name": "None", "size": 0}}),
        record(**{f"n{number}": "null" for number in range(200)}, a="float"),
        [*chain(2000), record(a="T1999")],
    ],
    ids=["itself", "array-of-itself", "map-of-itself", "nulls", "empty-records", "no-bytes", "free-fields", "levels"],
)
def test_no_record_is_read_by_a_schema_that_bounds_nothing(writer: Any) -> None:
    """fastavro would overflow its stack, or make billions of values from a few bytes, and take the worker down."""
    text = json.dumps(writer)
    codec = codec_for(
        "AVRO", {"data_scheme": FLOATS, "confluent_framing": True}, schema_lookup=lambda _id: RegisteredSchema(text)
    )
    for body in (b"\x02" * 1_000_000, b"\xff\xff\xff\xff\x7f" * 10):
        (failure,) = codec.features.decode_each([b"\x00\x00\x00\x00\x07" + body]).failures
        assert "nothing would bound" in failure[1].message
    with pytest.raises(DecodeError, match="nothing would bound"):
        loader_of("AVRO", {"data_scheme": text}, None)


@pytest.mark.parametrize(
    "items",
    ["double", "float", "boolean", {"type": "fixed", "name": "F", "size": 16}, "int", "string", "bytes"],
    ids=str,
)
@pytest.mark.parametrize("claim", [b"\xff\xff\xff\xff\xff\x3f", b"\x03\x05", b"\x03\xff\xff\xff\xff\x3f"])
def test_what_is_passed_over_is_there(items: Any, claim: bytes) -> None:
    """An unchecked count of items would be counted to its end, which never comes."""
    writer = record(rest={"type": "array", "items": items}, x="float", y="float")
    text = json.dumps(writer)
    codec = codec_for(
        "AVRO", {"data_scheme": FLOATS, "confluent_framing": True}, schema_lookup=lambda _id: RegisteredSchema(text)
    )
    (failure,) = codec.features.decode_each([b"\x00\x00\x00\x00\x07" + claim]).failures
    assert "not a record of the Avro schema" in failure[1].message
    config = {"data_scheme": json.dumps(FLOATS), "confluent_framing": True}
    with pytest.raises(DecodeError, match="not a record of the Avro schema"):
        loader_of("AVRO", config, lambda _id: RegisteredSchema(text))(b"\x00\x00\x00\x00\x07" + claim)


def test_schemas_that_only_look_so_are_read() -> None:
    point = record(x="float", gone="null") | {"name": "Point"}
    writer = record(
        x="float", y="float", some=["null", {"type": "array", "items": point}], more={"type": "map", "values": "Point"}
    )
    text = json.dumps(writer)
    codec = codec_for(
        "AVRO", {"data_scheme": FLOATS, "confluent_framing": True}, schema_lookup=lambda _id: RegisteredSchema(text)
    )
    value = encoded(writer, {"x": 1.0, "y": 2.0, "some": [{"x": 3.0, "gone": None}], "more": {}})
    assert codec.features.decode([b"\x00\x00\x00\x00\x07" + value]).tolist() == [[1.0, 2.0]]


def test_a_schema_that_is_nested_without_end_is_refused() -> None:
    schema: Any = "int"
    for _ in range(900):
        schema = {"type": "array", "items": schema}
    with pytest.raises(DecodeError):
        codec_for("AVRO", {"data_scheme": schema})


def test_an_absurd_decimal_is_an_error() -> None:
    schema = record(price=logical("decimal", "bytes", precision=300, scale=2))
    value = encoded(record(price="bytes"), {"price": b"\x7f" * 100_000})
    with pytest.raises(DecodeError):
        features(schema).decode([value])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40), st.sampled_from([INTS, NULLABLE, LIST, record(a=logical("decimal", "bytes"), b="int")]))
def test_any_bytes_are_a_row_or_an_error(value: bytes, schema: Any) -> None:
    with suppress(DecodeError):
        features(schema | {"doc": str(uuid.uuid4())}).decode([value])
    assert len(features(schema).decode_each([value, None]).failures) >= 1

"""Records of every format as frames: what is read, what is refused and why, alone and among any others alike."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.codecs.base import DELETION
from kafkaml.contract.frames import KEY, PARTITION, TIMESTAMP, FixedReader, FrameReader
from kafkaml.contract.json_frames import JsonReader
from kafkaml.contract.object_frames import ObjectReader
from kafkaml.contract.value_reader import Frame
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import FieldKind, KeyKind
from tests.kafkaml.contract.records import batch_of

N, W, S, B = FieldKind.NUMBER, FieldKind.INTEGER, FieldKind.TEXT, FieldKind.BOOLEAN
T, L = FieldKind.TIME, FieldKind.NUMBERS
FIELDS = {("a",): N, ("i",): W, ("s",): S, ("ok",): B, ("t",): T, ("raw",): L, ("r", "x"): N}


def read(values: Sequence[Any], fields: Any = FIELDS, input_format: str = "JSON", **config: Any) -> Frame:
    reader = FrameReader(input_format, config, fields, key=KeyKind.NONE, used=frozenset())
    return reader.read(batch_of(values))


def one(value: Any, fields: Any = FIELDS, input_format: str = "JSON", **config: Any) -> dict[str, Any]:
    """Return the fields that one record has."""
    frame = read([value], fields, input_format, **config)
    assert not frame.failures, frame.failures[0][1].message
    return {name.replace("\x1f", "."): cell for name, cell in frame.data.row(0, named=True).items() if cell is not None}


def why(value: Any, fields: Any = FIELDS, input_format: str = "JSON", **config: Any) -> tuple[str, str]:
    """Return message and gap of an invalid record."""
    frame = read([value], fields, input_format, **config)
    assert len(frame.failures) == 1
    assert frame.failures[0][1].index == 0
    return frame.failures[0][1].message, frame.failures[0][1].gap


READ = [
    (b'{"a":1}', {"a": 1.0}),
    (b'{"a":-1.5e3,"i":-5,"s":"x","ok":true,"raw":[1,2.5],"r":{"x":7}}',
     {"a": -1500.0, "i": -5, "s": "x", "ok": True, "raw": [1.0, 2.5], "r.x": 7.0}),
    (b"{}", {}),
    (b'{"a":null,"r":null}', {}),
    (b'{"r":{}}', {}),
    (b'{"other":{"deep":[1,{"x":"y"}]},"a":2}', {"a": 2.0}),
    (b'{"a":1,"a":2}', {"a": 2.0}),
    (b'{"i":9007199254740993}', {"i": 9007199254740993}),
    (b'{"i":-9223372036854775808}', {"i": -(2**63)}),
    (b'{"s":5}', {"s": "5"}),
    (b'{"s":"\\u00e4\\ud83d\\ude00\\u0000"}', {"s": "ä😀\x00"}),
    (b'\n{ "a" :\r\n 1,\n"i": 2 }\n', {"a": 1.0, "i": 2}),
    (b'\xef\xbb\xbf{"a":1}', {"a": 1.0}),
    (b'\x00\x00\x00\x00\x07{"a":1}', {"a": 1.0}),
    (b'{"raw":[[1,2],[3,4]]}', {"raw": [1.0, 2.0, 3.0, 4.0]}),
    (b'{"raw":[]}', {"raw": []}),
    (b'{"t":"2024-02-29T12:00:00+02:00"}', {"t": datetime(2024, 2, 29, 10, tzinfo=UTC)}),
    (b'{"t":"2024-02-29 10:00:00.5"}', {"t": datetime(2024, 2, 29, 10, 0, 0, 500000, tzinfo=UTC)}),
    (b'{"t":1700000000}', {"t": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)}),
    (b'{"t":1700000000123}', {"t": datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)}),
    (b'{"t":1700000000123456789}', {"t": datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)}),
    (b'{"schema":{"type":"struct","fields":[]},"payload":{"a":3,"s":"x"}}', {"a": 3.0, "s": "x"}),
    (b'{"schema":null,"payload":{"a":3}}', {"a": 3.0}),
    (b'{"before":null,"after":{"a":4,"r":{"x":1}},"source":{},"op":"c"}', {"a": 4.0, "r.x": 1.0}),
    (b'{"schema":{"type":"struct"},"payload":{"before":{"a":1},"after":{"a":5},"op":"u"}}', {"a": 5.0}),
    (b'{"a":6,"op":"sent","payload":[1]}', {"a": 6.0}),
]  # fmt: skip

REFUSED = [
    (None, "no value", DELETION),
    (b"", "not JSON", ""),
    (b"   ", "not JSON", ""),
    (b'{"a":1', "not JSON", ""),
    (b'{"a":1}{"a":2}', "not JSON", ""),
    (b'{"a":1}\n{"a":2}', "not JSON", ""),
    (b'{"a":1},', "not JSON", ""),
    (b'{"a":1,}', "not JSON", ""),
    (b"{'a':1}", "not JSON", ""),
    (b'{"a":01}', "not JSON", ""),
    (b'{"a":NaN}', "NaN in a", "NaN in a"),
    (b'{"a":-Infinity}', "-infinity in a", "-infinity in a"),
    (b'{"a":1e400}', "infinity in a", "infinity in a"),
    (b'{"a":"12"}', "the field a is '12': expected a number", "another type in a"),
    (b'{"a":true}', "the field a is True", "another type in a"),
    (b'{"a":[1]}', "the field a is [1]", "another type in a"),
    (b'{"a":{"x":1}}', "the field a is", "another type in a"),
    (b'{"i":1.0}', "the field i is 1.0: expected a whole number", "another type in i"),
    (b'{"i":9223372036854775808}', "64 bits", "another type in i"),
    (b'{"i":123456789012345678901234567890}', "64 bits", "another type in i"),
    (b'{"ok":1}', "the field ok is 1: expected true or false", "another type in ok"),
    (b'{"ok":"true"}', "expected true or false", "another type in ok"),
    (b'{"t":"yesterday"}', "expected a time", "another type in t"),
    (b'{"t":1e300}', "expected a time", "another type in t"),
    (b'{"raw":5}', "expected a list of numbers", "another type in raw"),
    (b'{"raw":["1"]}', "expected a list of numbers", "another type in raw"),
    (b'{"raw":[[1],[2,3]]}', "expected a list of numbers", "another type in raw"),
    (b'{"r":5}', "the field r.x is 5: expected an object", "another type in r.x"),
    (b'{"r":"x"}', "expected an object", "another type in r.x"),
    (b"[1,2]", "expected a JSON object", ""),
    (b"5", "expected a JSON object", ""),
    (b'"text"', "expected a JSON object", ""),
    (b"null", "expected a JSON object", ""),
    (b'{"a":1,"s":"\xff"}', "not JSON", ""),
    (b"\xff\xfe{\x00", "not JSON", ""),
    (b'{"x":' + b"[" * 3000 + b"]" * 3000 + b"}", "not JSON", ""),
    (b"[" * 100_000, "not JSON", ""),
    (b'{"before":{"a":1},"after":null,"source":{},"op":"d"}', "deletion", DELETION),
    (b'{"schema":{"type":"struct"},"payload":null}', "deletion", DELETION),
    (b'{"op":"t","source":{},"ts_ms":1}', "holds no row", "a change event without a row"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), READ, ids=range(len(READ)))
def test_json_is_read(value: bytes, expected: dict[str, Any]) -> None:
    assert one(value) == expected


@pytest.mark.parametrize(("value", "message", "gap"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_such_record_is_refused_with_its_reason(value: bytes | None, message: str, gap: str) -> None:
    reported, found = why(value)
    assert message in reported
    assert found == gap
    assert len(reported) < 400


_ALL = [value for value, *_ in [*READ, *REFUSED]]
_ALONE = {index: read([value]) for index, value in enumerate(_ALL)}


@given(places=st.lists(st.integers(0, len(_ALL) - 1), max_size=60))
@settings(max_examples=60, deadline=None)
def test_a_record_is_read_the_same_next_to_any_others(places: list[int]) -> None:
    frame = read([_ALL[place] for place in places])
    rows = dict(zip(frame.kept.tolist(), frame.data.rows(), strict=True))
    failures = {index: (error.message, error.gap, error.index) for index, error in frame.failures}
    assert sorted([*rows, *failures]) == list(range(len(places)))
    assert sorted(rows) == frame.kept.tolist()
    for index, place in enumerate(places):
        alone = _ALONE[place]
        if index in rows:
            assert [rows[index]] == alone.data.rows()
        else:
            error = alone.failures[0][1]
            assert failures[index] == (error.message, error.gap, index)


_JSON_TEXTS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.integers(-(2**66), 2**66).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,2})?", fullmatch=True),
    st.sampled_from(["null", "true", "-0", "-0.0", '"x"', '"2024-02-29"', "[]", "[1,-0,2.5]", "[null]", "[[1]]", "{}"]),
    st.text(max_size=4).map(lambda text: orjson.dumps(text).decode()),
)
_OBJECTS = st.lists(
    st.tuples(st.sampled_from(["a", "i", "s", "ok", "t", "raw", "r", "x", "other", "\\u0061"]), _JSON_TEXTS), max_size=5
).map(lambda pairs: "{" + ",".join(f'"{name}": {text}' for name, text in pairs) + "}")


@given(texts=st.lists(st.one_of(_OBJECTS, _OBJECTS.map(lambda text: f'{{"r":{text}}}'), _JSON_TEXTS), max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_decoder_of_a_contract_finds_what_is_found_one_by_one(texts: list[str]) -> None:
    values = [text.encode() for text in texts]
    reader = JsonReader(FIELDS, {("t",)})
    both = reader.read(values), ObjectReader.read(reader, values)
    assert both[0].kept.tolist() == both[1].kept.tolist()
    # Rows are compared as texts, in which 0.0 and -0.0 differ.
    assert repr(both[0].data.rows()) == repr(both[1].data.rows())
    reported, one_by_one = ([(index, str(error), error.gap) for index, error in frame.failures] for frame in both)
    assert reported == one_by_one


def test_plain_records_need_no_python_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = b'{"a":1,"i":2,"s":7,"ok":true,"t":"2024-02-29","raw":[1,2.5],"r":{"x":null},"other":[{"y":1}]}'
    expected = read([plain, b"{}", b'{"r":null}']).data.rows()
    monkeypatch.setattr(JsonReader, "row", None)
    assert read([plain, b"{}", b'{"r":null}']).data.rows() == expected
    assert expected[0][2] == "7"
    with pytest.raises(TypeError):
        read([plain, b'{"a":"1"}'])


def test_fields_have_any_names() -> None:
    names = ['a"b', "back\\slash", "new\nline", "op", "payload", "f0", "ä", ""]
    for name in names:
        assert read([orjson.dumps({name: 1})], {(name,): N}).data.rows() == [(1.0,)]
    fields = {("r", name): N for name in names}
    assert read([orjson.dumps({"r": dict.fromkeys(names, 2)})], fields).data.rows() == [(2.0,) * len(names)]


def test_one_malformed_record_in_four_thousand_costs_the_others_nothing() -> None:
    values = [b'{"a":%d}' % number for number in range(4000)]
    values[1234] = b'{"a":NaN}'
    frame = read(values)
    assert [index for index, _ in frame.failures] == [1234]
    assert frame.data["a"].sum() == sum(range(4000)) - 1234


def test_a_spare_field_of_another_kind_is_null() -> None:
    reader = FrameReader("JSON", {}, FIELDS, key=KeyKind.NONE, used=frozenset(), spare={("i",)})
    frame = reader.read(batch_of([b'{"a":1,"i":"x"}', b'{"a":2,"i":3}', b'{"a":"x","i":3}']))
    assert frame.data.select("a", "i").rows() == [(1.0, None), (2.0, 3)]
    assert [index for index, _ in frame.failures] == [2]


# --- what comes with the value
# -----------------------------------------------------------------------------------------


def _keyed(keys: Sequence[bytes | None], kind: KeyKind) -> Frame:
    records = [Record("t", 3, place, key, b'{"a":1}') for place, key in enumerate(keys)]
    return FrameReader("JSON", {}, {("a",): N}, key=kind, used={KEY}).read(ListBatch(records))


def test_keys_are_text_numbers_or_bytes() -> None:
    texts = _keyed([b"m-1", b"\xff", None, b""], KeyKind.TEXT)
    assert texts.data["_key"].to_list() == ["m-1", None, ""]
    assert texts.failures[0][1].gap == "another type in _key"
    numbers = _keyed([b"12", b"1.5", (7).to_bytes(8, "big"), (2**32 - 1).to_bytes(4, "big"), b"x"], KeyKind.NUMBER)
    assert numbers.data["_key"].to_list() == [12.0, 1.5, 7.0, -1.0]
    assert [index for index, _ in numbers.failures] == [4]
    assert _keyed([b"\xff"], KeyKind.BYTES).data["_key"].to_list() == [b"\xff"]


def test_time_partition_and_headers_are_columns() -> None:
    records = [
        Record("t", 3, 0, b"k", b"{}", (("device", b"a"), ("device", b"b")), 1_700_000_000_123),
        Record("t", 4, 1, b"k", b"{}", (("device", b"\xff"), ("other", None)), -1),
    ]
    used = {TIMESTAMP, PARTITION, ("_headers", "device")}
    frame = FrameReader("JSON", {}, {}, key=KeyKind.NONE, used=used).read(ListBatch(records))
    assert frame.data["_timestamp"].to_list() == [datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC), None]
    assert frame.data["_partition"].to_list() == [3, 4]
    assert frame.data["_headers\x1fdevice"].to_list() == ["b", None]


# --- other formats ----------------------------------------------------------------------------------------------------

NESTED = {
    "type": "record", "name": "m", "fields": [
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "level", "type": ["null", "int", "double"]},
        {"name": "state", "type": {"type": "enum", "name": "e", "symbols": ["ON", "OFF"]}},
        {"name": "r", "type": ["null", {"type": "record", "name": "n", "fields": [{"name": "x", "type": "float"}]}]},
        {"name": "raw", "type": {"type": "array", "items": "double"}},
    ],
}  # fmt: skip
NESTED_FIELDS = {
    ("id",): S, ("at",): T, ("day",): T, ("price",): N, ("level",): N, ("state",): S, ("r", "x"): N, ("raw",): L,
}  # fmt: skip


def avro(schema: Any, record: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), record)
    return buffer.getvalue()


def test_nested_avro_with_unions_decimals_and_logical_times() -> None:
    moment = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)
    record = {
        "id": "4d1f9e0c-5a8e-4a53-9d12-4f4d9f5b9d10", "at": moment, "day": date(2024, 2, 29), "price": Decimal("12.34"),
        "level": 3, "state": "OFF", "r": {"x": 0.5}, "raw": [1.0, 2.0],
    }  # fmt: skip
    expected = {
        "id": "4d1f9e0c-5a8e-4a53-9d12-4f4d9f5b9d10", "at": moment, "day": datetime(2024, 2, 29, tzinfo=UTC),
        "price": 12.34, "level": 3.0, "state": "OFF", "r.x": 0.5, "raw": [1.0, 2.0],
    }  # fmt: skip
    scheme = orjson.dumps(NESTED).decode()
    assert one(avro(NESTED, record), NESTED_FIELDS, "AVRO", data_scheme=scheme) == expected
    gone = one(avro(NESTED, {**record, "level": None, "r": None}), NESTED_FIELDS, "AVRO", data_scheme=scheme)
    assert "level" not in gone
    assert "r.x" not in gone
    assert "Avro" in why(b"\x00\x01", NESTED_FIELDS, "AVRO", data_scheme=scheme)[0]
    assert "more than" in why(avro(NESTED, record) + b"!", NESTED_FIELDS, "AVRO", data_scheme=scheme)[0]
    assert why(None, NESTED_FIELDS, "AVRO", data_scheme=scheme)[1] == DELETION


FIXED = {
    "type": "record", "name": "f", "fields": [
        {"name": "a", "type": "float"}, {"name": "ok", "type": "boolean"},
        {"name": "r", "type": {"type": "record", "name": "n", "fields": [{"name": "x", "type": "double"}]}},
    ],
}  # fmt: skip


def test_avro_of_one_width_is_a_view_and_gives_what_one_by_one_gives() -> None:
    fields = {("r", "x"): N, ("a",): N, ("ok",): B}
    config = {"data_scheme": orjson.dumps(FIXED).decode()}
    values: list[bytes | None] = [
        avro(FIXED, {"a": number / 4, "ok": number % 2 == 0, "r": {"x": number * 1.1}}) for number in range(50)
    ]
    reader = FrameReader("AVRO", config, fields, key=KeyKind.NONE, used=frozenset())
    fast = reader._values
    assert isinstance(fast, FixedReader)
    assert fast.read(values).data.equals(fast._one_by_one.read(values).data)
    values[7], values[9] = None, b"short"
    frame = fast.read(values)
    assert [index for index, _ in frame.failures] == [7, 9]
    assert len(frame.kept) == 48


def test_lines_of_csv() -> None:
    fields = {("a",): N, ("i",): W, ("s",): S, ("ok",): B, ("t",): T}
    config = {"columns": ["t", "s", "a", "i", "ok"], "delimiter": ";", "decimal": ","}
    line = b'2024-02-29;"x;""y""";1,5;7;true\r\n'
    assert one(line, fields, "CSV", **config) == {
        "a": 1.5, "i": 7, "s": 'x;"y"', "ok": True, "t": datetime(2024, 2, 29, tzinfo=UTC)
    }  # fmt: skip
    assert one(b";;;;", fields, "CSV", **config) == {}
    assert "3 columns: expected 5" in why(b"a;b;c", fields, "CSV", **config)[0]
    assert why(b";;hot;;", fields, "CSV", **config) == ("the field a is 'hot': expected a number", "another type in a")
    assert "not a line" in why(b"\xff;;;;", fields, "CSV", **config)[0]


def test_raw_numbers_and_bytes() -> None:
    rows = np.arange(12, dtype="<f4").reshape(3, 2, 2)
    values: list[Any] = [row.tobytes() for row in rows]
    config = {"data_type": "float32", "data_reshape": "2 2"}
    frame = read(values, {("_value",): L}, "RAW", **config)
    assert frame.data["_value"].to_list() == rows.reshape(3, 4).tolist()
    mixed = read([values[0], b"x", None, values[2]], {("_value",): L}, "RAW", **config)
    assert mixed.kept.tolist() == [0, 3]
    assert mixed.data["_value"].to_list() == rows.reshape(3, 4)[[0, 2]].tolist()


def test_an_array_of_json_is_the_value() -> None:
    frame = read([b"[[1,2],[3,4]]", b"[1,2,3,4]", b'{"a":1}', b"7"], {("_value",): L})
    assert frame.data["_value"].to_list() == [[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]
    assert [index for index, _ in frame.failures] == [2, 3]


def test_telegraf() -> None:
    wrapped = orjson.dumps({"fields": {"value": '{"a":1,"r":{"x":2}}'}, "name": "mqtt", "tags": {}})
    assert one(wrapped, FIELDS, "TELEGRAF_STR_JSON") == {"a": 1.0, "r.x": 2.0}
    plain = {"fields": {"temperature": 2.5}, "name": "cpu", "tags": {"host": "h"}, "timestamp": 1700000000}
    fields = {("fields", "temperature"): N, ("tags", "host"): S}
    assert one(orjson.dumps(plain), fields) == {"fields.temperature": 2.5, "tags.host": "h"}
    assert "fields" in why(b'{"a":1}', FIELDS, "TELEGRAF_STR_JSON")[0]

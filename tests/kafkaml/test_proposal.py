"""Proposals from samples of realistic topics: their contracts and remarks. No record makes a proposal fail."""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import fastavro
import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from kafkaml.codecs.registry import RegisteredSchema
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.expressions import compile_expression
from kafkaml.contract.proposal import NO_LABEL, propose
from kafkaml.errors import BrokerError, DecodeError, RefusedError
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Column, Encoding, FieldKind, KeyKind, LabelKind, Missing, Scaling, SplitBy
from kafkaml.wire.proposal import FieldRole, FieldSummary, Proposal, RemarkCode, Severity
from tests.machines import machine_records

Value = Mapping[str, Any] | Sequence[Any] | bytes | None


def topic(
    values: Iterable[Value],
    *,
    keys: Callable[[int], bytes | None] = lambda _: None,
    partition: Callable[[int], int] = lambda _: 0,
    time_ms: Callable[[int], int] = lambda place: 1_700_000_000_000 + 1000 * place,
) -> list[Record]:
    records = [
        Record(
            "topic",
            partition(place),
            place,
            keys(place),
            value if value is None or isinstance(value, bytes) else orjson.dumps(value),
            (),
            time_ms(place),
        )
        for place, value in enumerate(values)
    ]
    return sorted(records, key=lambda record: (record.partition, record.offset))


def codes(proposal: Proposal) -> set[RemarkCode]:
    return {remark.code for remark in proposal.remarks}


def remark(proposal: Proposal, code: RemarkCode) -> str:
    return next(f"{remark.message} | {remark.hint}" for remark in proposal.remarks if remark.code == code)


def column(proposal: Proposal, name: str) -> Column:
    assert proposal.contract is not None
    return next(column for column in proposal.contract.columns if column.name == name)


def columns(proposal: Proposal) -> list[str]:
    return [] if proposal.contract is None else [column.name for column in proposal.contract.columns]


def field(proposal: Proposal, *path: str) -> FieldSummary:
    return next(field for field in proposal.fields if field.path == path)


def test_readings_of_machines_become_columns_with_the_failure_as_their_label() -> None:
    proposal = propose(machine_records())
    contract = proposal.contract
    assert contract is not None
    assert (contract.format, contract.key, contract.split, contract.window) == (
        "JSON",
        KeyKind.TEXT,
        SplitBy.TIME,
        None,
    )
    assert [(label.name, label.expression, label.kind) for label in contract.labels] == [
        ("failure", "failure", LabelKind.CLASS)
    ]
    assert {contract_column.name: contract_column.expression for contract_column in contract.columns} == {
        "temperature": "reading.temperature",
        "pressure": "reading.pressure",
        "axes": "reading.axes",
        "status": "status",
        "load": "load",
        "price": "CAST(price AS DOUBLE)",
    }
    assert column(proposal, "temperature").scaling == Scaling.STANDARD
    assert (column(proposal, "axes").encoding, column(proposal, "axes").shape) == (Encoding.NUMBERS, (2,))
    assert column(proposal, "status").encoding == Encoding.ONE_HOT
    assert (column(proposal, "load").missing, column(proposal, "load").scaling) == (Missing.MEAN, Scaling.NONE)
    assert {field.path: field.kind for field in contract.fields}["reading", "axes"] == FieldKind.NUMBERS
    assert ("machine",) not in {field.path for field in contract.fields}
    roles = {field.path[-1]: field.role for field in proposal.fields}
    assert (roles["machine"], roles["at"], roles["firmware"]) == (FieldRole.KEY, FieldRole.TIME, FieldRole.LEFT_OUT)
    assert proposal.decodes == 1
    assert proposal.window is not None
    assert proposal.window.length == 10
    assert codes(proposal) == {RemarkCode.CONSTANT, RemarkCode.NUMBERS_AS_TEXT, RemarkCode.WINDOW}
    assert proposal.time is not None
    assert (proposal.time.expression, proposal.time.first_ms) == ("at", 1_700_000_000_000)


@pytest.mark.parametrize("in_windows", [False, True])
def test_what_is_proposed_can_be_learnt_from(in_windows: bool) -> None:
    records = ListBatch(machine_records(2000))
    proposal = propose(records)
    assert proposal.contract is not None
    window = proposal.window if in_windows else None
    compiled = CompiledContract(proposal.contract.model_copy(update={"window": window}))
    rows = compiled.raw(records).rows
    arrangement = compiled.arrange(rows, seed=1, validation_rate=0.1, test_rate=0.1)
    learnt = compiled.learn(rows, arrangement)
    inputs, labels = compiled.samples(rows, learnt, arrangement, arrangement.parts.training)
    assert (list(inputs), learnt.classes) == ([""], ("false", "true"))
    assert inputs[""].shape[1:] == ((10, 10) if in_windows else (10,))
    assert np.abs(inputs[""]).max() < 10
    assert labels is not None
    assert len(labels) == len(inputs[""]) > 300
    if in_windows:
        # The remark states the shape of the windows.
        assert "(10, 10)" in remark(proposal, RemarkCode.WINDOW)


def test_fields_are_reported_with_their_statistics() -> None:
    values = [
        {"x": float(place % 5), "name": "ab"[place % 2], "y": None if place < 25 else place} for place in range(100)
    ]
    proposal = propose(topic(values), label=NO_LABEL)
    x, name, y = (field(proposal, path) for path in ("x", "name", "y"))
    assert x.numbers is not None
    assert (x.numbers.min, x.numbers.max, x.numbers.mean, x.numbers.quartiles) == (0, 4, 2, (1, 2, 3))
    assert len(x.numbers.histogram) == 20
    assert sum(bin_.count for bin_ in x.numbers.histogram) == 100
    assert (x.distinct, [(value_count.value, value_count.count) for value_count in name.top]) == (
        5,
        [("a", 50), ("b", 50)],
    )
    assert (y.missing, y.kind, proposal.label) == (0.25, FieldKind.INTEGER, None)


def test_envelopes_are_taken_off_and_deletions_are_not_errors() -> None:
    rows = [{"id": place, "amount": place % 7 + 0.5, "label": place % 2} for place in range(100)]
    debezium: list[Value] = [{"before": None, "after": row, "op": "c", "source": {"db": "x"}} for row in rows]
    debezium += [{"before": rows[0], "after": None, "op": "d", "source": {}}] * 5
    proposal = propose(topic(debezium))
    assert (columns(proposal), proposal.label and proposal.label.name) == (["amount"], "label")
    assert codes(proposal) == {RemarkCode.ENVELOPE, RemarkCode.TOMBSTONES}
    assert field(proposal, "id").role == FieldRole.LEFT_OUT
    connect = [{"schema": {"type": "struct", "fields": []}, "payload": row} for row in rows]
    proposal = propose(topic(connect))
    assert columns(proposal) == ["amount"]
    assert "Kafka Connect" in remark(proposal, RemarkCode.ENVELOPE)


def test_telegrafs_own_json_and_the_wrapped_text_are_both_read() -> None:
    wrapped = [{"fields": {"value": json.dumps({"cpu": place % 9, "label": place % 2})}} for place in range(100)]
    proposal = propose(topic(wrapped))
    assert proposal.contract is not None
    assert (proposal.contract.format, columns(proposal)) == ("TELEGRAF_STR_JSON", ["cpu"])
    metrics = [
        {
            "fields": {"usage_idle": 90 + place % 7, "usage_user": place % 5},
            "name": "cpu",
            "tags": {"host": f"h{place % 3}"},
            "timestamp": 1_700_000_000 + place,
        }
        for place in range(100)
    ]
    proposal = propose(topic(metrics))
    assert proposal.contract is not None
    assert proposal.contract.format == "JSON"
    assert [column.expression for column in proposal.contract.columns] == [
        "fields.usage_idle",
        "fields.usage_user",
        "tags.host",
    ]
    assert proposal.time is not None
    assert (proposal.time.expression, proposal.time.last_ms) == ("timestamp", 1_700_000_099_000)


SCHEMA = {
    "type": "record",
    "name": "Reading",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 8, "scale": 2}},
        {"name": "load", "type": ["null", "double"]},
        {"name": "count", "type": ["int", "long"]},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OK", "BAD"]}},
        {
            "name": "place",
            "type": {"type": "record", "name": "Place", "fields": [{"name": "x", "type": "float"}]},
        },
        {"name": "axes", "type": {"type": "array", "items": "double"}},
        {"name": "failed", "type": "boolean"},
    ],
}


def avro(place: int, schema: Mapping[str, Any] = SCHEMA) -> bytes:
    record = {
        "at": datetime.fromtimestamp(1_700_000_000 + place, UTC),
        "price": Decimal(place % 40) / 4,
        "load": None if place % 10 == 0 else place % 13 / 10,
        "count": place % 17 + (1 << 33) * (place % 2),
        "state": "OK" if place % 3 else "BAD",
        "place": {"x": place % 11},
        "axes": [place % 4, 1.5],
        "failed": place % 5 == 0,
        "more": 1.5 * (place % 3),
    }
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, dict(schema), record)
    return buffer.getvalue()


def test_avro_is_read_by_its_schema_with_unions_decimals_and_times() -> None:
    proposal = propose(topic(avro(place) for place in range(200)), config={"data_scheme": json.dumps(SCHEMA)})
    contract = proposal.contract
    assert contract is not None
    assert (contract.format, contract.format_config["confluent_framing"]) == ("AVRO", False)
    assert columns(proposal) == ["price", "load", "count", "state", "x", "axes"]
    assert proposal.label is not None
    assert (proposal.label.name, proposal.time and proposal.time.expression) == ("failed", "at")
    assert column(proposal, "load").missing == Missing.MEAN
    price = field(proposal, "price").numbers
    assert price is not None
    assert (price.min, price.max) == (0, 9.75)
    assert proposal.decodes == 1


def framed(schema_id: int, value: bytes) -> bytes:
    return struct.pack(">bI", 0, schema_id) + value


def test_records_with_a_schemas_id_are_read_by_the_newest_schema_of_the_registry() -> None:
    newer = {**SCHEMA, "fields": [*SCHEMA["fields"], {"name": "more", "type": "double", "default": 0.0}]}
    schemas = {41: RegisteredSchema(json.dumps(SCHEMA)), 57: RegisteredSchema(json.dumps(newer))}
    records = topic(framed(41, avro(place)) if place < 60 else framed(57, avro(place, newer)) for place in range(200))
    proposal = propose(records, lookup=schemas.__getitem__)
    assert proposal.contract is not None
    assert json.loads(proposal.contract.format_config["data_scheme"]) == newer
    assert proposal.contract.format_config["confluent_framing"] is True
    assert "more" in columns(proposal)
    assert proposal.decodes == 1
    assert "41, 57" in remark(proposal, RemarkCode.MIXED_SCHEMAS)


def test_without_a_registry_that_answers_it_is_said_what_to_set() -> None:
    records = topic(framed(41, avro(place)) for place in range(100))
    proposal = propose(records)
    assert proposal.contract is None
    assert "KML_SCHEMA_REGISTRY_URL" in remark(proposal, RemarkCode.UNKNOWN_FORMAT)

    def away(_: int) -> RegisteredSchema:
        raise BrokerError("the Schema Registry did not answer")

    proposal = propose(records, lookup=away)
    assert "did not answer" in remark(proposal, RemarkCode.UNKNOWN_FORMAT)


def test_a_registry_is_asked_a_few_times_only() -> None:
    asked: list[int] = []

    def unknown(schema_id: int) -> RegisteredSchema:
        asked.append(schema_id)
        raise DecodeError("the Schema Registry does not know it")

    def away(schema_id: int) -> str:
        asked.append(schema_id)
        raise BrokerError("the Schema Registry did not answer")

    records = topic(framed(place, avro(place)) for place in range(1, 200))
    for lookup, count in ((unknown, 10), (away, 1)):
        asked.clear()
        assert propose(records, lookup=lookup, config={"data_scheme": json.dumps(SCHEMA)}).decodes == 0
        assert len(asked) == len(set(asked)) == count


def test_lines_of_csv_have_the_names_of_their_first_line_and_the_last_column_is_the_label() -> None:
    lines = [b"length;width;kind"]
    lines += [
        b"%d,%d;%d,5;%s" % (place % 7, place % 3, place % 4, b"ab"[place % 2 : place % 2 + 1]) for place in range(99)
    ]
    proposal = propose(topic(lines))
    assert proposal.contract is not None
    assert proposal.contract.format_config == {"delimiter": ";", "decimal": ",", "columns": ["length", "width", "kind"]}
    assert columns(proposal) == ["length", "width"]
    assert proposal.label is not None
    assert (proposal.label.name, proposal.label.kind) == ("kind", LabelKind.CLASS)
    length = field(proposal, "length").numbers
    assert length is not None
    assert (length.min, length.max) == (0, 6.2)
    # The line of column names is not a sample.
    assert proposal.decodes == 0.99


def test_lines_of_numbers_take_their_label_from_the_key() -> None:
    lines = [b"%d.5,%d,%d" % (place % 7, place % 30, place % 40) for place in range(120)]
    proposal = propose(topic(lines, keys=lambda place: b"%d" % (place % 3)))
    assert columns(proposal) == ["c0", "c1", "c2"]
    assert proposal.contract is not None
    assert (proposal.contract.key, proposal.contract.labels[0].expression) == (KeyKind.NUMBER, "_key")
    assert proposal.contract.split == SplitBy.CONTENT


def test_bytes_are_read_by_a_hint_or_guessed_and_it_is_said() -> None:
    source = np.random.default_rng(4)
    floats = topic(source.normal(5, 2, 6).astype("<f4").tobytes() for _ in range(60))
    proposal = propose(floats)
    assert proposal.contract is not None
    assert proposal.contract.format_config == {"data_type": "float32", "data_reshape": "6"}
    assert "float32" in remark(proposal, RemarkCode.GUESSED_TYPE)
    digits = topic(source.integers(0, 256, (28, 28), np.uint8).tobytes() for _ in range(60))
    assert column(propose(digits), "value").shape == (28, 28)
    reported = propose(digits, input_format="RAW", config={"data_type": "uint8", "data_reshape": "14 56"})
    assert (column(reported, "value").shape, column(reported, "value").scaling) == ((14, 56), Scaling.MIN_MAX)
    assert codes(reported) == {RemarkCode.UNSCALED, RemarkCode.NO_LABEL}
    unknown = propose(topic(source.integers(0, 256, 23, np.uint8).tobytes() for _ in range(60)))
    assert (unknown.contract, codes(unknown)) == (None, {RemarkCode.UNKNOWN_FORMAT})


def test_pictures_are_images_of_their_size() -> None:
    def pictures(mode: str, kind: str) -> Proposal:
        buffers = [io.BytesIO() for _ in range(60)]
        for place, buffer in enumerate(buffers):
            Image.new(mode, (32, 24), 4 * place).save(buffer, kind)
        return propose(
            topic([open_buffer.getvalue() for open_buffer in buffers], keys=lambda place: (b"cat", b"dog")[place % 2])
        )

    proposal = pictures("RGB", "PNG")
    assert (column(proposal, "value").encoding, column(proposal, "value").shape) == (Encoding.IMAGE, (24, 32, 3))
    assert proposal.decodes == 1
    assert column(pictures("L", "JPEG"), "value").shape == (24, 32)
    assert proposal.label is not None
    assert [value_count.value for value_count in proposal.label.balance] == ["cat", "dog"]


def test_what_is_not_a_record_of_the_format_is_counted_and_one_is_shown() -> None:
    values: list[Value] = [{"x": place % 9, "label": place % 2} for place in range(95)]
    values[7] = b'{"x": NaN, "label": 1}'
    values += [b"{broken", b"\xff\xfe\x00", None, None]
    proposal = propose(topic(values))
    assert columns(proposal) == ["x"]
    assert proposal.undecodable is not None
    assert (proposal.undecodable.place, proposal.undecodable.value) == ("topic[0]@7", '{"x": NaN, "label": 1}')
    assert proposal.undecodable.share == pytest.approx(3 / 99)
    assert "NaN" in remark(proposal, RemarkCode.UNDECODABLE)
    assert proposal.decodes == pytest.approx(94 / 99)


def readings(change: Callable[[int], Mapping[str, Any]], count: int = 200, **more: Any) -> Proposal:
    source = random.Random(5)
    values = [
        {"x": source.gauss(0, 1), "z": source.random(), "label": source.randrange(2), **change(place)}
        for place in range(count)
    ]
    return propose(topic(values, **more))


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda _: {"dead": 0}, RemarkCode.CONSTANT, "dead is always 0"),
        (lambda place: {"id": (1 << 53) + 1 + place}, RemarkCode.LARGE_INTEGERS, "above 2^53"),
        (
            lambda place: {"w": "oops" if place == 5 else place % 9},
            RemarkCode.MIXED_KINDS,
            "w is of another type in 0.5%",
        ),
        (lambda place: {"w": place % 9 if place % 3 == 0 else None}, RemarkCode.MOSTLY_MISSING, "66%"),
        (lambda place: {"label": int(place % 40 == 0)}, RemarkCode.IMBALANCED, "0 in 98%"),
        (lambda _: {"label": 1}, RemarkCode.ONE_CLASS, "label is 1 in all"),
        (lambda place: {"w": (place * 37) % 256}, RemarkCode.UNSCALED, "w goes from 0 to 255"),
        (
            lambda place: {"label": place % 2, "w": place % 2 * 5 + place % 7 / 9},
            RemarkCode.LABEL_LEAK,
            "w alone gives away the label",
        ),
        (lambda place: {"label": place % 2, "w": ["no", "yes"][place % 2]}, RemarkCode.LABEL_LEAK, "it is left out"),
    ],
)
def test_remarks(change: Callable[[int], Mapping[str, Any]], code: RemarkCode, said: str) -> None:
    proposal = readings(change)
    assert codes(proposal) == {code}
    assert said in remark(proposal, code)
    assert {"x", "z"} <= set(columns(proposal))


def test_a_label_that_is_a_quantity_may_be_given_away_too() -> None:
    source = random.Random(5)
    values = [{"a": source.random(), "b": source.random()} for _ in range(200)]
    proposal = propose(
        topic(
            {**value, "target": value["a"] * 9 + value["b"], "fahrenheit": value["a"] * 16.2 + value["b"] * 1.8}
            for value in values
        )
    )
    assert proposal.label is not None
    assert proposal.label.kind == LabelKind.NUMBER
    assert [remark.path for remark in proposal.remarks if remark.code == RemarkCode.LABEL_LEAK] == [("fahrenheit",)]


def test_records_of_other_kinds_in_one_topic_are_reported() -> None:
    values: list[Value] = [{"x": place, "y": place % 3, "label": place % 2} for place in range(90)]
    values += [{"order": place, "customer": "c", "total": 3.5} for place in range(10)]
    proposal = propose(topic(values))
    assert "10% of the records have other fields (customer, order, total)" in remark(proposal, RemarkCode.MIXED_SCHEMAS)


def test_windows_want_times_in_order_and_keys_on_one_partition() -> None:
    source = random.Random(6)
    keys: Mapping[str, Any] = {"keys": lambda place: b"device-%d" % (place % 8)}
    assert readings(lambda _: {}, **keys, partition=lambda place: place % 2).window is not None
    shuffled = readings(lambda _: {"ts": 1_700_000_000_000 + source.randrange(10**9)}, **keys)
    assert (shuffled.window, codes(shuffled)) == (None, {RemarkCode.UNSORTED_TIMES})
    assert shuffled.contract is not None
    assert shuffled.contract.split == SplitBy.CONTENT
    spread = readings(lambda _: {}, **keys, partition=lambda place: place % 3)
    assert spread.window is None
    assert "device-0" in remark(spread, RemarkCode.KEY_ON_SEVERAL_PARTITIONS)


def test_the_label_can_be_asked_for() -> None:
    values = [{"machine": {"state": "ab"[place % 2]}, "failure": place % 3, "x": place % 11} for place in range(100)]
    proposal = propose(topic(values), label="machine.state")
    assert proposal.contract is not None
    assert proposal.contract.labels[0].expression == "machine.state"
    assert columns(proposal) == ["failure", "x"]
    without = propose(topic(values), label=NO_LABEL)
    assert without.contract is not None
    assert without.contract.labels == ()
    with pytest.raises(
        RefusedError, match=r"no field 'y' that can be a label: expected one of failure, machine.state, x"
    ):
        propose(topic(values), label="y")
    with pytest.raises(DecodeError, match="format 'XML'"):
        propose(topic(values), input_format="XML")


def test_names_that_are_words_of_sql_or_hold_anything_are_quoted() -> None:
    names = ["select", "case", "Temp C", 'a"b', "time-1", "order", "Ünit", "x.y"]
    values = [{name: (place * 7 + at) % 31 for at, name in enumerate(names)} for place in range(60)]
    proposal = propose(topic(values), label=NO_LABEL)
    contract = proposal.contract
    assert contract is not None
    fields = {field.path: field.kind for field in contract.fields}
    assert {compile_expression(column.expression, fields).fields for column in contract.columns} == {
        frozenset({(name,)}) for name in names
    }


def test_an_empty_slice_says_so() -> None:
    assert codes(propose([])) == {RemarkCode.NO_RECORDS}
    assert codes(propose(topic([None] * 5))) == {RemarkCode.NO_RECORDS}


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "12", "1,5", "2026-01-01T00:00:00Z", "true", "NaN", "\u0000", "x" * 300]),
    st.text(max_size=8),
)
NAMES = st.one_of(st.sampled_from(["label", "x", "y", "at", "_key", "_value", "select", "a b"]), st.text(max_size=5))
OBJECTS = st.dictionaries(
    NAMES,
    st.recursive(
        SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
    ),
    max_size=5,
)


def check(records: Sequence[Record], **more: Any) -> None:
    proposal = propose(records, **more)
    assert Proposal.model_validate(proposal.to_json()).to_json() == proposal.to_json()
    contract = proposal.contract
    assert (contract is None) == any(remark.severity == Severity.ERROR for remark in proposal.remarks)
    if contract is None:
        return
    raw = CompiledContract(contract, lookup=more.get("lookup")).raw(ListBatch(records))
    assert len(raw.kept) == round(proposal.decodes * proposal.sampled) > 0


@settings(max_examples=60)
@given(st.lists(st.one_of(st.none(), st.binary(max_size=40)), max_size=8), st.binary(max_size=4))
def test_no_bytes_are_an_error(values: list[bytes | None], key: bytes) -> None:
    records = topic(values, keys=lambda place: key if place % 2 else None)
    check(records)
    check(records, lookup=lambda _: json.dumps(SCHEMA))
    for config in (
        {"data_scheme": json.dumps(SCHEMA)},
        {"data_type": "float32"},
        {"data_type": "uint8", "data_reshape": "2 2"},
    ):
        check(records, config=config)
    check(records, input_format="CSV")


def test_what_is_nested_without_end_is_not_an_error() -> None:
    values = [
        b"[" * 900 + b"]" * 900,
        b'{"a":' * 900 + b"1" + b"}" * 900,
        b"[" * 3000,
        b'{"a": [[[[[[1]]]]]], "label": 1}',
    ]
    for value in values:
        check(topic([value] * 3))
    check(topic(values * 3))


@settings(max_examples=60)
@given(st.lists(OBJECTS, min_size=1, max_size=8), st.integers(1, 4))
def test_no_objects_are_an_error(values: list[dict[str, Any]], repeat: int) -> None:
    check(topic([json.dumps(value).encode() for value in values] * repeat, keys=lambda place: b"%d" % (place % 2)))

"""Records written by the serializers of a Schema Registry, with a real registry and Confluent's own serializers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext

from kafkaml.codecs.schema_registry import SchemaRegistry, SchemaRegistrySettings
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.proposal import propose
from kafkaml.contract.protobuf_schema import ProtobufSchema, message_class
from kafkaml.errors import DecodeError
from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import Contract, KeyKind
from tests.schema_registry import running_schema_registry

PLACE = 'syntax = "proto3"; package shop; message Place { double lat = 1; double lon = 2; }'
READING = """
syntax = "proto3";
package shop;
import "place.proto";
import "google/protobuf/timestamp.proto";
enum State { OK = 0; WORN = 1; }
message Key { string machine = 1; }
message Reading {
  double temperature = 1;
  int64 count = 2;
  State state = 3;
  Place at = 4;
  google.protobuf.Timestamp when = 5;
  repeated float raw = 6;
  optional double pressure = 7;
%s}
"""
OLD, NEW = READING % "", READING % "  int32 age = 8;\n"
ODD = READING.replace("double temperature", "string temperature") % ""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running_schema_registry() as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> SchemaRegistryClient:
    return SchemaRegistryClient({"url": url})


@pytest.fixture(scope="module")
def registry(url: str) -> SchemaRegistry:
    return SchemaRegistry(SchemaRegistrySettings(url=url), timeout_seconds=60)


@pytest.fixture
def topic() -> str:
    return f"readings-{uuid.uuid4().hex[:8]}"


def reading(cls: Any, number: int, **more: Any) -> Any:
    message = cls(temperature=20 + number % 7, count=number, state=int(number % 10 == 0), raw=[number, 2], **more)
    message.at.lat = number / 10
    message.when.FromSeconds(1_700_000_000 + number)
    if number % 3:
        message.pressure = number
    return message


def written(
    serializer: Any, topic: str, values: Sequence[Any], key: Callable[[int], bytes] | None = None
) -> list[Record]:
    context = SerializationContext(topic, MessageField.VALUE)
    return [
        Record(
            topic,
            number % 2,
            number,
            None if key is None else key(number),
            serializer(value, context),
            timestamp_ms=1000 * number,
        )
        for number, value in enumerate(values)
    ]


def columns_of(
    contract: Contract, records: Sequence[Record], registry: SchemaRegistry
) -> tuple[Any, list[DecodeError]]:
    raw = CompiledContract(contract, lookup=registry).raw(ListBatch(list(records)))
    return raw.rows, [error for _, error in raw.failures]


def protobuf(client: SchemaRegistryClient, text: str, name: str = "shop.Reading") -> tuple[Any, ProtobufSerializer]:
    cls = message_class(ProtobufSchema.compiled(text, {"place.proto": PLACE}).named(name))
    return cls, ProtobufSerializer(cls, client, {"use.deprecated.format": False})


def test_protobuf_is_proposed_and_read_with_what_it_imports(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    cls, serializer = protobuf(client, OLD)
    key_cls, key_serializer = protobuf(client, OLD, "shop.Key")
    key_context = SerializationContext(topic, MessageField.KEY)
    records = written(
        serializer,
        topic,
        [reading(cls, number) for number in range(200)],
        lambda number: key_serializer(key_cls(machine=f"m{number % 5}"), key_context) or b"",
    )
    proposal = propose(records, lookup=registry)
    contract = proposal.contract
    assert contract is not None
    assert (contract.format, contract.format_config["message"]) == ("PROTOBUF", "shop.Reading")
    assert {column.expression for column in contract.columns} >= {"temperature", "count", "at.lat", "raw", "pressure"}
    assert [label.name for label in contract.labels] == ["state"]
    assert contract.key == KeyKind.TEXT
    assert proposal.key is not None
    assert {value_count.value for value_count in proposal.key.top} == {f"m{number}" for number in range(5)}
    rows, failures = columns_of(contract, records, registry)
    assert not failures
    by_name = {column.name: rows[column.field] for column in CompiledContract(contract).columns}
    np.testing.assert_array_equal(by_name["count"], np.arange(200))
    np.testing.assert_allclose(by_name["lat"], np.arange(200) / 10)
    # Optional fields tell whether they are set.
    np.testing.assert_array_equal(np.isnan(by_name["pressure"]), np.arange(200) % 3 == 0)


def test_the_text_of_a_proto_file_reads_the_same_records(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    """Schemas as registries return them when clients registered texts."""
    client.register_schema(f"{topic}-place", Schema(PLACE, "PROTOBUF"))
    references = [SchemaReference("place.proto", f"{topic}-place", 1)]
    number = client.register_schema(f"{topic}-value", Schema(OLD, "PROTOBUF", references))
    found = registry(number)
    assert found.imports == {"place.proto": PLACE}
    cls = message_class(ProtobufSchema.compiled(found.text, found.imports).named("shop.Reading"))
    # Message indexes count from 0 and are zigzag varints: one index (0x02), the second message (0x02).
    frame = b"\x00" + number.to_bytes(4, "big") + b"\x02\x02"
    records = [Record(topic, 0, place, None, frame + reading(cls, place).SerializeToString()) for place in range(50)]
    contract = propose(records, lookup=registry).contract
    assert contract is not None
    assert contract.format_config["data_scheme"] == OLD
    rows, failures = columns_of(contract, records, registry)
    assert (len(rows), failures) == (50, [])
    # Without the registry the contract reads by the schema that it holds.
    assert len(CompiledContract(contract).raw(ListBatch(records)).rows) == 50


def test_fields_that_came_later_are_read_and_those_that_changed_are_refused(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    old_cls, old = protobuf(client, OLD)
    new_cls, new = protobuf(client, NEW)
    records = written(old, topic, [reading(old_cls, number) for number in range(100)])
    records += written(new, topic, [reading(new_cls, number, age=number) for number in range(100)])
    proposal = propose(records, lookup=registry)
    assert proposal.contract is not None
    assert "age" in {column.name for column in proposal.contract.columns}
    rows, failures = columns_of(proposal.contract, records, registry)
    assert (len(rows), failures) == (200, [])
    odd_cls, odd = protobuf(client, ODD)
    other = written(odd, f"{topic}-odd", [odd_cls(temperature="hot")])
    key_cls, keys = protobuf(client, OLD, "shop.Key")
    another = written(keys, f"{topic}-keys", [key_cls(machine="m1")])
    rows, (changed, unlike) = columns_of(proposal.contract, [*other, *another], registry)
    assert len(rows) == 0
    assert "field 1 is 'temperature' (string) in one, 'temperature' (double) in the other" in changed.message
    assert unlike.message == "the record is a shop.Key: expected shop.Reading"


def test_json_is_read_behind_the_id_of_its_schema(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    schema = {"title": "R", "type": "object", "properties": {"a": {"type": "number"}, "kind": {"type": "string"}}}
    serializer = JSONSerializer(json.dumps(schema), client)
    key_serializer = JSONSerializer(
        json.dumps({"title": "K", "type": "object", "properties": {"id": {"type": "string"}}}), client
    )
    context = SerializationContext(topic, MessageField.KEY)
    records = written(
        serializer,
        topic,
        [{"a": number / 3, "kind": "xy"[number % 2]} for number in range(100)],
        lambda number: key_serializer({"id": f"k{number % 3}"}, context) or b"",
    )
    contract = propose(records, lookup=registry).contract
    assert contract is not None
    assert contract.format == "JSON"
    assert contract.format_config == {"confluent_framing": True, "key_confluent_framing": True}
    bare = Record(topic, 0, 100, records[0].key, b'{"a": 1, "kind": "x"}')
    rows, (failure,) = columns_of(contract, [*records, bare], registry)
    assert len(rows) == 100
    assert (failure.index, "expected Confluent framing" in failure.message) == (100, True)


def test_avro_of_two_versions_is_read_by_the_newest(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    fields: list[dict[str, object]] = [{"name": "a", "type": "double"}, {"name": "kind", "type": "string"}]
    older = AvroSerializer(client, json.dumps({"type": "record", "name": "R", "fields": fields}))
    fields = [*fields, {"name": "b", "type": "double", "default": 7.0}]
    newer = AvroSerializer(client, json.dumps({"type": "record", "name": "R", "fields": fields}))
    key_serializer = AvroSerializer(client, json.dumps("string"))
    context = SerializationContext(topic, MessageField.KEY)

    def key(number: int) -> bytes:
        return key_serializer(f"k{number % 4}", context) or b""

    records = written(older, topic, [{"a": number / 3, "kind": "xy"[number % 2]} for number in range(60)], key)
    records += written(
        newer, topic, [{"a": number / 3, "kind": "xy"[number % 2], "b": number / 7} for number in range(60)], key
    )
    contract = propose(records, lookup=registry).contract
    assert contract is not None
    assert (contract.format, contract.format_config["key_confluent_framing"]) == ("AVRO", True)
    by_key = contract.model_copy(
        update={
            "columns": (
                contract.columns[0].model_copy(update={"expression": "CASE WHEN _key = 'k1' THEN 1 ELSE 0 END"}),
            )
        }
    )
    rows, failures = columns_of(by_key, records, registry)
    assert not failures
    field = CompiledContract(by_key).columns[0].field
    np.testing.assert_array_equal(rows[field], np.arange(120) % 60 % 4 == 1)


def test_a_schema_of_another_kind_is_reported(
    client: SchemaRegistryClient, registry: SchemaRegistry, topic: str
) -> None:
    avro = AvroSerializer(
        client, json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "double"}]})
    )
    records = written(avro, topic, [{"a": number / 3} for number in range(50)])
    contract = propose(records, lookup=registry).contract
    assert contract is not None
    cls, serializer = protobuf(client, OLD)
    _, (failure,) = columns_of(contract, written(serializer, topic, [reading(cls, 1)]), registry)
    assert "which is one of PROTOBUF: expected AVRO" in failure.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("message {", "cannot be compiled: line 1"),
        ('import "other.proto";', "other.proto"),
        ("AAAA", "neither the text of a .proto file nor a descriptor"),
        ("", "data_scheme is missing"),
    ],
)
def test_a_schema_that_is_none_is_refused(text: str, problem: str) -> None:
    with pytest.raises(DecodeError, match=problem):
        propose([Record("t", 0, 0, None, b"\x01\x02")], input_format="PROTOBUF", config={"data_scheme": text or " "})


def test_an_import_cannot_leave_its_folder() -> None:
    with pytest.raises(DecodeError, match="expected a relative path"):
        ProtobufSchema.compiled("message A {}", {"../up.proto": PLACE})

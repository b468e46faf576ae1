"""Records and announcements of random bytes, most of them almost valid: each is read or refused, nothing else.

``make test`` tries few; ``make soak`` tries ten million.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import fastavro
import numpy as np
import pytest
from google.protobuf import json_format

from kafkaml.codecs import codec_for
from kafkaml.codecs.registry import RegisteredSchema, format_of, formats
from kafkaml.contract.frames import FrameReader
from kafkaml.contract.protobuf_schema import ProtobufSchema, message_class
from kafkaml.control import ControlMessage, deployment_id_from_key
from kafkaml.errors import ControlMessageError, DecodeError
from kafkaml.wire.contract import FieldKind, KeyKind
from tests.kafkaml.contract.records import batch_of
from tests.support import soaking

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(7200 if soaking() else 300)]

# The number of records for all subjects together.
RECORDS = 10_000_000 if soaking() else 60_000
BATCH = 100

AVRO = {
    "type": "record",
    "name": "Row",
    "fields": [
        {"name": "a", "type": "double"},
        {"name": "i", "type": ["null", "int"]},
        {"name": "s", "type": "string"},
        {"name": "ok", "type": "boolean"},
        {"name": "raw", "type": {"type": "array", "items": "float"}},
        {"name": "r", "type": {"type": "record", "name": "R", "fields": [{"name": "x", "type": "long"}]}},
        {"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "m", "type": {"type": "map", "values": "bytes"}},
        {"name": "p", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
    ],
}
NUMBERS = {"type": "record", "name": "N", "fields": [{"name": name, "type": kind} for name, kind in zip(
    "abcd", ("int", "double", "boolean", ["null", "long"]), strict=True)]}  # fmt: skip
PROTO = """syntax = "proto3"; import "google/protobuf/timestamp.proto";
message Row { double a = 1; int64 i = 2; string s = 3; bool ok = 4; repeated float raw = 5; R r = 6;
  google.protobuf.Timestamp t = 7; map<string, bytes> m = 8; Row again = 9; }
message R { double x = 1; }"""
ROW = {"a": 1.5, "i": -7, "s": "größe", "ok": True, "raw": [1, 2.5], "r": {"x": 7}, "t": 1709294400123456}
FIELDS = {
    ("a",): FieldKind.NUMBER,
    ("i",): FieldKind.INTEGER,
    ("s",): FieldKind.TEXT,
    ("ok",): FieldKind.BOOLEAN,
    ("t",): FieldKind.TIME,
    ("raw",): FieldKind.NUMBERS,
    ("r", "x"): FieldKind.NUMBER,
}
# Pieces of bytes that often break parsers.
PIECES = [
    b"", b"\x00", b"\xff", b"\x7f", b"\x80" * 9, b"\xff" * 10, b"\x00\x00\x00\x00\x07", b"{", b"[", b'"', b"\\u",
    b"\\ud800", b"null", b"true", b"NaN", b"1e999", b"-0", b"9" * 40, b"[[[[[[[[", b'{"a":', b",", b":",
    b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\r\n", b"\x1b[2J", "\u202e".encode(), b'"__proto__":{}', b"Obj\x01",
    b"\xc3\x01", b"\x93NUMPY", b"1970-01-01T00:00:00Z",
]  # fmt: skip


def avro(schema: Any, row: Any) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), row)
    return buffer.getvalue()


def protobuf() -> bytes:
    message = message_class(ProtobufSchema.compiled(PROTO, {}).named("Row"))()
    json_format.ParseDict({**ROW, "t": "2024-03-01T12:00:00Z", "m": {"k": "eA=="}, "again": {"s": "x"}}, message)
    content: bytes = message.SerializeToString()
    return content


def mutated(seeds: list[bytes], random_: random.Random) -> bytes:
    """Return one of ``seeds`` with a few changes of bytes, runs and order."""
    value = bytearray(random_.choice(seeds))
    for _ in range(random_.randint(0, 4)):
        at = random_.randint(0, len(value))
        match random_.randint(0, 5):
            case 0 if value:
                value[at % len(value)] = random_.getrandbits(8)
            case 1:
                value[at:at] = random_.choice(PIECES)
            case 2:
                del value[at : at + random_.randint(1, 9)]
            case 3:
                value[at:at] = value[: random_.randint(0, 40)]
            case 4:
                value[at:] = random_.choice(seeds)[random_.randint(0, 30) :]
            case _:
                value[at : at + 1] = random_.choice(PIECES)
    return bytes(value[:4096])


Subject = Callable[[list[bytes]], None]


def by_codec(name: str, config: dict[str, Any]) -> Subject:
    codec = codec_for(name, config, schema_lookup=lambda _id: RegisteredSchema(json.dumps(AVRO)))

    def decode(values: list[bytes]) -> None:
        features, labels, failures = codec.decode_each(values, values[::-1])
        # Packed records have several samples each; all others have one sample or one failure each.
        assert config.get("packed") or len(features) + len(failures) == len(values)
        assert labels is None or len(labels) == len(features)
        # The values are also decoded one by one, because a value that is refused in a batch must be refused alone.
        refused = {failure.index for failure in failures}
        for index, value in enumerate(values[:5]):
            try:
                codec.decode([value], [values[-1 - index]])
            except DecodeError:
                assert index in refused or codec.features.sample_shape is None
        shown = format_of(name)
        for value in values[:5]:
            text = shown.as_json(value, config)
            assert text is None or isinstance(text, bytes)

    return decode


def by_contract(name: str, **config: Any) -> Subject:
    reader = FrameReader(name, config, FIELDS, key=KeyKind.NONE, used=frozenset())

    def decode(values: list[bytes]) -> None:
        frame = reader.read(batch_of(values))
        assert len(frame.kept) + len(frame.failures) == len(values)
        assert all(isinstance(error, DecodeError) for _, error in frame.failures)

    return decode


def announced(values: list[bytes]) -> None:
    for value in values:
        with suppress(ControlMessageError):
            message = ControlMessage.from_bytes(value)
            assert ControlMessage.from_bytes(message.to_bytes()) == message
        with suppress(ControlMessageError):
            assert deployment_id_from_key(value[:12]) >= 0


def subjects() -> Iterator[tuple[str, Subject, list[bytes]]]:
    text = json.dumps(ROW).encode()
    row = {**ROW, "m": {"k": b"x"}, "p": b"\x04\xd2"}
    plain = json.loads(json.dumps(AVRO).replace('"logicalType"', '"was"'))
    numbers = avro(NUMBERS, {"a": -300, "b": 0.5, "c": True, "d": None})
    yield (
        "raw",
        by_codec("RAW", {"data_type": "int16", "data_reshape": "2 2", "label_type": "float"}),
        [bytes(8), bytes(4)],
    )
    yield "raw-texts", by_codec("RAW", {"data_type": "uint8", "label_type": "string"}), [b"abc", "größe".encode()]
    yield "raw-packed", by_codec("RAW", {"data_type": "uint8", "data_reshape": "3", "packed": True}), [bytes(9)]
    yield "json", by_codec("JSON", {}), [b"[1,2.5]", b'{"a":1,"b":[2,3]}', text]
    yield "telegraf", by_codec("TELEGRAF_STR_JSON", {}), [b'{"fields":{"value":"[1,2]"},"tags":{}}']
    yield "avro", by_codec("AVRO", {"data_scheme": NUMBERS, "label_scheme": NUMBERS}), [numbers, bytes(12)]
    framed = b"\x00\x00\x00\x00\x07" + avro(plain, row)
    registered = {"data_scheme": {**NUMBERS, "name": "Row", "fields": [AVRO["fields"][0]]}, "confluent_framing": True}
    yield "avro-registered", by_codec("AVRO", registered), [framed]
    yield "contract-json", by_contract("JSON"), [text, b"{}"]
    yield "contract-avro", by_contract("AVRO", data_scheme=AVRO), [avro(plain, row)]
    yield "contract-protobuf", by_contract("PROTOBUF", data_scheme=PROTO), [protobuf()]
    csv = b'1.5,-7,gr\xc3\xb6\xc3\x9fe,true,1709294400123,"[1,2]",7'
    yield "contract-csv", by_contract("CSV", columns=["a", "i", "s", "ok", "t", "raw", "r"]), [csv]
    config = {"data_type": "uint8", "label_type": "uint8", "data_reshape": "28 28"}
    announcement = {"topic": "a:0:0:70000,b:1:12:12", "input_format": "RAW", "input_config": config, "total_msg": 7}
    rates = {"validation_rate": 0.1, "test_rate": 0.1, "description": "x", "incremental": None, "since_ms": 5}
    yield (
        "announcements",
        announced,
        [json.dumps(announcement | rates).encode(), b'{"topic":"a","input_format":"AVRO"}'],
    )


SUBJECTS = {name: (subject, seeds) for name, subject, seeds in subjects()}


def test_every_format_is_tried() -> None:
    assert {stream_format.name for stream_format in formats() if stream_format.by_hand} <= {
        "RAW",
        "JSON",
        "AVRO",
        "TELEGRAF_STR_JSON",
    }


@pytest.mark.soak
@pytest.mark.parametrize("name", SUBJECTS)
def test_any_bytes_are_read_or_refused(name: str) -> None:
    subject, seeds = SUBJECTS[name]
    with np.errstate(all="ignore"):
        for round_ in range(RECORDS // len(SUBJECTS) // BATCH):
            random_ = random.Random(f"{name} {round_}")
            values = [mutated(seeds, random_) for _ in range(BATCH)]
            try:
                subject(values)
            except Exception as error:
                raise AssertionError(f"round {round_} of {name}: {error!r}\n{values}") from error

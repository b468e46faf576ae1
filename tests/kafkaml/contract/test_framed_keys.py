"""Keys written by a registry's Protobuf serializers: the indexes in front of the value identify the message."""

from __future__ import annotations

import pytest

from kafkaml.codecs.registry import RegisteredSchema, SchemaKind
from kafkaml.contract.framed_keys import FramedKeys
from kafkaml.contract.protobuf_schema import ProtobufSchema, message_class

SCHEMA = """
syntax = "proto3"; package plant;
message Site { string name = 1; }
message Machine { string id = 1; message Part { int32 number = 1; } }
"""


@pytest.mark.parametrize(
    ("places", "message", "fields", "text"),
    [
        (b"\x00", "plant.Site", {"name": "north"}, "north"),
        (b"\x02\x02", "plant.Machine", {"id": "m-7"}, "m-7"),
        (b"\x04\x02\x00", "plant.Machine.Part", {"number": 5}, "5"),
    ],
)
def test_the_message_of_a_key_is_the_one_at_its_places(
    places: bytes, message: str, fields: dict[str, object], text: str
) -> None:
    written = message_class(ProtobufSchema.compiled(SCHEMA, {}).named(message))(**fields)
    keys = FramedKeys(lambda _schema_id: RegisteredSchema(SCHEMA, SchemaKind.PROTOBUF))
    assert keys(b"\0\0\0\0\7" + places + written.SerializeToString()) == text

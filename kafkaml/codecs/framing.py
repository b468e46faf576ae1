"""Confluent framing: 0x00 and the id of a schema in four bytes, as serializers of a Schema Registry begin each record.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
"""

from __future__ import annotations

import struct

from kafkaml.errors import DecodeError

__all__ = ["FRAME", "FRAME_BYTES", "framed", "schema_id_of"]

FRAME = struct.Struct(">bI")
FRAME_BYTES = FRAME.size


def framed(value: bytes) -> bool:
    """Whether ``value`` may begin with the id of a schema."""
    return len(value) > FRAME_BYTES and value[0] == 0


def schema_id_of(value: bytes) -> int:
    """Return the id that a record begins with; raises DecodeError for one that has none. Our own sinks write 0 for no
    id.
    """
    if not framed(value):
        raise DecodeError("the record does not begin with 0x00 and the id of a schema: expected Confluent framing")
    found: int = FRAME.unpack_from(value)[1]
    return found

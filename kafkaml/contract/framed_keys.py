"""FramedKeys: turns keys written by Schema Registry serializers into texts. Called by ``frames`` and by the
proposal.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import fastavro
import orjson

from kafkaml.codecs.avro import NO_RECORD
from kafkaml.codecs.avro_schema import plain_schema
from kafkaml.codecs.framing import FRAME_BYTES, framed, schema_id_of
from kafkaml.codecs.looks import shown
from kafkaml.codecs.registry import SchemaKind, SchemaLookup
from kafkaml.errors import DecodeError, KafkaMLError

__all__ = ["KEY_FRAMING", "FramedKeys"]

# Setting of a format: keys were written by serializers of a Schema Registry.
KEY_FRAMING = "key_confluent_framing"


class FramedKeys:
    """Callable: key -> text. The text of a key with one field is that field; the text of one with several is their
    JSON.

    Keys are still grouped by their bytes, as in Kafka's partitioning.
    """

    def __init__(self, lookup: SchemaLookup | None) -> None:
        self._lookup = lookup
        self._readers: dict[int, Callable[[bytes], Any]] = {}

    def __call__(self, key: bytes) -> str:
        """Raises DecodeError for a key that does not match its schema."""
        schema_id = schema_id_of(key)
        if schema_id not in self._readers:
            self._readers[schema_id] = self._reader(schema_id)
        found = self._readers[schema_id](key)
        if isinstance(found, dict) and len(found) == 1:
            (found,) = found.values()
        return found if isinstance(found, str) else orjson.dumps(found, default=str).decode()

    def can_read(self, key: bytes) -> bool:
        """Whether a key was written by a registry's serializer and can be read."""
        try:
            return framed(key) and bool(self(key))
        except KafkaMLError:
            return False

    def _reader(self, schema_id: int) -> Callable[[bytes], Any]:
        if self._lookup is None:
            raise DecodeError(
                "the key begins with 0x00 and the id of a schema, and there is no Schema Registry to ask",
                hint="set KML_SCHEMA_REGISTRY_URL for the platform, or read keys as bytes",
            )
        schema = self._lookup(schema_id)
        match schema.kind:
            case SchemaKind.JSON:
                return _json
            case SchemaKind.AVRO:
                parsed = plain_schema(schema.text, "keys")
                return lambda key: _avro(key, parsed)
            case SchemaKind.PROTOBUF:
                from kafkaml.contract.protobuf_loading import ProtobufLoader, message_places
                from kafkaml.contract.protobuf_schema import ProtobufSchema

                compiled = ProtobufSchema.compiled(schema.text, schema.imports)

                def message(key: bytes) -> Any:
                    places, start = message_places(key, FRAME_BYTES)
                    if places not in loaders:
                        name = compiled.at(places).full_name
                        config = {"data_scheme": schema.text, "imports": schema.imports, "message": name}
                        # The writer's own schema is used, so nothing has to be resolved and the frame is removed here.
                        loaders[places] = ProtobufLoader(config, None)
                    return loaders[places](key[start:])

                loaders: dict[tuple[int, ...], ProtobufLoader] = {}
                return message


def _json(key: bytes) -> Any:
    try:
        return orjson.loads(key[FRAME_BYTES:])
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"the key is not JSON after its schema's id ({shown(key, 40)})") from error


def _avro(key: bytes, schema: Any) -> Any:
    try:
        return fastavro.schemaless_reader(io.BytesIO(key[FRAME_BYTES:]), schema, None)
    except NO_RECORD as error:
        raise DecodeError(f"the key does not fit its Avro schema ({shown(key, 40)})") from error

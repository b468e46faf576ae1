"""ProtobufLoader: Protobuf records as Python objects. Called by ``loading``.

Unset fields get the language's default: zero, an empty text or list; None where presence is tracked (messages,
``optional``, ``oneof``). Enumerations become their names, timestamps times, durations seconds, wrappers their values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ProtobufError

from kafkaml.codecs.framing import FRAME_BYTES, schema_id_of
from kafkaml.codecs.looks import shown
from kafkaml.codecs.registry import SchemaKind, SchemaLookup
from kafkaml.contract.protobuf_schema import ProtobufSchema, conflict, message_class
from kafkaml.errors import DecodeError

__all__ = ["ProtobufLoader", "message_places"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_DEPTH = 20
_VARINT_BYTES = 10


class ProtobufLoader:
    """Reads records as the ``message`` of ``data_scheme``, the first one where none is named.

    With Confluent framing the registry gives the schema that a record was written with. A record of another message, or
    with a field of another meaning, is refused.
    """

    def __init__(self, config: Mapping[str, Any], lookup: SchemaLookup | None) -> None:
        text = config.get("data_scheme")
        if not isinstance(text, str) or not text.strip():
            raise DecodeError(
                "Protobuf records cannot be read without their schema: data_scheme is missing",
                hint="give the text of the .proto file, or set KML_SCHEMA_REGISTRY_URL where records begin with an id",
            )
        schema = ProtobufSchema.compiled(text, config.get("imports") or {})
        self._schema = schema
        self._message = schema.named(str(config.get("message") or ""))
        self._class = message_class(self._message)
        self._framing = bool(config.get("confluent_framing"))
        self._lookup = lookup
        self._writers: dict[tuple[int, tuple[int, ...]], DecodeError | None] = {}

    @property
    def names(self) -> Sequence[str]:
        """The fields of a record."""
        return [field.name for field in self._message.fields]

    def __call__(self, value: bytes) -> dict[str, Any]:
        start = self._behind_frame(value) if self._framing else 0
        try:
            message = self._class.FromString(value[start:])
        except ProtobufError as error:
            raise DecodeError(
                f"it is not a record of the Protobuf message {self._message.full_name} ({shown(value, 40)})",
                hint="check the schema; where records begin with the id of one, set confluent_framing",
            ) from error
        return _fields(message, self._message, _MAX_DEPTH)

    def _behind_frame(self, value: bytes) -> int:
        schema_id = schema_id_of(value)
        places, start = message_places(value, FRAME_BYTES)
        # Cache the verdict per writer, because there are few of them.
        writer = (schema_id, places)
        if writer not in self._writers:
            self._writers[writer] = self._trouble(schema_id, places)
        trouble = self._writers[writer]
        if trouble is not None:
            raise DecodeError(trouble.message, hint=trouble.hint)
        return start

    def _trouble(self, schema_id: int, places: tuple[int, ...]) -> DecodeError | None:
        """Return why records of a writer cannot be read, None where they can; errors of the registry pass through."""
        schema = self._schema
        if self._lookup is not None and schema_id:
            registered = self._lookup(schema_id)
            try:
                text = registered.text_of(SchemaKind.PROTOBUF, schema_id)
                schema = ProtobufSchema.compiled(text, registered.imports)
            except DecodeError as error:
                return error
        try:
            written = schema.at(places)
        except DecodeError as error:
            return error
        if written.full_name != self._message.full_name:
            return DecodeError(
                f"the record is a {written.full_name}: expected {self._message.full_name}",
                hint="messages of several kinds are several data sets",
            )
        odd = conflict(written, self._message)
        if odd:
            return DecodeError(
                f"the record was written by schema {schema_id}, which contradicts the contract's: {odd} in the other",
                hint="take a slice of records that were written by one of them",
            )
        return None


def message_places(value: bytes, start: int) -> tuple[tuple[int, ...], int]:
    """Return which message a framed record is, and where it begins; a single 0 stands for the first one.

    https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
    """
    count, start = _zigzag(value, start)
    if not count:
        return (0,), start
    if not 0 < count <= _MAX_DEPTH:
        raise DecodeError(
            f"the record does not say which message it is ({shown(value, 40)}): expected Confluent framing"
        )
    places = []
    for _ in range(count):
        place, start = _zigzag(value, start)
        places.append(place)
    return tuple(places), start


def _zigzag(value: bytes, start: int) -> tuple[int, int]:
    number = 0
    for place, byte in enumerate(value[start : start + _VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), start + place + 1
    raise DecodeError(f"the record ends before it says which message it is ({shown(value, 40)})")


def _fields(message: Any, descriptor: Descriptor, depth: int) -> dict[str, Any]:
    return {field.name: _field(message, field, depth) for field in descriptor.fields}


def _field(message: Any, field: FieldDescriptor, depth: int) -> Any:
    kind = field.message_type
    if kind is not None and kind.GetOptions().map_entry:
        inner = kind.fields_by_name["value"]
        entries = getattr(message, field.name)
        return {str(key): _value(entries[key], inner, depth) for key in entries}
    if field.is_repeated:
        return [_value(element, field, depth) for element in getattr(message, field.name)]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(getattr(message, field.name), field, depth)


def _value(value: Any, field: FieldDescriptor, depth: int) -> Any:
    kind = field.message_type
    if kind is not None:
        return _message(value, kind, depth)
    if field.enum_type is not None:
        known = field.enum_type.values_by_number.get(value)
        return str(value) if known is None else known.name
    return value


def _message(value: Any, kind: Descriptor, depth: int) -> Any:
    name = kind.full_name
    if name == "google.protobuf.Timestamp":
        try:
            return _EPOCH + timedelta(seconds=value.seconds, microseconds=value.nanos / 1000)
        except OverflowError as error:
            raise DecodeError(f"a time is {value.seconds} s after 1970: expected one of the years 1 to 9999") from error
    if name == "google.protobuf.Duration":
        return value.seconds + value.nanos / 1e9
    if name.startswith("google.protobuf.") and name.endswith("Value") and list(kind.fields_by_name) == ["value"]:
        return value.value
    if depth <= 0:
        raise DecodeError(f"the record has messages in messages of more than {_MAX_DEPTH} levels")
    return _fields(value, kind, depth - 1)

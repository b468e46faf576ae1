"""The formats of streams: each codec's module registers what it reads, how its records are shown, and its settings.

Every list of formats, in the API and in the pages, comes from here. A new format is a module that registers itself
and an import in ``kafkaml.codecs``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from kafkaml.codecs.base import Codec
from kafkaml.dtypes import dtype_from_wire, shape_from_wire
from kafkaml.errors import DecodeError
from kafkaml.input_format import add_format_name

__all__ = [
    "NO_LABELS",
    "NO_TYPE",
    "RegisteredSchema",
    "SchemaKind",
    "SchemaLookup",
    "Setting",
    "SettingKind",
    "StreamFormat",
    "declared_shape",
    "declared_type",
    "format_of",
    "formats",
    "register",
]


class SchemaKind(StrEnum):
    """The languages of schemas, by their names in Schema Registries."""

    AVRO = "AVRO"
    JSON = "JSON"
    PROTOBUF = "PROTOBUF"


@dataclass(frozen=True)
class RegisteredSchema:
    """A schema from a registry. ``imports`` are the texts of all schemas that it refers to, directly or indirectly, by
    name.
    """

    text: str
    kind: SchemaKind = SchemaKind.AVRO
    imports: Mapping[str, str] = field(default_factory=dict)

    def text_of(self, kind: SchemaKind, schema_id: int) -> str:
        """Return the text of a schema of this kind; raises DecodeError for another kind."""
        if self.kind != kind:
            raise DecodeError(
                f"the record was written by schema {schema_id}, which is one of {self.kind}: expected {kind}",
                hint="records of several formats are several data sets",
            )
        return self.text


# Returns the writer's schema with this id in the registry.
SchemaLookup = Callable[[int], RegisteredSchema]

# Types that old sinks write when they declare none.
NO_TYPE = (None, "", "None", "NoneType")
# The label type by which a user says that the key is not a label. ``NO_TYPE`` does not say that, because old sinks also
# write it for JSON with labels.
NO_LABELS = "none"


class SettingKind(StrEnum):
    """How a user enters a setting.

    * ``type``: A type of numbers, such as float32.
    * ``shape``: Lengths of axes, such as 28 28.
    * ``schema``: A schema, as text.
    """

    TYPE = "type"
    SHAPE = "shape"
    SCHEMA = "schema"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """An entry of ``input_config`` that a user may set; ``default`` where records cannot be read without it.

    ``labels``: setting it means that keys are labels.
    """

    name: str
    kind: SettingKind
    title: str
    help: str
    example: str = ""
    default: str = ""
    labels: bool = False


@dataclass(frozen=True, kw_only=True)
class StreamFormat:
    """A format, by its ``name`` on the wire.

    ``codecs`` makes the codecs of values and of keys (None: no labels) of an ``input_config``; it raises DecodeError
    when that is incomplete or contradictory. ``decoder`` is the format's name where users choose how records are shown;
    empty where that needs no codec. ``untold`` are defaults for a serving's ``input_config`` that neither announcement
    nor training sets, because the first record that a replica sees must not decide.

    Forms do not offer a format without ``by_hand``. Records that are ``text`` are shown unchanged, next to the sample.
    With ``wider`` the format also includes records that models cannot take. ``as_json(value, input_config)`` then gives
    their text. It returns None if the bytes alone decide how a record is shown.
    """

    name: str
    title: str
    codecs: Callable[[Mapping[str, Any], SchemaLookup | None], tuple[Codec, Codec | None]]
    settings: Sequence[Setting] = ()
    decoder: str = ""
    untold: Mapping[str, Any] = field(default_factory=dict)
    text: bool = False
    wider: bool = False
    by_hand: bool = True
    as_json: Callable[[bytes, Mapping[str, Any]], bytes | None] = lambda _value, _config: None


_formats: dict[str, StreamFormat] = {}


def register(stream_format: StreamFormat) -> None:
    """Make a format known everywhere."""
    _formats[stream_format.name] = stream_format
    add_format_name(stream_format.name)


def formats() -> tuple[StreamFormat, ...]:
    """Return all formats."""
    return tuple(_formats.values())


def format_of(name: str) -> StreamFormat:
    """Return the format of this name; raises DecodeError, which names the known ones."""
    if name not in _formats:
        raise DecodeError(f"input_format {name!r}: expected one of {', '.join(_formats)}")
    return _formats[name]


def declared_type(config: Mapping[str, Any], name: str, default: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that the entry ``name`` declares, or ``default``."""
    return default if config.get(name) in NO_TYPE else dtype_from_wire(str(config[name]))


def declared_shape(config: Mapping[str, Any], name: str) -> tuple[int, ...] | None:
    """Return the shape that the entry ``name`` declares; None where it is left to the data."""
    shape = config.get(name)
    return shape_from_wire(shape) if shape is not None and str(shape).strip() != "" else None

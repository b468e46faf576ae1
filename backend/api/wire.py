"""Messages of ``kafkaml.wire`` in the API: as fields of answers, and in its schema.

Nothing of a message is written again here: its fields, bounds and documentation are those of its class.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drf_spectacular.contrib.pydantic import PydanticExtension
from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema
from rest_framework import serializers

from backend.api.schema_fields import explain_inherited
from kafkaml.wire.message import Message

__all__ = ["MessageField"]


class MessageField(serializers.JSONField):
    """A document inside a row, returned unchanged, because it was checked on arrival. ``message`` is its class.

    Where it can be written, any object is accepted here, and the receiver checks it against the message.
    """

    default_error_messages = {"not_an_object": "expected an object"}

    def __init__(
        self, message: type[BaseModel], *, read_only: bool = True, allow_null: bool = True, **options: Any
    ) -> None:
        super().__init__(read_only=read_only, allow_null=allow_null, **options)
        self.message = message

    def to_internal_value(self, data: Any) -> Any:
        document = super().to_internal_value(data)
        if not isinstance(document, dict):
            self.fail("not_an_object")
        return document


class _Plain(GenerateJsonSchema):
    """Leaves out the titles of fields, which would only repeat their names."""

    def field_title_should_be_set(self, _schema: Any) -> bool:
        return False


class MessageFieldExtension(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]  # of the library
    """Describes MessageField."""

    target_class = MessageField

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        reference: dict[str, Any] = auto_schema.resolve_serializer(self.target.message, direction).ref
        return reference


class MessageExtension(PydanticExtension):  # type: ignore[no-untyped-call]  # of the library
    """Describes messages under the names of their classes. In requests, ``Request`` is added to the name.

    The base class has one schema for requests and answers, and describes enums a second time.
    """

    priority = 1

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        suffix = "Request" if direction == "request" else ""
        reference = f"#/components/schemas/{{model}}{suffix}"
        schema: dict[str, Any] = self.target.model_json_schema(
            ref_template=reference,
            schema_generator=_Plain,
            mode="validation" if direction == "request" else "serialization",
        )
        parts = schema.pop("$defs", {})
        classes = {class_.__name__: class_ for class_ in _subclasses(Message)}
        for name, part in {**parts, self.target.__name__: schema}.items():
            if name in classes:
                explain_inherited(part, classes[name])
        # Enums are inlined, because the generator gives each a name that is the same in all of the API.
        enums = {reference.format(model=name): part for name, part in parts.items() if "enum" in part}
        for name, part in parts.items():
            if "enum" not in part:
                auto_schema.registry.register_on_missing(
                    ResolvedComponent(  # type: ignore[no-untyped-call]
                        name=name + suffix,
                        type=ResolvedComponent.SCHEMA,
                        object=name + suffix,
                        schema=_in_place(part, enums),
                    )
                )
        return _in_place(schema, enums)


def _subclasses(class_: type[Message]) -> Iterator[type[Message]]:
    for subclass in class_.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _in_place(schema: dict[str, Any], enums: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the schema of a message without its title, and with the enums in place of references to them."""
    properties = {
        name: _with_enums(property_schema, enums) for name, property_schema in schema.get("properties", {}).items()
    }
    return {**{name: value for name, value in schema.items() if name != "title"}, "properties": properties}


def _with_enums(schema: dict[str, Any], enums: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if "anyOf" in schema:
        # The type of an optional enum is anyOf the enum and null.
        return {**schema, "anyOf": [_with_enums(option, enums) for option in schema["anyOf"]]}
    if schema.get("$ref") not in enums:
        return schema
    others = {name: value for name, value in schema.items() if name != "$ref"}
    return {"type": "string", "enum": enums[schema["$ref"]]["enum"], **others}

"""ProtobufSchema: the messages in the text of a .proto file, compiled by protoc.

Language: https://protobuf.dev/reference/protobuf/proto3-spec/, and proto2 and editions, as protoc reads them.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import DecodeError as ProtobufError

from kafkaml.errors import DecodeError

__all__ = ["ProtobufSchema", "conflict"]

# The name for protoc of the file without a name; no import may have it.
_FILE = "kafka-ml-schema.proto"
_TIMEOUT_SECONDS = 30.0
_MAX_TEXT = 1 << 20
# Some clients register a schema as an encoded FileDescriptorProto, which some registries return unchanged.
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
# Kinds that are equal on the wire and in meaning, and so can read each other's records.
_WIRE = {
    FieldDescriptor.TYPE_INT32: "integer",
    FieldDescriptor.TYPE_INT64: "integer",
    FieldDescriptor.TYPE_UINT32: "integer",
    FieldDescriptor.TYPE_UINT64: "integer",
    FieldDescriptor.TYPE_BOOL: "integer",
    FieldDescriptor.TYPE_ENUM: "integer",
    FieldDescriptor.TYPE_STRING: "text",
    FieldDescriptor.TYPE_BYTES: "text",
}


class ProtobufSchema:
    """``messages`` are all of the file, by their full names, outermost first in the order of the text."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        pool = descriptor_pool.DescriptorPool()
        for description in files.file:
            pool.Add(description)
        file = pool.FindFileByName(_FILE)
        self._outermost = list(file.message_types_by_name.values())
        self.messages: dict[str, Descriptor] = {}
        self._add(self._outermost)

    @classmethod
    def compiled(cls, text: str, imports: Mapping[str, str]) -> ProtobufSchema:
        """Compile a text. Its imports are found in ``imports``, by name, and among protoc's own files.

        Each is the text of a file, or its FileDescriptorProto in base64. Raises DecodeError with what protoc says.
        """
        return _compiled(text, tuple(sorted(imports.items())))

    def named(self, name: str) -> Descriptor:
        """Return a message, the first one without a name; raises DecodeError where there is none."""
        if not name and self._outermost:
            return self._outermost[0]
        if name not in self.messages:
            listed = ", ".join(self.messages) or "none"
            raise DecodeError(f"the Protobuf schema has no message {name!r}: it has {listed}")
        return self.messages[name]

    def at(self, places: Sequence[int]) -> Descriptor:
        """Return the message at ``places``. The first place is among the messages of the file, the next one among those
        nested in that message, and so on.

        Serializers of a Schema Registry write ``places`` before each record. Raises DecodeError if there is no such
        message.
        """
        among, found = self._outermost, None
        for place in places:
            if not 0 <= place < len(among):
                raise DecodeError(f"the record's message is {list(places)}, which its Protobuf schema does not have")
            found = among[place]
            among = list(found.nested_types)
        if found is None:
            raise DecodeError("the record does not say which message of its Protobuf schema it is")
        return found

    def _add(self, messages: Sequence[Descriptor]) -> None:
        for message in messages:
            # Entries of maps are messages on the wire only.
            if not message.GetOptions().map_entry:
                self.messages[message.full_name] = message
                self._add(list(message.nested_types))


def message_class(descriptor: Descriptor) -> Any:
    """Return the class for reading a message."""
    return message_factory.GetMessageClass(descriptor)


def conflict(writer: Descriptor, reader: Descriptor) -> str:
    """Return the field of ``writer``'s records that ``reader`` would misread; empty without one.

    A field that one of them lacks is harmless, because the reader skips it or finds it unset. Names may differ.
    """
    numbers = {field.number: field for field in reader.fields}
    for theirs in writer.fields:
        ours = numbers.get(theirs.number)
        if ours is not None and _meaning(theirs) != _meaning(ours):
            return f"field {theirs.number} is {theirs.name!r} ({_shown(theirs)}) in one, {ours.name!r} ({_shown(ours)})"
    return ""


def _meaning(field: FieldDescriptor) -> tuple[object, object]:
    kind = _WIRE.get(field.type, field.type)
    return kind, field.message_type.full_name if field.message_type is not None else None


def _shown(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return field.message_type.full_name
    names = descriptor_pb2.FieldDescriptorProto.DESCRIPTOR.enum_types_by_name["Type"].values_by_number
    return names[field.type].name.removeprefix("TYPE_").lower()


@lru_cache(maxsize=64)
def _compiled(text: str, imports: tuple[tuple[str, str], ...]) -> ProtobufSchema:
    if len(text) > _MAX_TEXT:
        raise DecodeError(f"the Protobuf schema has {len(text)} characters: expected at most {_MAX_TEXT}")
    with tempfile.TemporaryDirectory(prefix="kafka-ml-proto-") as name:
        folder = Path(name)
        ready = descriptor_pb2.FileDescriptorSet()
        for file_name, content in (*imports, (_FILE, text)):
            path = PurePosixPath(file_name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise DecodeError(
                    f"a Protobuf schema cannot be imported as {file_name[:80]!r}: expected a relative path"
                )
            if _BASE64.fullmatch(content):
                ready.file.append(_descriptor(file_name, content))
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(content, encoding="utf-8")
        out = folder / "descriptors"
        # Run protoc in a process of its own, because it exits after reporting an error.
        command = [sys.executable, "-I", "-m", "grpc_tools.protoc", f"-I{folder}", f"--descriptor_set_out={out}"]
        if ready.file:
            (folder / "ready").write_bytes(ready.SerializeToString())
            command.append(f"--descriptor_set_in={folder / 'ready'}")
        try:
            done = subprocess.run(
                [*command, "--include_imports", _FILE],
                cwd=folder,
                timeout=_TIMEOUT_SECONDS,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
        except subprocess.TimeoutExpired as error:
            raise DecodeError(f"the Protobuf schema was not compiled within {_TIMEOUT_SECONDS:g} s") from error
        if done.returncode != 0 or not out.exists():
            raise DecodeError(f"the Protobuf schema cannot be compiled: {_said(done.stderr)}")
        return ProtobufSchema(descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()))


def _descriptor(name: str, content: str) -> descriptor_pb2.FileDescriptorProto:
    try:
        found = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(content, validate=True))
    except (ValueError, ProtobufError) as error:
        raise DecodeError(
            f"the Protobuf schema {name} is neither the text of a .proto file nor a descriptor"
        ) from error
    found.name = name
    return found


def _said(output: str) -> str:
    """Return what protoc says, without its warnings."""
    reported = [line.partition(f"{_FILE}:") for line in output.splitlines()]
    # protoc also prints log lines, which do not name the file.
    lines = [f"line {rest}" for _, here, rest in reported if here and rest[:1].isdigit() and "warning:" not in rest]
    return "; ".join(lines)[:500] or output[-500:].strip() or "protoc gives no reason"

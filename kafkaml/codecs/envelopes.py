"""Objects that carry a record inside: Kafka Connect's ``{"schema", "payload"}`` and Debezium's change events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafkaml.codecs.base import DELETION
from kafkaml.errors import DecodeError

__all__ = ["CONNECT_NOTE", "DEBEZIUM_NOTE", "NO_ROW", "notes_of", "unwrapped"]

CONNECT_NOTE = (
    "records are in Kafka Connect's envelope: the payload of each was taken (schemas.enable=false in the connector's "
    "converter leaves the schema out)"
)
DEBEZIUM_NOTE = "records are Debezium's change events: the row after each change was taken"
# The gap of a Debezium event that does not concern a row.
NO_ROW = "a change event without a row"

_CREATED, _DELETED = ("c", "u", "r"), "d"


def unwrapped(sample: object) -> object:
    """Return the content of an envelope; ``sample`` itself where it is not one.

    Raises DecodeError with a gap for an envelope without a row: a deletion, or another Debezium event.
    """
    if not isinstance(sample, dict):
        return sample
    if _is_connect(sample):
        sample = sample["payload"]
        if sample is None:
            raise DecodeError("the payload is null: it is a deletion, and no sample", gap=DELETION)
    if not isinstance(sample, dict) or not _is_change(sample):
        return sample
    if sample["op"] in _CREATED and sample.get("after") is not None:
        return sample["after"]
    if sample["op"] == _DELETED:
        raise DecodeError("the change event is a deletion, and no sample", gap=DELETION)
    raise DecodeError(f"the change event of the kind {str(sample['op'])[:10]!r} holds no row", gap=NO_ROW)


def notes_of(sample: object) -> tuple[str, ...]:
    """Return a note about the envelopes around ``sample``."""
    notes = []
    if isinstance(sample, dict) and _is_connect(sample):
        notes.append(CONNECT_NOTE)
        sample = sample["payload"]
    if isinstance(sample, dict) and _is_change(sample):
        notes.append(DEBEZIUM_NOTE)
    return tuple(notes)


def _is_connect(sample: Mapping[str, Any]) -> bool:
    return len(sample) == 2 and "payload" in sample and (sample.get("schema", 0) is None or _is_schema(sample))


def _is_schema(sample: Mapping[str, Any]) -> bool:
    schema = sample.get("schema")
    return isinstance(schema, dict) and isinstance(schema.get("type"), str)


def _is_change(sample: Mapping[str, Any]) -> bool:
    """Whether it is a change event: an operation, and the row before or after it, or neither (a truncated table)."""
    if not isinstance(sample.get("op"), str) or not ("source" in sample or "after" in sample):
        return False
    return all(sample.get(side) is None or isinstance(sample[side], dict) for side in ("before", "after"))

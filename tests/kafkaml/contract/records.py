"""Records for tests of contracts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from kafkaml.records import ListBatch, Record
from kafkaml.wire.contract import FieldKind, RecordField

__all__ = ["batch_of", "cut", "field", "record"]

BEGAN_MS = 1_700_000_000_000


def field(name: str, kind: FieldKind = FieldKind.NUMBER) -> RecordField:
    """A field whose path has points in it."""
    return RecordField(path=tuple(name.split(".")), kind=kind)


def record(value: Any, *, key: bytes | None = None, place: int = 0, **more: Any) -> Record:
    """A record of a JSON value, or of bytes as they are; a second after the one of the ``place`` before."""
    data = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
    options = {"partition": 0, "timestamp_ms": BEGAN_MS + 1000 * place, **more}
    return Record("machines", offset=place, key=key, value=data, **options)


def batch_of(values: Iterable[Any], **more: Any) -> ListBatch:
    """A batch of JSON values, or of bytes as they are."""
    return ListBatch([record(value, place=place, **more) for place, value in enumerate(values)])


def cut(records: Sequence[Record], sizes: Sequence[int]) -> list[ListBatch]:
    """Records in batches of ``sizes``, over and over."""
    batches, start, turn = [], 0, 0
    while start < len(records):
        size = max(1, sizes[turn % len(sizes)])
        batches.append(ListBatch(records[start : start + size]))
        start, turn = start + size, turn + 1
    return batches

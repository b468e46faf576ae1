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
    """Return a field whose path has dots in it."""
    return RecordField(path=tuple(name.split(".")), kind=kind)


def record(value: Any, *, key: bytes | None = None, place: int = 0, **more: Any) -> Record:
    """Return a record of a JSON value, or of bytes unchanged; a second after the one of the ``place`` before."""
    data = value if isinstance(value, bytes) or value is None else orjson.dumps(value)
    options = {"partition": 0, "timestamp_ms": BEGAN_MS + 1000 * place, **more}
    return Record("machines", offset=place, key=key, value=data, **options)


def batch_of(values: Iterable[Any], **more: Any) -> ListBatch:
    """Return a batch of JSON values, or of bytes unchanged."""
    return ListBatch([record(value, place=place, **more) for place, value in enumerate(values)])


def cut(records: Sequence[Record], sizes: Sequence[int]) -> list[ListBatch]:
    """Yield the records in batches of ``sizes``, which repeat."""
    batches, start, turn = [], 0, 0
    while start < len(records):
        size = max(1, sizes[turn % len(sizes)])
        batches.append(ListBatch(records[start : start + size]))
        start, turn = start + size, turn + 1
    return batches

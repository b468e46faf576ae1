"""Included: chosen columns and fields of a record, as a JSON text that goes with its answer.

Values are the record's own, before the contract turns them into numbers. Made by ``compiled``.
"""

from __future__ import annotations

import base64
import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import orjson
import polars as pl

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.columns import CompiledColumn
from kafkaml.contract.kinds import HEADERS, column_name
from kafkaml.contract.loading import VALUE, field_names, loader_of
from kafkaml.contract.value_reader import Rows
from kafkaml.errors import DecodeError, RefusedError
from kafkaml.records import RecordBatch
from kafkaml.wire.contract import Contract, FieldKind

__all__ = ["Included"]

# Kafka's timestamp of a record becomes a number; times in its value become texts.
_TIMESTAMP = "_timestamp"
# Fields of every record that expressions may not use.
_KEY, _OFFSET = "_key", "_offset"
_NULL = b"null"
_WRITTEN_AS = orjson.OPT_NAIVE_UTC | orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY


def _as_it_is(value: pl.Expr) -> pl.Expr:
    return value


def _finite(value: pl.Expr) -> pl.Expr:
    # JSON numbers are always finite.
    return pl.when(value.is_finite()).then(value)


_WRITTEN: Mapping[FieldKind, Callable[[pl.Expr], pl.Expr]] = {
    FieldKind.NUMBER: _finite,
    FieldKind.NUMBERS: lambda value: value.list.eval(_finite(pl.element())),
    FieldKind.TIME: lambda value: value.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ"),
    FieldKind.BYTES: lambda value: value.bin.encode("base64"),
}


class Included:
    """``names`` are fields (``reading.temperature``, ``_key``, ``_headers.x``) or otherwise columns.

    A column has the value of its expression. Fields need not be declared in the contract. In a format without a fixed
    list of fields, such as JSON, any other name is taken for a field; records that lack the field give null. Raises
    RefusedError for a name that no record of the format can have.
    """

    def __init__(
        self,
        names: Sequence[str],
        columns: Sequence[CompiledColumn],
        fields: Mapping[Path, FieldKind],
        contract: Contract,
        lookup: SchemaLookup | None,
    ) -> None:
        paths = {path_text(path): path for path in fields}
        expressions = {column.name: column.expression for column in columns}
        # A value that is one array has no fields.
        there = () if (VALUE,) in fields else field_names(contract.format, contract.format_config, lookup)
        used: set[Path] = set()
        self._exprs: list[pl.Expr] = []
        # Fields that the contract does not declare are not in the frame, so they are read from the records again.
        self._undeclared: list[str] = []
        self._of_record: list[str] = []
        for name in names:
            path = (HEADERS, name.removeprefix(f"{HEADERS}.")) if name.startswith(f"{HEADERS}.") else paths.get(name)
            if path is not None:
                used.add(path)
                expr, kind = pl.col(column_name(path)), fields.get(path, FieldKind.TEXT)
            elif name in expressions:
                used |= expressions[name].fields
                expr, kind = expressions[name].expr, expressions[name].kind or FieldKind.TEXT
            elif name in (_KEY, _OFFSET):
                self._of_record.append(name)
                continue
            elif there is None or name in there or name.split(".")[0] in there:
                self._undeclared.append(name)
                continue
            else:
                raise _unknown(name, list(dict.fromkeys([*expressions, *paths, *there, _KEY, _OFFSET])))
            written = expr.dt.epoch("ms") if name == _TIMESTAMP else _WRITTEN.get(kind, _as_it_is)(expr)
            self._exprs.append(written.alias(name))
        self.fields = frozenset(used)
        self._load = loader_of(contract.format, contract.format_config, lookup) if self._undeclared else None

    def texts(self, data: pl.DataFrame, kept: Rows, batch: RecordBatch) -> list[bytes]:
        """Return the JSON object of each record ``kept`` of ``batch``; null where something is missing.

        ``data`` is their frame, with the ``fields``.
        """
        if not len(kept):
            return []
        parts = [self._of_frame(data, len(kept))] if self._exprs else []
        if self._load is not None:
            values = batch.values()
            parts.append([_object(self._undeclared_of(values[index])) for index in kept.tolist()])
        if self._of_record:
            columns = batch.columns()
            parts.append([_object(self._place_of(columns.keys[i], columns.offsets[i])) for i in kept.tolist()])
        return (
            parts[0] if len(parts) == 1 else [_joined(parts_of_record) for parts_of_record in zip(*parts, strict=True)]
        )

    def _of_frame(self, data: pl.DataFrame, count: int) -> list[bytes]:
        # An expression without fields gives a value per row only when the frame has a column.
        found = data if data.width else pl.select(pl.int_range(count).alias(""))
        document = found.select([pl.int_range(pl.len()).alias("\0"), *self._exprs]).drop("\0").write_ndjson()
        return document.encode().splitlines()

    def _undeclared_of(self, value: bytes | None) -> Iterable[tuple[str, bytes]]:
        assert self._load is not None, "asked for where something is undeclared"
        try:
            record = self._load(value or b"")
        except DecodeError:
            # A record must not lose its answer over a field that is only carried along.
            record = None
        return [(name, _json(_found(record, name))) for name in self._undeclared]

    def _place_of(self, key: bytes | None, offset: int) -> Iterable[tuple[str, bytes]]:
        return [(name, _json(_text(key)) if name == _KEY else b"%d" % offset) for name in self._of_record]


def _text(key: bytes | None) -> str | bytes | None:
    """Return a key that the contract does not describe: as text, or unchanged where it is not text."""
    try:
        return None if key is None else key.decode()
    except UnicodeDecodeError:
        return key


def _found(record: Any, name: str) -> Any:
    """Return the value of a field, a key of the record itself or one along a path; None where there is none."""
    if not isinstance(record, Mapping):
        return None
    if name in record:
        return record[name]
    for part in name.split("."):
        if not isinstance(record, Mapping):
            return None
        record = record.get(part)
    return record


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value, _plain, _WRITTEN_AS)
    except (TypeError, ValueError):
        # The value is nested too deep, or an integer too large for JSON readers.
        return _NULL


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, (Decimal, np.generic)):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


def _object(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    return b"{" + b",".join(orjson.dumps(name) + b":" + text for name, text in pairs) + b"}"


def _joined(objects: Sequence[bytes]) -> bytes:
    return b"{" + b",".join(json_object[1:-1] for json_object in objects) + b"}"


def _unknown(name: str, known: Sequence[str]) -> RefusedError:
    close = difflib.get_close_matches(name, known, 1)
    return RefusedError(
        f"include names {name!r}, which is neither a column nor a field: expected some of {', '.join(known[:20])}, or "
        "_headers.NAME",
        hint=f"did you mean {close[0]}?" if close else "records of the data set's format have no such field",
    )

"""Included: chosen columns and fields of a record, as a JSON text that stands beside its answer.

Values are those of the record, before anything that the contract does to make numbers of them. Made by ``compiled``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

import polars as pl

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.contract.columns import CompiledColumn
from kafkaml.contract.kinds import HEADERS, column_name
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import FieldKind

__all__ = ["Included"]

# What Kafka calls the time of a record is a number; times in its value are texts.
_TIMESTAMP = "_timestamp"


def _as_it_is(value: pl.Expr) -> pl.Expr:
    return value


def _finite(value: pl.Expr) -> pl.Expr:
    # JSON has no other numbers.
    return pl.when(value.is_finite()).then(value)


_WRITTEN: Mapping[FieldKind, Callable[[pl.Expr], pl.Expr]] = {
    FieldKind.NUMBER: _finite,
    FieldKind.NUMBERS: lambda value: value.list.eval(_finite(pl.element())),
    FieldKind.TIME: lambda value: value.dt.to_string("%Y-%m-%dT%H:%M:%S%.fZ"),
    FieldKind.BYTES: lambda value: value.bin.encode("base64"),
}


class Included:
    """``names`` are fields (``reading.temperature``, ``_key``, ``_headers.x``) or, where there is none, columns.

    A column is what its expression gives. Raises RefusedError for a name that is neither.
    """

    def __init__(
        self, names: Sequence[str], columns: Sequence[CompiledColumn], fields: Mapping[Path, FieldKind]
    ) -> None:
        paths = {path_text(path): path for path in fields}
        expressions = {column.name: column.expression for column in columns}
        used: set[Path] = set()
        self._exprs: list[pl.Expr] = []
        for name in names:
            path = (HEADERS, name.removeprefix(f"{HEADERS}.")) if name.startswith(f"{HEADERS}.") else paths.get(name)
            if path is not None:
                used.add(path)
                expr, kind = pl.col(column_name(path)), fields.get(path, FieldKind.TEXT)
            elif name in expressions:
                used |= expressions[name].fields
                expr, kind = expressions[name].expr, expressions[name].kind or FieldKind.TEXT
            else:
                raise _unknown(name, [*expressions, *paths])
            written = expr.dt.epoch("ms") if name == _TIMESTAMP else _WRITTEN.get(kind, _as_it_is)(expr)
            self._exprs.append(written.alias(name))
        self.fields = frozenset(used)

    def texts(self, data: pl.DataFrame, count: int) -> list[bytes]:
        """Return the JSON object of each of the ``count`` rows of a frame with the ``fields``; null where missing."""
        if not count:
            return []
        # An expression without fields gives a value for each row only beside a column.
        found = data if data.width else pl.select(pl.int_range(count).alias(""))
        document = found.select([pl.int_range(pl.len()).alias("\0"), *self._exprs]).drop("\0").write_ndjson()
        return document.encode().splitlines()


def _unknown(name: str, known: Sequence[str]) -> RefusedError:
    close = difflib.get_close_matches(name, known, 1)
    return RefusedError(
        f"include names {name!r}, which is no column and no field: expected some of {', '.join(known[:20])}, or "
        "_headers.NAME",
        hint=f"did you mean {close[0]}?" if close else "name it among the fields of the data set's contract",
    )

"""FewReader: a few JSON objects as a frame, without what Polars costs for any at all. Called by ``json_frames``.

Takes nothing but plain records, about which Python's reader and Polars cannot differ: every other batch is left to the
caller. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import polars as pl

from kafkaml.codecs.field_names import Path
from kafkaml.contract.kinds import DTYPES, column_name
from kafkaml.wire.contract import FieldKind

__all__ = ["MAX_FEW", "FewReader"]

# From here on Polars is the faster one.
MAX_FEW = 32
# Whole numbers below it are themselves as float64.
_MAX_EXACT = 1 << 53
# Records nested deeper are for those who know what is too deep.
_MAX_BRACKETS = 100


class FewReader:
    """``fields`` are read as ``JsonReader`` does."""

    def __init__(self, fields: Mapping[Path, FieldKind]) -> None:
        # A name that is twice in a record may be one of a key that is twice: which of the two counts, Polars decides.
        self._names = sorted({orjson.dumps(name) for path in fields for name in path})
        self._columns = [
            (path, column_name(path), DTYPES[FieldKind.TEXT if kind in _AS_TEXT else kind], _PLAIN[kind])
            for path, kind in fields.items()
        ]

    def read(self, values: Sequence[bytes]) -> pl.DataFrame | None:
        """Return the frame of ``values``, times and bytes as texts; None where one of them may be other than plain."""
        try:
            rows = [self._row(value) for value in values]
        except (_OddError, ValueError):
            return None
        return pl.DataFrame(
            [
                pl.Series(name, list(column), dtype=dtype, strict=True)
                for (_, name, dtype, _), column in zip(self._columns, zip(*rows, strict=True), strict=True)
            ]
        )

    def _row(self, value: bytes) -> list[Any]:
        if b"\\" in value or value.count(b"[") + value.count(b"{") > _MAX_BRACKETS:
            # Names have several spellings with backslashes.
            raise _OddError
        for spelled in self._names:
            if value.count(spelled) > 1:
                raise _OddError
        record = orjson.loads(value)
        row = []
        for path, _, _, plain in self._columns:
            found = record
            for name in path:
                if type(found) is not dict:
                    if found is None and found is not record:
                        break
                    raise _OddError
                found = found.get(name)
            row.append(None if found is None else plain(found))
        return row


class _OddError(Exception):
    """A record is left to others, who may read it all the same."""


def _number(value: Any) -> float:
    if type(value) is float or (type(value) is int and -_MAX_EXACT < value < _MAX_EXACT):
        return float(value)
    raise _OddError


def _integer(value: Any) -> int:
    if type(value) is int and -_MAX_EXACT < value < _MAX_EXACT:
        return value
    raise _OddError


def _only(kind: type) -> Callable[[Any], Any]:
    def plain(value: Any) -> Any:
        if type(value) is kind:
            return value
        raise _OddError

    return plain


def _numbers(value: Any) -> list[float]:
    if type(value) is list:
        return [_number(each) for each in value]
    raise _OddError


_AS_TEXT = (FieldKind.TIME, FieldKind.BYTES)
_PLAIN: Mapping[FieldKind, Callable[[Any], Any]] = {
    FieldKind.NUMBER: _number,
    FieldKind.INTEGER: _integer,
    FieldKind.BOOLEAN: _only(bool),
    FieldKind.TEXT: _only(str),
    FieldKind.TIME: _only(str),
    FieldKind.BYTES: _only(str),
    FieldKind.NUMBERS: _numbers,
}

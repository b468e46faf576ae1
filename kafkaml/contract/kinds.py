"""The kinds of fields as columns: types, names of columns, spellings of times. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import polars as pl

from kafkaml.codecs.field_names import Path
from kafkaml.wire.contract import FieldKind

__all__ = ["DTYPES", "HEADERS", "column_name", "number_text", "parsed_time", "time_of_number", "time_of_text"]

# The object that holds the headers of a record.
HEADERS = "_headers"

DTYPES: dict[FieldKind, pl.DataType] = {
    FieldKind.NUMBER: pl.Float64(),
    FieldKind.INTEGER: pl.Int64(),
    FieldKind.BOOLEAN: pl.Boolean(),
    FieldKind.TEXT: pl.String(),
    FieldKind.TIME: pl.Datetime("us", "UTC"),
    FieldKind.NUMBERS: pl.List(pl.Float64()),
    FieldKind.BYTES: pl.Binary(),
}

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Numeric times do not name their unit, so it is guessed by size: milliseconds from 1e11 (1973, or 5138 in seconds),
# microseconds from 1e14, nanoseconds from 1e17.
_UNITS = ((1e17, 1000, 1), (1e14, 1, 1), (1e11, 1, 1000), (0.0, 1, 1_000_000))
_MAX_MICROSECONDS = 8_000_000_000_000_000_000
_EXACT = 2.0**53


def column_name(path: Path) -> str:
    """Return the name of a field's column in a frame, unique among paths."""
    return path[0] if len(path) == 1 else "\x1f".join(path)


def number_text(number: pl.Expr) -> pl.Expr:
    """Return numbers as texts. Integers have no point, so that 1 and 1.0 are one class; NaN becomes NULL."""
    whole = (number == number.floor()) & (number.abs() <= _EXACT)
    text = pl.when(whole).then(number.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(number.cast(pl.String))
    return pl.when(number.is_not_nan()).then(text)


def parsed_time(text: str | None) -> datetime | None:
    """Return a time written as ISO 8601, or as a number since 1970 (``time_of_number``); None for anything else.

    Without a zone it is UTC.
    """
    if not text or len(text) > 64:
        return None
    try:
        return time_of_number(int(text) if text.lstrip("-").isdecimal() else float(text))
    except ValueError:
        pass
    try:
        time = datetime.fromisoformat(text.strip())
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def time_of_text(text: pl.Expr) -> pl.Expr:
    """Return texts as times; NULL for texts that are not times."""
    return text.map_batches(_times, return_dtype=DTYPES[FieldKind.TIME], is_elementwise=True)


def _times(texts: pl.Series) -> pl.Series:
    return pl.Series([parsed_time(text) for text in texts.to_list()], dtype=DTYPES[FieldKind.TIME])


def time_of_number(number: float) -> datetime | None:
    """Return the time ``number`` seconds, milliseconds, microseconds or nanoseconds (judged by its size) after 1970."""
    if not math.isfinite(number):
        return None
    divisor, factor = next((divisor, factor) for least, divisor, factor in _UNITS if abs(number) >= least)
    microseconds = number * factor // divisor if isinstance(number, int) else round(number * factor / divisor)
    try:
        return _EPOCH + timedelta(microseconds=microseconds) if abs(microseconds) <= _MAX_MICROSECONDS else None
    except OverflowError:
        return None

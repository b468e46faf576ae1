"""Values of fields as loaders give them, as the kinds that a contract declares. Pure; called by ``frames``."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np

from kafkaml.contract.kinds import parsed_time, time_of_number
from kafkaml.contract.loading import number_of
from kafkaml.wire.contract import FieldKind

__all__ = ["Wrong", "converted", "text_converted"]

_TRUE, _FALSE = ("true", "t", "yes", "1"), ("false", "f", "no", "0")
_INT64 = 1 << 63


class Wrong(Exception):
    """A value is of another kind than declared."""

    def __init__(self, value: Any, expected: str) -> None:
        super().__init__(expected)
        self.value = value
        self.expected = expected


def converted(value: Any, kind: FieldKind) -> Any:
    """Return ``value``, which is not None, in Polars' form of the kind; raises Wrong for one of another kind."""
    return _CONVERTERS[kind](value)


def text_converted(decimal: str) -> Callable[[Any, FieldKind], Any]:
    """Return the same for values that are all texts, with ``decimal`` between whole and fraction."""

    def convert(value: str, kind: FieldKind) -> Any:
        if kind in (FieldKind.NUMBER, FieldKind.INTEGER):
            number = number_of(value, decimal)
            if number is None:
                raise Wrong(value, "a number")
            return converted(number, kind)
        if kind == FieldKind.BOOLEAN:
            low = value.lower()
            if low not in _TRUE and low not in _FALSE:
                raise Wrong(value, "true or false")
            return low in _TRUE
        return converted(value, kind)

    return convert


def _number(value: Any) -> float:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            pass
    raise Wrong(value, "a number")


def _integer(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and -_INT64 <= value < _INT64:
        return value
    raise Wrong(value, "a whole number of 64 bits")


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    raise Wrong(value, "true or false")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict, bytes)):
        raise Wrong(value, "a text")
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)


def _time(value: Any) -> datetime:
    found: datetime | None = None
    if isinstance(value, datetime):
        found = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    elif isinstance(value, date):
        found = datetime(value.year, value.month, value.day, tzinfo=UTC)
    elif isinstance(value, str):
        found = parsed_time(value)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found = time_of_number(value)
    if found is None:
        raise Wrong(value, "a time, such as 2026-01-31T12:30:00Z or milliseconds since 1970")
    return found


def _numbers(value: Any) -> list[float]:
    try:
        array = np.asarray(value) if isinstance(value, (list, np.ndarray)) else None
    except (ValueError, OverflowError):
        array = None
    if array is None or (array.size and array.dtype.kind not in "iuf"):
        raise Wrong(value, "a list of numbers")
    flat: list[float] = array.astype(np.float64).ravel().tolist()
    return flat


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise Wrong(value, "bytes, or a text of them in base64")


_CONVERTERS: dict[FieldKind, Callable[[Any], Any]] = {
    FieldKind.NUMBER: _number,
    FieldKind.INTEGER: _integer,
    FieldKind.BOOLEAN: _boolean,
    FieldKind.TEXT: _text,
    FieldKind.TIME: _time,
    FieldKind.NUMBERS: _numbers,
    FieldKind.BYTES: _bytes,
}

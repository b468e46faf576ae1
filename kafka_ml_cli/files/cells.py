"""Cells: one column of a table file, a batch at a time, as numbers, text or what else it holds.

Conversions are exact: a text such as ``1.013,2`` that is not a plain number stays text and is never guessed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["FALSE_WORDS", "TRUE_WORDS", "Cells", "Kind", "Reading", "cells_of", "texts_of"]

# What programs write where a number is missing. A blank cell is missing whatever the words are.
_MISSING_NUMBERS = (
    "na",
    "n/a",
    "nan",
    "-nan",
    "null",
    "none",
    "nil",
    "?",
    "-",
    "--",
    ".",
    "#n/a",
    "#na",
    "<na>",
    "missing",
)
# Words such as "none" and "-" do not mean a missing cell in a column of text, where they may be names of classes.
_MISSING_TEXTS = ("na", "n/a", "nan", "null", "?", "#n/a", "<na>")
TRUE_WORDS = ("true", "yes")
FALSE_WORDS = ("false", "no")

_NUMBER = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_NUMBER_OR_INFINITY = _NUMBER.removesuffix("$") + "$|^[+-]?[iI][nN][fF]"
_TIME = (
    r"^([0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.][0-9]{2,4}|[0-9]{1,2}:[0-9]{2})"
    r"([T ,]+[0-9]{1,2}:[0-9:.,]+)? *([AaPp][Mm]|Z|UTC|[+-][0-9:]{2,6})?$"
)
# Whole numbers up to here are exact as float64.
_EXACT_FLOAT64 = 1 << 53


class Kind(StrEnum):
    """What a column holds, the words as messages use them."""

    NOTHING = "nothing"
    WHOLE = "whole numbers"
    NUMBER = "numbers"
    BOOLEAN = "true and false"
    TIME = "times"
    TEXT = "text"
    ARRAY = "arrays"
    OTHER = "objects"

    @property
    def numeric(self) -> bool:
        return self in (Kind.WHOLE, Kind.NUMBER, Kind.BOOLEAN, Kind.NOTHING)


@dataclass(frozen=True)
class Reading:
    """How text is read: the ``decimal`` mark, the ``thousands`` mark ("" for none), and the words for a missing cell
    (None: the usual ones).
    """

    decimal: str = "."
    thousands: str = ""
    missing: tuple[str, ...] | None = None

    def missing_words(self, kind: Kind) -> tuple[str, ...]:
        if self.missing is not None:
            return self.missing
        return _MISSING_TEXTS if kind is Kind.TEXT else _MISSING_NUMBERS


@dataclass(frozen=True)
class Cells:
    """A column's cells: ``values`` (rows, ...) where they are numbers, otherwise None; ``missing`` (rows,), bool.

    ``odd`` is the place of the first cell that is not a number, with its text, where the kind is text or times.
    """

    kind: Kind
    values: npt.NDArray[Any] | None
    missing: npt.NDArray[np.bool_]
    odd: tuple[int, str] | None = None
    mixed: bool = False


def cells_of(column: pa.Array, reading: Reading) -> Cells:
    """Return what ``column`` holds. Text that is all numbers counts as numbers."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return _from_text(column.cast(pa.string()), reading)
    missing = np.asarray(column.is_null(nan_is_null=True))
    if pa.types.is_boolean(kind):
        return Cells(Kind.BOOLEAN, _filled(column, False).astype(np.int64), missing)
    if pa.types.is_integer(kind):
        whole = _filled(column, 0)
        return Cells(Kind.WHOLE, whole if whole.dtype == np.uint64 else whole.astype(np.int64), missing)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _from_floats(_filled(column.cast(pa.float64()), 0.0), missing)
    if pa.types.is_null(kind):
        return Cells(Kind.NOTHING, np.zeros(len(column)), missing)
    if pa.types.is_temporal(kind):
        return Cells(Kind.TIME, None, missing, _first(column, ~missing))
    if _is_list(kind):
        return _from_lists(column, missing)
    return Cells(Kind.OTHER, None, missing, _first(column, ~missing))


def texts_of(column: pa.Array, reading: Reading) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return a column's cells as text, without blanks around them, and which are missing."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        column = pa.array([None if number is None else f"{number:.17g}" for number in column.to_pylist()], pa.string())
    text = _trimmed(column.cast(pa.string()))
    missing = _missing(text, reading.missing_words(Kind.TEXT))
    return np.array(text.fill_null("").to_pylist(), object), missing


def _from_text(column: pa.Array, reading: Reading) -> Cells:
    text = _trimmed(column)
    missing = _missing(text, reading.missing_words(Kind.NUMBER))
    text = pc.if_else(pa.array(missing), pa.scalar(None, pa.string()), text)
    if missing.all():
        return Cells(Kind.NOTHING, np.zeros(len(text)), missing)
    plain = _plain_numbers(text, reading)
    if plain is not None:
        with_values = _numbers(plain)
        if with_values is not None:
            kind, values = with_values
            return Cells(kind, values, missing) if kind is Kind.WHOLE else _from_floats(values, missing, plain)
    return _from_words(text, missing, reading)


def _from_words(text: pa.Array, missing: npt.NDArray[np.bool_], reading: Reading) -> Cells:
    """Return text that is not all numbers."""
    lower = pc.utf8_lower(text)
    present = ~missing
    true = np.asarray(pc.is_in(lower, pa.array(TRUE_WORDS)))
    if (true | np.asarray(pc.is_in(lower, pa.array(FALSE_WORDS))) | missing).all():
        return Cells(Kind.BOOLEAN, true.astype(np.int64), missing)
    plain = _plain_numbers(text, reading, keep_others=True)
    number = np.asarray(pc.match_substring_regex(plain, _NUMBER).fill_null(False))
    odd = _first(text, present & ~number)
    time = np.asarray(pc.match_substring_regex(text, _TIME).fill_null(False))
    if (time | missing).all():
        return Cells(Kind.TIME, None, missing, odd)
    return Cells(Kind.TEXT, None, missing, odd, mixed=bool(number.any()))


def _trimmed(text: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(text)


def _missing(text: pa.Array, words: Sequence[str]) -> npt.NDArray[np.bool_]:
    known = pa.array(["", *(word.lower() for word in words)], pa.string())
    return np.asarray(pc.or_(text.is_null(), pc.is_in(pc.utf8_lower(text), known)))


def _plain_numbers(text: pa.Array, reading: Reading, *, keep_others: bool = False) -> pa.Array | None:
    """Return ``text`` with a point for the decimal mark and without marks of thousands.

    None when a cell uses the marks in another way; with ``keep_others`` such cells become a text that is not a number.
    """
    if reading.decimal == "." and not reading.thousands:
        return text
    mark, decimal = _escaped(reading.thousands), _escaped(reading.decimal)
    group = f"[0-9]{{1,3}}({mark}[0-9]{{3}})+|" if reading.thousands else ""
    right = pc.match_substring_regex(text, f"^[+-]?({group}[0-9]*)({decimal}[0-9]*)?([eE][+-]?[0-9]+)?$")
    if not keep_others and not pc.all(right).as_py():
        return None
    plain = pc.replace_substring(text, reading.thousands, "") if reading.thousands else text
    if reading.decimal != ".":
        plain = pc.replace_substring(plain, reading.decimal, ".")
    return pc.if_else(right, plain, pa.scalar("no number")) if keep_others else plain


def _escaped(mark: str) -> str:
    return f"[{mark}]" if mark not in ("", "^", "\\") else mark


def _numbers(text: pa.Array) -> tuple[Kind, npt.NDArray[Any]] | None:
    """Return the numbers that ``text`` writes, or None when a cell writes none."""
    if pc.any(pc.starts_with(text, "+")).as_py():
        text = pc.replace_substring_regex(text, r"^\+([0-9.])", r"\1")
    # A cast that fails is slow, and one to integers would take hexadecimal numbers.
    if not pc.any(pc.match_substring_regex(text, r"[^0-9-]")).as_py():
        for kind in (pa.int64(), pa.uint64()):
            try:
                return Kind.WHOLE, _filled(pc.cast(text, kind), 0)
            except pa.ArrowInvalid:
                continue
    if not pc.all(pc.match_substring_regex(text.slice(0, 100), _NUMBER_OR_INFINITY)).as_py():
        return None
    try:
        return Kind.NUMBER, _filled(pc.cast(text, pa.float64()), 0.0)
    except pa.ArrowInvalid:
        return None


def _from_floats(values: npt.NDArray[Any], missing: npt.NDArray[np.bool_], text: pa.Array | None = None) -> Cells:
    """Return numbers with fractions. Infinity, and whole numbers that no type holds, are odd."""
    bad = ~np.isfinite(values)
    large = np.abs(values, where=~bad, out=np.zeros_like(values)) >= _EXACT_FLOAT64
    if text is not None:
        for index in np.flatnonzero(large).tolist():
            digits = str(text[index].as_py())
            bad[index] |= digits.lstrip("+-").isdecimal() and int(digits) != int(values[index])
    odd = np.flatnonzero(bad & ~missing)
    if len(odd):
        first = int(odd[0])
        return Cells(Kind.TEXT, None, missing, (first, str(values[first] if text is None else text[first])), mixed=True)
    return Cells(Kind.NUMBER, values, missing)


def _from_lists(column: pa.Array, missing: npt.NDArray[np.bool_]) -> Cells:
    """Return equally shaped lists of numbers as one array (rows, *shape)."""
    if missing.all():
        return Cells(Kind.NOTHING, np.zeros(len(column)), missing)
    shape: list[int] = []
    present = column.filter(pa.array(~missing)) if missing.any() else column
    inner = present
    rows = len(present)
    while _is_list(inner.type):
        lengths = np.asarray(pc.list_value_length(inner).fill_null(-1))
        differing = np.flatnonzero(lengths != lengths[0])
        if len(differing) or lengths[0] < 1:
            place = int(differing[0]) // max(1, len(inner) // rows) if len(differing) else 0
            place = int(np.flatnonzero(~missing)[place])
            return Cells(Kind.OTHER, None, missing, (place, _short(column[place].as_py())))
        shape.append(int(lengths[0]))
        inner = inner.flatten()
    cells = cells_of(inner, Reading())
    if cells.values is None or cells.missing.any() or cells.kind is Kind.NOTHING:
        place = int(np.flatnonzero(~missing)[0])
        return Cells(Kind.OTHER, None, missing, (place, _short(column[place].as_py())))
    values = np.zeros((len(column), *shape), cells.values.dtype)
    values[~missing] = cells.values.reshape(rows, *shape)
    return Cells(Kind.ARRAY, values, missing)


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _filled(column: pa.Array, value: object) -> npt.NDArray[Any]:
    return np.asarray(column.fill_null(value) if column.null_count else column)


def _first(column: pa.Array, where: npt.NDArray[np.bool_]) -> tuple[int, str] | None:
    found = np.flatnonzero(where)
    return None if not len(found) else (int(found[0]), _short(column[int(found[0])].as_py()))


def _short(value: object, limit: int = 60) -> str:
    text = str(value)
    return text if len(text) <= limit else text[:limit] + "..."

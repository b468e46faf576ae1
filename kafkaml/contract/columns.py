"""Columns: the expressions of a contract over a frame, as rows of fixed width that can be appended to a file.

A row holds the values of a record before anything is learnt: numbers as float64 (NaN where missing), texts as codes
(``texts``), lists and pictures as they are. Training and serving make the same rows from the same records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.contract.expressions import CompiledExpression, ExpressionError, compile_expression
from kafkaml.contract.images import picture
from kafkaml.contract.kinds import number_text
from kafkaml.contract.texts import MISSING, UNKNOWN, Texts
from kafkaml.contract.value_reader import Failures
from kafkaml.errors import DecodeError, RefusedError
from kafkaml.wire.contract import Column, Encoding, FieldKind, Label, LabelKind, Missing, Scaling

__all__ = ["Array", "CompiledColumn", "RowColumns", "compile_columns", "compile_labels"]

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_NUMBERS = (FieldKind.NUMBER, FieldKind.INTEGER, FieldKind.BOOLEAN)
_AS_TEXT = (FieldKind.TEXT, FieldKind.INTEGER, FieldKind.NUMBER, FieldKind.BOOLEAN)
# Which kinds of expressions an encoding takes.
_TAKES: Mapping[Encoding, tuple[FieldKind, ...]] = {
    Encoding.NUMBER: _NUMBERS,
    Encoding.BOOLEAN: _NUMBERS,
    Encoding.CATEGORY: _AS_TEXT,
    Encoding.ONE_HOT: _AS_TEXT,
    Encoding.NUMBERS: (FieldKind.NUMBERS,),
    Encoding.IMAGE: (FieldKind.BYTES,),
}
_CODED = (Encoding.CATEGORY, Encoding.ONE_HOT)
_MAX_FLOAT32 = float(np.finfo(np.float32).max)
_MAX_EXACT = 1 << 53
_MAX_ELEMENTS = 10_000_000
_SHOWN = 6


@dataclass(frozen=True)
class CompiledColumn:
    """A column, or a label, and the place ``field`` of its values in rows of ``dtype``.

    ``spare``: a missing value does not drop the record, as with a label that only some records of a window need.
    ``closed``: a text outside its dictionary counts as missing.
    """

    name: str
    field: str
    expression: CompiledExpression
    encoding: Encoding
    dtype: np.dtype[Any]
    column: Column
    spare: bool = False
    closed: bool = False

    @property
    def coded(self) -> bool:
        """Whether the column's values are codes of texts."""
        return self.encoding in _CODED

    @property
    def plain(self) -> str | None:
        """The column of a frame that ``expr`` merely names; None where something is computed."""
        expr, kind = self.expression.expr, self.expression.kind
        as_it_is = (
            kind == FieldKind.TEXT if self.coded else self.encoding != Encoding.BOOLEAN or kind == FieldKind.BOOLEAN
        )
        return expr.meta.output_name() if as_it_is and expr.meta.is_column() else None

    @property
    def expr(self) -> pl.Expr:
        """The expression for Polars, named ``field``."""
        expr, kind = self.expression.expr, self.expression.kind
        if self.coded:
            expr = number_text(expr) if kind == FieldKind.NUMBER else expr.cast(pl.String)
        elif self.encoding == Encoding.BOOLEAN and kind != FieldKind.BOOLEAN:
            expr = expr != 0
        return expr.alias(self.field)


def compile_columns(columns: Sequence[Column], fields: Mapping[Path, FieldKind]) -> list[CompiledColumn]:
    """Return the features compiled; raises ContractError with all problems."""
    problems: list[Problem] = []
    compiled: list[CompiledColumn] = []
    names = [column.name for column in columns]
    for place, column in enumerate(columns):
        try:
            problem = _contradiction(column)
            if not column.name or names.index(column.name) != place:
                problem = ("name", f"two columns are called {column.name!r}" if column.name else "a column has no name")
            if problem is not None:
                problems.append(Problem(("columns", place, problem[0]), RefusedError(problem[1])))
            expression = compile_expression(column.expression, fields)
            _check_kind(expression, column.encoding)
            compiled.append(
                CompiledColumn(
                    column.name, f"c{place}", expression, column.encoding, _dtype(column.encoding, column), column
                )
            )
        except RefusedError as error:
            problems.append(Problem(("columns", place, "expression"), error))
    if problems:
        raise ContractError(problems)
    return compiled


def compile_labels(labels: Sequence[Label], fields: Mapping[Path, FieldKind], *, spare: bool) -> list[CompiledColumn]:
    """Return the labels compiled; raises ContractError with all problems."""
    problems: list[Problem] = []
    compiled: list[CompiledColumn] = []
    if len(labels) > 1 and any(label.kind == LabelKind.CLASS for label in labels):
        problems.append(
            Problem(
                ("labels",),
                RefusedError("a class must be the only label: expected one label, or several of the kind number"),
            )
        )
    for place, label in enumerate(labels):
        encoding = Encoding.CATEGORY if label.kind == LabelKind.CLASS else Encoding.NUMBER
        column = Column(name=label.name, expression=label.expression, encoding=encoding)
        if wrong := _wrong_classes(label):
            problems.append(Problem(("labels", place, "classes"), RefusedError(wrong)))
        try:
            expression = compile_expression(label.expression, fields)
            _check_kind(expression, encoding)
            dtype = _dtype(encoding, column)
            compiled.append(
                CompiledColumn(label.name, f"l{place}", expression, encoding, dtype, column, spare, closed=True)
            )
        except RefusedError as error:
            problems.append(Problem(("labels", place, "expression"), error))
    if problems:
        raise ContractError(problems)
    return compiled


def _wrong_classes(label: Label) -> str:
    if label.classes and label.kind == LabelKind.NUMBER:
        return "a number has no classes: expected the kind class"
    twice = next(
        (class_name for place, class_name in enumerate(label.classes) if class_name in label.classes[:place]), None
    )
    return "" if twice is None else f"the class {twice!r} is named twice"


def _dtype(encoding: Encoding, column: Column) -> np.dtype[Any]:
    if encoding in _CODED:
        return np.dtype("<i4")
    if encoding == Encoding.IMAGE:
        return np.dtype(("|u1", column.shape))
    if encoding == Encoding.NUMBERS:
        # Large values need all their digits until they are scaled.
        kind = "<f4" if column.scaling == Scaling.NONE else "<f8"
        return np.dtype((kind, (math.prod(column.shape),)))
    return np.dtype("<f8")


def _check_kind(expression: CompiledExpression, encoding: Encoding) -> None:
    kind = expression.kind
    if kind in _TAKES[encoding]:
        return
    hints = {
        FieldKind.TEXT: "CAST(... AS DOUBLE) makes a number of it; or take it as a category",
        FieldKind.TIME: "EXTRACT(EPOCH FROM ...) makes a number of it, EXTRACT(HOUR FROM ...) the hour",
        FieldKind.NUMBERS: "take it as numbers of a shape, or one of them: field[1]",
        FieldKind.BYTES: "take it as an image",
    }
    what = "nothing but NULL" if kind is None else f"{kind.value}"
    expected = " or ".join(kind.value for kind in _TAKES[encoding])
    raise ExpressionError(
        f"the expression gives {what}: as {encoding.value} expected {expected}",
        start=0,
        end=len(expression.text),
        hint=hints.get(kind, "") if kind is not None else "",
    )


def _contradiction(column: Column) -> tuple[str, str] | None:
    """Return the part of a column that contradicts the others, and the reason."""
    encoding, missing, scaling = column.encoding, column.missing, column.scaling
    listed = encoding in (Encoding.NUMBERS, Encoding.IMAGE)
    if listed != bool(column.shape):
        return "shape", f"{encoding.value} needs a shape" if listed else f"{encoding.value} has no shape"
    if encoding == Encoding.IMAGE and len(column.shape) not in (2, 3):
        return "shape", "an image has the shape height, width and, where it is coloured, channels"
    if encoding == Encoding.IMAGE and len(column.shape) == 3 and column.shape[2] > 4:
        return "shape", f"an image has 1 to 4 channels, not {column.shape[2]}"
    if math.prod(column.shape) > _MAX_ELEMENTS:
        return "shape", f"a shape of more than {_MAX_ELEMENTS} elements"
    if scaling != Scaling.NONE and encoding not in (Encoding.NUMBER, Encoding.NUMBERS):
        return "scaling", f"{encoding.value} cannot be scaled"
    if missing == Missing.MEAN and encoding not in (Encoding.NUMBER, Encoding.BOOLEAN):
        return "missing", f"{encoding.value} has no mean"
    if missing == Missing.LAST and listed:
        return "missing", f"for {encoding.value} the last value is not kept: drop the record"
    if missing == Missing.CONSTANT:
        return _wrong_constant(column)
    return None


def _wrong_constant(column: Column) -> tuple[str, str] | None:
    value = column.constant
    if value is None:
        return "constant", "there is no constant to replace missing values"
    if column.encoding == Encoding.IMAGE:
        return "missing", "a constant cannot replace an image: drop the record"
    if column.encoding in _CODED:
        return None if isinstance(value, (str, bool)) else ("constant", "the constant of a category is a text")
    if isinstance(value, str) or not math.isfinite(value) or abs(value) > _MAX_FLOAT32:
        return "constant", f"{value!r} is not a number that float32 holds"
    return None


@dataclass
class _Found:
    """The values of one column; ``bad`` rows and the error for each of them."""

    values: Array
    bad: Flags | None = None
    error: Callable[[int], DecodeError] | None = None


@dataclass
class RowColumns:
    """Makes rows. ``texts`` are the dictionaries of the coded columns, by ``field``."""

    columns: Sequence[CompiledColumn]
    texts: Mapping[str, Texts]
    _exprs: dict[str, pl.Expr] = field(init=False)
    # A query takes as long as everything else for a small batch. Columns that merely name a field do without one.
    _fields: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        plain = {column.field: column.plain for column in self.columns}
        self._fields = {name: found for name, found in plain.items() if found is not None}
        self._exprs = {column.field: column.expr for column in self.columns if column.field not in self._fields}

    def values(self, data: pl.DataFrame, count: int) -> pl.DataFrame:
        """Return the results of the expressions for ``data`` of ``count`` rows, by ``field``."""
        return _with_rows(data, count).with_columns(**self._series(data, count))

    def _series(self, data: pl.DataFrame, count: int) -> dict[str, pl.Series]:
        found = {name: data.get_column(name_of_field) for name, name_of_field in self._fields.items()}
        if self._exprs:
            # Collect in sequence, because handing columns to other threads takes longer than computing them.
            worked_out = _with_rows(data, count).with_columns_seq(*self._exprs.values())
            found |= {name: worked_out.get_column(name) for name in self._exprs}
        return found

    def fill(self, data: pl.DataFrame, rows: Array) -> tuple[Flags | None, Failures]:
        """Write the columns of ``data`` into the fields of ``rows``, one for each of its rows.

        Returns a mask of the bad rows (None: all are good), and the reason for each by its index.
        """
        found = self._series(data, len(rows))
        good: Flags | None = None
        failures: dict[int, DecodeError] = {}
        for column in self.columns:
            values = self._values(column, found[column.field])
            rows[column.field] = values.values
            if values.bad is None or values.error is None or not values.bad.any():
                continue
            good = np.ones(len(rows), np.bool_) if good is None else good
            good &= ~values.bad
            for row in np.flatnonzero(values.bad).tolist():
                if row not in failures:
                    failures[row] = values.error(row)
        return good, sorted(failures.items(), key=lambda failure: failure[0])

    def _values(self, column: CompiledColumn, series: pl.Series) -> _Found:
        if column.coded:
            return self._codes(column, series)
        if column.encoding == Encoding.NUMBERS:
            return _lists(column, series)
        if column.encoding == Encoding.IMAGE:
            return _pictures(column, series)
        return _numbers(column, series)

    def _codes(self, column: CompiledColumn, series: pl.Series) -> _Found:
        if series.null_count() and column.column.missing == Missing.CONSTANT:
            series = series.fill_null(_constant_text(column.column.constant))
        texts = series.to_list()
        values = self.texts[column.field].codes(texts)
        missing = values == MISSING
        unknown = values == UNKNOWN
        if not column.closed or column.spare or not unknown.any():
            return _Found(values, *_missing(column, missing))
        known = self.texts[column.field].names
        return _Found(
            values,
            missing | unknown,
            lambda row: _null(column) if missing[row] else _other_class(column, str(texts[row]), known),
        )


def _with_rows(data: pl.DataFrame, count: int) -> pl.DataFrame:
    """Return ``data``, with an added column where it has none, so that an expression without fields has rows too."""
    return data if data.width else pl.select(pl.int_range(count).alias(""))


def _constant_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _numbers(column: CompiledColumn, series: pl.Series) -> _Found:
    values = series.cast(pl.Float64).to_numpy()
    missing: Flags | None = None
    if series.null_count():
        missing = series.is_null().to_numpy()
        if column.column.missing == Missing.CONSTANT:
            values = np.where(missing, float(column.column.constant or 0), values)
            missing = None
    wrong = _not_held(values, missing)
    exact = series if column.expression.kind == FieldKind.INTEGER else None
    if exact is not None and len(values) and np.nanmax(np.abs(values), initial=0) >= _MAX_EXACT:
        rounded = (series.cast(pl.Float64).cast(pl.Int64, strict=False) != series).fill_null(value=False).to_numpy()
        wrong = rounded if wrong is None else wrong | rounded
    if wrong is None:
        return _Found(values, *_missing(column, missing))
    if column.spare:
        return _Found(np.where(wrong, np.nan, values))
    got = values

    def error(row: int) -> DecodeError:
        if missing is not None and missing[row]:
            return _null(column)
        return _odd_number(column, series[row], float(got[row]))

    bad = wrong if missing is None or not _drops(column) else wrong | missing
    return _Found(values, bad, error)


def _not_held(values: Array, missing: Flags | None) -> Flags | None:
    """Return a mask of the values that float32 cannot hold; None if it can hold all."""
    if not len(values):
        return None
    if missing is None:
        low, high = values.min(), values.max()
        # A NaN makes this comparison false too, and the slower check below then decides.
        if low >= -_MAX_FLOAT32 and high <= _MAX_FLOAT32:
            return None
    with np.errstate(invalid="ignore"):
        wrong = ~(np.abs(values) <= _MAX_FLOAT32)
    if missing is not None:
        wrong &= ~missing
    return wrong if wrong.any() else None


def _odd_number(column: CompiledColumn, got: Any, value: float) -> DecodeError:
    if isinstance(got, int):
        return DecodeError(
            f"{column.name} is {got}, which would be rounded: numbers are exact up to {_MAX_EXACT}",
            gap=f"a whole number above 2^53 in {column.name}",
            hint="an id is not a number to learn from: use it as a category, or leave it out",
        )
    token = "NaN" if math.isnan(value) else "infinity" if math.isinf(value) else "a number beyond float32"
    return DecodeError(
        f"{column.name} is {value}",
        gap=f"{token} in {column.name}",
        hint="CASE WHEN ... THEN ... END gives NULL, and so what the contract says of missing values",
    )


def _lists(column: CompiledColumn, series: pl.Series) -> _Found:
    size = math.prod(column.column.shape)
    values = np.zeros((len(series), size), column.dtype.base)
    missing = series.is_null().to_numpy()
    if missing.any() and column.column.missing == Missing.CONSTANT:
        values[missing] = float(column.column.constant or 0)
        missing = np.zeros(len(series), np.bool_)
    lengths = series.list.len().fill_null(0).to_numpy()
    whole = (lengths == size) & series.is_not_null().to_numpy()
    if whole.any():
        with np.errstate(over="ignore"):
            values[whole] = series.filter(pl.Series(whole)).explode().to_numpy().reshape(-1, size)
    odd = np.zeros(len(series), np.bool_)
    with np.errstate(invalid="ignore"):
        odd[whole] = ~(np.abs(values[whole]) <= _MAX_FLOAT32).all(axis=1)
    short = (lengths != size) & series.is_not_null().to_numpy()

    def error(row: int) -> DecodeError:
        if missing[row]:
            return _null(column)
        if short[row]:
            return DecodeError(
                f"{column.name} holds {lengths[row]} numbers: expected {size}",
                gap=f"another length in {column.name}",
            )
        return DecodeError(
            f"{column.name} holds NULL, NaN or a number beyond float32", gap=f"NaN or null in {column.name}"
        )

    return _Found(values, missing | short | odd, error)


def _pictures(column: CompiledColumn, series: pl.Series) -> _Found:
    values = np.zeros((len(series), *column.column.shape), np.uint8)
    errors: dict[int, DecodeError] = {}
    for row, data in enumerate(series.to_list()):
        try:
            if data is None:
                raise _null(column)
            values[row] = picture(data, column.column.shape, column.name)
        except DecodeError as error:
            errors[row] = error
    bad = np.zeros(len(series), np.bool_)
    bad[list(errors)] = True
    return _Found(values, bad, errors.__getitem__)


def _drops(column: CompiledColumn) -> bool:
    return column.column.missing == Missing.DROP and not column.spare


def _missing(column: CompiledColumn, missing: Flags | None) -> tuple[Flags | None, Callable[[int], DecodeError] | None]:
    """Return the errors of rows without a value; none where the contract fills in a value."""
    if missing is None or not _drops(column):
        return None, None
    return missing, lambda _row: _null(column)


def _other_class(column: CompiledColumn, got: str, known: Sequence[str]) -> DecodeError:
    names = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    return DecodeError(
        f"the label {column.name} is {got[:40]!r}: expected {names}",
        gap=f"another class in {column.name}",
        hint="name all classes of the label in the contract (classes)",
    )


def _null(column: CompiledColumn) -> DecodeError:
    used = ", ".join(path_text(path) for path in sorted(column.expression.fields)) or column.expression.text[:60]
    return DecodeError(
        f"{column.name} is NULL, or has no value ({used})",
        gap=f"null in {column.name}",
        hint="the contract can put a constant, the mean or the last value in its place",
    )

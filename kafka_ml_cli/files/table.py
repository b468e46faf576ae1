"""TableSamples: samples out of the columns of a CSV, Parquet or JSON file, read in parts.

A file is read twice. The first reading finds out what the columns hold, so that a file that cannot be sent whole is
refused before anything is sent. The second reading sends. Memory holds one part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kafka_ml_cli.files.cells import Cells, Kind, Reading, cells_of, texts_of
from kafka_ml_cli.files.choice import Choice, chosen_columns
from kafka_ml_cli.files.options import FileOptions
from kafka_ml_cli.files.samples import Part, Samples
from kafkaml.errors import RefusedError

__all__ = ["ColumnScan", "Table", "table_samples"]

# Float32 and float64 hold every whole number up to these two.
_EXACT_FLOAT32 = 1 << 24
_EXACT_FLOAT64 = 1 << 53
_MAX_CLASSES = 1000


class Table(Protocol):
    """A file of columns. ``reading`` says how its text writes numbers; ``notes`` what had to be assumed."""

    path: Path
    columns: list[str]
    reading: Reading
    notes: list[str]

    def described(self) -> str:
        """Return how the file was read, in a few words."""
        ...

    def batches(self, columns: list[int]) -> Iterator[list[pa.Array]]:
        """Iterate over the rows: per part the cells of ``columns``."""
        ...

    def row_number(self, place: int) -> int:
        """Return the number that users know the ``place``-th row by, counted from 0."""
        ...


@dataclass
class ColumnScan:
    """What one column holds in all rows. Places are rows from 0; ``odd`` is the first cell that is not a number.

    It has over 12 fields because one pass finds all that is asked of a column.
    """

    name: str
    index: int
    kind: Kind = Kind.NOTHING
    rows: int = 0
    missing: int = 0
    first_missing: int | None = None
    odd: tuple[int, str] | None = None
    # Whether the column holds numbers in addition to text.
    mixed: bool = False
    smallest: float | int = 0
    largest: float | int = 0
    unsigned: bool = False
    # Whether there is a whole number beyond what float32 holds exactly.
    wide: bool = False
    # The place and text of the first whole number beyond what float64 holds exactly.
    huge: tuple[int, str] | None = None
    # Whether there is a number that is not whole.
    fraction: bool = False
    shape: tuple[int, ...] = ()
    # Whether the column is 0, 1, 2, ... or 1, 2, 3, ..., as pandas and spreadsheets number rows.
    counts_up: bool = True
    _first: int = 0

    def add(self, cells: Cells, begin: int) -> None:
        """Take in the cells of rows from ``begin`` on."""
        self.rows += len(cells.missing)
        holes = np.flatnonzero(cells.missing)
        if len(holes) and self.first_missing is None:
            self.first_missing = begin + int(holes[0])
        self.missing += len(holes)
        if cells.odd is not None and self.odd is None:
            self.odd = (begin + cells.odd[0], cells.odd[1])
        self.mixed |= cells.mixed or (cells.kind is Kind.TEXT and self.kind.numeric and self.kind is not Kind.NOTHING)
        if cells.kind is not Kind.NOTHING:
            self.kind = _merged(self.kind, cells.kind)
        if cells.values is not None and cells.kind is not Kind.NOTHING:
            self._add_numbers(cells, begin)
        else:
            self.counts_up = False

    def _add_numbers(self, cells: Cells, begin: int) -> None:
        values = cells.values
        assert values is not None
        if cells.kind is Kind.ARRAY:
            if self.shape and self.shape != values.shape[1:]:
                self.kind, self.odd = Kind.OTHER, self.odd or (begin, f"an array of the shape {values.shape[1:]}")
            self.shape = values.shape[1:]
        present = values[~cells.missing]
        if not present.size:
            return
        low, high = present.min().item(), present.max().item()
        self.smallest, self.largest = min(self.smallest, low), max(self.largest, high)
        self.unsigned |= values.dtype == np.uint64
        self.fraction |= bool(present.dtype.kind == "f" and np.any(present % 1))
        if max(high, -low) > _EXACT_FLOAT32:
            with np.errstate(over="ignore"):
                beyond = np.abs(present.astype(np.float64)) > _EXACT_FLOAT32
                self.wide |= bool(np.any(beyond & (present.astype(np.float32).astype(np.float64) != present)))
        if self.huge is None and present.dtype.kind in "iu" and max(high, -low) > _EXACT_FLOAT64:
            rows = values.reshape(len(values), -1)
            outside = np.flatnonzero(((rows > _EXACT_FLOAT64) | (rows < -_EXACT_FLOAT64)).any(axis=1))
            self.huge = (begin + int(outside[0]), str(values[outside[0]]))
            self.wide = True
        if self.counts_up:
            if begin == 0:
                self._first = int(values.flat[0]) if cells.kind is Kind.WHOLE else -1
            expected = np.arange(self._first + begin, self._first + begin + len(values))
            self.counts_up = (
                cells.kind is Kind.WHOLE and self._first in (0, 1) and not cells.missing.any()
                and np.array_equal(values, expected)
            )  # fmt: skip


def _merged(one: Kind, other: Kind) -> Kind:
    kinds = {one, other} - {Kind.NOTHING}
    if len(kinds) <= 1:
        return next(iter(kinds), Kind.NOTHING)
    if kinds == {Kind.WHOLE, Kind.NUMBER}:
        return Kind.NUMBER
    return Kind.OTHER if kinds & {Kind.ARRAY, Kind.OTHER} else Kind.TEXT


def table_samples(table: Table, options: FileOptions) -> Samples:
    """Return the samples of a table. Raises RefusedError naming row, column and what to do."""
    scans = _scanned(table)
    if not scans[0].rows:
        raise RefusedError(f"{table.path} holds no rows" + (" below its header" if table.columns else ""))
    choice = chosen_columns(table, scans, options)
    return _TableReader(table, scans, choice, options).samples()


def _scanned(table: Table) -> list[ColumnScan]:
    scans = [ColumnScan(name, index) for index, name in enumerate(table.columns)]
    begin = 0
    for batch in table.batches(list(range(len(scans)))):
        for scan, column in zip(scans, batch, strict=True):
            scan.add(cells_of(column, table.reading), begin)
        begin += len(batch[0])
    return scans


@dataclass
class _Survey:
    """Rows with missing cells, rows without any cell, and how often each label occurs."""

    rows: int = 0
    incomplete: int = 0
    blank: int = 0
    # Row and position of the first missing cell.
    first: tuple[int, int] | None = None
    classes: dict[str, int] = field(default_factory=dict)

    def add(self, holes: npt.NDArray[np.bool_]) -> None:
        """Take in ``holes`` (columns, rows): true where a cell is missing."""
        # A row of one column is never blank, because its missing cell is a missing value.
        blank = holes.all(axis=0) if len(holes) > 1 else np.zeros(holes.shape[1], np.bool_)
        incomplete = np.flatnonzero(holes.any(axis=0) & ~blank)
        if len(incomplete) and self.first is None:
            row = int(incomplete[0])
            self.first = (self.rows + row, int(np.flatnonzero(holes[:, row])[0]))
        self.rows += holes.shape[1]
        self.incomplete += len(incomplete)
        self.blank += int(blank.sum())

    def count(self, labels: npt.NDArray[Any] | None) -> None:
        assert labels is not None
        for value, count in zip(*np.unique(labels, return_counts=True), strict=True):
            self.classes[str(value)] = self.classes.get(str(value), 0) + int(count)


class _TableReader:
    """Turns the chosen columns into arrays, part by part."""

    def __init__(self, table: Table, scans: list[ColumnScan], choice: Choice, options: FileOptions) -> None:
        self._table = table
        self._scans = scans
        self._choice = choice
        self._options = options
        self._features = [scans[index] for index in choice.features]
        self._labels = [scans[index] for index in choice.labels]
        self._check()
        self._feature_type = self._type_of("features", self._features)
        self._label_type = self._type_of("labels", self._labels) if self._labels and not self._text_labels else None

    @property
    def _text_labels(self) -> bool:
        return bool(self._labels) and not all(
            scan.kind in (Kind.WHOLE, Kind.NUMBER, Kind.ARRAY) for scan in self._labels
        )

    def samples(self) -> Samples:
        survey = self._survey()
        if survey.incomplete and not self._options.drop_missing:
            self._refuse_hole(survey)
        notes = [*self._table.notes, *self._choice.notes]
        if survey.incomplete:
            notes.append(f"{survey.incomplete:,} of {survey.rows:,} rows were left out: a cell is missing in each")
        if survey.blank:
            notes.append(f"{survey.blank:,} rows without any cell were left out")
        kept = max(0, survey.rows - survey.incomplete - survey.blank - self._options.skip)
        return Samples(
            count=kept if self._options.limit is None else min(kept, self._options.limit),
            features=[scan.name for scan in self._features],
            feature_type=self._feature_type.name,
            label=", ".join(scan.name for scan in self._labels) or None,
            label_type=None if not self._labels else ("string" if self._text_labels else _name(self._label_type)),
            classes=survey.classes if 1 < len(survey.classes) <= _MAX_CLASSES else None,
            described=self._table.described(),
            notes=notes,
            parts=self._parts,
        )

    def _survey(self) -> _Survey:
        """Read the file a second time where a cell is missing or labels are to be counted."""
        scans = [*self._features, *self._labels]
        incomplete = any(scan.missing for scan in scans)
        if not incomplete and not self._labels:
            return _Survey(rows=scans[0].rows)
        survey = _Survey()
        as_classes = len(self._labels) == 1 and self._labels[0].kind is not Kind.ARRAY and not self._labels[0].fraction
        features = len(self._features) if incomplete else 0
        for batch in self._table.batches(self._columns() if incomplete else self._choice.labels):
            cells = self._cells(batch, features)
            holes = np.stack([cell.missing for cell in cells])
            survey.add(holes)
            if as_classes and len(survey.classes) <= _MAX_CLASSES:
                survey.count(self._label_array(cells[features:], np.logical_not(holes.any(axis=0))))
        return survey

    # --- what cannot be sent ---

    def _check(self) -> None:
        for scan in self._features:
            if scan.kind is Kind.BOOLEAN:
                self._choice.notes.append(f"column {scan.name}: true and yes were sent as 1, false and no as 0")
            if scan.kind is Kind.NOTHING:
                raise RefusedError(f"{self._table.path}: column {scan.name} is empty", hint=self._without(scan))
            if not scan.kind.numeric and scan.kind is not Kind.ARRAY:
                self._refuse_words(scan)
        shaped = [scan for scan in self._features if scan.kind is Kind.ARRAY]
        if shaped and len(self._features) > 1:
            raise RefusedError(
                f"{self._table.path}: column {shaped[0].name} holds arrays of the shape {shaped[0].shape}, next to "
                "other columns",
                hint=f"choose it alone: --features {shaped[0].name}",
            )
        for scan in self._labels:
            if scan.kind in (Kind.OTHER, Kind.NOTHING, Kind.TIME) or (self._text_labels and len(self._labels) > 1):
                raise RefusedError(
                    f"{self._table.path}: column {scan.name} holds {scan.kind}: expected labels, "
                    "which are numbers, or text in one column"
                )

    def _refuse_words(self, scan: ColumnScan) -> None:
        place, text = scan.odd or (0, "")
        where = f"{self._table.path}: row {self._table.row_number(place)}, column {scan.name}: found {text!r}"
        if scan.kind is Kind.TIME:
            raise RefusedError(f"{where}, a time: streams carry numbers", hint=self._without(scan))
        if scan.kind is Kind.OTHER:
            raise RefusedError(
                f"{where}: expected a number, or lists of numbers that all have one shape", hint=self._without(scan)
            )
        hint = _hint_for(text, self._table.reading) or self._without(scan, labels=not scan.mixed)
        raise RefusedError(f"{where}, which is not a number: streams carry numbers", hint=hint)

    def _without(self, scan: ColumnScan, *, labels: bool = False) -> str:
        """Return what to write to leave a column out, or to take it for the labels."""
        rest = [feature.name for feature in self._features if feature.kind.numeric and feature.missing < feature.rows]
        rest = rest or [scan.name for scan in self._scans if scan.kind is Kind.ARRAY][:1]
        rest = [name for name in rest if name not in (scan.name, *(label.name for label in self._labels))]
        advice = (
            [f"leave it out: --features {_quoted(','.join(rest[:20]))}{'...' if len(rest) > 20 else ''}"]
            if rest
            else []
        )
        if labels and not self._labels and self._options.with_labels:
            advice.append(f"if it is the label: --labels {_quoted(scan.name)}")
        return "; ".join(advice)

    def _refuse_hole(self, survey: _Survey) -> None:
        assert survey.first is not None
        scan = [*self._features, *self._labels][survey.first[1]]
        raise RefusedError(
            f"{self._table.path}: row {self._table.row_number(survey.first[0])}, column {scan.name}: found nothing "
            f"where a value is needed; {survey.incomplete:,} of {survey.rows:,} rows have such a cell",
            hint="; or ".join(filter(None, ["--drop-missing leaves these rows out", self._without(scan)])),
        )

    def _columns(self) -> list[int]:
        return [*self._choice.features, *self._choice.labels]

    def _cells(self, batch: Sequence[pa.Array], features: int) -> list[Cells]:
        """Return the cells of the first ``features`` columns, and of the labels' columns after them."""
        reading = self._table.reading
        cells = [cells_of(column, reading) for column in batch[:features]]
        for column in batch[features:]:
            if self._text_labels:
                cells.append(Cells(Kind.TEXT, *texts_of(column, reading)))
            else:
                cells.append(cells_of(column, reading))
        return cells

    # --- types ---

    def _type_of(self, what: str, scans: list[ColumnScan]) -> np.dtype[Any]:
        """Return the type that holds every number of the columns: float32 unless whole numbers would change in it."""
        whole = all(_is_whole(scan, as_labels=what == "labels") for scan in scans)
        wide = any(scan.wide for scan in scans)
        if whole and (wide or what == "labels"):
            unsigned = any(scan.unsigned for scan in scans)
            if unsigned and any(scan.smallest < 0 for scan in scans):
                self._refuse_huge(scans)
            return np.dtype(np.uint64 if unsigned else np.int64)
        if any(scan.huge for scan in scans):
            self._refuse_huge(scans)
        return np.dtype(np.float64 if wide else np.float32)

    def _refuse_huge(self, scans: list[ColumnScan]) -> None:
        scan = next(scan for scan in scans if scan.huge)
        assert scan.huge is not None
        raise RefusedError(
            f"{self._table.path}: row {self._table.row_number(scan.huge[0])}, column {scan.name}: found "
            f"{scan.huge[1]}, and other columns hold fractions or negative numbers: no type holds both exactly",
            hint=self._without(scan),
        )

    # --- arrays ---

    def _parts(self) -> Iterator[Part]:
        skip, limit = self._options.skip, self._options.limit
        for batch in self._table.batches(self._columns()):
            cells = self._cells(batch, len(self._features))
            keep = np.logical_not(np.stack([cell.missing for cell in cells]).any(axis=0))
            x = self._matrix(cells[: len(self._features)], self._exact_type(self._feature_type))[keep]
            y = self._label_array(cells[len(self._features) :], keep)
            begin = min(skip, len(x))
            end = len(x) if limit is None else min(len(x), begin + limit)
            skip -= begin
            limit = None if limit is None else limit - (end - begin)
            if end > begin:
                yield x[begin:end], None if y is None else y[begin:end]
            if limit == 0:
                return

    def _exact_type(self, narrowed: np.dtype[Any]) -> np.dtype[Any]:
        """The type to check with before converting to a narrower one that the user asked for, so that misfits are
        refused.
        """
        if not self._options.dtype or narrowed.kind in "iu":
            return narrowed
        whole = all(scan.kind in (Kind.WHOLE, Kind.BOOLEAN) for scan in self._features)
        return np.dtype(np.int64 if whole else np.float64)

    def _matrix(self, cells: Sequence[Cells], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        arrays = [np.zeros(len(cell.missing)) if cell.values is None else cell.values for cell in cells]
        if arrays[0].ndim > 1:
            return arrays[0].astype(dtype)
        table = np.empty((len(arrays[0]), len(arrays)), dtype)
        for index, array in enumerate(arrays):
            table[:, index] = array
        return table

    def _label_array(self, cells: Sequence[Cells], keep: Any) -> npt.NDArray[Any] | None:
        if not cells:
            return None
        if self._text_labels:
            assert cells[0].values is not None
            return np.array(cells[0].values[keep].tolist(), np.str_)
        assert self._label_type is not None
        y: npt.NDArray[Any] = self._matrix(cells, self._label_type)[keep]
        return y[:, 0] if len(cells) == 1 and y.ndim == 2 and self._labels[0].kind is not Kind.ARRAY else y


def _is_whole(scan: ColumnScan, *, as_labels: bool) -> bool:
    """Whether the column's numbers are sent as integers, if its values ask for it."""
    if scan.kind is Kind.NUMBER:
        # Labels such as 1.0 and 2.0 are class numbers too.
        return as_labels and not scan.fraction and max(scan.largest, -scan.smallest) < _EXACT_FLOAT64
    return not scan.fraction


def _name(dtype: np.dtype[Any] | None) -> str:
    return "" if dtype is None else dtype.name


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)


def _hint_for(text: str, reading: Reading) -> str:
    """Return what to do about a cell that looks nearly like a number."""
    import re

    if text.endswith("%"):
        return "take the percent signs out: streams carry plain numbers"
    if re.fullmatch(r"[+-]?[\d.]*,\d*", text) and reading.decimal == ".":
        return "if the comma is a decimal mark: --decimal ,"
    if re.fullmatch(r"[+-]?\d{1,3}([.,' ]\d{3})+([.,]\d+)?", text.replace("\u00a0", " ").replace("\u202f", " ")):
        mark = next(character for character in text if not character.isdecimal() and character not in "+-")
        rest = [character for character in text if character in ".," and character != mark]
        return f"if {mark!r} separates thousands: --thousands {_quoted(mark)}" + (
            f" --decimal {rest[0]}" if rest else ""
        )
    if re.fullmatch(r"[+-]?\d+\.\d*", text) and reading.decimal != ".":
        return "columns write the decimal mark differently: write one throughout"
    if re.fullmatch(r"[+-]?(inf|infinity)", text, re.IGNORECASE):
        return "models cannot learn from infinity: leave such rows out"
    if re.fullmatch(r"[+-]?\d{17,}", text):
        return "no type holds so large a number exactly: leave the column out, or send it as a label of text"
    return ""

"""CSV files: how this one is written (encoding, delimiter, header, decimal mark), and its rows as text, streamed.

PyArrow parses. Nothing is decided silently: ``DelimitedFile.described`` says what was found out, and a row that does
not fit is refused with its number. Rows are counted as spreadsheets do: from 1, the header included.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from kafka_ml_cli.files.cells import Reading
from kafka_ml_cli.files.options import FileOptions
from kafkaml.errors import RefusedError

__all__ = ["DelimitedFile"]

_HEAD_BYTES = 256 << 10
_HEAD_ROWS = 400
# A row may be at most as long as a block.
_BLOCK_BYTES = 8 << 20
# Delimiters are tried in this order, because a comma may be a decimal mark and a blank is rarely the delimiter.
_DELIMITERS = ("\t", ";", "|", ",", " ")
_DELIMITER_NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas", " ": "blanks"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "an Excel workbook or another archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF", "an HDF5 file"),
    (b"SQLite format", "an SQLite database"),
)
_DECIMAL_COMMA = re.compile(r"^[+-]?\d*,\d+([eE][+-]?\d+)?$")
_DECIMAL_POINT = re.compile(r"^[+-]?\d*\.\d+([eE][+-]?\d+)?$")
# A number whose commas may separate thousands.
_THOUSANDS_COMMA = re.compile(r"^[+-]?[1-9]\d{0,2}(,\d{3})+$")
_NUMBER = re.compile(r"^[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?$")
_TIME = re.compile(r"^\d{4}-\d\d?-\d\d?|^\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|^\d{1,2}:\d\d")


class DelimitedFile:
    """One CSV file; ``columns`` are its names (numbers, where it has no header), ``batches`` its cells as text.

    It has over 12 fields because it holds everything that is found out about the file before it is read.
    """

    def __init__(self, path: Path, options: FileOptions) -> None:
        self.path = path
        self._options = options
        self.notes: list[str] = []
        with self._open() as file:
            head = file.read(_HEAD_BYTES)
        _refuse_other_kinds(path, head)
        self.encoding = self._encoding(head)
        # A file from Excel may name its delimiter in the first line.
        self._said_delimiter = ""
        rows = self._head_rows(head)
        self.width = Counter(map(len, rows)).most_common(1)[0][0] if len(rows) > 1 else len(rows[0])
        self._comments = self._has_comments(rows)
        header = self._take_header(rows)
        self._has_header = header is not None
        self._header_rows = int(header is not None and not self._commented_header)
        # The header lacks the delimiter that ends the rows, so PyArrow takes it for a broken row.
        self._short_header = False
        data = rows[self._header_rows :] if not self._commented_header else rows
        if header is not None and len(header) != self.width:
            header = self._fitted_header(header, data)
        if header is None and data and len(data[0]) != self.width:
            self._refuse_ragged()
        self.columns = self._numbered(data) if header is None else [name.strip() for name in header]
        self.reading = self._reading(data)

    def described(self) -> str:
        """Return how the file was read, e.g. ``columns between semicolons, header, decimal comma, utf-16``."""
        parts = [
            "one column"
            if self.width == 1
            else f"columns between {_DELIMITER_NAMES.get(self.delimiter, self.delimiter)}"
        ]
        parts.append("header" if self._has_header else "no header (columns are numbered from 0)")
        if self.reading.decimal != ".":
            parts.append("decimal comma" if self.reading.decimal == "," else f"decimal mark {self.reading.decimal}")
        return ", ".join([*parts, self.encoding])

    def batches(self, columns: list[int]) -> Iterator[list[pa.Array]]:
        """Iterate over the file: for each part of it the cells of ``columns``, as text; a blank cell is null."""
        names = [str(index) for index in range(self.width)]
        wanted = sorted({*columns, 0}) if self._comments else columns
        to_skip = self._header_rows
        for batch in self._arrow_batches(names, [names[index] for index in wanted]):
            if self._comments and len(batch):
                batch = batch.filter(pc.invert(_is_comment(batch.column("0"))))
            if to_skip:
                batch, to_skip = batch.slice(to_skip), max(0, to_skip - len(batch))
            if len(batch):
                yield [batch.column(names[index]) for index in columns]

    def row_number(self, place: int) -> int:
        """Return the row of the spreadsheet that holds the ``place``-th row of data, from 0. Reads the file again."""
        for number, _row in self._data_rows():
            if place == 0:
                return number
            place -= 1
        raise IndexError(place)

    # --- how the file is written ---

    def _open(self) -> Any:
        return gzip.open(self.path) if self.path.suffix.lower() == ".gz" else self.path.open("rb")

    def _encoding(self, head: bytes) -> str:
        if self._options.encoding:
            try:
                return codecs.lookup(self._options.encoding).name
            except LookupError:
                raise RefusedError(
                    f"there is no encoding {self._options.encoding!r}", hint="for example utf-16"
                ) from None
        for bom, name in _BOMS:
            if head.startswith(bom):
                return name
        zeros = (head[0:2000:2].count(0), head[1:2000:2].count(0))
        if max(zeros) > len(head[:2000]) // 5:
            return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
        if b"\0" in head:
            raise RefusedError(f"{self.path} is not text: it holds bytes of zero")
        if (place := self._not_utf8()) is None:
            return "utf-8"
        self.notes.append(
            f"byte {place} is not UTF-8, so the file was read as Windows-1252 (Western Europe); --encoding names "
            "another"
        )
        return "cp1252"

    def _not_utf8(self) -> int | None:
        decoder = codecs.getincrementaldecoder("utf-8")()
        done = 0
        with self._open() as file:
            while part := file.read(1 << 20):
                try:
                    decoder.decode(part)
                except UnicodeDecodeError as error:
                    return done + error.start
                done += len(part)
        return None

    def _head_rows(self, head: bytes) -> list[list[str]]:
        text = codecs.getincrementaldecoder(self.encoding)(errors="replace").decode(head).removeprefix("\ufeff")
        if not text.strip():
            raise RefusedError(f"{self.path} is empty: expected rows of numbers")
        if len(head) == _HEAD_BYTES and "\n" in text:
            text = text[: text.rindex("\n") + 1]
        first, _, rest = text.partition("\n")
        if said := re.fullmatch(r"sep=(.)\s*", first.strip("\r")):
            self._said_delimiter, text = said[1], rest
        self.delimiter = self._options.delimiter or self._said_delimiter or _delimiter_of(text)
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n':
            raise RefusedError(f"the delimiter is {self.delimiter!r}: expected one character, for example ;")
        rows = [row for row in _parsed(text, self.delimiter) if row]
        self._leading = list(itertools.takewhile(lambda row: row[0].lstrip().startswith("#"), rows))
        rows = rows[len(self._leading) :]
        if not rows:
            raise RefusedError(f"{self.path} holds comments only: expected rows of numbers")
        return rows

    def _has_comments(self, rows: list[list[str]]) -> bool:
        """Whether ``#`` begins a comment: where the first column holds numbers or times, it cannot be a cell."""
        first = [row[0].strip() for row in rows[1:] if row[0].strip() and not row[0].lstrip().startswith("#")]
        return bool(self._leading) or (bool(first) and all(_NUMBER.match(cell) or _TIME.match(cell) for cell in first))

    def _take_header(self, rows: list[list[str]]) -> list[str] | None:
        """Return the names of the columns, or None. A last comment above numbers counts, as NumPy writes it."""
        self._commented_header = False
        wanted = self._options.header
        if wanted is False:
            return None
        last = self._leading[-1] if self._leading else []
        names = [cell.lstrip("# ") for cell in last]
        named = len(last) == len(rows[0]) > 1 and all(names) and not _all_numbers(names)
        if wanted is None and named and not _is_header(rows[0], rows[1:]):
            self._commented_header = True
            return names
        return rows[0] if wanted or _is_header(rows[0], rows[1:]) else None

    def _fitted_header(self, header: list[str], data: list[list[str]]) -> list[str]:
        """Return the header for rows that end in one more delimiter than it does; refuses other differences."""
        full = [row for row in data if len(row) == self.width]
        if len(header) != self.width - 1 or any(row[-1].strip() for row in full):
            self._refuse_ragged()
        self._short_header, self._header_rows = True, 0
        return [*header, ""]

    def _numbered(self, data: list[list[str]]) -> list[str]:
        """Return the columns' numbers as their names; the last has none where each row ends with a delimiter."""
        names = [str(index) for index in range(self.width)]
        if self.width > 1 and all(not row[-1].strip() for row in data if len(row) == self.width):
            names[-1] = ""
        return names

    def _reading(self, data: list[list[str]]) -> Reading:
        missing = None
        if self._options.missing is not None:
            missing = tuple(word.strip() for word in self._options.missing.split(","))
        thousands = self._options.thousands
        if self._options.decimal:
            decimal = self._options.decimal
        else:
            decimal = "." if thousands == "," else self._decimal_of(data, certain=thousands == ".")
        if len(decimal) != 1 or len(thousands) > 1 or decimal == thousands or decimal.isalnum() or thousands.isalnum():
            raise RefusedError(
                f"decimal mark {decimal!r} and mark of thousands {thousands!r}: expected two different characters",
                hint="for example --decimal , --thousands .",
            )
        return Reading(decimal, thousands, missing)

    def _decimal_of(self, data: list[list[str]], *, certain: bool) -> str:
        cells = [cell.strip() for row in data for cell in row]
        commas = [cell for cell in cells if _DECIMAL_COMMA.match(cell)]
        if not commas or any(_DECIMAL_POINT.match(cell) for cell in cells):
            return "."
        if certain or any(not _THOUSANDS_COMMA.match(cell) for cell in commas):
            return ","
        raise RefusedError(
            f"{self.path}: {commas[0]!r} may be a number with a decimal comma or one of thousands",
            hint="say which: --decimal , or --thousands ,",
        )

    # --- its rows ---

    def _arrow_batches(self, names: list[str], wanted: list[str]) -> Iterator[pa.RecordBatch]:
        with self._open() as raw:
            file: Any = raw
            if self.delimiter == " ":
                file = _SingleBlanks(raw, self.encoding)
            try:
                reader = arrow_csv.open_csv(
                    file,
                    read_options=arrow_csv.ReadOptions(
                        column_names=names,
                        encoding="utf-8" if self.encoding in ("utf-8", "ascii") else self.encoding,
                        block_size=_BLOCK_BYTES,
                        skip_rows=int(bool(self._said_delimiter)),
                    ),
                    parse_options=arrow_csv.ParseOptions(
                        delimiter=self.delimiter,
                        newlines_in_values=True,
                        # In a file of one column a blank line is a blank cell.
                        ignore_empty_lines=self.width > 1,
                        invalid_row_handler=self._invalid_row_handler(),
                    ),
                    convert_options=arrow_csv.ConvertOptions(
                        include_columns=wanted,
                        column_types=dict.fromkeys(names, pa.string()),
                        strings_can_be_null=True,
                        null_values=[""],
                    ),
                )
                yield from _without_trailing_blanks(reader) if self.width == 1 else reader
            except pa.ArrowInvalid as error:
                if "Expected" in str(error) or "columns" in str(error):
                    self._refuse_ragged()
                raise RefusedError(f"{self.path} cannot be read as {self.encoding}: {error}") from error
            except UnicodeError as error:
                raise RefusedError(
                    f"{self.path} is not {self.encoding}: {error}", hint="name its encoding: --encoding"
                ) from error

    def _invalid_row_handler(self) -> Callable[[Any], str]:
        header_to_come = self._short_header

        def handle(row: Any) -> str:
            nonlocal header_to_come
            if row.text.lstrip().startswith("#"):
                return "skip"
            if header_to_come:
                header_to_come = False
                return "skip"
            return "error"

        return handle

    def _data_rows(self) -> Iterator[tuple[int, list[str]]]:
        """Iterate over what ``batches`` gives, slowly, with the number of each row."""
        to_skip = 1 if self._short_header else self._header_rows
        with self._open() as raw, io.TextIOWrapper(raw, self.encoding, errors="replace", newline="") as text:
            for number, row in enumerate(_parsed(text, self.delimiter), start=1):
                if (number == 1 and self._said_delimiter) or (not row and self.width > 1):
                    continue
                cells = row or [""]
                if number == 1:
                    cells[0] = cells[0].removeprefix("\ufeff")
                comment = cells[0].lstrip().startswith("#")
                if comment and (self._comments or len(cells) != self.width):
                    continue
                if to_skip:
                    to_skip -= 1
                    continue
                yield number, cells

    def _refuse_ragged(self) -> NoReturn:
        """Refuse the file for its first row of another length than the others, or than the header."""
        header: tuple[int, list[str]] | None = None
        self._header_rows, self._short_header = 0, False
        for number, row in self._data_rows():
            header = header or (number, row)
            if len(row) != len(header[1]):
                first = "the header has" if self._has_header else f"row {header[0]} has"
                hint = "correct that row; a cell that holds the delimiter must be in double quotes"
                if self.delimiter == "," and len(row) == 2 * len(header[1]):
                    hint = "are these decimal commas between commas? Save the file with semicolons between the columns"
                elif any("\n" in cell for cell in row):
                    hint = "is a double quote not closed?"
                raise RefusedError(
                    f"{self.path}: row {number} has {len(row)} cell{'s' * (len(row) != 1)} and {first} "
                    f"{len(header[1])}: "
                    f"{_shown(row, self.delimiter)}",
                    hint=hint,
                )
        raise RefusedError(f"{self.path}: its rows have different numbers of cells")


class _SingleBlanks(io.RawIOBase):
    """Text whose columns are aligned by runs of blanks, with one blank between them."""

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        self._lines = iter(io.TextIOWrapper(file, encoding))
        self._encoding = encoding
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while len(self._rest) < len(buffer) and (lines := list(itertools.islice(self._lines, 1000))):
            self._rest += "".join(" ".join(line.split()) + "\n" for line in lines).encode(self._encoding)
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _refuse_other_kinds(path: Path, head: bytes) -> None:
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            raise RefusedError(f"{path} is {what}, not a text file", hint="save it as CSV (in Excel: CSV UTF-8)")


def _parsed(text: str | io.TextIOBase, delimiter: str) -> Iterator[list[str]]:
    source: Any = io.StringIO(text, newline="") if isinstance(text, str) else text
    if delimiter == " ":
        return (line.split() for line in source)
    # The limit of a field is raised to the longest row, because a stray quote may swallow everything that follows it.
    csv.field_size_limit(_BLOCK_BYTES)
    return csv.reader(source, delimiter=delimiter)


def _delimiter_of(text: str) -> str:
    """Return the delimiter that most rows agree on; a comma for a file of one column."""
    best, best_share = ",", 0.0
    for delimiter in _DELIMITERS:
        rows = [row for row in itertools.islice(_quietly(text, delimiter), _HEAD_ROWS) if row]
        rows = [row for row in rows if not row[0].lstrip().startswith("#")] or rows
        widths = Counter(map(len, rows))
        width, agreeing = widths.most_common(1)[0]
        if width < 2 or len(rows[0]) < 2:
            # One name above two parts means that the parts are one number with a decimal comma.
            continue
        if delimiter == " " and not all(_NUMBER.match(cell) for row in rows[1:] or rows for cell in row):
            continue
        share = agreeing / len(rows)
        if share > best_share + 0.05:
            best, best_share = delimiter, share
    if not best_share and any(_DECIMAL_COMMA.match(line.strip()) for line in itertools.islice(io.StringIO(text), 10)):
        # A single column of numbers with decimal commas is read with any delimiter that does not occur in it.
        return next((delimiter for delimiter in _DELIMITERS if delimiter not in text and delimiter != ","), ",")
    return best


def _quietly(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from _parsed(text, delimiter)
    except csv.Error:
        return


def _all_numbers(row: list[str]) -> bool:
    return all(_NUMBER.match(cell.strip()) for cell in row)


def _is_header(first: list[str], rest: list[list[str]]) -> bool:
    """Whether the first row names the columns: words above numbers, or distinct words only."""
    cells = [cell.strip() for cell in first]
    if any(_NUMBER.match(cell) for cell in cells):
        # Numbers such as 2019 and 2020 may be names of columns, where a neighbouring column has a word above numbers.
        return any(
            cell and not _NUMBER.match(cell) and not _TIME.match(cell) and _numbers_below(rest, column)
            for column, cell in enumerate(cells)
        )
    return (
        not any(_TIME.match(cell) for cell in cells)
        and any(cells)
        and (len(set(cells)) == len(cells) or any(_numbers_below(rest, column) for column in range(len(cells))))
    )


def _numbers_below(rows: list[list[str]], column: int) -> bool:
    """Whether the column holds numbers. One cell in ten may be something else: a missing value, written as a word."""
    cells = [row[column].strip() for row in rows if column < len(row) and row[column].strip()]
    numbers = sum(1 for cell in cells if _NUMBER.match(cell))
    return bool(cells) and numbers >= 0.9 * len(cells)


def _is_comment(column: pa.Array) -> pa.Array:
    return pc.starts_with(pc.utf8_ltrim_whitespace(column), "#").fill_null(False)


def _without_trailing_blanks(batches: Any) -> Iterator[pa.RecordBatch]:
    """Leave out blank cells that no other cell follows: blank lines at a file's end."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        filled = np.flatnonzero(~np.asarray(batch.column(0).is_null()))
        if not len(filled):
            held.append(batch)
            continue
        yield from held
        yield batch.slice(0, int(filled[-1]) + 1)
        held = [rest] if len(rest := batch.slice(int(filled[-1]) + 1)) else []


def _shown(row: list[str], delimiter: str, limit: int = 80) -> str:
    text = repr(delimiter.join(row))
    return text if len(text) <= limit else text[:limit] + "..."

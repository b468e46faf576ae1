"""Parquet and JSON files as tables, in parts. JSON is lines of objects, or one array of objects, lists or numbers."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as parquet

from kafka_ml_cli.files.cells import Reading
from kafkaml.errors import RefusedError

__all__ = ["JsonFile", "ParquetFile"]

_PART_ROWS = 8192
# Largest file that holds one JSON array, which is read at once. Files of lines are read in parts.
_MAX_ARRAY_BYTES = 1 << 30


class ParquetFile:
    """A Parquet file; rows are counted from 1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reading = Reading()
        self.notes: list[str] = []
        try:
            with parquet.ParquetFile(path) as file:
                self.columns = [field.name for field in file.schema_arrow]
                self._rows = file.metadata.num_rows
        except pa.ArrowInvalid as error:
            raise RefusedError(f"{path} is not a Parquet file: {error}") from error
        if not self.columns:
            raise RefusedError(f"{path} has no columns")
        if self.columns[-1].startswith("__index_level_"):
            # The index of a pandas data frame.
            self.columns.pop()

    def described(self) -> str:
        return f"Parquet, {self._rows:,} rows"

    def batches(self, columns: list[int]) -> Iterator[list[pa.Array]]:
        names = [self.columns[index] for index in columns]
        with parquet.ParquetFile(self.path) as file:
            for batch in file.iter_batches(_PART_ROWS, columns=list(dict.fromkeys(names))):
                if len(batch):
                    yield [batch.column(name) for name in names]

    def row_number(self, place: int) -> int:
        return place + 1


class JsonFile:
    """A file of JSON; rows are its lines, or the array's elements from 1."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reading = Reading()
        self.notes: list[str] = []
        first = self._first_character()
        self._lines = first != b"["
        if first == b"[" and self._is_lines_of_lists():
            self._lines = True
        sample = next(iter(self._rows()), None)
        if sample is None:
            raise RefusedError(f"{path} is empty: expected JSON objects, one a line, or an array of them")
        self._objects = isinstance(sample[1], dict)
        if isinstance(sample[1], dict):
            self.columns = [str(name) for name in sample[1]]
        elif isinstance(sample[1], list) and not any(isinstance(number, list) for number in sample[1]):
            self.columns = [str(index) for index in range(len(sample[1]))]
        else:
            self.columns = ["value"]
        if not self.columns:
            raise RefusedError(f"{path}: row {sample[0]} is empty")

    def described(self) -> str:
        return "JSON lines" if self._lines else "a JSON array"

    def batches(self, columns: list[int]) -> Iterator[list[pa.Array]]:
        rows = self._rows()
        while part := list(itertools.islice(rows, _PART_ROWS)):
            cells = [self._cells(number, row) for number, row in part]
            yield [_column([row[index] for row in cells]) for index in columns]

    def row_number(self, place: int) -> int:
        return next(itertools.islice(self._rows(), place, None))[0]

    def _cells(self, number: int, row: object) -> list[Any]:
        if self._objects:
            if not isinstance(row, dict):
                raise RefusedError(f"{self.path}: row {number} is not an object, as the first row is")
            if unknown := [name for name in row if name not in self.columns]:
                raise RefusedError(
                    f"{self.path}: row {number} has the key {unknown[0]!r}, which the first row lacks: it has "
                    f"{', '.join(self.columns)}",
                    hint="all objects need the same keys; null stands for a missing value",
                )
            return [row.get(name) for name in self.columns]
        if self.columns == ["value"]:
            return [row]
        if not isinstance(row, list) or len(row) != len(self.columns):
            got = f"{len(row)} elements" if isinstance(row, list) else type(row).__name__
            raise RefusedError(f"{self.path}: row {number} has {got}: expected {len(self.columns)}, as the first row")
        return row

    def _rows(self) -> Iterator[tuple[int, object]]:
        with self._open() as file:
            if self._lines:
                for number, line in enumerate(file, start=1):
                    text = line.strip().removeprefix(b"\xef\xbb\xbf")
                    if text:
                        yield number, self._parsed(text, number)
                return
            content = file.read(_MAX_ARRAY_BYTES + 1)
        if len(content) > _MAX_ARRAY_BYTES:
            raise RefusedError(
                f"{self.path} is an array of more than 1 GB", hint="write one JSON object a line (.jsonl)"
            )
        document = self._parsed(content.removeprefix(b"\xef\xbb\xbf"), None)
        assert isinstance(document, list)
        yield from enumerate(document, start=1)

    def _parsed(self, text: bytes, number: int | None) -> object:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            where = "" if number is None else f"row {number}: "
            hint = "one object a line is expected, or an array of objects"
            if b"NaN" in text or b"Infinity" in text:
                hint = "JSON has no NaN and no Infinity: write null, and send with --drop-missing"
            raise RefusedError(f"{self.path}: {where}this is not JSON: {error}", hint=hint) from error

    def _open(self) -> Any:
        return gzip.open(self.path) if self.path.suffix.lower() == ".gz" else self.path.open("rb")

    def _first_character(self) -> bytes:
        with self._open() as file:
            return bytes(file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()[:1])

    def _is_lines_of_lists(self) -> bool:
        """Whether the first line alone is JSON, and another follows: lines that are lists."""
        with self._open() as file:
            first, second = file.readline(1 << 20).strip(), file.readline(1 << 20).strip()
        try:
            orjson.loads(first.removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            return False
        return bool(second.startswith(b"["))


def _column(values: list[Any]) -> pa.Array:
    try:
        return pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        # A column of several types is read as text, so that its numbers keep all their digits.
        texts = [value if isinstance(value, str) or value is None else orjson.dumps(value).decode() for value in values]
        return pa.array(texts, pa.string())

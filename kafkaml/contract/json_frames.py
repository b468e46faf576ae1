"""JsonReader: JSON objects as a frame, read by Polars. Called by ``frames``.

Polars reads a batch as lines of JSON, all or nothing. Then, and where a record may be an envelope or has a line break
inside, its records are sorted out: those that Python's reader finds in order are read together, all others alone, so
that a record is read the same beside any others. Of a key that is there twice the first counts. A few plain records do
without Polars, see ``json_few``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import polars as pl

from kafkaml.codecs.field_names import Path
from kafkaml.codecs.looks import shown
from kafkaml.contract.json_few import MAX_FEW, FewReader
from kafkaml.contract.kinds import DTYPES, column_name
from kafkaml.contract.loading import loader_of
from kafkaml.contract.record_values import Wrong, converted
from kafkaml.contract.value_reader import Failures, Frame, ValueReader, Values, deletion, field_of, wrong_field
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.wire.contract import FieldKind

__all__ = ["JsonReader"]

# Only objects with one of these can be envelopes.
_ENVELOPES = (b'"payload"', b'"op"')
# A pair of bytes of each that comes seldom otherwise.
_PAIRS = [int.from_bytes(pair, "little") for pair in (b"yl", b"op")]
_SPACE = b" \t\r"
_NEWLINE = ord("\n")
# Read as texts, and made what they are afterwards.
_AS_TEXT = (FieldKind.TIME, FieldKind.BYTES)

# Polars tells of all that is wrong with JSON by these.
_UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException, ValueError)


class JsonReader(ValueReader):
    """With ``telegraf`` the object is the JSON text in ``fields.value`` of the record's."""

    def __init__(self, fields: Mapping[Path, FieldKind], spare: AbstractSet[Path], *, telegraf: bool = False) -> None:
        super().__init__(fields, spare)
        self._telegraf = telegraf
        self._load = loader_of(InputFormat.TELEGRAF_STR_JSON if telegraf else InputFormat.JSON, {})
        self._full = _Lines(fields)
        self._few = FewReader(fields)
        needed = {path: kind for path, kind in fields.items() if path not in spare}
        self._needed = _Lines(needed) if len(needed) < len(fields) else None

    def read(self, values: Values) -> Frame:
        data = None if self._telegraf else self._read_all(values)
        if data is not None:
            return self._finished(data, np.arange(len(values)), [])
        return self._sorted_out(values)

    def _read_all(self, values: Values) -> pl.DataFrame | None:
        """Return the frame of values of which each is one plain line; None where there may be others."""
        try:
            joined = b"\n".join(values)  # type: ignore[arg-type]  # None is what this raises for
        except TypeError:
            return None
        # NumPy counts, and looks for pairs of bytes, several times faster than bytes do.
        content = np.frombuffer(joined, np.uint8)
        lines = np.count_nonzero(content == _NEWLINE) + 1
        if lines != len(values) or (_has_pair(content) and any(mark in joined for mark in _ENVELOPES)):
            return None
        few = self._few.read(values) if 0 < len(values) <= MAX_FEW else None  # type: ignore[arg-type]
        return self._full.read(joined, len(values)) if few is None else few

    def _sorted_out(self, values: Values) -> Frame:
        failures: Failures = []
        parts: list[tuple[list[int], pl.DataFrame]] = []
        plain: list[int] = []
        others: list[int] = []
        for index, value in enumerate(values):
            if value is None:
                failures.append((index, deletion()))
            elif self._in_order(value):
                plain.append(index)
            else:
                others.append(index)
        parts += self._halved(plain, [values[index] or b"" for index in plain], others)
        rewritten: list[tuple[int, bytes]] = []
        for index in others:
            value = values[index] or b""
            data = self._full.read(value, 1) if self._is_plain(value) else None
            if data is not None:
                parts.append(([index], data))
                continue
            try:
                rewritten.append((index, orjson.dumps(self._flattened(self._load(value)))))
            except (DecodeError, TypeError, ValueError, RecursionError) as error:
                self._keep_needed(index, value, parts, failures, error if isinstance(error, DecodeError) else None)
        odd: list[int] = []
        lines = dict(rewritten)
        parts += self._halved(list(lines), list(lines.values()), odd)
        for index in odd:
            self._keep_needed(index, lines[index], parts, failures, None)
        for index, failure in failures:
            failure.index = index
        failures.sort(key=lambda each: each[0])
        return self._joined(parts, failures)

    def _joined(self, parts: Sequence[tuple[list[int], pl.DataFrame]], failures: Failures) -> Frame:
        if not parts:
            return Frame(pl.DataFrame(schema=self.schema), np.empty(0, np.intp), failures)
        kept = np.array([index for indices, _ in parts for index in indices], np.intp)
        data = pl.concat([data for _, data in parts])
        order = np.argsort(kept)
        return self._finished(data[order], kept[order], failures)

    def _is_plain(self, value: bytes) -> bool:
        plain = b"\n" not in value and not any(mark in value for mark in _ENVELOPES) and value.strip(_SPACE) != b""
        return plain and not self._telegraf

    def _in_order(self, value: bytes) -> bool:
        """Whether Python's reader finds one line with an object whose fields are what they are declared to be."""
        if not self._is_plain(value):
            return False
        try:
            return self._fault(orjson.loads(value)) is None
        except ValueError:
            return False

    def _fault(self, sample: Any) -> DecodeError | None:
        if not isinstance(sample, dict):
            return DecodeError(f"the record is {shown(sample)}: expected a JSON object")
        for path, kind in self.fields.items():
            try:
                value = field_of(sample, path)
                if value is not None:
                    converted(value, kind)
                    if kind == FieldKind.NUMBERS and any(isinstance(each, list) for each in value):
                        raise Wrong(value, "a flat list")
            except Wrong as error:
                return wrong_field(path, error)
        return None

    def _flattened(self, sample: Any) -> Any:
        """Return ``sample`` with lists of lists of numbers as one list each."""
        for path, kind in self.fields.items():
            if kind != FieldKind.NUMBERS:
                continue
            try:
                holder = field_of(sample, path[:-1]) if len(path) > 1 else sample
                value = holder.get(path[-1]) if isinstance(holder, dict) else None
                if isinstance(value, list) and any(isinstance(each, list) for each in value):
                    holder[path[-1]] = converted(value, kind)
            except Wrong:
                continue
        return sample

    def _halved(self, indices: list[int], lines: list[bytes], odd: list[int]) -> list[tuple[list[int], pl.DataFrame]]:
        """Return frames of what can be read of ``lines``; adds the others to ``odd``."""
        if not indices:
            return []
        data = self._full.read(b"\n".join(lines), len(lines))
        if data is not None:
            return [(indices, data)]
        if len(indices) == 1:
            odd += indices
            return []
        half = len(indices) // 2
        return [
            *self._halved(indices[:half], lines[:half], odd),
            *self._halved(indices[half:], lines[half:], odd),
        ]

    def _keep_needed(
        self,
        index: int,
        line: bytes,
        parts: list[tuple[list[int], pl.DataFrame]],
        failures: Failures,
        error: DecodeError | None,
    ) -> None:
        """Take a record without its spare fields, or say what is wrong with it."""
        if self._needed is not None and b"\n" not in line and not self._telegraf:
            data = self._needed.read(line, 1)
            if data is not None:
                missing = [pl.lit(None, dtype=dtype).alias(name) for name, dtype in self._full.read_as.items()]
                absent = [
                    each for each, name in zip(missing, self._full.read_as, strict=True) if name not in data.columns
                ]
                parts.append(([index], data.with_columns(absent).select(list(self._full.read_as))))
                return
        failures.append((index, error or self._reason(line)))

    def _reason(self, line: bytes) -> DecodeError:
        try:
            fault = self._fault(self._load(line) if not self._telegraf else orjson.loads(line))
        except (DecodeError, ValueError, RecursionError) as error:
            return error if isinstance(error, DecodeError) else DecodeError(f"the record is not JSON ({error})")
        return fault or DecodeError("the record is nested too deep, or is no JSON that can be read")

    def _finished(self, data: pl.DataFrame, kept: Any, failures: Failures) -> Frame:
        """Make times and bytes of the texts that they were read as."""
        late = {path: kind for path, kind in self.fields.items() if kind in _AS_TEXT}
        bad: dict[int, DecodeError] = {}
        series = []
        for path, kind in late.items():
            found: list[Any] = []
            for row, text in enumerate(data[column_name(path)].to_list()):
                try:
                    found.append(None if text is None else converted(text, kind))
                except Wrong as error:
                    found.append(None)
                    if path not in self.spare:
                        bad.setdefault(row, wrong_field(path, error))
            series.append(pl.Series(column_name(path), found, dtype=DTYPES[kind]))
        if series:
            data = data.with_columns(series)
        if bad:
            for row, fault in bad.items():
                fault.index = int(kept[row])
                failures.append((int(kept[row]), fault))
            failures.sort(key=lambda each: each[0])
            good = [row for row in range(len(kept)) if row not in bad]
            data, kept = data[good], kept[good]
        return Frame(data, kept, failures)


def _has_pair(content: npt.NDArray[np.uint8]) -> bool:
    """Whether one of the pairs is anywhere, at an even place or an odd one; where none is, no mark is either."""
    starts = (content[start:] for start in (0, 1))
    pairs = [each[: len(each) // 2 * 2].view("<u2") for each in starts]
    return any(bool((each == pair).any()) for each in pairs for pair in _PAIRS)


class _Lines:
    """Reads lines of JSON with a given set of fields into flat columns."""

    def __init__(self, fields: Mapping[Path, FieldKind]) -> None:
        tree: dict[str, Any] = {}
        for path, kind in fields.items():
            inner = tree
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = pl.String() if kind in _AS_TEXT else DTYPES[kind]
        self._schema = {name: _struct(each) for name, each in tree.items()}
        self._paths = list(fields)
        self._flat = all(len(path) == 1 for path in fields)
        self.read_as = {
            column_name(path): pl.String() if kind in _AS_TEXT else DTYPES[kind] for path, kind in fields.items()
        }

    def read(self, lines: bytes, count: int) -> pl.DataFrame | None:
        """Return ``count`` lines as a frame; None where one of them cannot be read."""
        try:
            data = pl.read_ndjson(io.BytesIO(lines), schema=self._schema)
        except _UNREADABLE:
            return None
        if data.height != count:
            # A value without anything in it vanishes.
            return None
        return data if self._flat else self._unnested(data)

    def _unnested(self, data: pl.DataFrame) -> pl.DataFrame:
        # Not by expressions: a query costs as much as reading a small batch does.
        levels: dict[Path, pl.DataFrame] = {(): data}
        for path in self._paths:
            for depth in range(1, len(path)):
                if path[:depth] not in levels:
                    levels[path[:depth]] = levels[path[: depth - 1]].get_column(path[depth - 1]).struct.unnest()
        series = [levels[path[:-1]].get_column(path[-1]).alias(column_name(path)) for path in self._paths]
        return pl.DataFrame(series)


def _struct(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return tree
    return pl.Struct({name: _struct(each) for name, each in tree.items()})

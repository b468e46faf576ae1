"""JsonReader: JSON objects as a frame, read by msgspec. Called by ``frames``.

A decoder made for the fields of a contract reads regular records and skips all other fields. Records that it refuses,
or that may be envelopes, are read as Python objects, which either gives the same values or reports the error. A test
compares the two. The last of duplicate keys wins, as in Python and JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import chain
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import polars as pl

from kafkaml.codecs.field_names import Path
from kafkaml.codecs.looks import shown
from kafkaml.contract.kinds import DTYPES
from kafkaml.contract.object_frames import ObjectReader
from kafkaml.contract.record_values import Wrong, converted
from kafkaml.contract.value_reader import Failures, Frame, Values
from kafkaml.errors import DecodeError
from kafkaml.input_format import InputFormat
from kafkaml.wire.contract import FieldKind

__all__ = ["JsonReader"]

_Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
# Types that msgspec reads directly. Those in ``_CONVERTED`` are converted afterwards.
_TYPES: Mapping[FieldKind, Any] = {
    FieldKind.NUMBER: float,
    FieldKind.INTEGER: _Int64,
    FieldKind.BOOLEAN: bool,
    FieldKind.TEXT: str | _Int64 | float | bool,
    FieldKind.TIME: str | int | float,
    FieldKind.NUMBERS: list[float],
    FieldKind.BYTES: str,
}
_CONVERTED = (FieldKind.TIME, FieldKind.BYTES)
# Only objects with one of these keys can be envelopes. No value has this type, so the decoder refuses such objects.
_ENVELOPES = {"payload": Literal["\0"], "op": Literal["\0"]}
# msgspec reads no fields with such characters in their names.
_ESCAPED = re.compile(r'[\\"\x00-\x1f]')
_NEWLINE = ord("\n")
_UNREADABLE = (msgspec.MsgspecError, TypeError, ValueError, RecursionError)


class JsonReader(ObjectReader):
    """Reads JSON objects as a frame. With ``telegraf`` the object is the JSON text in a record's ``fields.value``."""

    def __init__(self, fields: Mapping[Path, FieldKind], spare: AbstractSet[Path], *, telegraf: bool = False) -> None:
        super().__init__(InputFormat.TELEGRAF_STR_JSON if telegraf else InputFormat.JSON, {}, fields, spare)
        enveloped = any(path[0] in _ENVELOPES for path in fields)
        escaped = any(_ESCAPED.search(name) for path in fields for name in path)
        self._plain = None if telegraf or enveloped or escaped else _PlainObjects(fields)

    def read(self, values: Values) -> Frame:
        if self._plain is None:
            return super().read(values)
        columns, odd = self._plain.read(values)
        for path, column in zip(self.fields, columns, strict=True):
            if self.fields[path] in _CONVERTED:
                _convert(column, self.fields[path], odd)
        if not odd:
            return Frame(self.frame_of(columns), np.arange(len(values)), [])
        kept = np.ones(len(values), np.bool_)
        failures: Failures = []
        for index in sorted(odd):
            try:
                for column, value in zip(columns, self.row(values[index]), strict=True):
                    column[index] = value
            except DecodeError as error:
                error.index = index
                failures.append((index, error))
                kept[index] = False
        places = np.flatnonzero(kept)
        if failures:
            columns = [[column[index] for index in places.tolist()] for column in columns]
        return Frame(self.frame_of(columns), places, failures)

    def loaded(self, value: bytes) -> Any:
        sample = super().loaded(value)
        if not isinstance(sample, dict):
            raise DecodeError(f"the record is {shown(sample)}: expected a JSON object")
        return sample

    def frame_of(self, columns: Sequence[Sequence[Any]]) -> pl.DataFrame:
        kinds = self.fields.values()
        return pl.DataFrame(
            [_series(name, column, kind) for name, column, kind in zip(self.schema, columns, kinds, strict=True)]
        )


class _PlainObjects:
    """Reads the ``fields`` of objects that hold them as they are declared to be."""

    def __init__(self, fields: Mapping[Path, FieldKind]) -> None:
        self._paths = list(fields)
        # A tree of the declared fields. A leaf is the kind of a field; a node holds the fields of an object.
        tree: dict[str, Any] = {}
        for path, kind in fields.items():
            inner = tree
            for name in path[:-1]:
                inner = inner.setdefault(name, {})
            inner[path[-1]] = kind
        self._getters: dict[Path, Callable[[Any], Any]] = {}
        # Objects whose fields are all unset, by path. A parent stands before its children.
        self._empty: dict[Path, Any] = {}
        outermost = self._struct(tree, (), _ENVELOPES)
        self._decoder = msgspec.json.Decoder(outermost)

    def _struct(self, tree: Mapping[str, Any], way: Path, types: Mapping[str, Any]) -> Any:
        """Return the type of the object at ``way``, which has the fields ``types`` in addition to those in ``tree``."""
        inside = {
            name: (self._struct(value, (*way, name), {}) if isinstance(value, dict) else _TYPES[value]) | None
            for name, value in tree.items()
        }
        # Fields may have any name, attributes may not.
        named = {f"f{place}": item for place, item in enumerate({**types, **inside}.items())}
        self._getters |= {(*way, name): attrgetter(attribute) for attribute, (name, _) in named.items()}
        made = msgspec.defstruct(
            "_Object",
            [(attribute, kind, None) for attribute, (_, kind) in named.items()],
            rename={attribute: name for attribute, (name, _) in named.items()},
            gc=False,
        )
        self._empty = {way: made(), **self._empty}
        return made

    def read(self, values: Values) -> tuple[list[list[Any]], set[int]]:
        """Return the values of each field, None where a record lacks it, and which records are left to the other
        reader.
        """
        odd: set[int] = set()
        rows = self._lines(values) or [self._one(index, value, odd) for index, value in enumerate(values)]
        levels: dict[Path, list[Any]] = {(): rows}
        for way, empty in self._empty.items():
            if way:
                found = map(self._getters[way], levels[way[:-1]])
                levels[way] = [empty if inner is None else inner for inner in found]
        return [list(map(self._getters[path], levels[path[:-1]])) for path in self._paths], odd

    def _lines(self, values: Values) -> list[Any] | None:
        """Return the objects of values that are one line each. Reading them together takes two thirds of the time of
        individual reads.

        Returns None if one of the values is something else, or cannot be read.
        """
        try:
            joined = b"\n".join(values)  # type: ignore[arg-type]  # None is what this raises for
            # NumPy counts several times faster than bytes do.
            if np.count_nonzero(np.frombuffer(joined, np.uint8) == _NEWLINE) == len(values) - 1:
                rows = self._decoder.decode_lines(joined)
                # The decoder skips empty lines, so fewer rows than values mean that one value was empty.
                return rows if len(rows) == len(values) else None
        except _UNREADABLE:
            pass
        return None

    def _one(self, index: int, value: bytes | None, odd: set[int]) -> Any:
        try:
            return self._decoder.decode(value)  # type: ignore[arg-type]  # as above
        except _UNREADABLE:
            odd.add(index)
            return self._empty[()]


def _convert(column: list[Any], kind: FieldKind, odd: set[int]) -> None:
    """Convert texts and numbers to times and bytes."""
    for index, value in enumerate(column):
        if value is not None:
            try:
                column[index] = converted(value, kind)
            except Wrong:
                odd.add(index)


def _series(name: str, column: Sequence[Any], kind: FieldKind) -> pl.Series:
    dtype = DTYPES[kind]
    if kind == FieldKind.NUMBERS:
        lengths = {-1 if value is None else len(value) for value in column}
        if len(lengths) == 1 and (length := lengths.pop()) > 0:
            # Lists of one length are read several times faster as one array.
            flat = np.fromiter(chain.from_iterable(column), np.float64, len(column) * length)
            return pl.Series(name, flat.reshape(-1, length)).cast(dtype)
    try:
        return pl.Series(name, column, dtype=dtype, strict=True)
    except TypeError:
        # A text field may hold numbers, for which Polars needs the conversion of each value.
        return pl.Series(name, [None if value is None else converted(value, kind) for value in column], dtype=dtype)

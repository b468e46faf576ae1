"""RowReader: records of a batch as rows, for training and for serving. Called by ``compiled``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from kafkaml.codecs.base import MAX_KEY_BYTES
from kafkaml.codecs.field_names import Path
from kafkaml.codecs.registry import SchemaLookup
from kafkaml.contract.columns import Array, CompiledColumn, RowColumns
from kafkaml.contract.expressions import HEADERS
from kafkaml.contract.frames import KEY, PARTITION, TIMESTAMP, Frame, FrameReader
from kafkaml.contract.included import Included
from kafkaml.contract.sequences import NEVER, carried, runs_of
from kafkaml.contract.texts import Texts
from kafkaml.contract.value_reader import Failures, Rows
from kafkaml.errors import DecodeError
from kafkaml.records import RecordBatch
from kafkaml.wire.contract import Contract, FieldKind

__all__ = ["RUN", "TIME", "Raw", "RowReader", "RunBook", "lacking_error"]

TIME, RUN = "time", "run"
_RECORD_FIELDS = (KEY, TIMESTAMP, PARTITION)


@dataclass(frozen=True)
class Raw:
    """``rows[i]`` comes from record ``kept[i]`` of the batch, ascending; ``failures`` are the other records.

    ``included[i]`` is what its answer carries; empty where answers carry nothing.
    """

    rows: Array
    kept: Rows
    failures: Failures
    included: Sequence[bytes] = ()


class RowReader:
    """Reads batches. ``grouped`` records need a key; ``timed`` rows have the time of their record in ``TIME``, and
    ``numbered`` ones room for the number of their run in ``RUN``.
    """

    def __init__(
        self,
        contract: Contract,
        fields: Mapping[Path, FieldKind],
        columns: Sequence[CompiledColumn],
        texts: Mapping[str, Texts],
        *,
        grouped: bool,
        timed: bool,
        numbered: bool,
        lookup: SchemaLookup | None,
        included: Included | None = None,
    ) -> None:
        needed = {path for column in columns if not column.spare for path in column.expression.fields}
        used = {path for column in columns for path in column.expression.fields}
        # A field that is only carried along becomes null where it cannot be read, so that no record loses its answer.
        used |= frozenset() if included is None else included.fields
        of_record = {path for path in used if path in _RECORD_FIELDS or path[0] == HEADERS}
        self._frames = FrameReader(
            contract.format,
            contract.format_config,
            {path: kind for path, kind in fields.items() if path in used - of_record},
            key=contract.key,
            used=of_record,
            spare=used - needed,
            lookup=lookup,
        )
        self._columns = RowColumns(columns, texts)
        self._grouped = grouped
        self._timed = timed
        self._included = included
        parts = [(column.field, column.dtype.base, column.dtype.shape) for column in columns]
        self.dtype = np.dtype(parts + [(TIME, np.dtype("<i8"), ())] * timed + [(RUN, np.dtype("<i4"), ())] * numbered)

    def examine(self, batch: RecordBatch) -> Frame:
        """Return the values of all columns, by ``field``, of the records that can be read; what is missing is null."""
        frame = self._frames.read(batch)
        return Frame(self._columns.values(frame.data, len(frame.kept)), frame.kept, frame.failures)

    def read(self, batch: RecordBatch) -> Raw:
        """Return the rows of a batch, ``RUN`` not set; never raises for what is in a record.

        Raises DecodeError when a column has too many texts.
        """
        frame = self._frames.read(batch)
        kept, failures = frame.kept, frame.failures
        rows = np.zeros(len(kept), self.dtype)
        good, wrong = self._columns.fill(frame.data, rows)
        if self._grouped:
            keys = batch.keys()
            errors = ((row, _key_error(keys[index])) for row, index in enumerate(kept.tolist()))
            odd = {row: error for row, error in errors if error is not None}
            if odd:
                known = {row for row, _ in wrong}
                good = np.ones(len(rows), np.bool_) if good is None else good
                good[list(odd)] = False
                wrong += [(row, error) for row, error in odd.items() if row not in known]
        if self._timed:
            rows[TIME] = np.array(batch.columns().timestamps_ms, np.int64)[kept]
        if good is None:
            return Raw(rows, kept, failures, self._texts(frame.data, kept, batch))
        for row, error in wrong:
            error.index = int(kept[row])
            failures.append((error.index, error))
        included = self._texts(frame.data, kept, batch)
        chosen = [included[row] for row in np.flatnonzero(good).tolist()] if included else ()
        return Raw(rows[good], kept[good], sorted(failures, key=lambda failure: failure[0]), chosen)

    def _texts(self, data: pl.DataFrame, kept: Rows, batch: RecordBatch) -> Sequence[bytes]:
        return () if self._included is None else self._included.texts(data, kept, batch)


@dataclass
class RunBook:
    """Numbers the runs of records while a slice is read, and carries values forward.

    ``run_keys[run]`` is the code of its key in ``keys``.
    """

    carry: Sequence[str]
    row: np.dtype[np.void]
    forget_ms: int
    keys: Texts = field(default_factory=lambda: Texts("_key"))
    run_keys: list[int] = field(default_factory=list)
    _groups: dict[tuple[str, int, bytes], int] = field(default_factory=dict)
    _ended_ms: list[int] = field(default_factory=list)
    _run: list[int] = field(default_factory=list)
    _keys: list[int] = field(default_factory=list)
    _last: dict[int, Array] = field(default_factory=dict)

    def enter(self, batch: RecordBatch, raw: Raw) -> Raw:
        """Return ``raw`` with the numbers of runs; rows that lack a value that nothing before them has are left out."""
        indices = raw.kept.tolist()
        groups = np.array(self._groups_of(batch, indices), np.int64)
        distinct = np.unique(groups)
        before_ms = np.array([self._ended_ms[group] for group in distinct.tolist()], np.int64)
        rows = raw.rows
        runs = runs_of(groups, rows[TIME], before_ms=before_ms, forget_ms=self.forget_ms)
        lacking = np.zeros(len(rows), np.bool_)
        if self.carry and len(rows):
            last = np.dtype([(name, self.row[name]) for name in self.carry])
            none = np.zeros(1, last)
            before = np.concatenate([self._last.get(group, none) for group in distinct.tolist()])
            lacking, after = carried(rows, runs, self.carry, before)
            self._last.update({group: after[place : place + 1] for place, group in enumerate(distinct.tolist())})
        self._number(rows, runs.order, groups, runs.start, runs.goes_on)
        for group, ended in zip(runs.groups.tolist(), runs.ended_ms.tolist(), strict=True):
            self._ended_ms[group] = ended
        if not lacking.any():
            return raw
        lost = [(indices[row], lacking_error(indices[row])) for row in np.flatnonzero(lacking).tolist()]
        failures = [*raw.failures, *lost]
        return Raw(rows[~lacking], raw.kept[~lacking], sorted(failures, key=lambda failure: failure[0]))

    def _groups_of(self, batch: RecordBatch, indices: Sequence[int]) -> list[int]:
        topics, keys = batch.topics(), batch.keys()
        partitions = batch.columns().partitions
        known = self._groups
        groups = []
        for index in indices:
            identity = (topics[index], partitions[index], keys[index] or b"")
            group = known.get(identity)
            if group is None:
                group = known[identity] = len(known)
                self._ended_ms.append(NEVER)
                self._run.append(-1)
                # Map each byte to a character, so that any key becomes a unique text.
                self._keys.append(int(self.keys.codes([identity[2].decode("latin-1")])[0]))
            groups.append(group)
        return groups

    def _number(self, rows: Array, order: Rows, groups: Array, start: Rows, goes_on: Array) -> None:
        numbers = np.empty(len(order), np.int64)
        # Rows are in the order of runs, so the loop sees a continued run before the runs of its group that begin here.
        for place in np.flatnonzero(start == np.arange(len(order))).tolist():
            group = int(groups[order[place]])
            if not goes_on[place]:
                self._run[group] = len(self.run_keys)
                self.run_keys.append(self._keys[group])
            numbers[place] = self._run[group]
        rows[RUN][order] = numbers[start]


def lacking_error(index: int) -> DecodeError:
    """Return the error for a record that lacks a value where nothing before it has one."""
    return DecodeError(
        "a value is missing, and no record of its key before it has one",
        index=index,
        gap="no last value",
        hint="the contract takes the last value of the same key where one is missing",
    )


def _key_error(key: bytes | None) -> DecodeError | None:
    if key is None:
        return DecodeError(
            "the record has no key: windows, last values and splits by key go by it",
            gap="no key",
            hint="send the id of the device as the record's key",
        )
    if len(key) <= MAX_KEY_BYTES:
        return None
    return DecodeError(
        f"the record's key is {len(key):,} bytes: windows, last values and splits by key take at most "
        f"{MAX_KEY_BYTES:,}",
        hint="send the id of the device as the record's key",
    )

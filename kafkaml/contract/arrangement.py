"""Arranger: from the rows of a slice to samples and their parts, independent of the partitions. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.content_order import content_hashes, content_order, hash_seed
from kafkaml.contract.columns import Array, CompiledColumn
from kafkaml.contract.rows import RUN, TIME, RunBook
from kafkaml.contract.sequences import Windows, is_missing, windows_of
from kafkaml.contract.splits import Parts, by_key, by_time, in_order
from kafkaml.contract.texts import Texts
from kafkaml.contract.value_reader import Rows
from kafkaml.wire.contract import Contract, SplitBy

__all__ = ["Arrangement", "Arranger"]


@dataclass(frozen=True)
class Arrangement:
    """Which rows are which samples, and which samples are of which part; see ``Arranger.arrange``."""

    windows: Windows
    parts: Parts
    hashes: npt.NDArray[np.uint64]
    unlabelled: int
    warnings: Sequence[str] = ()


class Arranger:
    """Arranges rows that were read by one ``CompiledContract``, whose dictionaries and runs it uses.

    ``grouped`` rows have the number of their run in ``RUN``.
    """

    def __init__(
        self,
        contract: Contract,
        columns: Sequence[CompiledColumn],
        labels: Sequence[CompiledColumn],
        texts: Mapping[str, Texts],
        book: RunBook,
        *,
        grouped: bool,
    ) -> None:
        self._contract = contract
        self._columns = columns
        self._labels = labels
        self._texts = texts
        self._book = book
        self._grouped = grouped

    def arrange(self, rows: Array, *, seed: int, validation_rate: float, test_rate: float) -> Arrangement:
        """Return the samples that all ``rows`` of a slice, in the order of arrival, make, and the parts they are in.

        ``rows`` may be a file that is mapped; of each row some 40 bytes are held in memory. Raises RefusedError when
        the split leaves nothing to train on.
        """
        windows, unlabelled = self._labelled(rows, self._windows(rows))
        row_hashes, label_hashes = self._row_hashes(rows)
        hashes = self._sample_hashes(windows, row_hashes, label_hashes)
        rates = {"validation_rate": validation_rate, "test_rate": test_rate}
        warnings: list[str] = []
        if self._contract.split == SplitBy.TIME:
            ranks, warnings = self._ranks(rows, row_hashes ^ label_hashes)
            parts = by_time(windows, ranks, **rates)
        else:
            order = content_order(hashes, seed, self._differ(rows, windows), self._content(rows, windows))
            parts = (
                in_order(order, **rates)
                if self._contract.split == SplitBy.CONTENT
                else self._by_key(rows, windows, order, seed, rates)
            )
        if parts.left_out:
            warnings.append(f"{parts.left_out} windows lie across a border of the split and were left out")
        if unlabelled:
            warnings.append(f"{unlabelled} windows have no label and were left out")
        return Arrangement(windows, parts, hashes, unlabelled, warnings)

    def _windows(self, rows: Array) -> Windows:
        window = self._contract.window
        if window is None:
            every = np.arange(len(rows))
            return Windows(every, every, every)
        runs = np.array(rows[RUN])
        return windows_of(runs, length=window.length, stride=window.stride, horizon=window.horizon)

    def _labelled(self, rows: Array, windows: Windows) -> tuple[Windows, int]:
        """Leave out windows whose label is missing; a record without a label still counts in the windows of others."""
        if self._contract.window is None or not self._labels:
            return windows, 0
        good = np.ones(len(rows), np.bool_)
        for label in self._labels:
            values = np.array(rows[label.field])
            # A text that is not one of the classes does not count as a label either.
            good &= values >= 0 if label.coded else ~is_missing(values)
        chosen = good[windows.labels]
        return windows.take(chosen), int(len(windows) - np.count_nonzero(chosen))

    def _row_hashes(self, rows: Array) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]]:
        """Return a hash of each row's features, and one of its labels, that depend on content alone."""
        features, labels = np.zeros(len(rows), np.uint64), np.zeros(len(rows), np.uint64)
        for start in range(0, len(rows), 1 << 16):
            chunk = np.asarray(rows[start : start + (1 << 16)])
            part = slice(start, start + len(chunk))
            for salt, column in enumerate(self._columns):
                features[part] += self._hashes_of(column, chunk, salt + 1)
            for salt, column in enumerate(self._labels):
                labels[part] += self._hashes_of(column, chunk, -salt - 1)
        return features, labels

    def _hashes_of(self, column: CompiledColumn, rows: Array, salt: int) -> npt.NDArray[np.uint64]:
        values = rows[column.field]
        if column.coded:
            values = self._texts[column.field].hashes(values)
        return content_hashes(values.reshape(len(rows), -1), salt)

    def _sample_hashes(
        self, windows: Windows, row_hashes: npt.NDArray[np.uint64], label_hashes: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.uint64]:
        if self._contract.window is None:
            return content_hashes((row_hashes ^ label_hashes)[:, None])
        total = content_hashes(label_hashes[windows.labels][:, None])
        for ago in range(windows.length):
            of_place = np.array([row_hashes[windows.order[windows.ends - ago]]]).T
            total = total + content_hashes(of_place, ago + 1)
        return total

    def _ranks(self, rows: Array, hashes: npt.NDArray[np.uint64]) -> tuple[Array, list[str]]:
        """Return the place of each row from old to new, the same whatever the partitions are.

        Rows with the same time are sorted by their position within their key, then by content.
        """
        times = np.array(rows[TIME])
        places = np.zeros(len(rows), np.int64)
        tie = hashes
        if self._grouped:
            runs = np.array(rows[RUN])
            order = np.argsort(runs, kind="stable")
            first = np.searchsorted(runs[order], runs[order])
            places[order] = np.arange(len(rows)) - first
            tie = hashes + self._key_hashes(runs)
        ranks = np.empty(len(rows), np.int64)
        ranks[np.lexsort((tie, places, times))] = np.arange(len(rows))
        warnings = []
        untimed = int(np.count_nonzero(times < 0))
        if untimed:
            warnings.append(f"{untimed} records have no time: they count as the oldest")
        if len(times) > 1 and times.min() == times.max():
            rule = "their place among the records of their key decides" if self._grouped else "their content decides"
            warnings.append(f"all records have the same time, so which of them are the newest is not known: {rule}")
        return ranks, warnings

    def _key_hashes(self, runs: Array) -> npt.NDArray[np.uint64]:
        codes = np.array(self._book.run_keys, np.int32)[runs]
        return self._book.keys.hashes(codes)

    def _by_key(self, rows: Array, windows: Windows, order: Rows, seed: int, rates: Mapping[str, float]) -> Parts:
        of_sample = np.array(rows[RUN])[windows.labels]
        hashes = self._key_hashes(of_sample)
        mixed = content_hashes((hashes ^ np.uint64(hash_seed(seed)))[:, None])
        codes = np.array(self._book.run_keys, np.int64)[of_sample]
        return by_key(codes, order, mixed, **rates)

    def _differ(self, rows: Array, windows: Windows) -> Any:
        names = [column.field for column in (*self._columns, *self._labels)]

        def differ(left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
            result = np.zeros(len(left), np.bool_)
            for start in range(0, len(left), 1 << 12):
                part = slice(start, start + (1 << 12))
                one, other = (
                    [rows[windows.rows(side[part])], rows[windows.labels[side[part]]][:, None]]
                    for side in (left, right)
                )
                for here, there in zip(one, other, strict=True):
                    for name in names:
                        # Compare bytes, because a NaN differs from itself.
                        pair = (_bytes_of(rows[name]) for rows in (here, there))
                        result[part] |= np.not_equal(*pair).any(axis=1)
            return result

        return differ

    def _content(self, rows: Array, windows: Windows) -> Any:
        columns = (*self._columns, *self._labels)

        def content(sample: int) -> bytes:
            at = np.array([sample])
            parts: list[bytes] = []
            for row in (*windows.rows(at)[0].tolist(), int(windows.labels[sample])):
                for column in columns:
                    value = rows[row][column.field]
                    coded = column.coded and value >= 0
                    parts.append(self._texts[column.field].names[value].encode() if coded else value.tobytes())
            return b"\0".join(parts)

        return content


def _bytes_of(values: Array) -> Array:
    return np.ascontiguousarray(values).view(np.uint8).reshape(len(values), -1)

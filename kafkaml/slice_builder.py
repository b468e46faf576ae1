"""Reads the ranges of a stream once and writes its samples, ordered, as arrays on disk. Called by ``stream_dataset``.

There are two passes, neither of which holds more than a batch in memory. In the first, records are decoded batch by
batch and appended in the order of arrival, and a hash of each sample is kept. In the second, the rows are copied in
their final order. ``content_order`` derives it from the hashes, or ``time_order`` from the records' times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from kafkaml.array_file import ArrayFile, write_npy_header
from kafkaml.codecs import StreamCodec, StreamFailure
from kafkaml.codecs.base import PackableCodec
from kafkaml.codecs.looks import CSV_HINT, csv_line, shown
from kafkaml.content_order import Hashes, Rows, content_hashes, content_order
from kafkaml.errors import BrokenError, DecodeError, StreamUnavailable
from kafkaml.left_out import LeftOut
from kafkaml.records import RecordBatch, RecordReader
from kafkaml.splits import SplitPlan
from kafkaml.stream_range import StreamRange
from kafkaml.time_order import TimeOrder

__all__ = [
    "BATCH_RECORDS",
    "BuiltSlice",
    "build_slice",
    "content_sum",
    "not_finite",
    "not_finite_error",
    "sample_origins",
]

Array = npt.NDArray[Any]

# Records per batch, few enough for a batch's bytes to stay in the processor's cache and be reused by the allocator.
BATCH_RECORDS = 4000
_LABEL_SALT = 1
_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class BuiltSlice:
    """What was written: arrays of equal length, and what there is to say about the records.

    ``class_names`` are the texts that the numbers in ``labels`` stand for, empty where labels are numbers themselves.
    ``left_out`` counts the records that are not samples. ``notes`` say how records were read, ``doubts`` what looks
    wrong with them and what to do; ``learnt`` are entries of an ``input_config`` that the data decided. ``hashes``
    identify the content: one per sample, in the order of the samples if that follows time, otherwise sorted.
    ``warnings`` concern that order. ``split`` says which rows train, validate and test, if the samples are in the order
    of these parts.
    """

    features: ArrayFile
    labels: ArrayFile | None
    class_names: tuple[str, ...]
    records: int
    left_out: LeftOut
    notes: tuple[str, ...]
    doubts: tuple[tuple[str, str], ...]
    learnt: Mapping[str, Any]
    hashes: bytes
    feature_sum: int
    warnings: tuple[str, ...] = ()
    split: SplitPlan | None = None


class _LabelledAfterAll(Exception):
    """A record with a key follows records without one. The build restarts with that knowledge."""


class _WiderAfterAll(Exception):
    """An integer does not fit into the type of the records before. The build restarts with a wider type."""


@dataclass
class _Column:
    """One side of the samples in order of arrival: numbers in a file, texts in memory."""

    path: Path
    dtype: np.dtype[Any] | None = None
    shape: tuple[int, ...] = ()
    whole: bool = True
    texts: list[Array] = field(default_factory=list)

    def append(self, rows: Array, file: BinaryIO) -> None:
        if self.dtype is None:
            self.dtype, self.shape = rows.dtype, rows.shape[1:]
        if rows.dtype.kind == "U":
            self.texts.append(rows)
            return
        if self.whole and rows.dtype.kind == "f":
            self.whole = bool(np.all(rows == np.floor(rows)))
        file.write(np.ascontiguousarray(rows).data)


def build_slice(
    folder: Path,
    ranges: Sequence[StreamRange],
    codec: StreamCodec,
    *,
    reader: RecordReader,
    seed: int,
    by_time: bool = False,
    idle_timeout_seconds: float,
    on_progress: Callable[[int, int], None],
) -> BuiltSlice:
    """Write ``features.npy`` and ``labels.npy`` into ``folder`` and return what they hold.

    Samples are in an order of their content and ``seed``, or from old to new with ``by_time``. ``on_progress(records,
    at most)`` is called after each batch and may raise to stop. Raises DecodeError when too many records do not fit the
    format, StreamUnavailable when the ranges hold no record.
    """
    labelled: bool | None = None
    while True:
        builder = _Builder(folder, ranges, codec, seed=seed, by_time=by_time, labelled=labelled)
        try:
            builder.read(reader, idle_timeout_seconds, on_progress)
        except _LabelledAfterAll:
            labelled = True
        except _WiderAfterAll:
            # A second restart for this reason cannot happen, because the wider type refuses what it cannot hold.
            codec = codec.widened() or codec
        else:
            return builder.finish()


def content_sum(array: ArrayFile) -> int:
    """Return a number that changes when any bytes of the array do; to find files that a power cut tore."""
    total = sum(int(content_hashes(chunk).sum(dtype=np.uint64)) for chunk in array.chunks())
    return total & _MASK


class _Builder:
    """Builds one slice, batch by batch.

    It has over 12 fields because features, labels, times and what was left out are collected side by side.
    """

    def __init__(
        self,
        folder: Path,
        ranges: Sequence[StreamRange],
        codec: StreamCodec,
        *,
        seed: int,
        by_time: bool,
        labelled: bool | None,
    ) -> None:
        self._folder = folder
        self._ranges = ranges
        self._codec = codec
        self._seed = seed
        # None until the first record. The keys of records show whether there are labels; the declaration does not.
        self._labelled = False if codec.labels is None else labelled
        self._settled = False
        self._features = _Column(folder / "features.arrived")
        self._labels = _Column(folder / "labels.arrived")
        self._hashes: list[Hashes] = []
        self._times = TimeOrder(stream_range.topic for stream_range in ranges) if by_time else None
        self._feature_sum = 0
        self._records = 0
        self._left_out = LeftOut()
        self._notes: tuple[str, ...] = ()
        self._doubts: list[tuple[str, str]] = []

    def read(self, reader: RecordReader, idle_timeout_seconds: float, on_progress: Callable[[int, int], None]) -> None:
        """First pass: decode, hash, append."""
        expected = sum(stream_range.max_records or 0 for stream_range in self._ranges)
        with ExitStack() as files:
            features = files.enter_context(self._features.path.open("wb"))
            labels = files.enter_context(self._labels.path.open("wb"))
            for batch in reader.read(
                self._ranges, batch_records=BATCH_RECORDS, idle_timeout_seconds=idle_timeout_seconds
            ):
                self._take(batch, features, labels)
                on_progress(self._records, expected)
        if not self._records:
            raise StreamUnavailable(
                f"the ranges {', '.join(map(str, self._ranges))} hold no record",
                hint="send the data again, and look at the sink's log",
            )
        self._left_out.check(self._records)

    def finish(self) -> BuiltSlice:
        """Second pass: copy the rows in their order."""
        hashes = np.concatenate(self._hashes)
        arrived = [_arrived(self._features, len(hashes))]
        class_names: tuple[str, ...] = ()
        if self._labelled:
            if self._labels.texts:
                class_names, codes = _coded(self._labels.texts)
                self._labels.path.write_bytes(codes.tobytes())
                self._labels.dtype = codes.dtype
            arrived.append(_arrived(self._labels, len(hashes)))
        warnings: list[str] = []
        if self._times is None:
            order = content_order(hashes, self._seed, _differ(arrived), _content(arrived))
            named = np.sort(hashes)
        else:
            order, warnings = self._times.order()
            named = hashes[order]
        features = _copy_ordered(arrived[0], order, self._folder / "features.npy", arrived[0].dtype)
        labels = None
        if self._labelled:
            labels = _copy_ordered(arrived[1], order, self._folder / "labels.npy", self._label_dtype())
        for column in (self._features, self._labels):
            column.path.unlink()
        return BuiltSlice(
            features,
            labels,
            class_names,
            self._records,
            self._left_out,
            self._notes,
            tuple(self._doubts),
            self._codec.features.learnt(),
            named.astype("<u8").tobytes(),
            self._feature_sum & _MASK,
            tuple(warnings),
        )

    def _take(self, batch: RecordBatch, features_file: BinaryIO, labels_file: BinaryIO) -> None:
        values, keys = batch.values(), batch.keys()
        if not self._labelled and self._codec.labels is not None and any(key is not None for key in keys):
            if self._records:
                raise _LabelledAfterAll
            self._labelled = True
        if not self._settled:
            self._settle(values, keys)
        codec = self._codec if self._labelled else replace(self._codec, labels=None)
        features, labels, failures = codec.decode_each(values, keys)
        self._records += len(batch)
        for failure in failures:
            self._left_out.add(batch[failure.index].place, failure.error)
        self._left_out.check(self._records, sum(stream_range.max_records or 0 for stream_range in self._ranges))
        if len(features) and features.dtype.kind == "f" and self._widens(features):
            raise _WiderAfterAll
        origins: Rows | None = None
        if len(features) and self._times is not None:
            origins = sample_origins(self._codec, values, failures, len(features))
        if len(features) and (bad := not_finite(features, labels)) is not None:
            bad_origins = sample_origins(self._codec, values, failures, len(features))
            self._leave_out(batch, bad_origins, bad, features, labels)
            features, labels = features[~bad], None if labels is None else labels[~bad]
            origins = None if origins is None else origins[~bad]
        if len(features):
            features, labels = self._of_one_shape(batch, features, labels)
        if len(features):
            self._append(features, labels, features_file, labels_file)
            if self._times is not None and origins is not None:
                self._times.append(batch, np.bincount(origins, minlength=len(batch)))

    def _settle(self, values: Sequence[bytes | None], keys: Sequence[bytes | None]) -> None:
        """Learn from the first records with a value what only data can tell: keys of objects, shapes."""
        self._settled = any(value is not None for value in values)
        self._codec = self._codec.settled(values, keys)
        labels = self._codec.labels if self._labelled else None
        self._notes = tuple(dict.fromkeys((*self._codec.features.notes, *(labels.notes if labels else ()))))

    def _widens(self, features: Array) -> bool:
        """Whether ``features`` have a wider type than the codec's. The whole stream must then have the wider type."""
        return features.dtype != self._codec.features.dtype and self._codec.widened() is not None

    def _leave_out(
        self, batch: RecordBatch, origins: Rows, bad: npt.NDArray[np.bool_], features: Array, labels: Array | None
    ) -> None:
        """Count the ``bad`` rows: NaN or infinity would make every weight of a model NaN."""
        for row in np.flatnonzero(bad).tolist():
            error = not_finite_error(self._codec, features[row], None if labels is None else labels[row])
            self._left_out.add(batch[int(origins[row])].place, error)
        self._left_out.check(self._records, sum(stream_range.max_records or 0 for stream_range in self._ranges))

    def _doubt(self, features: Array, labels: Array | None) -> None:
        """Check once whether the first samples' bytes are in the wrong order."""
        for codec, rows in ((self._codec.features, features), (self._codec.labels, labels)):
            if codec is not None and rows is not None:
                doubt = codec.doubt(rows)
                self._doubts += [doubt] if doubt else []

    def _append(self, features: Array, labels: Array | None, features_file: BinaryIO, labels_file: BinaryIO) -> None:
        if features.dtype.kind == "U":
            example = str(features[0])
            is_csv = csv_line(example.encode()) is not None
            raise DecodeError(
                f"the stream's features are text ({shown(example)}): models take numbers",
                hint=f"they look like lines of CSV: {CSV_HINT}" if is_csv else "encode texts as numbers in the sink",
            )
        hashes = content_hashes(features)
        # Compute the checksum of the future file while the rows are in memory; see ``content_sum``.
        self._feature_sum += int(hashes.sum(dtype=np.uint64))
        if not self._hashes:
            self._doubt(features, labels)
        self._features.append(features, features_file)
        if labels is not None:
            hashes ^= content_hashes(labels, _LABEL_SALT)
            self._labels.append(labels, labels_file)
        self._hashes.append(hashes)

    def _of_one_shape(self, batch: RecordBatch, features: Array, labels: Array | None) -> tuple[Array, Array | None]:
        """Leave out a batch whose samples differ in shape from the samples before, if the shape is not declared."""
        for column, rows in ((self._features, features), (self._labels, labels)):
            if rows is None or column.dtype is None:
                continue
            if rows.shape[1:] == column.shape and (rows.dtype.kind == "U") == (column.dtype.kind == "U"):
                continue
            self._left_out.add(
                batch[0].place,
                DecodeError(
                    f"got {rows.dtype} of the shape {rows.shape[1:]}: expected {column.dtype} of the shape "
                    f"{column.shape}, as in the records before"
                ),
                len(features),
            )
            return features[:0], None if labels is None else labels[:0]
        return features, labels

    def _label_dtype(self) -> np.dtype[Any]:
        """JSON carries whole numbers and others alike; labels that are all whole become whole numbers again."""
        dtype = self._labels.dtype
        assert dtype is not None
        return np.dtype(np.int64) if self._codec.whole_labels and self._labels.whole else dtype


def sample_origins(
    codec: StreamCodec, values: Sequence[bytes | None], failures: Sequence[StreamFailure], samples: int
) -> Rows:
    """Return for each of the ``samples`` that ``codec`` decoded of ``values`` which record it comes from."""
    counts = np.ones(len(values), np.intp)
    if codec.packed:
        # Packed records have samples of a fixed width.
        assert isinstance(codec.features, PackableCodec)
        row_bytes = codec.features.sample_bytes or 1
        counts = np.array([len(value or b"") // row_bytes for value in values], np.intp)
    counts[[failure.index for failure in failures]] = 0
    if counts.sum() != samples:
        raise BrokenError(f"{len(values)} records of which {len(failures)} were left out gave {samples} samples")
    return np.repeat(np.arange(len(values)), counts)


def not_finite_error(codec: StreamCodec, sample: Any, label: Any) -> DecodeError:
    """Return why ``sample``, or its label, is unusable: it holds NaN or infinity."""
    numbers = np.asarray(sample)
    wrong = ~np.isfinite(numbers)
    if not wrong.any():
        return DecodeError(f"the label is {np.asarray(label)!s:.40}", gap="NaN or infinity in the label")
    first = np.argwhere(wrong)[0]
    token = "NaN" if np.isnan(numbers[tuple(first)]) else "infinity"
    # Only a vector's elements are named in the gap. In an image each pixel would otherwise be counted as a gap of its
    # own.
    where = f" in {codec.features.column_name(int(first[0]))}" if numbers.ndim == 1 else ""
    return DecodeError(f"the sample holds {token}{where}", gap=f"{token}{where}")


def not_finite(features: Array, labels: Array | None) -> npt.NDArray[np.bool_] | None:
    """Return which samples hold NaN or infinity; None if there are none."""
    sides = [features] if labels is None else [features, labels]
    found = [bad for side in sides if (bad := _not_finite_rows(side)) is not None]
    return np.logical_or.reduce(found) if found else None


def _not_finite_rows(rows: Array) -> npt.NDArray[np.bool_] | None:
    """Return which rows hold NaN or infinity; None if there are none. One sum is enough to see that there are none."""
    if rows.dtype.kind != "f":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(np.add.reduce(rows, axis=None, dtype=np.result_type(rows.dtype, np.float32))):
            return None
    bad = np.logical_not(np.isfinite(rows).reshape(len(rows), -1).all(axis=1))
    return bad if bad.any() else None


def _arrived(column: _Column, rows: int) -> ArrayFile:
    assert column.dtype is not None
    return ArrayFile(column.path, column.dtype, (rows, *column.shape), 0)


def _coded(texts: list[Array]) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the sorted distinct texts, and for each label its place among them."""
    names, codes = np.unique(np.concatenate(texts), return_inverse=True)
    return tuple(str(name) for name in names), codes.astype(np.int64).reshape(-1)


def _differ(arrays: Sequence[ArrayFile]) -> Callable[[Rows, Rows], npt.NDArray[np.bool_]]:
    def differ(left: Rows, right: Rows) -> npt.NDArray[np.bool_]:
        result = np.zeros(len(left), np.bool_)
        for array in arrays:
            # Compare bytes, because a NaN differs from itself.
            rows = _as_bytes(array)
            for start in range(0, len(left), array.chunk_rows):
                part = slice(start, start + array.chunk_rows)
                result[part] |= np.any(rows[left[part]] != rows[right[part]], axis=1)
        return result

    return differ


def _content(arrays: Sequence[ArrayFile]) -> Callable[[int], bytes]:
    views = [_as_bytes(array) for array in arrays]
    return lambda row: b"".join(view[row].tobytes() for view in views)


def _as_bytes(array: ArrayFile) -> Array:
    return array.array().view(np.uint8).reshape(len(array), -1)


def _copy_ordered(source: ArrayFile, order: Rows, path: Path, dtype: np.dtype[Any]) -> ArrayFile:
    """Write the rows of ``source`` in ``order`` as a ``.npy`` file."""
    rows = source.array()
    with path.open("wb") as file:
        offset = write_npy_header(file, dtype, source.shape)
        buffer = np.empty((source.chunk_rows, *source.shape[1:]), source.dtype)
        for places in _parts(order, source.chunk_rows):
            chunk = np.take(rows, places, axis=0, out=buffer[: len(places)])
            file.write(chunk.astype(dtype, copy=False).data)
    return ArrayFile(path, dtype, source.shape, offset)


def _parts(order: Rows, size: int) -> Iterator[Rows]:
    for start in range(0, len(order), size):
        yield order[start : start + size]

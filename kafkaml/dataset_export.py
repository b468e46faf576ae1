"""Writes samples as a model gets them to one file: NPZ for NumPy, Parquet for everything else. They are the samples of
a data set, or of a stream that a sink announced.

``python -m kafkaml.dataset_export`` is a program of its own, because it may read for minutes and hold some 40 bytes a
record in memory: the server starts it with an ``ExportOrder`` as its input, and its last line of output is an
``ExportOutcome``. The samples may exceed memory; the file appears complete or not at all.
"""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt
import orjson

from kafkaml.array_file import write_npy_header
from kafkaml.codecs import codec_for
from kafkaml.columns_slice import arranged_slice
from kafkaml.disk import disk_errors
from kafkaml.errors import DiskFull, KafkaMLError
from kafkaml.records import RecordReader
from kafkaml.slice_builder import build_slice
from kafkaml.splits import SplitPlan
from kafkaml.stream_range import parse_ranges
from kafkaml.wire.export import ExportFormat, ExportOrder, ExportOutcome
from kafkaml.wire.preview import SamplePart

if TYPE_CHECKING:
    import polars as pl

__all__ = ["export_samples"]

Array = npt.NDArray[Any]

_PARTS = tuple(SamplePart)
_IDLE_SECONDS = 60.0
# Bytes that an export leaves free on the disk for others.
_RESERVE_BYTES = 256 << 20
_ROW_GROUP = 100_000


def export_samples(
    order: ExportOrder,
    path: Path,
    *,
    reader: RecordReader,
    on_progress: Callable[[int, int], None] = lambda _done, _expected: None,
) -> ExportOutcome:
    """Write the samples of a data set, or of a stream, to ``path``; its folder also takes intermediate files.

    Samples are in the order of a training with the seed 0: first those that train, then those that validate, then those
    that test. Raises like ``columns_slice`` or ``slice_builder``, and DiskFull.
    """
    with disk_errors(path.parent):
        samples = _read(order, path.parent, reader, on_progress)
        _check_room(path.parent, samples)
        write = _write_npz if order.format == ExportFormat.NPZ else _write_parquet
        write(samples, path)
        for file in samples.files:
            file.unlink()
    return ExportOutcome(samples=len(samples), records=samples.records)


@dataclass(frozen=True)
class _Samples:
    """The samples of a slice of ``records`` records. ``pieces`` yields their inputs, labels and parts piece by piece.

    ``shapes`` and ``types`` are by input. ``features`` are the names of the columns of an input, empty where an input
    is a single array. ``label_type`` and ``label_shape`` belong to each label. ``document`` describes how samples were
    made; ``files`` hold their source.
    """

    shapes: Mapping[str, tuple[int, ...]]
    types: Mapping[str, np.dtype[Any]]
    features: Mapping[str, Sequence[str]]
    labels: Sequence[str]
    label_type: np.dtype[Any]
    label_shape: tuple[int, ...]
    classes: Sequence[str]
    parts: Array
    records: int
    document: bytes
    files: Sequence[Path]
    pieces: Callable[[], Iterator[tuple[dict[str, Array], Array | None, Array]]]

    def __len__(self) -> int:
        return len(self.parts)

    @property
    def sample_bytes(self) -> int:
        """How many bytes the inputs of a sample take."""
        return sum(int(np.prod(shape, dtype=int)) * self.types[name].itemsize for name, shape in self.shapes.items())


def _read(order: ExportOrder, folder: Path, reader: RecordReader, on_progress: Callable[[int, int], None]) -> _Samples:
    if order.contract is None:
        return _announced(order, folder, reader, on_progress)
    found = arranged_slice(
        folder,
        parse_ranges(order.ranges),
        order.contract,
        reader=reader,
        seed=0,
        validation_rate=order.validation_rate,
        test_rate=order.test_rate,
        idle_timeout_seconds=_IDLE_SECONDS,
        on_progress=on_progress,
    )
    compiled, learnt, arranged = found.compiled, found.learnt, found.arrangement.parts
    parts = _parts(SplitPlan(len(arranged.training), len(arranged.validation), len(arranged.test)))

    def pieces() -> Iterator[tuple[dict[str, Array], Array | None, Array]]:
        start = 0
        for piece in compiled.pieces(found.order):
            inputs, labels = compiled.samples(found.rows, learnt, found.arrangement, piece)
            yield inputs, labels, parts[start : start + len(piece)]
            start += len(piece)

    return _Samples(
        shapes=compiled.input_shapes(learnt),
        types=compiled.input_types(),
        features=compiled.feature_names(learnt),
        labels=[label.name for label in compiled.labels],
        label_type=np.dtype(np.float32),
        label_shape=(),
        classes=learnt.classes,
        parts=parts,
        records=found.records,
        document=compiled.to_json(learnt),
        files=[found.path],
        pieces=pieces,
    )


def _announced(
    order: ExportOrder, folder: Path, reader: RecordReader, on_progress: Callable[[int, int], None]
) -> _Samples:
    """Return the samples of a stream that a sink announced: one array each, and its label."""
    config = dict(order.input_config)
    built = build_slice(
        folder,
        parse_ranges(order.ranges),
        codec_for(order.input_format, config),
        reader=reader,
        seed=0,
        idle_timeout_seconds=_IDLE_SECONDS,
        on_progress=on_progress,
    )
    features, labels = built.features, built.labels
    rates = {"validation_rate": order.validation_rate, "test_rate": order.test_rate}
    parts = _parts(SplitPlan.of(len(features), **rates))
    rows = min(features.chunk_rows, features.chunk_rows if labels is None else labels.chunk_rows)

    def pieces() -> Iterator[tuple[dict[str, Array], Array | None, Array]]:
        # Map the files before their names are removed.
        samples, targets = features.array(), None if labels is None else labels.array()
        for start in range(0, len(samples), rows):
            piece = slice(start, start + rows)
            yield {"": samples[piece]}, None if targets is None else targets[piece], parts[piece]

    rule = {"input_format": order.input_format, "input_config": {**config, **built.learnt}, **rates}
    return _Samples(
        shapes={"": features.shape[1:]},
        types={"": features.dtype},
        features={"": ()},
        labels=[] if labels is None else ["label"],
        label_type=np.dtype(np.float32) if labels is None else labels.dtype,
        label_shape=() if labels is None else labels.shape[1:],
        classes=built.class_names,
        parts=parts,
        records=built.records,
        document=orjson.dumps(rule),
        files=[array_file.path for array_file in (features, labels) if array_file is not None],
        pieces=pieces,
    )


def _parts(split: SplitPlan) -> Array:
    """Return the place among ``SamplePart`` of each sample."""
    return np.repeat(np.arange(len(_PARTS), dtype=np.uint8), [split.training, split.validation, split.test])


def _check_room(folder: Path, samples: _Samples) -> None:
    # For NPZ each array is first written to a file of its own.
    wanted = 2 * len(samples) * (samples.sample_bytes + 16) + _RESERVE_BYTES
    free = shutil.disk_usage(folder).free
    if free < wanted:
        raise DiskFull(
            f"the export needs up to {wanted >> 20} MiB in {folder}: {free >> 20} MiB are free",
            hint="make room there, or make a version of a shorter slice",
        )


# --- NPZ --------------------------------------------------------------------------------------------------------------


def _write_npz(samples: _Samples, path: Path) -> None:
    """Write ``features`` (inputs that have a name under theirs), ``labels``, ``classes``, ``part`` and ``parts``.

    ``part[i]`` is the place among ``parts`` of sample i, ``NAME_columns`` what the places of an input's last axis are;
    ``contract.json`` is the contract with what was learnt.
    """
    names = _free_names(samples.shapes, ("labels", "classes", "part", "parts"))
    files: dict[str, BinaryIO] = {}
    try:
        for inputs, labels, _ in samples.pieces():
            arrays = {names[name]: values for name, values in inputs.items()}
            if labels is not None:
                arrays["labels"] = labels
            for name, values in arrays.items():
                if name not in files:
                    files[name] = (path.parent / f"{len(files)}.npy").open("wb")
                    write_npy_header(files[name], values.dtype, (len(samples), *values.shape[1:]))
                files[name].write(np.ascontiguousarray(values).data)
    finally:
        for file in files.values():
            file.close()
    small: dict[str, Array] = {"part": samples.parts, "parts": np.array([part.value for part in _PARTS])}
    if samples.classes:
        small["classes"] = np.array(samples.classes)
    for name, columns in samples.features.items():
        if columns:
            small[f"{names[name]}_columns"] = np.array(columns)
    # Do not compress, because arrays of floats hardly shrink and take long.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, file in files.items():
            written = Path(file.name)
            archive.write(written, f"{name}.npy")
            written.unlink()
        for name, values in small.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, values)
        archive.writestr("contract.json", samples.document)


def _free_names(inputs: Iterable[str], taken: tuple[str, ...]) -> dict[str, str]:
    names: dict[str, str] = {}
    for name in inputs:
        free = (
            "".join(character if character.isalnum() or character in "-_." else "_" for character in name) or "features"
        )
        while free in names.values() or free in taken:
            free += "_"
        names[name] = free
    return names


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _write_parquet(samples: _Samples, path: Path) -> None:
    """Write a column for each feature, label and the part; an input of a list, a picture or a window is one column.

    Columns of inputs that have a name begin with it; classes are texts. The contract, with what was learnt, is in the
    metadata of the file.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    columns = _ParquetColumns(samples)
    schema = columns.schema()

    def read(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        # Polars may ask for some columns or rows only, but this generator always gives the whole slice.
        del with_columns, predicate, n_rows, batch_size
        for piece in samples.pieces():
            yield pl.DataFrame(columns.values(*piece), schema=schema)

    register_io_source(read, schema=schema, is_pure=True).sink_parquet(
        path,
        row_group_size=max(1, min(_ROW_GROUP, (64 << 20) // max(1, samples.sample_bytes))),
        metadata={"kafka_ml.contract": samples.document.decode()},
        engine="streaming",
    )


class _ParquetColumns:
    """Which columns a file has, and their values."""

    def __init__(self, samples: _Samples) -> None:
        self._samples = samples
        taken: set[str] = set()
        # Each column of an input with columns side by side becomes a column of the file.
        self._flat = {name: names for name, names in samples.features.items() if len(samples.shapes[name]) == 1}
        self._inputs: dict[str, list[str]] = {}
        for name in samples.shapes:
            within = self._flat.get(name) or [""]
            self._inputs[name] = [
                _free(".".join(filter(None, (name, feature))) or "features", taken) for feature in within
            ]
        self._labels = [_free(name or "label", taken) for name in samples.labels]
        self._part = _free("part", taken)

    def schema(self) -> dict[str, Any]:
        """Return the columns by name."""
        import polars as pl

        schema: dict[str, Any] = {}
        for name, columns in self._inputs.items():
            shape = () if self._flat.get(name) else self._samples.shapes[name]
            schema |= dict.fromkeys(columns, _column_type(self._samples.types[name], shape))
        found = self._samples
        label = pl.Enum(found.classes) if found.classes else _column_type(found.label_type, found.label_shape)
        return schema | dict.fromkeys(self._labels, label) | {self._part: pl.Enum([part.value for part in _PARTS])}

    def values(self, inputs: dict[str, Array], labels: Array | None, parts: Array) -> dict[str, Any]:
        """Return the values of the columns for some samples."""
        values: dict[str, Any] = {}
        for name, columns in self._inputs.items():
            array = np.ascontiguousarray(inputs[name])
            if self._flat.get(name):
                values |= {column: np.ascontiguousarray(array[:, place]) for place, column in enumerate(columns)}
            else:
                values[columns[0]] = array.reshape(len(parts)) if array.shape[1:] in ((), (1,)) else array
        if labels is not None:
            # An announced label may be an array. A contract has several labels instead, each of them a number.
            several = len(self._labels) > 1
            of_each = labels.reshape(len(parts), -1).T if several or labels.shape[1:] == (1,) else [labels]
            for name, found in zip(self._labels, of_each, strict=True):
                values[name] = (
                    _enum(found, self._samples.classes) if self._samples.classes else np.ascontiguousarray(found)
                )
        return values | {self._part: _enum(parts, [part.value for part in _PARTS])}


def _column_type(kind: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    import polars as pl

    inner = pl.Series(np.empty(0, kind)).dtype
    return pl.Array(inner, shape) if shape not in ((), (1,)) else inner


def _enum(places: Array, names: Any) -> pl.Series:
    import polars as pl

    return pl.Series(places.astype(np.uint32)).cat.to(pl.Enum(names))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


# --- the program ------------------------------------------------------------------------------------------------------


def main() -> int:
    """Export as the order in the standard input says, to the path that is the only argument."""
    from kafkaml.confluent import KafkaRecordReader
    from kafkaml.settings import KafkaSettings

    # Lower the priority, so that users' requests come first.
    os.nice(10)
    order = ExportOrder.model_validate_json(sys.stdin.buffer.read())
    try:
        outcome = export_samples(order, Path(sys.argv[1]), reader=KafkaRecordReader(KafkaSettings()))
    except KafkaMLError as error:
        outcome = ExportOutcome(error=error.message, hint=error.hint, kind=type(error).__name__)
    sys.stdout.write(outcome.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

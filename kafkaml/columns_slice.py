"""Reads the ranges of a data set once and writes its samples as arrays on disk. Called by ``stream_dataset``.

There are two passes, neither of which holds more than a batch in memory. In the first, records become rows of fixed
width, appended in the order of arrival. In the second, the contract arranges the rows, learns from those that train,
and writes the samples part by part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from kafkaml.array_file import ArrayFile, write_npy_header
from kafkaml.codecs.columns import contract_of
from kafkaml.codecs.schema_registry import SchemaRegistry
from kafkaml.errors import DecodeError, RefusedError, StreamUnavailable
from kafkaml.left_out import LeftOut
from kafkaml.named_inputs import in_one
from kafkaml.records import RecordReader
from kafkaml.slice_builder import BATCH_RECORDS, BuiltSlice, content_sum
from kafkaml.splits import SplitPlan
from kafkaml.stream_range import StreamRange
from kafkaml.wire.contract import Contract, Learnt

if TYPE_CHECKING:
    from kafkaml.contract.arrangement import Arrangement
    from kafkaml.contract.compiled import CompiledContract

__all__ = ["ArrangedSlice", "arranged_slice", "build_columns_slice"]


def build_columns_slice(
    folder: Path,
    ranges: Sequence[StreamRange],
    config: dict[str, Any],
    *,
    reader: RecordReader,
    seed: int,
    validation_rate: float,
    test_rate: float,
    without_labels: bool = False,
    idle_timeout_seconds: float,
    on_progress: Callable[[int, int], None],
) -> BuiltSlice:
    """Write ``features.npy`` and ``labels.npy`` into ``folder``: the samples that train, then validate, then test.

    Samples of several inputs are records (``kafkaml.named_inputs``).

    ``on_progress(records, at most)`` is called after each batch and may raise to stop. Raises DecodeError when too many
    records do not fit the contract or none of them trains, StreamUnavailable when the ranges hold no record.
    """
    contract, _ = contract_of(config)
    if without_labels:
        contract = contract.model_copy(update={"labels": ()})
    found = arranged_slice(
        folder,
        ranges,
        contract,
        reader=reader,
        seed=seed,
        validation_rate=validation_rate,
        test_rate=test_rate,
        idle_timeout_seconds=idle_timeout_seconds,
        on_progress=on_progress,
    )
    arrangement, learnt, parts = found.arrangement, found.learnt, found.arrangement.parts
    order = found.order
    features, labels = _written(folder, found.compiled, found.rows, learnt, arrangement, order)
    found.path.unlink()
    return BuiltSlice(
        features,
        labels,
        learnt.classes,
        found.records,
        found.left_out,
        (),
        (),
        {"learnt": learnt.to_json()},
        arrangement.hashes[order].astype("<u8").tobytes(),
        content_sum(features),
        tuple(arrangement.warnings),
        SplitPlan(len(parts.training), len(parts.validation), len(parts.test)),
    )


@dataclass(frozen=True)
class ArrangedSlice:
    """All rows of a slice in the file at ``path``, the samples they make, and what was learnt from the training part.

    ``records`` counts all records that were read, ``left_out`` those of them that do not make a row.
    """

    path: Path
    rows: npt.NDArray[Any]
    compiled: CompiledContract
    arrangement: Arrangement
    learnt: Learnt
    records: int
    left_out: LeftOut

    @property
    def order(self) -> npt.NDArray[np.intp]:
        """The samples that train, then those that validate, then those that test."""
        parts = self.arrangement.parts
        return np.concatenate([parts.training, parts.validation, parts.test])


def arranged_slice(
    folder: Path,
    ranges: Sequence[StreamRange],
    contract: Contract,
    *,
    reader: RecordReader,
    seed: int,
    validation_rate: float,
    test_rate: float,
    idle_timeout_seconds: float,
    on_progress: Callable[[int, int], None],
) -> ArrangedSlice:
    """Read ``ranges`` into a file in ``folder``, and arrange and learn; raises as ``build_columns_slice``."""
    # Import late, because Polars takes 40 MB that trainings on other streams do not need.
    from kafkaml.contract.compiled import CompiledContract

    expected = sum(stream_range.max_records or 0 for stream_range in ranges)
    left_out, records, count = LeftOut(), 0, 0
    path = folder / "rows.arrived"
    try:
        compiled = CompiledContract(contract, lookup=SchemaRegistry.from_environment())
        with path.open("wb") as file:
            for batch in reader.read(ranges, batch_records=BATCH_RECORDS, idle_timeout_seconds=idle_timeout_seconds):
                raw = compiled.raw(batch)
                file.write(np.ascontiguousarray(raw.rows).data)
                records, count = records + len(batch), count + len(raw.rows)
                for index, error in raw.failures:
                    left_out.add(batch[index].place, error)
                left_out.check(records, expected)
                on_progress(records, expected)
        if not records:
            raise StreamUnavailable(
                f"the ranges {', '.join(map(str, ranges))} hold no record", hint="send the data again"
            )
        left_out.check(records)
        rows = ArrayFile(path, compiled.row_type, (count,), 0).array()
        arrangement = compiled.arrange(rows, seed=seed, validation_rate=validation_rate, test_rate=test_rate)
        if not len(arrangement.windows):
            raise DecodeError(
                f"the {count} records that can be read make no sample",
                hint="a window needs as many records of one key as it is long: take more records or a shorter window",
            )
        learnt = compiled.learn(rows, arrangement)
    except RefusedError as error:
        raise error if isinstance(error, DecodeError) else DecodeError(error.message, hint=error.hint) from error
    return ArrangedSlice(path, rows, compiled, arrangement, learnt, records, left_out)


def _written(
    folder: Path, compiled: Any, rows: npt.NDArray[Any], learnt: Any, arrangement: Any, order: npt.NDArray[np.intp]
) -> tuple[ArrayFile, ArrayFile | None]:
    """Write the samples ``order``; returns features and labels."""
    shapes = {"features": (compiled.sample_type(learnt), (len(order), *compiled.sample_shape(learnt)))}
    if compiled.labels:
        _, first = compiled.samples(rows, learnt, arrangement, order[:1])
        assert first is not None
        shapes["labels"] = (first.dtype, (len(order), *first.shape[1:]))
    files, arrays = {}, {}
    try:
        for side, (kind, whole) in shapes.items():
            files[side] = (folder / f"{side}.npy").open("wb")
            offset = write_npy_header(files[side], kind, whole)
            arrays[side] = ArrayFile(folder / f"{side}.npy", kind, whole, offset)
        for piece in compiled.pieces(order):
            inputs, labels = compiled.samples(rows, learnt, arrangement, piece)
            files["features"].write(np.ascontiguousarray(in_one(inputs)).data)
            if labels is not None:
                files["labels"].write(np.ascontiguousarray(labels).data)
    finally:
        for file in files.values():
            file.close()
    return arrays["features"], arrays.get("labels")

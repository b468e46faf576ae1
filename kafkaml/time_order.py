"""The order of a data set's samples by the time of their records. Used by ``slice_builder`` for splits by time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.records import RecordBatch

__all__ = ["TimeOrder"]

Rows = npt.NDArray[np.intp]


class TimeOrder:
    """Collects when and where samples were written, 20 bytes of each, and gives their order from old to new.

    Records of the same millisecond follow each other by partition and offset, so the order does not depend on how they
    were read.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, int], int] = {}
        self._timestamps_ms: list[npt.NDArray[np.int64]] = []
        self._partitions: list[npt.NDArray[np.int32]] = []
        self._offsets: list[npt.NDArray[np.int64]] = []

    def append(self, batch: RecordBatch, samples: Sequence[int] | npt.NDArray[np.intp]) -> None:
        """Take the records of ``batch``, which hold so many samples each: 0 where a record was left out."""
        columns = batch.columns()
        keys = [(record.topic, record.partition) for record in batch]
        for key in set(keys) - self._places.keys():
            self._places[key] = len(self._places)
        places = [self._places[key] for key in keys]
        self._timestamps_ms.append(np.repeat(np.array(columns.timestamps_ms, np.int64), samples))
        self._partitions.append(np.repeat(np.array(places, np.int32), samples))
        self._offsets.append(np.repeat(np.array(columns.offsets, np.int64), samples))

    def order(self) -> tuple[Rows, list[str]]:
        """Return the permutation that brings the samples from old to new, and what to say about it."""
        timestamps_ms, offsets = np.concatenate(self._timestamps_ms), np.concatenate(self._offsets)
        # Numbered as they came; by name, so that the order of reading does not matter.
        ranks = np.empty(len(self._places), np.int32)
        ranks[[self._places[key] for key in sorted(self._places)]] = np.arange(len(self._places))
        partitions = ranks[np.concatenate(self._partitions)]
        if len(timestamps_ms) and timestamps_ms.min() == timestamps_ms.max():
            return _by_position(partitions, offsets)
        missing = int(np.count_nonzero(timestamps_ms < 0))
        warnings = [f"{missing} records have no time: they count as the oldest"] if missing else []
        return np.lexsort((offsets, partitions, timestamps_ms)), warnings


def _by_position(partitions: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> tuple[Rows, list[str]]:
    """Order samples without times: the last part of each partition comes last."""
    rows = np.lexsort((offsets, partitions))
    sizes = np.bincount(partitions)
    sizes = sizes[sizes > 0]
    # From 0 to 1 through each partition.
    position = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    warnings = []
    if len(sizes) > 1:
        warnings.append(
            f"all records have the same time or none, so their order across the {len(sizes)} partitions is not known: "
            "they are taken in the order of each partition, side by side"
        )
    return rows[np.argsort(position, kind="stable")], warnings

"""The order of a data set's samples by the time of their records. Used by ``slice_builder`` for splits by time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.records import RecordBatch

__all__ = ["TimeOrder"]

Rows = npt.NDArray[np.intp]


class TimeOrder:
    """Collects when and where samples were written, 24 bytes of each, and gives their order from old to new.

    Records of the same millisecond follow each other by topic, partition and offset, so the order does not depend on
    how they were read.
    """

    def __init__(self, topics: Iterable[str]) -> None:
        self._topics = {topic: rank for rank, topic in enumerate(sorted(set(topics)))}
        self._timestamps_ms: list[npt.NDArray[np.int64]] = []
        self._partitions: list[npt.NDArray[np.int64]] = []
        self._offsets: list[npt.NDArray[np.int64]] = []

    def append(self, batch: RecordBatch, samples: Sequence[int] | npt.NDArray[np.intp]) -> None:
        """Take the records of ``batch``, with the number of samples in each; 0 where a record was left out."""
        columns = batch.columns()
        partitions = np.array(columns.partitions, np.int64)
        if len(self._topics) > 1:
            # Records are built only if there are several topics, because this costs more than all the rest.
            partitions += np.array([self._topics[record.topic] for record in batch], np.int64) << 32
        self._timestamps_ms.append(np.repeat(np.array(columns.timestamps_ms, np.int64), samples))
        self._partitions.append(np.repeat(partitions, samples))
        self._offsets.append(np.repeat(np.array(columns.offsets, np.int64), samples))

    def order(self) -> tuple[Rows, list[str]]:
        """Return the permutation that brings the samples from old to new, and warnings about it."""
        timestamps_ms, partitions, offsets = (
            np.concatenate(column) for column in (self._timestamps_ms, self._partitions, self._offsets)
        )
        if len(timestamps_ms) and timestamps_ms.min() == timestamps_ms.max():
            return _by_position(partitions, offsets)
        missing = int(np.count_nonzero(timestamps_ms < 0))
        warnings = [f"{missing} records have no time: they count as the oldest"] if missing else []
        return np.lexsort((offsets, partitions, timestamps_ms)), warnings


def _by_position(partitions: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> tuple[Rows, list[str]]:
    """Order samples without times so that the last part of each partition comes last."""
    rows = np.lexsort((offsets, partitions))
    _, sizes = np.unique(partitions, return_counts=True)
    # The relative position, from 0 to 1, in each partition.
    position = np.concatenate([(np.arange(size) + 0.5) / size for size in sizes])
    warnings = []
    if len(sizes) > 1:
        warnings.append(
            f"all records have the same time or none, so their order across the {len(sizes)} partitions is not known: "
            "they are taken in the order of each partition, side by side"
        )
    return rows[np.argsort(position, kind="stable")], warnings

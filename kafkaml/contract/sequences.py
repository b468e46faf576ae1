"""Records of one key in their order: runs, windows over runs, and values that are carried forward. Pure.

A run is a sequence of records of one key in one partition, in the order of their offsets. It ends where the next record
comes more than ``forget_ms`` later. Serving drops state that is unused for that long, so training does not look across
the gap either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.contract.texts import MISSING

__all__ = ["FORGET_MS", "NEVER", "Runs", "Windows", "carried", "is_missing", "runs_of", "windows_of"]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]

FORGET_MS = 7 * 86_400_000
# The time before the first record of a key, and the time of a record without one.
NEVER, _UNTIMED = -2, -1


@dataclass(frozen=True)
class Runs:
    """``order`` sorts rows by group, then by arrival; everything else is in that order.

    ``group`` is the place of a row's group among ``groups``, ``start`` where its run begins, ``goes_on`` whether that
    run began before these rows. ``lasts`` are the last rows of the groups, ``ended_ms`` their times.
    """

    order: Rows
    groups: Array
    group: Rows
    start: Rows
    goes_on: Flags
    lasts: Rows
    ended_ms: Array


def runs_of(groups: Array, times_ms: Array, *, before_ms: Array | None = None, forget_ms: int = FORGET_MS) -> Runs:
    """Return the runs of rows, given in the order of arrival, of ``groups`` (n,) and ``times_ms`` (n,).

    ``before_ms`` (distinct groups, sorted) are the times of the records before these, NEVER where there is none.
    """
    order = np.argsort(groups, kind="stable")
    by_group, times = groups[order], np.asarray(times_ms)[order]
    count = len(order)
    new_group = np.ones(count, np.bool_)
    new_group[1:] = by_group[1:] != by_group[:-1]
    group = np.cumsum(new_group, dtype=np.intp) - 1
    previous = np.empty(count, np.int64)
    previous[1:] = times[:-1]
    firsts = np.flatnonzero(new_group)
    previous[firsts] = NEVER if before_ms is None else before_ms
    gap = (times >= 0) & (previous >= 0) & (times - previous > forget_ms)
    begins = gap | new_group
    start = np.maximum.accumulate(np.where(begins, np.arange(count), 0)) if count else np.empty(0, np.intp)
    known = np.zeros(count, np.bool_) if before_ms is None else np.asarray(before_ms)[group] != NEVER
    goes_on = (known & new_group & ~gap)[start] if count else np.empty(0, np.bool_)
    lasts = np.append(firsts[1:], count)[: len(firsts)] - 1
    ended_ms = np.where(times[lasts] >= 0, times[lasts], _UNTIMED)
    return Runs(order, by_group[firsts], group, start, goes_on, lasts, ended_ms)


def is_missing(values: Array) -> Flags:
    """Return which values of a field of rows are missing."""
    missing: Flags = np.isnan(values) if values.dtype.kind == "f" else values == MISSING
    return missing


def carried(rows: Array, runs: Runs, fields: Sequence[str], before: Array) -> tuple[Flags, Array]:
    """Fill missing values of ``fields`` with the last value of the same run, in place.

    ``before`` (distinct groups,) holds the last values before these rows. Returns which rows still lack a value, in
    their order of arrival, and the last values behind these rows.
    """
    after = before.copy()
    lacking = np.zeros(len(rows), np.bool_)
    place = np.arange(len(rows))
    for name in fields:
        values = rows[name][runs.order]
        found = np.maximum.accumulate(np.where(is_missing(values), -1, place)) if len(rows) else place
        here = found >= runs.start
        filled = np.where(here, values[found], _none(values.dtype))
        earlier = ~here & runs.goes_on
        filled[earlier] = before[name][runs.group[earlier]]
        rows[name][runs.order] = filled
        lacking[runs.order] |= is_missing(filled)
        after[name] = filled[runs.lasts]
    return lacking, after


def _none(dtype: np.dtype[Any]) -> Any:
    return dtype.type(np.nan if dtype.kind == "f" else MISSING)


@dataclass(frozen=True)
class Windows:
    """Samples over rows. Sample i has the ``length`` rows of ``order`` that end at ``ends[i]``, and the label of row
    ``labels[i]``.
    """

    order: Rows
    ends: Rows
    labels: Rows
    length: int = 1

    def __len__(self) -> int:
        return len(self.ends)

    def take(self, samples: Any) -> Windows:
        """Return some of the samples."""
        return Windows(self.order, self.ends[samples], self.labels[samples], self.length)

    def rows(self, samples: slice | Rows) -> Rows:
        """Return the rows of samples, (samples, length)."""
        places = self.ends[samples][:, None] + np.arange(1 - self.length, 1)
        found: Rows = self.order[places]
        return found

    def extremes(self, ranks: Array) -> tuple[Array, Array]:
        """Return the least and the greatest of ``ranks`` (rows,) among the rows of each sample, and of its label."""
        least = greatest = ranks[self.order]
        # Double the number of rows at each step, so that the cost is the logarithm of the window's length.
        have = 1
        while have < self.length:
            step = min(have, self.length - have)
            least = _slid(np.minimum, least, step)
            greatest = _slid(np.maximum, greatest, step)
            have += step
        labels = ranks[self.labels]
        return np.minimum(least[self.ends], labels), np.maximum(greatest[self.ends], labels)


def _slid(combine: Any, values: Array, step: int) -> Array:
    result = values.copy()
    result[step:] = combine(values[step:], values[:-step])
    return result


def windows_of(runs: Array, *, length: int, stride: int, horizon: int) -> Windows:
    """Return all windows over rows, given in the order of arrival, of ``runs`` (n,); none reaches across two runs."""
    order = np.argsort(runs, kind="stable")
    by_run, place = runs[order], np.arange(len(order))
    new = np.ones(len(order), np.bool_)
    new[1:] = by_run[1:] != by_run[:-1]
    start = np.maximum.accumulate(np.where(new, place, 0)) if len(order) else place
    ahead = place - start - (length - 1)
    ends = np.flatnonzero((ahead >= 0) & (ahead % stride == 0))
    labels = ends + horizon
    ends, labels = ends[labels < len(place)], labels[labels < len(place)]
    same = start[ends] == start[labels]
    return Windows(order, ends[same], order[labels[same]], length)

"""WindowState: what serving keeps of each key, the last records of its window and the values to be carried on.

In memory it is bytes for each key, and the same bytes go into a compacted changelog. What a batch changes counts once
it is committed with the batch's answers; until then later batches see it, and a roll-back forgets it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.codecs.base import StateKey
from kafkaml.contract.sequences import FORGET_MS, NEVER, Runs, carried, runs_of

__all__ = ["Advance", "WindowState"]

Array = npt.NDArray[Any]
Rows = npt.NDArray[np.intp]

# Which layout the rest is of, the time of the last record, and how many records the run has.
_HEADER = struct.Struct("<8sqq")


@dataclass(frozen=True)
class Advance:
    """What a batch of rows gives: ``windows`` (samples, length) of rows, each ending with row ``ends[i]`` of the batch.

    ``waiting`` rows have no answer, as there are too few before them, or the stride leaves them out; ``lacking`` rows
    lack a value that nothing before them has. ``changes`` are for the changelog.
    """

    windows: Array
    ends: Rows
    waiting: Rows
    lacking: Rows
    changes: Mapping[StateKey, bytes]


class WindowState:
    """``row`` is the type of rows, ``carry`` the fields of it whose last values stand in for missing ones.

    ``layout`` (8 bytes) names what rows mean: state of another layout is not understood and counts as none.
    """

    def __init__(
        self,
        row: np.dtype[Any],
        *,
        layout: bytes,
        length: int = 1,
        stride: int = 1,
        carry: Sequence[str] = (),
        forget_ms: int = FORGET_MS,
    ) -> None:
        self._row = row
        self._layout = layout
        self._length = length
        self._stride = stride
        self._carry = list(carry)
        self._last = np.dtype([(name, row[name]) for name in carry])
        self._forget_ms = forget_ms
        self._kept: dict[int, dict[bytes, bytes]] = {}
        self._pending: list[Mapping[StateKey, bytes]] = []

    def __len__(self) -> int:
        """How many keys are known, as of the last commit."""
        return sum(map(len, self._kept.values()))

    def advance(
        self, partitions: Sequence[int], keys: Sequence[bytes], times_ms: Sequence[int], rows: Array
    ) -> Advance:
        """Take rows in the order of arrival; ``rows`` are changed where values are carried on."""
        codes: dict[StateKey, int] = {}
        groups = np.array(
            [codes.setdefault(StateKey(*each), len(codes)) for each in zip(partitions, keys, strict=True)], np.int64
        )
        before = [_Kept.of(self._find(each), self) for each in codes]
        times = np.array(times_ms, np.int64)
        was_ms = np.array([each.time_ms for each in before], np.int64)
        runs = runs_of(groups, times, before_ms=was_ms, forget_ms=self._forget_ms)
        last = np.empty(len(before), self._last)
        lacking = np.zeros(len(rows), np.bool_)
        if self._carry:
            for code, each in enumerate(before):
                last[code] = each.last
            lacking, last = carried(rows, runs, self._carry, last)
        return self._windows(list(codes), before, rows, runs, lacking, last)

    def commit(self, batches: int = 1) -> None:
        """Let what the oldest ``batches`` that were not committed changed count."""
        for changes in self._pending[:batches]:
            for (partition, key), value in changes.items():
                self._kept.setdefault(partition, {})[key] = value
        del self._pending[:batches]

    def roll_back(self) -> None:
        """Forget what was not committed."""
        self._pending.clear()

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog, None for a key that was forgotten; the last one of a key counts."""
        kept = self._kept.setdefault(partition, {})
        if value is None or value[:8] != self._layout or len(value) < _HEADER.size:
            kept.pop(key, None)
        else:
            kept[key] = value

    def drop(self, partition: int) -> None:
        """Forget a partition that another replica has now."""
        self._kept.pop(partition, None)

    def expired(self, now_ms: int) -> list[StateKey]:
        """Return the keys that were not seen for too long, and are in no batch that was not committed.

        Time is that of the newest record of their partition, at most ``now_ms``: old records that are read again, or
        one with a time far in the future, make nobody forget what comes next.
        """
        under_way = set().union(*self._pending)
        found: list[StateKey] = []
        for partition, kept in self._kept.items():
            seen_ms = {key: _HEADER.unpack_from(value)[1] for key, value in kept.items()}
            newest = max((each for each in seen_ms.values() if each <= now_ms), default=0)
            oldest = newest - self._forget_ms
            old = (StateKey(partition, key) for key, each in seen_ms.items() if 0 <= each < oldest)
            found += [each for each in old if each not in under_way]
        return found

    def forget(self, keys: Iterable[StateKey]) -> None:
        """Forget keys, of which the changelog has a tombstone now."""
        for partition, key in keys:
            self._kept.get(partition, {}).pop(key, None)

    @property
    def value_bytes(self) -> int:
        """How large the state of one key can be."""
        return _HEADER.size + self._last.itemsize + (self._length - 1) * self._row.itemsize

    def _find(self, key: StateKey) -> bytes | None:
        for changes in reversed(self._pending):
            if key in changes:
                return changes[key]
        return self._kept.get(key.partition, {}).get(key.key)

    def _windows(
        self,
        names: list[StateKey],
        before: list[_Kept],
        rows: Array,
        runs: Runs,
        lacking: npt.NDArray[np.bool_],
        last: Array,
    ) -> Advance:
        """Lay the rows of each key behind those that are kept of it, and look for windows there."""
        length = self._length
        # Rows that lack a value have no place in a window, but a place in time.
        taken = ~lacking[runs.order]
        order, group, goes_on = runs.order[taken], runs.group[taken], runs.goes_on[taken]
        counts = np.array([each.count for each in before], np.int64)
        olds = np.array([len(each.rows) for each in before], np.int64)
        place = np.arange(len(order)) + np.cumsum(olds)[group]
        laid = np.empty(int(olds.sum()) + len(order), self._row)
        laid[place] = rows[order]
        starts = np.cumsum(olds) - olds + np.searchsorted(group, np.arange(len(before)))
        for each, start in zip(before, starts.tolist(), strict=True):
            laid[start : start + len(each.rows)] = each.rows
        # How many rows of its run a row ends, from 1 on.
        run_first = _firsts(runs.start[taken])
        count = np.arange(len(order)) - run_first + 1 + np.where(goes_on, counts[group], 0)
        ahead = count - length
        ready = (ahead >= 0) & (ahead % self._stride == 0)
        gather = place[ready][:, None] + np.arange(1 - length, 1)
        changes: dict[StateKey, bytes] = {}
        tails = self._tails(runs, taken, group, place, count)
        for code, name in enumerate(names):
            end, total = tails.get(code, (0, 0))
            tail = laid[end + 1 - min(total, length - 1) : end + 1] if length > 1 else laid[:0]
            if not total and runs.goes_on[runs.lasts[code]]:
                # Nothing was taken of a run that goes on: what there was stays.
                total, tail = before[code].count, before[code].rows
            header = _HEADER.pack(self._layout, int(runs.ended_ms[code]), total)
            changes[name] = header + (last[code : code + 1].tobytes() if self._carry else b"") + tail.tobytes()
        self._pending.append(changes)
        return Advance(laid[gather], order[ready], np.sort(order[~ready]), np.flatnonzero(lacking), changes)

    def _tails(
        self, runs: Runs, taken: npt.NDArray[np.bool_], group: Rows, place: Rows, count: Array
    ) -> dict[int, tuple[int, int]]:
        """Return of each group where its last row lies and the number of that in its run, if no other run follows."""
        if not len(group):
            return {}
        ends = np.append(np.flatnonzero(group[1:] != group[:-1]), len(group) - 1)
        ends = ends[runs.start[taken][ends] == runs.start[runs.lasts][group[ends]]]
        found = zip(place[ends].tolist(), count[ends].tolist(), strict=True)
        return dict(zip(group[ends].tolist(), found, strict=True))


@dataclass(frozen=True)
class _Kept:
    time_ms: int
    count: int
    last: Any
    rows: Array

    @classmethod
    def of(cls, value: bytes | None, state: WindowState) -> _Kept:
        if value is None:
            return cls(NEVER, 0, _nothing(state._last), np.empty(0, state._row))
        _, time_ms, count = _HEADER.unpack_from(value)
        start = _HEADER.size + state._last.itemsize
        last = np.frombuffer(value[_HEADER.size : start], state._last)[0] if state._carry else None
        return cls(time_ms, count, last, np.frombuffer(value, state._row, offset=start))


def _nothing(dtype: np.dtype[Any]) -> Any:
    none = np.zeros(1, dtype)
    for name in dtype.names or ():
        none[name] = np.nan if dtype[name].kind == "f" else -1
    return none[0]


def _firsts(starts: Array) -> Array:
    """Return for each row the place of the first row that has the same start."""
    if not len(starts):
        return starts
    new = np.ones(len(starts), np.bool_)
    new[1:] = starts[1:] != starts[:-1]
    return np.maximum.accumulate(np.where(new, np.arange(len(starts)), 0))

"""WindowState: what serving keeps of each key, the last records of its window and the values to be carried on.

The state of a key is one element of an array, whose bytes go unchanged into a compacted changelog. The next batch sees
the changes of the one before immediately. A roll-back undoes them until they are committed with the batch's answers.
"""

from __future__ import annotations

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

_FIRST_SLOTS = 64


@dataclass(frozen=True)
class Advance:
    """The outcome of a batch of rows: ``windows`` (samples, length) of rows, each ending with row ``ends[i]`` of the
    batch.

    ``waiting`` rows have no answer, as there are too few before them, or the stride leaves them out; ``lacking`` rows
    lack a value that nothing before them has. ``changes`` are for the changelog.
    """

    windows: Array
    ends: Rows
    waiting: Rows
    lacking: Rows
    changes: Mapping[StateKey, bytes]


class WindowState:
    """``row`` is the type of rows. ``carry`` names the fields whose last value replaces a missing one.

    ``layout`` (8 bytes) identifies the meaning of rows. State with another layout is ignored.
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
        self._layout = np.frombuffer(layout, "<u8")[0]
        self._length = length
        self._stride = stride
        self._carry = list(carry)
        self._forget_ms = forget_ms
        # The state of a key: time of the last record, length of its run, carried values, and the last rows of the run,
        # the newest at the end.
        self._type = np.dtype(
            [
                ("layout", "<u8"),
                ("time", "<i8"),
                ("count", "<i8"),
                ("last", [(name, row[name]) for name in carry]),
                ("tail", row, (length - 1,)),
            ]
        )
        # The slot of each key by partition, the free slots, and the changes of uncommitted batches.
        self._slots: dict[int, dict[bytes, int]] = {}
        self._free: list[int] = []
        self._values = np.zeros(0, self._type)
        self._undo: list[tuple[Rows, Array]] = []
        self._unknown = np.zeros((), self._type)
        self._unknown["time"] = NEVER

    def __len__(self) -> int:
        """The number of keys that have a state."""
        return sum(int(np.count_nonzero(self._times(table) != NEVER)) for table in self._slots.values())

    @property
    def value_bytes(self) -> int:
        """The size of one key's state, in bytes."""
        return self._type.itemsize

    def advance(
        self, partitions: Sequence[int], keys: Sequence[bytes], times_ms: Sequence[int], rows: Array
    ) -> Advance:
        """Take rows in the order of arrival; ``rows`` is modified where values are carried forward."""
        groups = self._slots_of(partitions, keys)
        slots, firsts = np.unique(groups, return_index=True)
        before = _taken(self._values, slots)
        times = np.array(times_ms, np.int64)
        runs = runs_of(groups, times, before_ms=before["time"], forget_ms=self._forget_ms)
        lacking, last = np.zeros(len(rows), np.bool_), before["last"]
        if self._carry:
            lacking, last = carried(rows, runs, self._carry, last)
        taken = _Taken.of(runs, lacking, before["count"])
        laid, place = self._laid(before, rows, taken)
        ready = (taken.count >= self._length) & ((taken.count - self._length) % self._stride == 0)
        windows = _taken(laid, place[ready][:, None] + np.arange(1 - self._length, 1))
        after = self._after(before, runs, last, taken, laid, place)
        self._undo.append((slots, before))
        _whole(self._values)[slots] = _whole(after)
        whose = [(partitions[first], keys[first]) for first in firsts.tolist()]
        changes: dict[StateKey, bytes] = dict(zip(whose, _whole(after).tolist(), strict=True))
        return Advance(windows, taken.order[ready], np.sort(taken.order[~ready]), np.flatnonzero(lacking), changes)

    def commit(self, batches: int = 1) -> None:
        """Make the changes of the oldest ``batches`` uncommitted batches permanent."""
        del self._undo[:batches]

    def roll_back(self) -> None:
        """Undo what was not committed."""
        while self._undo:
            slots, values = self._undo.pop()
            _whole(self._values)[slots] = _whole(values)

    def restore(self, partition: int, key: bytes, value: bytes | None) -> None:
        """Take a record of the changelog, None for a key that was forgotten; the last one per key counts."""
        read = np.frombuffer(value, self._type) if value is not None and len(value) == self._type.itemsize else None
        if read is None or read["layout"][0] != self._layout:
            self.forget([(partition, key)])
        else:
            self._values[self._slots_of([partition], [key])] = read

    def snapshot(self) -> dict[str, Array]:
        """Return a copy of the whole state: ``partitions`` (n,), ``keys`` (the bytes of all keys, concatenated),
        ``key_ends`` (n,) and ``values`` (n, ``value_bytes``).
        """
        known = [(partition, key, slot) for partition, table in self._slots.items() for key, slot in table.items()]
        slots = np.array([slot for _, _, slot in known], np.intp)
        return {
            "partitions": np.array([partition for partition, _, _ in known], np.int64),
            "keys": np.frombuffer(b"".join(key for _, key, _ in known), np.uint8),
            "key_ends": np.cumsum([len(key) for _, key, _ in known], dtype=np.int64),
            "values": _taken(self._values, slots).view(np.uint8).reshape(len(known), self.value_bytes),
        }

    def take(self, snapshot: Mapping[str, Array]) -> None:
        """Continue from a ``snapshot``; an empty one holds no state."""
        if not snapshot:
            return
        keys, start = snapshot["keys"].tobytes(), 0
        for partition, end, value in zip(
            snapshot["partitions"].tolist(), snapshot["key_ends"].tolist(), snapshot["values"], strict=True
        ):
            self.restore(partition, keys[start:end], value.tobytes())
            start = end

    def drop(self, partition: int) -> None:
        """Forget a partition that now belongs to another replica."""
        self.forget([(partition, key) for key in self._slots.get(partition, ())])
        self._slots.pop(partition, None)

    def expired(self, now_ms: int) -> list[StateKey]:
        """Return the keys that were not seen for too long and have no record in an uncommitted batch.

        The clock is the newest record of their partition, at most ``now_ms``. Neither old records that are read again
        nor one with a time far in the future lead to wrong expiry.
        """
        under_way = np.concatenate([np.empty(0, np.intp), *(slots for slots, _ in self._undo)])
        found: list[StateKey] = []
        for partition, table in self._slots.items():
            times = self._times(table)
            newest = int(times[times <= now_ms].max(initial=0))
            old = (times >= 0) & (times < newest - self._forget_ms)
            old &= ~np.isin(np.fromiter(table.values(), np.intp, len(table)), under_way)
            found += [(partition, key) for key, is_old in zip(table, old.tolist(), strict=True) if is_old]
        return found

    def forget(self, keys: Iterable[StateKey]) -> None:
        """Forget keys that now have a tombstone in the changelog."""
        gone = [slot for partition, key in keys if (slot := self._slots.get(partition, {}).pop(key, None)) is not None]
        self._free += gone
        # Drop these slots from the undo lists. By the time of a roll-back another key may have the slot.
        for place, (slots, values) in enumerate(self._undo if gone else ()):
            kept = ~np.isin(slots, gone)
            self._undo[place] = slots[kept], _taken(values, kept)

    def _times(self, table: Mapping[bytes, int]) -> Array:
        times: Array = self._values["time"][np.fromiter(table.values(), np.intp, len(table))]
        return times

    def _slots_of(self, partitions: Sequence[int], keys: Sequence[bytes]) -> Rows:
        """Return the slots of keys; new keys get an empty one."""
        tables = {partition: self._slots.setdefault(partition, {}) for partition in set(partitions)}
        found = [tables[partition].get(key, -1) for partition, key in zip(partitions, keys, strict=True)]
        slots = np.array(found, np.intp)
        for index in np.flatnonzero(slots < 0).tolist():
            table, key = tables[partitions[index]], keys[index]
            if (slot := table.get(key, -1)) < 0:
                slot = table[key] = self._new_slot()
            slots[index] = slot
        return slots

    def _new_slot(self) -> int:
        if not self._free:
            used = len(self._values)
            more = max(_FIRST_SLOTS, used // 8)
            # Grow in place where possible, because a second copy of all states would be large. No views of it exist.
            self._values.resize(used + more, refcheck=False)
            self._free.extend(range(used + more - 1, used - 1, -1))
        slot = self._free.pop()
        self._values[slot] = self._unknown
        return slot

    def _laid(self, before: Array, rows: Array, taken: _Taken) -> tuple[Array, Rows]:
        """Append the rows of each key to its stored ones; returns the positions of the new rows."""
        olds = np.minimum(before["count"], self._length - 1)
        place = np.arange(len(taken.order)) + np.cumsum(olds)[taken.group]
        laid = np.empty(int(olds.sum()) + len(taken.order), self._row)
        _whole(laid)[place] = _whole(np.ascontiguousarray(rows))[taken.order]
        starts = np.cumsum(olds) - olds + np.searchsorted(taken.group, np.arange(len(before)))
        ahead = np.arange(self._length - 1) - (self._length - 1 - olds)[:, None]
        is_kept = ahead >= 0
        _whole(laid)[(starts[:, None] + ahead)[is_kept]] = _whole(np.ascontiguousarray(before["tail"]))[is_kept]
        return laid, place

    def _after(self, before: Array, runs: Runs, last: Array, taken: _Taken, laid: Array, place: Rows) -> Array:
        """Return the state after the batch."""
        after = before.copy()
        after["layout"], after["time"], after["last"] = self._layout, runs.ended_ms, last
        # A run that took no row and does not continue has no state.
        after["count"][~runs.goes_on[runs.lasts]] = 0
        ends = taken.last_of_groups(runs)
        groups = taken.group[ends]
        after["count"][groups] = taken.count[ends]
        ago = np.arange(2 - self._length, 1)
        tail = before["tail"].copy()
        _whole(tail)[groups] = _whole(laid)[np.maximum(place[ends][:, None] + ago, 0)]
        # Clear the unused places of the window, so that no rows of other runs or keys get into the changelog.
        _whole(tail)[-ago >= after["count"][:, None]] = bytes(self._row.itemsize)
        after["tail"] = tail
        return after


@dataclass(frozen=True)
class _Taken:
    """The rows that may be in a window, by group and arrival. Rows that lack a value only count for the time.

    ``count`` is how many rows of its run a row ends, from 1 on.
    """

    order: Rows
    group: Rows
    start: Rows
    count: Array

    @classmethod
    def of(cls, runs: Runs, lacking: npt.NDArray[np.bool_], counts: Array) -> _Taken:
        taken = ~lacking[runs.order]
        order, group, start = runs.order[taken], runs.group[taken], runs.start[taken]
        known = np.where(runs.goes_on[taken], counts[group], 0)
        return cls(order, group, start, np.arange(len(order)) - _firsts(start) + 1 + known)

    def last_of_groups(self, runs: Runs) -> Rows:
        """Return the place of the last row of each group whose last run has rows."""
        if not len(self.group):
            return np.empty(0, np.intp)
        ends = np.append(np.flatnonzero(self.group[1:] != self.group[:-1]), len(self.group) - 1)
        found: Rows = ends[self.start[ends] == runs.start[runs.lasts][self.group[ends]]]
        return found


def _whole(values: Array) -> Array:
    """Return a view in which each element is plain bytes. NumPy copies elements of many fields field by field, which
    takes long.
    """
    return values.view(np.dtype((np.void, values.dtype.itemsize)))


def _taken(values: Array, places: Array) -> Array:
    taken: Array = _whole(values)[places].view(values.dtype)
    return taken


def _firsts(starts: Array) -> Array:
    """Return for each row the place of the first row that has the same start."""
    if not len(starts):
        return starts
    new = np.ones(len(starts), np.bool_)
    new[1:] = starts[1:] != starts[:-1]
    return np.maximum.accumulate(np.where(new, np.arange(len(starts)), 0))

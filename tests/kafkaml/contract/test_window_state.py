"""The state of windows when serving: commits, roll-backs, changelogs, forgetting, and its memory."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.codecs.base import StateKey
from kafkaml.contract.window_state import WindowState

ROW = np.dtype([("c0", "<f8"), ("c1", "<f8")])
DAY = 86_400_000


def state(**changes: Any) -> WindowState:
    return WindowState(ROW, **{"layout": b"layout-1", "length": 3, "carry": ["c1"], **changes})


def rows(*values: tuple[float, float]) -> Any:
    return np.array(list(values), ROW)


Step = tuple[int, int, float, float | None]
steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([1, 1000, DAY, 7 * DAY, 7 * DAY + 1, -DAY]),
        st.floats(-10, 10),
        st.one_of(st.none(), st.floats(-10, 10)),
    ),
    max_size=40,
)


def advance(
    kept: WindowState, taken: list[tuple[int, int, float, float | None]], start: int
) -> tuple[dict[int, Any], Any]:
    """Return the answers by their last record (None: it waits or lacks a value), and the changes."""
    keys = [b"k%d" % key for key, *_ in taken]
    values = rows(*((x, np.nan if y is None else y) for _, _, x, y in taken))
    found = kept.advance([0] * len(taken), keys, [time for _, time, *_ in taken], values)
    answers: dict[int, Any] = {start + place: None for place in range(len(taken))}
    for window, end in zip(found.windows, found.ends.tolist(), strict=True):
        answers[start + end] = [tuple(row) for row in window.tolist()]
    assert sorted([*found.ends.tolist(), *found.waiting.tolist(), *found.lacking.tolist()]) == list(range(len(taken)))
    return answers, found.changes


def timed(taken: list[Step]) -> list[tuple[int, int, float, float | None]]:
    """Return records with the times that the steps lead to."""
    clocks: dict[int, int] = {}
    result = []
    for key, step, x, y in taken:
        clocks[key] = clocks.get(key, 1_700_000_000_000) + step
        result.append((key, clocks[key], x, y))
    return result


def naive(taken: list[tuple[int, int, float, float | None]], length: int, stride: int) -> dict[int, Any]:
    """Return the answers of a loop over single records."""
    kept: dict[int, tuple[int, list[Any], float | None, int]] = {}
    answers: dict[int, Any] = {}
    for place, (key, time, x, y) in enumerate(taken):
        ended, window, last, count = kept.get(key, (time, [], None, 0))
        if time - ended > 7 * DAY:
            window, last, count = [], None, 0
        last = y if y is not None else last
        answers[place] = None
        if last is not None:
            window = [*window, (x, last)][-length:]
            count += 1
            if count >= length and (count - length) % stride == 0:
                answers[place] = window
        kept[key] = (time, window, last, count)
    return answers


@given(
    taken=steps,
    cuts=st.lists(st.integers(1, 7), min_size=1, max_size=3),
    length=st.integers(1, 4),
    stride=st.integers(1, 3),
    odd=st.integers(0, 5),
)
@settings(max_examples=100, deadline=None)
def test_answers_are_those_of_a_loop_whatever_is_killed_in_between(
    taken: list[Step], cuts: list[int], length: int, stride: int, odd: int
) -> None:
    records = timed(taken)
    options = {"length": length, "stride": stride}
    kept, changelog = state(**options), dict[StateKey, bytes]()
    answers: dict[int, Any] = {}
    start = turn = 0
    while start < len(records):
        part = records[start : start + cuts[turn % len(cuts)]]
        if turn % 6 == odd:
            # An aborted transaction delivers the same records again.
            advance(kept, part, start)
            kept.roll_back()
        if turn % 5 == odd:
            # When a replica has died, another one reads the changelog.
            kept = state(**options)
            for key, value in changelog.items():
                kept.restore(*key, value)
        found, changes = advance(kept, part, start)
        answers, changelog = answers | found, changelog | changes
        kept.commit()
        start, turn = start + len(part), turn + 1
    assert answers == naive(records, length, stride)


def test_batches_that_are_under_way_are_seen_by_the_next_and_committed_in_their_order() -> None:
    kept = state(carry=[])
    for number in range(3):
        found = kept.advance([0], [b"k"], [number], rows((number, 0)))
    assert found.windows["c0"].tolist() == [[0.0, 1.0, 2.0]]
    kept.commit(2)
    kept.roll_back()
    again = kept.advance([0], [b"k"], [2], rows((9, 0)))
    assert again.windows["c0"].tolist() == [[0.0, 1.0, 9.0]]
    assert len(kept) == 1


def test_keys_of_other_partitions_are_other_keys_and_leave_with_them() -> None:
    kept = state(carry=[], length=2)
    kept.advance([0, 1, 0], [b"k", b"k", b"k"], [1, 2, 3], rows((1, 0), (2, 0), (3, 0)))
    kept.commit()
    assert len(kept) == 2
    kept.drop(0)
    found = kept.advance([0, 1], [b"k", b"k"], [4, 5], rows((4, 0), (5, 0)))
    assert found.windows["c0"].tolist() == [[2.0, 5.0]]


def test_a_key_that_was_not_seen_for_long_is_forgotten_with_a_tombstone() -> None:
    kept = state(carry=[], length=2)
    kept.advance([0, 0], [b"old", b"new"], [0, 6 * DAY], rows((1, 0), (2, 0)))
    kept.commit()
    # Age is measured by the times of records, so records that are read again after years do not become older.
    assert kept.expired(now_ms=1000 * DAY) == []
    kept.advance([0, 0, 1], [b"new", b"future", b"old"], [8 * DAY, 999 * DAY, 0], rows((3, 0), (4, 0), (5, 0)))
    kept.commit()
    assert kept.expired(now_ms=9 * DAY) == [(0, b"old")]
    kept.advance([0], [b"old"], [7 * DAY], rows((6, 0)))
    assert kept.expired(now_ms=9 * DAY) == []
    kept.roll_back()
    kept.forget(kept.expired(now_ms=9 * DAY))
    assert (len(kept), kept.expired(now_ms=9 * DAY)) == (3, [])


def test_state_of_another_layout_counts_as_none() -> None:
    kept, other = state(length=2), state(length=2, layout=b"layout-2")
    changes = kept.advance([0], [b"k"], [1], rows((1, 1))).changes
    other.restore(0, b"k", changes[0, b"k"])
    other.restore(0, b"short", b"layout-2")
    assert len(other) == 0


def test_a_hundred_thousand_keys_of_ten_records_of_four_columns_fit_64_megabytes() -> None:
    wide = np.dtype([(f"c{place}", "<f8") for place in range(4)])
    tracemalloc.start()
    try:
        kept = WindowState(wide, layout=b"layout-1", length=10)
        for start in range(0, 100_000, 1000):
            keys = [b"machine-%06d" % number for number in range(start, start + 1000)]
            kept.advance([0] * len(keys), keys, [1] * len(keys), np.zeros(len(keys), wide))
            kept.commit()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) == 100_000
    assert held < 64e6

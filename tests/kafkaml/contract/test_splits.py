"""Splits leak nothing of a test into the training: random splits are searched for leaks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.contract.arrangement import Arrangement
from kafkaml.contract.compiled import CompiledContract
from kafkaml.contract.sequences import windows_of
from kafkaml.contract.splits import Parts, by_time
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import Column, Contract, Label, SplitBy, Window
from tests.kafkaml.contract.records import cut, field, record


def rows_of(arrangement: Arrangement, part: Any) -> set[int]:
    """Return all rows that samples of a part use, as features or as a label."""
    windows = arrangement.windows
    return {*windows.rows(part).ravel().tolist(), *windows.labels[part].tolist()}


def arranged(records: list[Any], *, split: SplitBy, window: Window | None, seed: int) -> tuple[Any, Arrangement]:
    made = Contract(
        format="JSON",
        fields=(field("x"),),
        columns=(Column(name="x", expression="x"),),
        labels=(Label(name="y", expression="x"),),
        window=window,
        split=split,
    )
    compiled = CompiledContract(made)
    rows = np.concatenate([np.empty(0, compiled.row_type), *(compiled.raw(batch).rows for batch in cut(records, [50]))])
    return rows, compiled.arrange(rows, seed=seed, validation_rate=0.2, test_rate=0.2)


@given(
    count=st.integers(0, 150),
    machines=st.integers(1, 6),
    jitter=st.integers(0, 20_000),
    length=st.integers(1, 5),
    stride=st.integers(1, 3),
    horizon=st.integers(0, 4),
    seed=st.integers(0, 99),
)
@settings(max_examples=30, deadline=None)
def test_by_time_no_record_is_in_two_parts_and_the_newest_test(
    count: int, machines: int, jitter: int, length: int, stride: int, horizon: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    keys = random.integers(machines, size=count).tolist()
    times = [1000 * place + int(random.integers(jitter + 1)) for place in range(len(keys))]
    records = [
        record({"x": place % 7}, key=b"k%d" % key, place=place, timestamp_ms=time)
        for place, (key, time) in enumerate(zip(keys, times, strict=True))
    ]
    try:
        rows, arrangement = arranged(
            records, split=SplitBy.TIME, window=Window(length=length, stride=stride, horizon=horizon), seed=seed
        )
    except RefusedError:
        return
    parts = arrangement.parts
    training, validation, test = (rows_of(arrangement, part) for part in (parts.training, parts.validation, parts.test))
    assert training or not len(arrangement.windows)
    assert not training & validation
    assert not training & test
    assert not validation & test
    newest = [max((rows["time"][list(part)]), default=-1) for part in (training, validation)]
    oldest = [min((rows["time"][list(part)]), default=2**60) for part in (validation, test)]
    assert newest[0] <= oldest[0]
    assert max(newest) <= oldest[1]
    counted = len(parts.training) + len(parts.validation) + len(parts.test) + parts.left_out
    assert counted == len(arrangement.windows)


@given(count=st.integers(20, 120), machines=st.integers(1, 12), length=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_by_key_no_key_is_in_two_parts_even_where_it_is_in_two_partitions(
    count: int, machines: int, length: int, seed: int
) -> None:
    keys = np.random.default_rng(seed).integers(machines, size=count).tolist()
    records = [
        record({"x": place}, key=b"k%d" % key, place=place, partition=(key + place) % 2)
        for place, key in enumerate(keys)
    ]
    try:
        _, arrangement = arranged(records, split=SplitBy.KEY, window=Window(length=length), seed=seed)
    except RefusedError:
        return
    parts = arrangement.parts
    of_part = [
        {keys[row] for row in rows_of(arrangement, part)} for part in (parts.training, parts.validation, parts.test)
    ]
    assert all(of_part)
    assert not of_part[0] & of_part[1]
    assert not of_part[0] & of_part[2]
    assert not of_part[1] & of_part[2]


def test_by_key_parts_are_about_as_large_as_asked_for() -> None:
    records = [record({"x": place}, key=b"k%d" % (place % 40), place=place) for place in range(2000)]
    _, arrangement = arranged(records, split=SplitBy.KEY, window=None, seed=1)
    assert (len(arrangement.parts.validation), len(arrangement.parts.test)) == (400, 400)
    _, other = arranged(records, split=SplitBy.KEY, window=None, seed=2)
    assert {*other.parts.test.tolist()} != {*arrangement.parts.test.tolist()}


def test_records_of_one_time_go_by_their_place_and_are_reported() -> None:
    records = [record({"x": place}, key=b"k%d" % (place % 3), place=place, timestamp_ms=5) for place in range(90)]
    _, arrangement = arranged(records, split=SplitBy.TIME, window=Window(length=2), seed=1)
    assert "same time" in arrangement.warnings[0]
    training, test = (rows_of(arrangement, part) for part in (arrangement.parts.training, arrangement.parts.test))
    assert max(training) < min(test)


def test_windows_that_are_longer_than_the_parts_are_refused() -> None:
    records = [record({"x": place}, key=b"k", place=place) for place in range(30)]
    with pytest.raises(RefusedError, match="no window of 20 records lies before the borders"):
        arranged(records, split=SplitBy.TIME, window=Window(length=20), seed=1)


@given(runs=st.lists(st.integers(0, 3), max_size=40), length=st.integers(1, 9), seed=st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_extremes_of_windows_are_those_of_their_rows(runs: list[int], length: int, seed: int) -> None:
    windows = windows_of(np.array(runs, np.int64), length=length, stride=1, horizon=0)
    ranks = np.random.default_rng(seed).permutation(len(runs))
    least, greatest = windows.extremes(ranks)
    known = ranks[windows.rows(np.arange(len(windows)))].reshape(len(windows), length)
    np.testing.assert_array_equal(least, known.min(axis=1, initial=len(runs)))
    np.testing.assert_array_equal(greatest, known.max(axis=1, initial=-1))


def test_a_split_of_nothing_is_nothing() -> None:
    windows = windows_of(np.empty(0, np.int64), length=2, stride=1, horizon=0)
    parts = by_time(windows, np.empty(0, np.int64), validation_rate=0.1, test_rate=0.1)
    assert [len(part) for part in (parts.training, parts.validation, parts.test)] == [0, 0, 0]
    assert str(Parts(windows.order, windows.order, windows.order, 3)).endswith("3 across a border left out")

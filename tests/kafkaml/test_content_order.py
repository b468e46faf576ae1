"""The order of samples depends on their content and the seed, on nothing else."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from kafkaml.content_order import content_hashes, content_order

samples = hnp.arrays(np.uint8, st.tuples(st.integers(0, 40), st.integers(1, 20)), elements=st.integers(0, 2))


def ordered(rows: np.ndarray, seed: int, hashes: np.ndarray | None = None) -> np.ndarray:
    order = content_order(
        content_hashes(rows) if hashes is None else hashes,
        seed,
        lambda left, right: np.any(rows[left] != rows[right], axis=1),
        lambda row: rows[row].tobytes(),
    )
    return rows[order]


@given(samples, st.integers(0, 2**64), st.randoms(use_true_random=False))
def test_order_is_independent_of_arrival(rows: np.ndarray, seed: int, random: object) -> None:
    shuffled = rows[np.random.default_rng(1).permutation(len(rows))]
    np.testing.assert_array_equal(ordered(rows, seed), ordered(shuffled, seed))


@given(samples, st.integers(0, 2**64))
def test_no_sample_is_lost_or_made(rows: np.ndarray, seed: int) -> None:
    assert sorted(map(bytes, ordered(rows, seed))) == sorted(map(bytes, rows))


@given(samples, st.integers(0, 99))
def test_samples_of_equal_hash_and_different_content_are_distinguished(rows: np.ndarray, seed: int) -> None:
    same = np.zeros(len(rows), np.uint64)
    backwards = rows[::-1]
    np.testing.assert_array_equal(ordered(rows, seed, same), ordered(backwards, seed, same))


def test_seeds_make_different_orders() -> None:
    rows = np.arange(256, dtype=np.uint8).reshape(-1, 1)
    assert not np.array_equal(ordered(rows, 1), ordered(rows, 2))


def test_copies_of_few_samples_are_mixed() -> None:
    rows = np.repeat(np.arange(4, dtype=np.uint8), 1000).reshape(-1, 1)
    mixed = ordered(rows, 7)
    # Each quarter of the order has about as many copies of each sample.
    for quarter in np.split(mixed.reshape(-1), 4):
        assert min(np.bincount(quarter, minlength=4)) > 200


def test_orders_look_random() -> None:
    rows = np.arange(10_000, dtype=np.uint32).reshape(-1, 1).view(np.uint8)
    places = ordered(rows, 3).copy().view(np.uint32).reshape(-1)
    assert abs(np.corrcoef(places, np.arange(10_000))[0, 1]) < 0.05


def test_hashes_are_the_same_on_every_machine_and_day() -> None:
    # These hashes must not change, because cached slices and the recorded order of results depend on them.
    assert content_hashes(np.arange(12, dtype=np.uint8).reshape(2, 6)).tolist() == HASHES


def test_text_hashes_do_not_depend_on_the_width_of_the_array() -> None:
    wide, narrow = np.array(["cat", "elephant"]), np.array(["cat"])
    assert content_hashes(wide)[0] == content_hashes(narrow)[0]


HASHES = [6350535826096252979, 87700196969413490]

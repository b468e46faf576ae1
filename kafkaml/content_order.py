"""The order of a data set's samples, from their content alone. Pure; called by ``slice_builder``.

Arrival order depends on partitions and timing, so two readings of one slice would split and train differently. Here
each sample gets a 64-bit number from its bytes, the seed, and which copy it is among samples of the same content.
Sorted by that number, the order looks random and is always the same. Copies are spread as if they were different, so
that a data set with few distinct samples is mixed too. Which of several identical samples comes first cannot be seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["content_hashes", "content_order", "hash_seed"]

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.intp]

# Constants of the splitmix64 generator (Steele, Lea and Flood, 2014).
_GOLDEN = 0x9E3779B97F4A7C15
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_MASK = (1 << 64) - 1


def content_hashes(samples: npt.NDArray[Any], salt: int = 0) -> Hashes:
    """Return one number per sample of ``samples`` (batch, *shape), of its bytes only.

    Zeros behind the last byte do not count, so that text arrays of different widths agree. Not for secrets, because
    collisions can be constructed, but the order stays well defined.
    """
    count = len(samples)
    if count == 0 or samples.size == 0:
        return np.full(count, hash_seed(salt), np.uint64)
    rows = np.ascontiguousarray(samples).view(np.uint8).reshape(count, -1)
    width = rows.shape[1]
    if width % 8:
        padded = np.zeros((count, width + 8 - width % 8), np.uint8)
        padded[:, :width] = rows
        rows = padded
    words = rows.view("<u8")
    return _mixed(words @ _multipliers(words.shape[1]) + np.uint64(hash_seed(salt)))


def content_order(
    hashes: Hashes, seed: int, differ: Callable[[Rows, Rows], npt.NDArray[np.bool_]], content: Callable[[int], bytes]
) -> Rows:
    """Return the permutation that brings samples into their order.

    ``differ(left, right)`` returns for pairs of rows whether their contents differ; ``content(row)`` is the row's
    bytes. Both are called only where hashes are equal.
    """
    if not len(hashes):
        return np.empty(0, np.intp)
    # The sort need not be stable, because rows with one hash have the same content, or are sorted by it below.
    by_hash = np.argsort(hashes)
    ordered = hashes[by_hash]
    same = ordered[1:] == ordered[:-1]
    if same.any():
        pairs = np.flatnonzero(same)
        collided = differ(by_hash[pairs], by_hash[pairs + 1])
        if collided.any():
            _sort_collided(by_hash, ordered, np.unique(ordered[pairs[collided]]), content)
    copy = _places_in_groups(same)
    keys = _mixed(ordered + copy * np.uint64(_GOLDEN) + np.uint64(hash_seed(seed)))
    places = np.argsort(keys)
    ordered_keys = keys[places]
    if np.any(ordered_keys[1:] == ordered_keys[:-1]):
        # Two 64-bit numbers are hardly ever equal, but if they are, every processor must order them alike.
        places = np.argsort(keys, kind="stable")
    return by_hash[places]


def hash_seed(seed: int) -> int:
    """Return ``seed`` (any integer) as 64 well-mixed bits."""
    return int(_mixed(np.array([(seed * _GOLDEN + 1) & _MASK], np.uint64))[0])


def _multipliers(count: int) -> Hashes:
    """Return ``count`` odd numbers, always the same."""
    counter = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    return _mixed(counter) | np.uint64(1)


def _mixed(numbers: Hashes) -> Hashes:
    """The finaliser of splitmix64: every bit of the input changes about half of the output's."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * _MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MIX_2
    return mixed ^ (mixed >> np.uint64(31))


def _sort_collided(by_hash: Rows, ordered: Hashes, groups: Hashes, content: Callable[[int], bytes]) -> None:
    """Order rows of equal hash but different content by their bytes, in place. Rare, so it may be slow."""
    for group in groups:
        start, end = np.searchsorted(ordered, group, "left"), np.searchsorted(ordered, group, "right")
        by_hash[start:end] = sorted(by_hash[start:end].tolist(), key=content)


def _places_in_groups(same: npt.NDArray[np.bool_]) -> Hashes:
    """Return for each row, in hash order, how many rows of the same hash come before it.

    ``same[i]`` says whether row i + 1 has the same hash as row i.
    """
    places = np.arange(len(same) + 1)
    starts = np.concatenate(([0], np.flatnonzero(~same) + 1))
    lengths = np.diff(np.append(starts, len(places)))
    return np.asarray(places - np.repeat(starts, lengths), np.uint64)

"""Batches of training and evaluation never have one sample, unless there is only one."""

from __future__ import annotations

import numpy as np
import pytest

from kafkaml.errors import ArgumentsError
from mlcode_executor.frameworks.base import batch_count, batches_of
from mlcode_executor.frameworks.batches import BatchStream


@pytest.mark.parametrize(
    ("count", "size", "lengths"),
    [
        (0, 32, []),
        (1, 32, [1]),
        (32, 32, [32]),
        (33, 32, [33]),
        (34, 32, [32, 2]),
        (97, 32, [32, 32, 33]),
        (3, 1, [1, 1, 1]),
        (3, 2, [3]),
    ],
)
def test_one_sample_alone_joins_the_batch_before(count: int, size: int, lengths: list[int]) -> None:
    parts = list(batches_of(count, size))
    assert [part.stop - part.start for part in parts] == lengths
    assert batch_count(count, size) == len(lengths)
    assert [row for part in parts for row in range(part.start, part.stop)] == list(range(count))


def lengths_of_passes(count: int, size: int, *, most: int, passes: int, **options: object) -> list[list[int]]:
    """Check the batches of each pass, in chunks of at most ``most`` batches; returns their sizes."""
    features = np.arange(count, dtype=np.float32)
    found = []
    with BatchStream(features, features, batch_size=size, **options) as stream:  # type: ignore[arg-type]
        for _ in range(passes):
            lengths: list[int] = []
            rows: list[float] = []
            while not lengths or not stream.at_end_of_pass:
                chunk = stream.next_chunk(most)
                parts = list(batches_of(len(chunk.features), size))
                assert len(parts) == chunk.batches
                lengths += [part.stop - part.start for part in parts]
                rows += chunk.features.tolist()
            assert len(lengths) == stream.batches_per_pass
            assert len(set(rows)) == len(rows)
            found.append(lengths)
    return found


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize("most", [1, 2, 100])
def test_a_pass_has_no_batch_of_one(shuffle: bool | str, most: int) -> None:
    # 17 batches are more than the eight of the first chunk, so that a border of chunks is next to the last sample.
    for count in (16 * 4 + 1, 8 * 4 + 1, 9 * 4 + 1, 5):
        for lengths in lengths_of_passes(count, 4, most=most, passes=3, shuffle=shuffle):
            assert sum(lengths) == count
            assert lengths == [4] * (count // 4 - 1) + [5]


def test_drop_last_leaves_out_what_fills_no_batch() -> None:
    assert lengths_of_passes(35, 8, most=3, passes=2, shuffle=True, drop_last=True) == [[8] * 4] * 2
    with pytest.raises(ArgumentsError, match="5 samples fill no batch of 8") as caught:
        lengths_of_passes(5, 8, most=1, passes=1, drop_last=True)
    assert caught.value.argument == "drop_last"

"""Arrays shared by two processes hold the same bytes, and neither side can take the memory from the other."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafkaml.errors import BrokenError
from mlcode_executor.protocol import FrameError
from mlcode_executor.shared_array import SharedArray, map_array


@given(
    dtype=st.sampled_from(["<f4", "<f8", "<i8", "|u1", "|b1", "<f2", "|S3"]),
    shape=st.lists(st.integers(0, 5), max_size=4),
)
def test_the_other_side_sees_what_was_written(dtype: str, shape: list[int]) -> None:
    with SharedArray.allocate(shape, dtype) as shared:
        shared.array[...] = np.ones(shape, dtype)
        seen = map_array(shared.describe(0), [shared.fd])
        assert seen.dtype == np.dtype(dtype)
        np.testing.assert_array_equal(seen, np.ones(shape, dtype))


def test_both_sides_write_to_a_writable_array() -> None:
    with SharedArray.allocate((3,), np.int64) as shared:
        map_array(shared.describe(0), [shared.fd])[:] = [1, 2, 3]
        assert shared.array.tolist() == [1, 2, 3]


def test_only_the_owner_writes_to_a_read_only_array() -> None:
    with SharedArray.allocate((3,), np.int64, writable=False) as shared:
        seen = map_array(shared.describe(0), [shared.fd])
        shared.array[:] = 7
        assert seen.tolist() == [7, 7, 7]
        with pytest.raises(ValueError, match="read-only"):
            seen[0] = 1
        again = os.open(f"/proc/self/fd/{shared.fd}", os.O_RDWR)
        with pytest.raises(PermissionError):
            os.write(again, b"x")
        with pytest.raises(PermissionError):
            mmap.mmap(again, 8)
        os.close(again)


def test_memory_cannot_be_cut_or_grown_or_unsealed() -> None:
    with SharedArray.allocate((1000,), np.int64) as shared:
        for size in (0, 100, 1 << 20):
            with pytest.raises(PermissionError):
                os.ftruncate(shared.fd, size)


def test_an_array_outlives_its_descriptor() -> None:
    shared = SharedArray.allocate((3,), np.int64)
    array = shared.array
    shared.close()
    shared.close()
    array[:] = 5
    assert array.tolist() == [5, 5, 5]


def test_part_of_a_file_is_mapped(tmp_path: Path) -> None:
    file = tmp_path / "array"
    np.arange(100_000, dtype="<f4").tofile(file)
    with SharedArray.from_file(file, "<f4", (10, 5), offset=40_004) as shared:
        assert shared.array[0].tolist() == [10001.0, 10002.0, 10003.0, 10004.0, 10005.0]
        np.testing.assert_array_equal(map_array(shared.describe(0), [shared.fd]), shared.array)
        assert not shared.array.flags.writeable


def test_a_file_that_is_too_short_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "array"
    file.write_bytes(b"x" * 100)
    with pytest.raises(BrokenError, match="holds 100 bytes, expected 80 at 24"):
        SharedArray.from_file(file, "<f8", (10,), offset=24)


@pytest.mark.parametrize(
    "changed",
    [
        {"shape": [2000]},
        {"shape": [-1]},
        {"shape": "abc"},
        {"shape": [1 << 62, 1 << 62]},
        {"shape": [1.5]},
        {"dtype": "O"},
        {"dtype": "what"},
        {"dtype": "V8"},
        {"offset": -8},
        {"offset": 1},
        {"fd": 3},
        {"fd": "x"},
    ],
    ids=str,
)
def test_a_description_that_does_not_hold_is_refused(changed: dict[str, object]) -> None:
    with SharedArray.allocate((10,), np.int64) as shared, pytest.raises(FrameError, match="cannot map"):
        map_array(shared.describe(0) | changed, [shared.fd])

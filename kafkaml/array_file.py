"""ArrayFile: an array in a ``.npy`` file, or a section of one, that is mapped and never loaded."""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

__all__ = ["ArrayFile", "write_npy_header"]

# Size of the pieces in which large arrays are processed: small enough for the processor's cache, large enough for the
# kernel to use big pages for the file (writing 256 KiB at a time costs six times as much).
_CHUNK_BYTES = 4 << 20


def write_npy_header(file: BinaryIO, dtype: np.dtype[Any], shape: tuple[int, ...]) -> int:
    """Write the header of a ``.npy`` file in C order and return its length, the offset of the data."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)
    return file.tell()


@dataclass(frozen=True)
class ArrayFile:
    """``shape[0]`` rows in C order, ``offset`` bytes behind the start of the file at ``path``."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dtype.itemsize * math.prod(self.shape[1:])

    @property
    def chunk_rows(self) -> int:
        """How many rows make one piece."""
        return max(1, _CHUNK_BYTES // max(1, self.row_bytes))

    def rows(self, part: slice) -> ArrayFile:
        """Return a contiguous section of the rows as an array file of its own."""
        start, stop, step = part.indices(len(self))
        if step != 1:
            raise ValueError(f"rows {part} are not contiguous")
        return ArrayFile(
            self.path,
            self.dtype,
            (max(0, stop - start), *self.shape[1:]),
            self.offset + start * self.row_bytes,
        )

    def array(self) -> npt.NDArray[Any]:
        """Return the rows as a read-only array that the system reads in and drops as needed."""
        if math.prod(self.shape) == 0:
            return np.empty(self.shape, self.dtype)
        with self.path.open("rb") as file:
            # The array keeps the mapping alive, and the mapping the file, also when its name goes away.
            mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.ndarray(self.shape, self.dtype, mapping, self.offset)

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """Iterate over the rows in pieces."""
        array = self.array()
        for start in range(0, len(self), self.chunk_rows):
            yield array[start : start + self.chunk_rows]

"""Arrays that the runner and the model process both see, without copying: a descriptor and the layout of its content.

The runner makes them (from a file, or in memory) and passes them with a call. A model process cannot change what it
got for reading, nor shrink what it may write, so the runner never meets changed data or a bus error.
"""

from __future__ import annotations

import fcntl
import math
import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from kafkaml.closing import Closing
from kafkaml.errors import BrokenError
from kafkaml.named_inputs import dtype_from_json, dtype_to_json
from mlcode_executor.protocol import FrameError

__all__ = ["SharedArray", "map_array"]

# A seal of Linux 5.1 that Python 3.11 does not name. Existing mappings stay writable; new writable ones, and writes,
# are refused.
_F_SEAL_FUTURE_WRITE = 0x10
# Kinds of types that can be shared: numbers, booleans and fixed-width bytes, none of which holds a pointer.
_ALLOWED_KINDS = "biufcS"
_MAX_AXES = 32
# Largest array. The limit protects against shapes whose product overflows what can be mapped.
_MAX_BYTES = 1 << 46


class SharedArray(Closing):
    """An array of ``shape`` and ``dtype`` at ``offset`` (bytes) of the file or memory behind ``fd``.

    Owns the descriptor; a context manager. ``writable`` says whether the model process may write.
    """

    def __init__(
        self, fd: int, dtype: npt.DTypeLike, shape: Sequence[int], *, offset: int = 0, writable: bool = False
    ) -> None:
        self.fd = fd
        self.dtype: np.dtype[Any] = np.dtype(dtype)
        self.shape = tuple(int(length) for length in shape)
        self.offset = offset
        self.writable = writable
        self._array: npt.NDArray[Any] | None = None

    @classmethod
    def from_file(
        cls,
        file: str | Path | int,
        dtype: npt.DTypeLike,
        shape: Sequence[int],
        offset: int = 0,
        *,
        writable: bool = False,
    ) -> Self:
        """Share part of a file, given by path or descriptor (of which a copy is made, the offset of reads not shared).

        Raises BrokenError if the file is shorter than the array.
        """
        path = f"/proc/self/fd/{file}" if isinstance(file, int) else os.fspath(file)
        fd = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_CLOEXEC)
        shared = cls(fd, dtype, shape, offset=offset, writable=writable)
        size = os.fstat(fd).st_size
        if size < offset + shared.nbytes:
            shared.close()
            raise BrokenError(
                f"{file} holds {size} bytes, expected {shared.nbytes} at {offset} "
                f"for {shared.dtype}{list(shared.shape)}"
            )
        return shared

    @classmethod
    def allocate(cls, shape: Sequence[int], dtype: npt.DTypeLike, *, writable: bool = True) -> Self:
        """Share new memory, zero at first. Unless ``writable``, only this process can change it, through ``array``."""
        shared = cls(-1, dtype, shape, writable=writable)
        memory = os.memfd_create("kafka-ml", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(memory, shared.nbytes)
            # The memory is mapped before it is sealed, so that this mapping keeps its right to write.
            shared._array = _map(memory, shared.dtype, shared.shape, 0, writable=True)
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals | (0 if writable else _F_SEAL_FUTURE_WRITE))
            fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL)
            if writable:
                shared.fd = os.dup(memory)
            else:
                shared.fd = os.open(f"/proc/self/fd/{memory}", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            os.close(memory)
        return shared

    @property
    def nbytes(self) -> int:
        """Size of the array in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def array(self) -> npt.NDArray[Any]:
        """The array itself, mapped; valid after ``close`` as long as it is referenced."""
        if self._array is None:
            self._array = _map(self.fd, self.dtype, self.shape, self.offset, writable=self.writable)
        return self._array

    def rows(self, start: int, stop: int) -> SharedArray:
        """Return the same memory from row ``start`` to ``stop``, with a descriptor of its own."""
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        offset = self.offset + start * row_bytes
        shape = (stop - start, *self.shape[1:])
        return SharedArray(os.dup(self.fd), self.dtype, shape, offset=offset, writable=self.writable)

    def describe(self, index: int) -> dict[str, Any]:
        """Return the description of this array for a frame, where its descriptor is the ``index``-th."""
        return {
            "fd": index,
            "dtype": dtype_to_json(self.dtype),
            "shape": list(self.shape),
            "offset": self.offset,
            "writable": self.writable,
        }

    def close(self) -> None:
        """Close the descriptor; the memory goes when the last array over it does."""
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1
        self._array = None


def map_array(description: Any, descriptors: Sequence[int]) -> npt.NDArray[Any]:
    """Return the array that ``SharedArray.describe`` described; raises FrameError if the description is wrong."""
    try:
        fd = descriptors[description["fd"]]
        dtype = dtype_from_json(description["dtype"])
        if dtype.names is None:
            check_dtype(dtype.str)
        shape = check_shape(description["shape"])
        offset, writable = int(description["offset"]), bool(description["writable"])
        if offset < 0 or os.fstat(fd).st_size < offset + math.prod(shape) * dtype.itemsize:
            raise ValueError("the descriptor holds less than that")
        return _map(fd, dtype, shape, offset, writable=writable)
    except (KeyError, IndexError, TypeError, ValueError, OSError) as error:
        raise FrameError(f"cannot map the array {str(description)[:200]}: {error}") from error


def check_dtype(name: Any) -> np.dtype[Any]:
    """Return the dtype of numbers, booleans or bytes that ``name`` stands for; ValueError for any other."""
    try:
        dtype = np.dtype(str(name))
    except TypeError as error:
        raise ValueError(f"{name!r} is not a dtype") from error
    if dtype.kind not in _ALLOWED_KINDS or dtype.itemsize == 0:
        raise ValueError(f"dtype {dtype} cannot be shared between processes")
    return dtype


def check_shape(lengths: Any) -> tuple[int, ...]:
    """Return ``lengths`` as a shape; ValueError unless they are few, not negative and can be mapped."""
    if not isinstance(lengths, list | tuple) or len(lengths) > _MAX_AXES:
        raise ValueError(f"{str(lengths)[:100]} is not a shape")
    shape = tuple(length for length in lengths if isinstance(length, int) and 0 <= length <= _MAX_BYTES)
    if len(shape) != len(lengths) or math.prod(shape) > _MAX_BYTES:
        raise ValueError(f"{str(lengths)[:100]} is not a shape")
    return shape


def _map(fd: int, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int, *, writable: bool) -> npt.NDArray[Any]:
    nbytes = math.prod(shape) * dtype.itemsize
    if nbytes == 0:
        # An empty array cannot be mapped, and needs no memory.
        return np.empty(shape, dtype)
    skip = offset % mmap.ALLOCATIONGRANULARITY
    protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
    mapping = mmap.mmap(fd, nbytes + skip, mmap.MAP_SHARED, protection, offset=offset - skip)
    return np.frombuffer(mapping, dtype, math.prod(shape), offset=skip).reshape(shape)

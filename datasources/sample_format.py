"""SampleFormat: the type and shape that all samples of a stream have, declared or found from the first. Pure."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.dtypes import dtype_from_wire, dtype_to_wire, shape_from_wire, shape_to_wire
from kafkaml.errors import RefusedError

__all__ = ["SampleFormat", "to_array"]

Array = npt.NDArray[Any]


def to_array(sample: object) -> Array:
    """Return ``sample`` (a number, a list, a NumPy array, or a tensor of a framework) as a NumPy array."""
    if not isinstance(sample, np.ndarray) and hasattr(sample, "numpy"):
        # Tensors of TensorFlow and PyTorch are recognised by this method, so neither library has to be imported.
        sample = sample.numpy()
    try:
        return np.asarray(sample)
    except ValueError as error:
        raise RefusedError(
            f"a sample is not an array: {error}", hint="nested lists must be equally long on every level"
        ) from error


class SampleFormat:
    """Type and shape of one side of a stream (``what``: data or label); None until the first sample is seen.

    A declared type or shape wins. Samples are converted to it where no number changes, and refused otherwise.
    """

    def __init__(self, what: str, type_name: str | None, reshape: str | None) -> None:
        self.what = what
        self.dtype = None if type_name is None else dtype_from_wire(type_name)
        declared = reshape is not None and str(reshape).strip() != ""
        self.shape = shape_from_wire(reshape) if declared else None
        self._declared_type = self.dtype is not None
        self._declared_shape = declared

    @property
    def is_text(self) -> bool:
        return self.dtype is not None and self.dtype.kind in "SU"

    @property
    def type_name(self) -> str | None:
        """The wire name of the type, e.g. ``uint8``; None before the first sample."""
        return None if self.dtype is None else dtype_to_wire(self.dtype)

    @property
    def reshape(self) -> str | None:
        """The wire form of the shape, e.g. ``28 28``; ``1`` for a number, as old readers know it."""
        return None if self.shape is None else shape_to_wire(self.shape) or "1"

    def batch(self, samples: Array, *, first: int) -> Array:
        """Return ``samples`` (batch, *shape) in the stream's type and shape, contiguous and little-endian.

        ``first`` is the number of the batch's first sample, for messages. Raises RefusedError for other types or
        shapes than the stream has.
        """
        if self.dtype is None:
            self.dtype = samples.dtype.newbyteorder("<") if samples.dtype.kind not in "SU" else np.dtype("S")
            # This call raises the error for samples that cannot be sent: objects, dates, complex numbers.
            dtype_to_wire(self.dtype)
        if self.shape is None:
            self.shape = samples.shape[1:]
        if self._declared_shape and samples.shape[1:] != self.shape:
            samples = self._reshaped(samples, first)
        if samples.shape[1:] != self.shape:
            raise RefusedError(
                f"sample {first}: its {self.what} has the shape {samples.shape[1:]}: expected {self.shape}, as the "
                "samples before",
                hint="all samples of a stream have one shape: use a sink for each shape",
            )
        if self.is_text:
            return self._text(samples, first)
        if samples.dtype != self.dtype:
            samples = self._converted(samples, first)
        return np.ascontiguousarray(samples)

    def _reshaped(self, samples: Array, first: int) -> Array:
        assert self.shape is not None
        if samples.size != len(samples) * math.prod(self.shape):
            raise RefusedError(
                f"sample {first}: its {self.what} has the shape {samples.shape[1:]}: {self.what}_reshape says "
                f"{self.shape}",
                hint=f"correct {self.what}_reshape, or leave it out: it is found from the first sample",
            )
        return samples.reshape(len(samples), *self.shape)

    def _converted(self, samples: Array, first: int) -> Array:
        assert self.dtype is not None
        numbers = samples.dtype.kind in "biuf"
        with np.errstate(over="ignore", invalid="ignore"):
            converted = samples.astype(self.dtype) if numbers else samples
        # Only fractions may lose digits, in a narrower float. All other numbers must stay exact.
        if numbers and samples.dtype.kind == "f" and self.dtype.kind == "f":
            same = np.isfinite(converted) == np.isfinite(samples)
        else:
            same = np.asarray(converted == samples) if numbers else np.zeros(1, np.bool_)
        if not numbers or not same.all():
            index = int(np.flatnonzero(~same.reshape(len(same), -1).all(axis=1))[0])
            source = f"{self.what}_type says" if self._declared_type else "the first sample was"
            raise RefusedError(
                f"sample {first + index}: its {self.what} is {samples.dtype.name}, and not all of it fits "
                f"{self.dtype.name}, which {source}",
                hint=f"convert all samples to one type, or set {self.what}_type to one that holds them all",
            )
        return converted

    def _text(self, samples: Array, first: int) -> Array:
        if samples.dtype.kind == "S":
            return np.char.decode(samples, "utf-8")
        if samples.dtype.kind != "U":
            raise RefusedError(f"sample {first}: its {self.what} is {samples.dtype.name}: expected text, as before")
        return samples

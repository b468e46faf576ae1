"""Named inputs: samples of several arrays, as the records of one array.

A model with one input gets an array of numbers (n, *shape); one with several gets an array (n,) of records that have a
field for each input, ``(n, *shape)`` under its name. Code that moves, cuts, shuffles or stores samples therefore treats
all inputs alike and need not know them. Only the code that passes samples to a model separates them. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "FeatureSpan",
    "are_numbers",
    "dtype_from_json",
    "dtype_to_json",
    "flattened",
    "in_one",
    "input_shapes",
    "joined",
    "record_type",
    "separated",
]

Array = npt.NDArray[Any]

# The most inputs; a model does not have more inputs than columns.
_MAX_INPUTS = 1000
_KINDS = "biuf"


class FeatureSpan(NamedTuple):
    """The numbers that a column gives: elements ``start`` to ``stop`` of the last axis of ``input``.

    ``input`` is empty where samples are one array.
    """

    column: str
    input: str
    start: int
    stop: int

    def of(self, samples: Array) -> Array:
        """Return these numbers of ``samples`` (n, ...): a view."""
        numbers: Array = samples[self.input] if self.input else samples
        return numbers[..., self.start : self.stop]


def record_type(inputs: Mapping[str, tuple[npt.DTypeLike, Sequence[int]]]) -> np.dtype[Any]:
    """Return the type of samples whose inputs have these types and shapes, in this order."""
    # Fields are aligned, because libraries expect aligned views of an input.
    fields = [(name, np.dtype(dtype), tuple(shape)) for name, (dtype, shape) in inputs.items()]
    return np.dtype(fields, align=True)


def joined(inputs: Mapping[str, Array]) -> Array:
    """Return (n,) samples of the arrays (n, *shape); their bytes depend on nothing else."""
    count = len(next(iter(inputs.values())))
    samples = np.zeros(
        count, record_type({name: (model_input.dtype, model_input.shape[1:]) for name, model_input in inputs.items()})
    )
    for name, model_input in inputs.items():
        samples[name] = model_input
    return samples


def in_one(inputs: Mapping[str, Array]) -> Array:
    """Return the samples of the arrays (n, *shape): a single array unchanged, several combined."""
    return joined(inputs) if len(inputs) > 1 else next(iter(inputs.values()))


def separated(samples: Array) -> dict[str, Array]:
    """Return the array (n, *shape) of each input; views."""
    return {name: samples[name] for name in samples.dtype.names or ()}


def input_shapes(dtype: np.dtype[Any]) -> dict[str, tuple[int, ...]]:
    """Return the shape of each input of a sample; empty where samples are one array."""
    return {} if dtype.names is None else {name: dtype[name].shape for name in dtype.names}


def are_numbers(dtype: np.dtype[Any]) -> bool:
    """Whether samples of this type are numbers, or have inputs that are."""
    if dtype.names is None:
        return dtype.kind in _KINDS
    return all(dtype[name].base.kind in _KINDS for name in dtype.names)


def flattened(samples: Array) -> Array:
    """Return the numbers of all inputs of each sample, concatenated: (n, numbers). For display."""
    parts = [array.reshape(len(samples), -1) for array in separated(samples).values()]
    return np.concatenate(parts, axis=1) if parts else samples


def dtype_to_json(dtype: np.dtype[Any]) -> Any:
    """Return the JSON that ``dtype_from_json`` reads: a text, or a list of inputs."""
    if dtype.names is None:
        return dtype.str
    return [[name, dtype[name].base.str, list(dtype[name].shape)] for name in dtype.names]


def dtype_from_json(document: Any) -> np.dtype[Any]:
    """Read what ``dtype_to_json`` writes; ValueError for anything else."""
    if not isinstance(document, list):
        try:
            return np.dtype(str(document))
        except TypeError as error:
            raise ValueError(f"{document!r} is not a dtype") from error
    inputs: dict[str, tuple[npt.DTypeLike, Sequence[int]]] = {}
    for entry in document[:_MAX_INPUTS]:
        name, kind, shape = entry
        dtype = np.dtype(str(kind))
        whole = isinstance(shape, list) and all(isinstance(size, int) and size >= 0 for size in shape)
        if not isinstance(name, str) or not whole or dtype.kind not in _KINDS or math.prod(shape) >= 1 << 40:
            raise ValueError(f"{str(entry)[:100]} describes no input")
        inputs[name] = (dtype, shape)
    if not inputs or len(inputs) < len(document):
        raise ValueError(f"{str(document)[:100]} describes no inputs")
    return record_type(inputs)

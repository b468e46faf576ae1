"""Samples: turns rows, with what was learnt, into the arrays for a model. Training and serving share this code."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.contract.columns import Array, CompiledColumn
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.contract.texts import Texts
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import Encoding, LearntColumn

__all__ = ["Input", "Sampler", "inputs_of", "places_in"]

_MAX_FLOAT32 = np.finfo(np.float32).max


@dataclass(frozen=True)
class Input:
    """An input of the model: its columns, side by side in their order, or one list or picture in its shape."""

    name: str
    columns: Sequence[CompiledColumn]

    @property
    def alone(self) -> CompiledColumn | None:
        """The one column that keeps its own shape, if there is one."""
        first = self.columns[0]
        listed = first.encoding in (Encoding.NUMBERS, Encoding.IMAGE)
        return first if listed and len(self.columns) == 1 else None

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8 for pictures, float32 for everything else."""
        return np.dtype(np.uint8 if self.columns[0].encoding == Encoding.IMAGE else np.float32)


def inputs_of(columns: Sequence[CompiledColumn]) -> list[Input]:
    """Return the inputs that columns name, in the order of their first columns; raises ContractError for
    contradictions.
    """
    names = list(dict.fromkeys(column.column.input for column in columns))
    problems = [
        Problem(
            ("columns", place, "input"),
            RefusedError(
                f"the image {column.name} shares an input with other columns: an image needs an input of its own",
                hint="give it an input of its own name",
            ),
        )
        for place, column in enumerate(columns)
        if column.encoding == Encoding.IMAGE and sum(other.column.input == column.column.input for other in columns) > 1
    ]
    if len(names) > 1 and "" in names:
        problems += [
            Problem(
                ("columns", place, "input"),
                RefusedError(
                    f"{column.name} names no input of the model, and others name {', '.join(filter(None, names))}",
                    hint="name an input for each column, or for none: without names they are side by side in one array",
                ),
            )
            for place, column in enumerate(columns)
            if not column.column.input
        ]
    if problems:
        raise ContractError(problems)
    return [Input(name, [column for column in columns if column.column.input == name]) for name in names]


def places_in(vocabulary: Sequence[str], texts: Texts, first: int) -> npt.NDArray[np.int64]:
    """Return for each code of ``texts`` its place in ``vocabulary``, counted from ``first``. A text that is not in the
    vocabulary has the place ``first`` - 1.

    The last two entries are the places of UNKNOWN and MISSING.
    """
    places = {name: place for place, name in enumerate(vocabulary, first)}
    return np.array([*(places.get(name, first - 1) for name in texts.names), first - 1, first - 1], np.int64)


class Sampler:
    """Makes the arrays of ``inputs``. ``learnt`` has an entry for each column that learns something."""

    def __init__(self, inputs: Sequence[Input], learnt: Mapping[str, LearntColumn], texts: Mapping[str, Texts]) -> None:
        self._inputs = inputs
        self._learnt = learnt
        self._texts = texts
        # Places of codes by field. An entry is valid until its dictionary grows.
        self._places: dict[str, npt.NDArray[np.int64]] = {}

    def width(self, column: CompiledColumn) -> int:
        """Return how many numbers a column gives."""
        if column.encoding == Encoding.ONE_HOT:
            return len(self._learnt[column.name].vocabulary) + 1
        return math.prod(column.column.shape)

    def shape(self, model_input: Input) -> tuple[int, ...]:
        """Return the shape of one row's part of an input."""
        if model_input.alone is not None:
            return model_input.alone.column.shape
        return (sum(self.width(column) for column in model_input.columns),)

    def feature_names(self, model_input: Input) -> list[str]:
        """Return the names along the last axis where columns are side by side, otherwise empty."""
        if model_input.alone is not None:
            return []
        names: list[str] = []
        for column in model_input.columns:
            if column.encoding == Encoding.ONE_HOT:
                values = ("other", *self._learnt[column.name].vocabulary)
                names += [f"{column.name}={value[:60]}" for value in values]
            elif column.column.shape:
                names += [f"{column.name}[{place + 1}]" for place in range(self.width(column))]
            else:
                names.append(column.name)
        return names

    def arrays(self, rows: Array) -> dict[str, Array]:
        """Return the inputs by name, (*rows.shape, *shape), of ``rows``: (n,), or (n, length) of windows."""
        flat = rows.reshape(-1)
        return {
            model_input.name: self._array(model_input, flat).reshape(*rows.shape, *self.shape(model_input))
            for model_input in self._inputs
        }

    def _array(self, model_input: Input, rows: Array) -> Array:
        if model_input.dtype == np.uint8:
            return np.ascontiguousarray(rows[model_input.columns[0].field])
        result = np.zeros((len(rows), math.prod(self.shape(model_input))), np.float32)
        start = 0
        for column in model_input.columns:
            width = self.width(column)
            self._write(column, rows, result[:, start : start + width])
            start += width
        return result

    def _write(self, column: CompiledColumn, rows: Array, target: Array) -> None:
        values = rows[column.field]
        learnt = self._learnt.get(column.name)
        if column.coded:
            places = self._places_of(column)[values]
            if column.encoding == Encoding.CATEGORY:
                target[:, 0] = places
            else:
                target[np.arange(len(rows)), places] = 1
            return
        values = values.reshape(target.shape)
        if learnt is None:
            target[:] = values
            return
        if learnt.fill is not None:
            values = np.where(np.isnan(values), learnt.fill, values)
        # Clip, so that an outlier in a nearly constant column stays finite.
        scaled = (values - learnt.offset) / learnt.scale
        # Minimum and maximum take a third of the time of np.clip where few values are clipped.
        target[:] = np.minimum(np.maximum(scaled, -_MAX_FLOAT32), _MAX_FLOAT32)

    def _places_of(self, column: CompiledColumn) -> npt.NDArray[np.int64]:
        texts = self._texts[column.field]
        known = self._places.get(column.field)
        if known is None or len(known) != len(texts.names) + 2:
            known = self._places[column.field] = places_in(self._learnt[column.name].vocabulary, texts, 1)
        return known

"""Learning: what a contract's columns learn from the training part. Reads rows in pieces, several times.

The result depends on the set of rows alone, to the last bit (``exact_sums``).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np

from kafkaml.contract.columns import Array, CompiledColumn
from kafkaml.contract.errors import ContractError, Problem
from kafkaml.contract.exact_sums import ExactSum, order_statistics
from kafkaml.contract.texts import Texts
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import Encoding, LearntColumn, Missing, Scaling

__all__ = ["MAX_CLASSES", "Chunk", "class_names", "learn"]

# Longest one-hot column. No model could learn from a longer one.
_MAX_ONE_HOT = 1000
_MAX_CATEGORIES = 100_000
MAX_CLASSES = 10_000
_QUARTILES = (0.25, 0.5, 0.75)


class Chunk(Protocol):
    """A chunk of the training part: the values of a field."""

    def __getitem__(self, field: str, /) -> Array: ...


def learn(
    columns: Sequence[CompiledColumn], chunks: Iterable[Chunk], texts: Mapping[str, Texts]
) -> Mapping[str, LearntColumn]:
    """Return what ``columns`` learn from the rows in ``chunks``, which must be iterable repeatedly.

    Raises ContractError for columns that cannot be learnt.
    """
    learnt: dict[str, LearntColumn] = {}
    problems: list[Problem] = []
    for place, column in enumerate(columns):
        scaled = column.column.scaling != Scaling.NONE
        try:
            if column.coded:
                learnt[column.name] = LearntColumn(vocabulary=_vocabulary(column, chunks, texts[column.field]))
            elif scaled or column.column.missing == Missing.MEAN:
                learnt[column.name] = _of_numbers(column, chunks)
        except RefusedError as error:
            what = "encoding" if column.coded else "scaling" if scaled else "missing"
            problems.append(Problem(("columns", place, what), error))
    if problems:
        raise ContractError(problems)
    return learnt


def class_names(names: Iterable[str], label: str) -> tuple[str, ...]:
    """Return the texts of classes in their order: numbers by size, texts sorted. RefusedError for too many."""
    found = list(names)
    if len(found) > MAX_CLASSES:
        raise RefusedError(
            f"the label {label} has {len(found)} different values: expected at most {MAX_CLASSES} classes",
            hint="is it a number to be predicted? Then its kind is number",
        )
    try:
        return tuple(sorted(found, key=lambda name: (float(name), name)))
    except ValueError:
        return tuple(sorted(found))


def _vocabulary(column: CompiledColumn, chunks: Iterable[Chunk], texts: Texts) -> tuple[str, ...]:
    codes: set[int] = set()
    for chunk in chunks:
        codes.update(np.unique(chunk[column.field]).tolist())
    found = sorted(texts.names[code] for code in codes if code >= 0)
    most = _MAX_ONE_HOT if column.encoding == Encoding.ONE_HOT else _MAX_CATEGORIES
    if len(found) > most:
        raise RefusedError(
            f"the column {column.name} has {len(found)} different texts: expected at most {most} as {column.encoding}",
            hint="leave it out, take it as a category, or make groups of its texts by CASE, LEFT or SPLIT_PART",
        )
    return tuple(found)


@dataclass(frozen=True)
class _Numbers:
    """The values of a column that are not missing, piece by piece."""

    column: CompiledColumn
    chunks: Iterable[Chunk]

    def __iter__(self) -> Iterator[Array]:
        for chunk in self.chunks:
            values = chunk[self.column.field].reshape(-1).astype(np.float64)
            values = values[~np.isnan(values)]
            if len(values):
                yield values


def _of_numbers(column: CompiledColumn, chunks: Iterable[Chunk]) -> LearntColumn:
    numbers = _Numbers(column, chunks)
    total = ExactSum()
    low, high = math.inf, -math.inf
    for values in numbers:
        total.add(values)
        low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not total.count:
        raise RefusedError(
            f"the column {column.name} has no value in the training part: nothing can be learnt of it",
            hint="leave it out, or look at its expression",
        )
    mean = float(total.total() / total.count)
    fill = mean if column.column.missing == Missing.MEAN else None
    match column.column.scaling:
        case Scaling.MIN_MAX:
            return LearntColumn(offset=low, scale=_scale(high - low), fill=fill)
        case Scaling.STANDARD:
            return LearntColumn(offset=mean, scale=_scale(_deviation(numbers, mean, total.count)), fill=fill)
        case Scaling.ROBUST:
            first, median, third = _quartiles(numbers, total.count)
            return LearntColumn(offset=median, scale=_scale(third - first), fill=fill)
    return LearntColumn(fill=fill)


def _scale(spread: float) -> float:
    # A constant column becomes 0 instead of infinite.
    return spread if spread > 0 and math.isfinite(spread) else 1.0


def _deviation(numbers: _Numbers, mean: float, count: int) -> float:
    squares = ExactSum()
    for values in numbers:
        away = values - mean
        squares.add(away * away)
    return math.sqrt(squares.total() / count)


def _quartiles(numbers: _Numbers, count: int) -> list[float]:
    """Return the quartiles by NumPy's default method, interpolated between two numbers."""
    places = [Fraction(share) * (count - 1) for share in _QUARTILES]
    ranks = {rank for place in places for rank in (math.floor(place), math.ceil(place))}
    found = order_statistics(lambda: numbers, ranks)
    result = []
    for place in places:
        low, high = found[math.floor(place)], found[math.ceil(place)]
        result.append(low + (high - low) * float(place - math.floor(place)))
    return result

"""The values of one column over a sample of records. Pure."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import polars as pl

from kafkaml.contract.columns import CompiledColumn
from kafkaml.contract.field_statistics import numbers_summary, value_counts
from kafkaml.wire.contract import Encoding
from kafkaml.wire.preview import PreviewColumn

__all__ = ["column_preview", "text_counts"]

_QUOTED = 200
# Part of the numbers of long lists is enough for statistics.
_MAX_NUMBERS = 400_000


def text_counts(series: pl.Series) -> Counter[str]:
    """Return the count of each value as text, without null."""
    counts: Counter[str] = Counter()
    for value, count in series.drop_nulls().cast(pl.String).value_counts().iter_rows():
        counts[value[:_QUOTED]] += count
    return counts


def column_preview(column: CompiledColumn, series: pl.Series, place: str) -> PreviewColumn:
    """Return the preview of a column's values, null where missing, with the width they would give it."""
    whole = PreviewColumn(
        place=place,
        name=column.name,
        expression=column.expression.text,
        kind=column.expression.kind,
        encoding=column.encoding,
        input=column.column.input,
        width=math.prod(column.column.shape),
        shape=column.column.shape,
        missing=series.null_count() / max(1, len(series)),
    )
    if column.encoding == Encoding.IMAGE:
        return whole
    if column.coded or column.encoding == Encoding.BOOLEAN:
        counts = text_counts(series)
        width = len(counts) + 1 if column.encoding == Encoding.ONE_HOT else 1
        changes = {"distinct": len(counts), "top": value_counts(counts), "width": width}
        return whole.model_copy(update=changes)
    listed = column.encoding == Encoding.NUMBERS
    present = series.drop_nulls()
    if listed:
        present = present.gather_every(max(1, len(present) * whole.width // _MAX_NUMBERS)).explode().drop_nulls()
    numbers = present.cast(pl.Float64).to_numpy()
    finite = numbers[np.isfinite(numbers)]
    summary = numbers_summary(numbers, whole=bool((finite == np.floor(finite)).all()))
    return whole.model_copy(update={"numbers": summary, "distinct": 0 if listed else len(np.unique(finite))})

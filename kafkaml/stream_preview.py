"""Previews a stream that a sink announced as a data set: one array per record, its label in the key. Pure.

It has the same summary as a data set: columns and the balance of the labels.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kafkaml.codecs import StreamCodec
from kafkaml.codecs.base import NO_LABEL, Array, Codec
from kafkaml.contract.field_statistics import numbers_summary, value_counts
from kafkaml.contract.sample_loading import undecodable
from kafkaml.records import Record
from kafkaml.wire.contract import Encoding, FieldKind
from kafkaml.wire.preview import Preview, PreviewColumn, PreviewInput

__all__ = ["named_columns", "stream_preview"]

# A sample with more numbers is a picture or a signal, not a row of a table.
_MAX_COLUMNS = 500
# Packed records hold many samples; this many numbers are enough for statistics.
_MAX_NUMBERS = 4_000_000
# Integers with more distinct values are not classes.
_MAX_CLASSES = 50


def named_columns(features: Codec, shape: Sequence[int]) -> tuple[str, ...]:
    """Return the names of the numbers in a sample of this ``shape``: the stream's, otherwise ``column 1`` and so on.

    Empty where a sample is not a row of a table, because it has two axes or more, or more than 500 numbers.
    """
    width = math.prod(shape)
    if len(shape) > 1 or not 0 < width <= _MAX_COLUMNS:
        return ()
    names = tuple(features.column_names())
    return names if len(names) == width else tuple(f"column {place + 1}" for place in range(width))


def stream_preview(records: Sequence[Record], codec: StreamCodec, *, available: int) -> Preview:
    """Return columns and labels of a stream, judged by ``records``, some of its ``available`` ones.

    ``columns`` are empty for samples that are not rows of a table; ``samples`` and ``parts`` are those of a training.
    """
    values, keys = [record.value for record in records], [record.key for record in records]
    codec = codec.settled(values, keys)
    rows, labels, failures = codec.decode_each(values, keys)
    gaps = Counter(failure.error.gap for failure in failures)
    rows, labels = _thinned(rows), None if labels is None else _thinned(labels)
    found: dict[str, Any] = {}
    columns: list[PreviewColumn] = []
    if len(rows) and rows.dtype.kind in "biuf":
        shape = rows.shape[1:]
        names = named_columns(codec.features, shape)
        columns = _columns(rows.reshape(len(rows), -1), names, gaps)
        found["inputs"] = (PreviewInput(name="", shape=shape, dtype=rows.dtype.name, features=names),)
    if labels is not None and len(labels):
        label, found["balance"] = _label(labels, missing=gaps[NO_LABEL])
        columns.append(label)
    first = next((failure for failure in failures if not failure.error.gap), None)
    if first is not None:
        odd = sum(not failure.error.gap for failure in failures)
        found["undecodable"] = undecodable(records[first.index], first.error, odd / len(records))
    return Preview(
        records=max(available, len(records)),
        sampled=len(records),
        decodes=1 - len(failures) / max(1, len(records)),
        columns=tuple(columns),
        **found,
    )


def _thinned(rows: Array) -> Array:
    return rows[:: max(1, math.ceil(rows.size / _MAX_NUMBERS))]


def _columns(rows: Array, names: Sequence[str], gaps: Counter[str]) -> list[PreviewColumn]:
    # A record that lacks a number is not a sample, but counts as missing in that column.
    lacking = {name: sum(count for gap, count in gaps.items() if gap.endswith(f" in {name}")) for name in names}
    total = len(rows) + sum(lacking.values())
    columns = []
    for place, name in enumerate(names):
        numbers = rows[:, place].astype(np.float64)
        finite = numbers[np.isfinite(numbers)]
        whole = bool((finite == np.floor(finite)).all())
        boolean = rows.dtype.kind == "b"
        columns.append(
            PreviewColumn(
                place=f"columns.{place}",
                name=name[:200],
                expression=name[:2000] or "_value",
                kind=FieldKind.BOOLEAN if boolean else FieldKind.INTEGER if whole else FieldKind.NUMBER,
                encoding=Encoding.BOOLEAN if boolean else Encoding.NUMBER,
                width=1,
                missing=(len(numbers) - len(finite) + lacking[name]) / total,
                distinct=len(np.unique(finite)),
                numbers=numbers_summary(finite, whole=whole),
            )
        )
    return columns


def _label(labels: Array, *, missing: int) -> tuple[PreviewColumn, tuple[Any, ...]]:
    """Return the label as a column, and the balance of its classes, empty where it names none."""
    kind, counts, numbers = FieldKind.TEXT, Counter[str](), None
    if labels.dtype.kind in "US":
        counts = Counter(str(label)[:200] for label in labels.reshape(-1).tolist())
    else:
        kind, flat = FieldKind.NUMBERS, labels.reshape(len(labels), -1)
        if flat.shape[1] > 1 and ((flat == 0) | (flat == 1)).all() and (flat.sum(axis=1) == 1).all():
            # The label is a one-hot vector, so the place of its 1 is the class.
            flat = flat.argmax(axis=1)[:, None]
        if flat.shape[1] == 1:
            found = flat[:, 0].astype(np.float64)
            finite = found[np.isfinite(found)]
            whole = bool((finite == np.floor(finite)).all())
            kind = FieldKind.INTEGER if whole else FieldKind.NUMBER
            classes, often = np.unique(finite, return_counts=True)
            if whole and len(classes) <= _MAX_CLASSES:
                counts = Counter(
                    {str(int(class_name)): int(count) for class_name, count in zip(classes, often, strict=True)}
                )
            else:
                numbers = numbers_summary(finite, whole=whole)
    balance = value_counts(counts, _MAX_CLASSES)
    column = PreviewColumn(
        place="labels.0",
        name="label",
        expression="_key",
        kind=kind,
        encoding=Encoding.CATEGORY if counts else Encoding.NUMBER,
        missing=missing / (len(labels) + missing),
        distinct=len(counts),
        numbers=numbers,
        top=balance,
    )
    return column, balance

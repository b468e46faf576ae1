"""ComparisonCounter: what champion and challenger answered, counted side by side.

Written by the loop, read by the reporter.

The *score* of an answer is its highest value, or its only one. Two answers agree when their highest values are at the
same place. Answers of a single value agree when they are within a hundredth of the larger one. Where keys are labels
(whole numbers), an answer is correct when its highest value is at the label's place; a single value is rounded.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from kafkaml.codecs.base import Codec
from kafkaml.wire.replica import Compared, LiveComparison

__all__ = ["ComparisonCounter"]

Array = npt.NDArray[Any]

_BINS = 20
_MOST_LATENCIES = 4096
_TOLERANCE = 0.01


class ComparisonCounter:
    """Counts for one challenge since it began in this process. Thread-safe. ``labels`` decodes keys; None:
    no labels.
    """

    def __init__(self, champion: int, challenger: int, *, labels: Codec | None) -> None:
        self._labels = labels
        self._lock = threading.Lock()
        self._records = self._compared = self._agreed = 0
        self._difference = 0.0
        self._champion, self._challenger = _Side(champion), _Side(challenger)

    def add(
        self,
        keys: Sequence[bytes | None],
        champion: Array,
        challenger: Array,
        *,
        champion_failed: Sequence[int] = (),
        challenger_failed: Sequence[int] = (),
        seconds: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Count the last outputs (n, ...) of both models for the same n records, and the ``keys`` of those.

        The rows of ``*_failed`` mean nothing. ``seconds``: how long each model took.
        """
        both = np.ones(len(keys), bool)
        for failed in (champion_failed, challenger_failed):
            both[list(failed)] = False
        rows = np.flatnonzero(both)
        first, second = (
            outputs.reshape(len(outputs), -1)[rows].astype(np.float64) for outputs in (champion, challenger)
        )
        labels = _labels_of(self._labels, [keys[row] for row in rows.tolist()])
        with self._lock:
            self._compared += len(rows)
            self._champion.failed += len(champion_failed)
            self._challenger.failed += len(challenger_failed)
            self._champion.latencies.append(seconds[0] * 1000)
            self._challenger.latencies.append(seconds[1] * 1000)
            if not len(rows) or not first.shape[1] or first.shape != second.shape:
                return
            self._agreed += int(_agreements(first, second).sum())
            self._difference += float(np.nan_to_num(np.abs(first - second)).mean(axis=1).sum())
            for side, values in ((self._champion, first), (self._challenger, second)):
                side.add(values, labels)

    def saw(self, records: int) -> None:
        """Count records that arrived, whether or not the challenger got them."""
        with self._lock:
            self._records += records

    def failed(self, champion: int, challenger: int) -> None:
        """Count the records of a batch that one of the two models could not answer at all."""
        with self._lock:
            self._champion.failed += champion
            self._challenger.failed += challenger

    def report(self) -> LiveComparison:
        """Return the counts as they are now."""
        with self._lock:
            return LiveComparison(
                records=self._records,
                compared=self._compared,
                agreed=self._agreed,
                mean_difference=self._difference / self._compared if self._compared else 0.0,
                champion=self._champion.report(),
                challenger=self._challenger.report(),
            )


class _Side:
    def __init__(self, version: int) -> None:
        self._version = version
        self.failed = 0
        self._labelled = self._correct = 0
        self._scores = np.zeros(_BINS, np.int64)
        self.latencies: deque[float] = deque(maxlen=_MOST_LATENCIES)

    def add(self, values: Array, labels: Array | None) -> None:
        scores = np.nan_to_num(values.max(axis=1))
        self._scores += np.bincount(np.clip((scores * _BINS).astype(np.int64), 0, _BINS - 1), minlength=_BINS)
        if labels is not None:
            known = labels >= 0
            self._labelled += int(known.sum())
            self._correct += int((_classes(values) == labels)[known].sum())

    def report(self) -> Compared:
        times = sorted(self.latencies)
        return Compared(
            version=self._version,
            failed=self.failed,
            labelled=self._labelled,
            correct=self._correct,
            scores=self._scores.tolist(),
            p50_ms=times[len(times) // 2] if times else None,
            p99_ms=times[len(times) * 99 // 100] if times else None,
        )


def _classes(values: Array) -> Array:
    if values.shape[1] == 1:
        return np.nan_to_num(np.rint(values[:, 0]), nan=-1.0, posinf=-1.0, neginf=-1.0).astype(np.int64)
    classes: Array = values.argmax(axis=1)
    return classes


def _agreements(first: Array, second: Array) -> Array:
    if first.shape[1] > 1:
        agree: Array = first.argmax(axis=1) == second.argmax(axis=1)
        return agree
    size = np.maximum(np.abs(first), np.abs(second))
    close: Array = (np.abs(first - second) <= _TOLERANCE * size)[:, 0]
    return close


def _labels_of(codec: Codec | None, keys: Sequence[bytes | None]) -> Array | None:
    """Return the class that each key names, -1 where it names none; None where keys are not labels."""
    if codec is None or not keys:
        return None
    decoded = codec.decode_each(keys)
    labels = np.full(len(keys), -1, np.int64)
    flat = decoded.rows.reshape(len(decoded.kept), -1) if len(decoded.kept) else np.zeros((0, 1))
    if flat.shape[1] != 1 or flat.dtype.kind not in "iuf":
        return None
    numbers = flat[:, 0].astype(np.float64)
    whole = np.isfinite(numbers) & (numbers == np.rint(numbers)) & (numbers >= 0) & (numbers < 2**31)
    labels[np.asarray(decoded.kept, np.int64)[whole]] = numbers[whole].astype(np.int64)
    return labels

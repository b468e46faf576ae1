"""Aggregator: turns predictions into frames, at any rate. Pure; called by ``source``, which reads Kafka.

Memory and the size of a frame depend on the number of outputs (bounded) and never on the rate: sums are kept per slice
of time, a frame holds one step for all that came since the last one, the smallest and the largest value of it included
so that no spike is lost.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from backend.visualisation.options import WatchOptions
from backend.visualisation.predictions import Prediction
from kafkaml.confidence import are_distributions

__all__ = ["MAX_CLASSES", "MAX_LINES", "MAX_PLACES", "Aggregator", "class_scores"]

Kind = Literal["classification", "regression"]
Vector = npt.NDArray[np.float64]

# The number of classes whose counts and averages are in a frame; the others are summed up.
MAX_CLASSES = 50
# Outputs that are drawn as lines.
MAX_LINES = 32
# Points of the map in a frame; the newest are kept.
MAX_PLACES = 40
# Limit of names, because anyone can write names into headers. Chains are shorter.
_MAX_TIERS = 20
_RECORDS = 8
_RECORD_VALUES = 32
_RATE_SECONDS = 5.0
_SLICES = 100


class Aggregator:
    """Sums predictions up. ``clock`` gives seconds since 1970.

    It has over 12 fields because each figure of a snapshot is summed up apart.
    """

    def __init__(self, options: WatchOptions, *, clock: Callable[[], float] = time.time) -> None:
        self._options = options
        self._clock = clock
        self._began = clock()
        self.kind: Kind | None = options.type
        self.total = 0
        self.unreadable = 0
        self.skipped = 0
        self.truncated = False
        self._outputs = 0
        self._rate = _Window(_RATE_SECONDS)
        self._classes = _Window(options.average_window / 1000)
        self._last: tuple[int, float, float] | None = None
        self._steps: list[_Step] = []
        self._records: deque[Prediction] = deque(maxlen=_RECORDS)
        self._places: deque[dict[str, Any]] = deque(maxlen=MAX_PLACES)
        self._places_seen = 0
        self._tiers: Counter[str] = Counter()

    def add(self, prediction: Prediction, *, live: bool = True) -> None:
        """Take a prediction in; ``live`` ones count for the rate, and the others (the beginning) get a step each."""
        now = self._clock() if live else prediction.at
        self.total += 1
        if live:
            self._rate.add(now)
        if prediction.tier and (prediction.tier in self._tiers or len(self._tiers) < _MAX_TIERS):
            self._tiers[prediction.tier] += 1
        if prediction.values is None:
            self.unreadable += 1
            return
        values = np.array(prediction.values, np.float64)
        if self.kind is None:
            self.kind = _guess(values)
        self._outputs = max(self._outputs, values.size)
        self.truncated = self.truncated or prediction.truncated
        self._records.append(prediction)
        if not self._steps or not live:
            self._steps.append(_Step())
        step = self._steps[-1]
        step.at = now
        if self.kind == "classification":
            scored = class_scores(values)
            if scored is None:
                self.unreadable += 1
                return
            chosen, scores = scored
            step.counts[chosen] += 1
            self._classes.add(now, chosen, scores)
            self._last = (chosen, float(np.nan_to_num(scores[min(chosen, scores.size - 1)])), now)
        else:
            step.take(self._lines(values))

    def add_skipped(self, count: int) -> None:
        """Count predictions that were not examined, because there were too many."""
        self.total += count
        self.skipped += count
        self._rate.add(self._clock(), weight=count)

    def add_place(self, prediction: Prediction, latitude: float, longitude: float) -> None:
        """Put a prediction on the map; refused silently where there is no such place on earth."""
        if prediction.values is None or not (abs(latitude) <= 90 and abs(longitude) <= 180):
            return
        self._places_seen += 1
        values = np.array(prediction.values, np.float64)
        scored = class_scores(values) if self.kind == "classification" else None
        self._places.append(
            {
                "at": prediction.at,
                "latitude": latitude,
                "longitude": longitude,
                "id": scored[0] if scored else None,
                "values": _plain(values[:_RECORD_VALUES]),
                "source": prediction.source,
            }
        )

    @property
    def moving(self) -> bool:
        """Whether the next frame differs from the last one though nothing came: the window and the rate run empty."""
        now = self._clock()
        return self._rate.total(now) > 0 or (self.kind == "classification" and self._classes.total(now) > 0)

    def frame(self) -> dict[str, Any]:
        """Return what came since the last frame, and the state of the window; starts a new frame."""
        now = self._clock()
        elapsed = min(_RATE_SECONDS, max(1.0, now - self._began))
        frame: dict[str, Any] = {
            "type": self.kind,
            "at": now,
            "total": self.total,
            "unreadable": self.unreadable,
            "skipped": self.skipped,
            "rate": self._rate.total(now) / elapsed,
            "outputs": self._outputs,
            "truncated": self.truncated,
            # Parts of the total, by the tier that answered.
            "tiers": dict(self._tiers),
            "records": [_record(record, self.kind) for record in self._records],
            "places": list(self._places),
            "places_left_out": max(0, self._places_seen - len(self._places)),
        }
        if self.kind == "classification":
            frame |= self._classification(now)
        elif self.kind == "regression":
            frame["lines"] = self._line_ids()
            frame["steps"] = [step.line_document() for step in self._steps]
        self._steps = []
        self._records.clear()
        self._places.clear()
        self._places_seen = 0
        return frame

    def _classification(self, now: float) -> dict[str, Any]:
        count = self._classes.total(now)
        counts, sums = self._classes.sums(now, self._outputs)
        means = sums / count if count else sums
        shown = np.sort(np.lexsort((means, counts))[::-1][:MAX_CLASSES])
        classes = [
            {"id": int(output), "count": int(counts[output]), "mean": float(means[output])}
            for output in shown
            if counts[output] or means[output]
        ]
        last = None if self._last is None else dict(zip(("id", "score", "at"), self._last, strict=True))
        current = last and {"id": last["id"], "score": last["score"]}
        if self._options.average_updated and count:
            # Where outputs are not probabilities, the averages still show which class stands out.
            best = int(means.argmax())
            current = {"id": best, "score": float(means[best])}
        return {
            "window": {
                "milliseconds": self._options.average_window,
                "count": count,
                "classes": classes,
                "others": count - sum(class_name["count"] for class_name in classes),
            },
            "current": current,
            "last": last,
            "steps": [step.class_document() for step in self._steps],
        }

    def _line_ids(self) -> list[int]:
        wanted = [output for output in self._options.outputs if output < self._outputs] or list(range(self._outputs))
        return wanted[:MAX_LINES]

    def _lines(self, values: Vector) -> Vector:
        ids = [output for output in self._options.outputs if output < self._outputs] or range(self._outputs)
        lines = np.full(min(len(ids), MAX_LINES), np.nan)
        for place, class_id in enumerate(ids[:MAX_LINES]):
            if class_id < values.size:
                lines[place] = values[class_id]
        return lines


def class_scores(values: Vector) -> tuple[int, Vector] | None:
    """Return the class that a model's outputs name, and the scores of all; None where no output is a number.

    One output is the probability of class 1 (a sigmoid), or the number of the class itself.
    """
    if not np.isfinite(values).any():
        return None
    if values.size == 1:
        value = float(values[0])
        if 0.0 <= value <= 1.0:
            return int(value >= 0.5), np.array([1.0 - value, value])
        if not value.is_integer() or not 0 <= value < 1000:
            return None
        scores = np.zeros(int(value) + 1)
        scores[-1] = 1.0
        return int(value), scores
    return int(np.nanargmax(values)), values


def _guess(values: Vector) -> Kind:
    """Outputs that add up to one are probabilities of classes; so may be a single number between zero and one."""
    return "classification" if are_distributions(values[np.newaxis])[0] else "regression"


@dataclass
class _Step:
    """What came between two frames, or one record of the beginning."""

    at: float = 0.0
    counts: Counter[int] = field(default_factory=Counter)
    number: int = 0
    low: Vector | None = None
    high: Vector | None = None
    last: Vector | None = None

    def take(self, lines: Vector) -> None:
        self.number += 1
        if self.low is None or self.high is None or self.low.size < lines.size:
            # Widen the bounds for the first record, and for a record with more outputs than before.
            self.low, self.high = _widened(self.low, lines), _widened(self.high, lines)
        self.low, self.high, self.last = np.fmin(self.low, lines), np.fmax(self.high, lines), lines

    def class_document(self) -> dict[str, Any]:
        shown = self.counts.most_common(MAX_CLASSES)
        others = self.counts.total() - sum(count for _, count in shown)
        return {"at": self.at, "counts": [list(count) for count in sorted(shown)], "others": others}

    def line_document(self) -> dict[str, Any]:
        low, high, last = (_plain(values) if values is not None else [] for values in (self.low, self.high, self.last))
        return {"at": self.at, "count": self.number, "min": low, "max": high, "last": last}


def _widened(before: Vector | None, lines: Vector) -> Vector:
    wide = np.full(lines.size, np.nan)
    if before is not None:
        wide[: before.size] = before
    return wide


@dataclass
class _Slice:
    until: float
    total: int = 0
    counts: Vector = field(default_factory=lambda: np.zeros(0))
    sums: Vector = field(default_factory=lambda: np.zeros(0))


class _Window:
    """Counts, and sums of scores, over the last ``seconds``, in slices of time; a slice leaves as a whole."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._slice_seconds = max(seconds / _SLICES, 0.02)
        self._slices: deque[_Slice] = deque()

    def add(self, now: float, chosen: int | None = None, scores: Vector | None = None, *, weight: int = 1) -> None:
        if not self._slices or now >= self._slices[-1].until:
            self._slices.append(_Slice(now + self._slice_seconds))
        current = self._slices[-1]
        current.total += weight
        if chosen is not None and scores is not None:
            size = max(scores.size, chosen + 1)
            if current.counts.size < size:
                current.counts = np.pad(current.counts, (0, size - current.counts.size))
                current.sums = np.pad(current.sums, (0, size - current.sums.size))
            current.counts[chosen] += 1
            current.sums[: scores.size] += np.nan_to_num(scores)
        self._forget(now)

    def total(self, now: float) -> int:
        self._forget(now)
        return sum(slice_.total for slice_ in self._slices)

    def sums(self, now: float, size: int) -> tuple[Vector, Vector]:
        """Return counts per class and sums per class, for at least ``size`` classes."""
        self._forget(now)
        size = max([size, 2, *(slice_.counts.size for slice_ in self._slices)])
        counts, sums = np.zeros(size), np.zeros(size)
        for slice_ in self._slices:
            counts[: slice_.counts.size] += slice_.counts
            sums[: slice_.sums.size] += slice_.sums
        return counts, sums

    def _forget(self, now: float) -> None:
        while self._slices and self._slices[0].until <= now - self._seconds:
            self._slices.popleft()


def _record(prediction: Prediction, kind: Kind | None) -> dict[str, Any]:
    values: Sequence[float | None] = prediction.values or []
    scored = class_scores(np.array(values, np.float64)) if kind == "classification" else None
    return {
        "at": prediction.at,
        "id": scored[0] if scored else None,
        "values": list(values[:_RECORD_VALUES]),
        "more": max(0, len(values) - _RECORD_VALUES),
        "place": prediction.place,
        "source": prediction.source,
        "tier": prediction.tier,
        "include": prediction.include,
    }


def _plain(values: Vector) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]

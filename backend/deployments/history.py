"""The summary of many epochs. Pure.

A history (the best of each metric, and one curve of few points) is kept with the result and grows with each epoch, so
that a list need not read the epochs of its rows. A reader who asks for all epochs gets the most telling ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kafkaml.metric_direction import known_direction
from kafkaml.wire.choices import Direction
from kafkaml.wire.progress import EpochMetrics

__all__ = ["MAX_POINTS", "extended", "of", "thinned"]

# The curve is drawn a hundred pixels wide: at this many points every second one is dropped.
MAX_POINTS = 48


def extended(history: Mapping[str, Any] | None, metrics: EpochMetrics) -> dict[str, Any]:
    """Return ``history`` with one epoch more; None begins a new one.

    ``best_training`` and ``best_validation`` map names to ``{value, epoch}``. ``curve`` follows one metric, an accuracy
    where there is one, on the validation samples where there are any: ``{metric, part, stride, epochs, values}``.
    """
    before = history or {"best_training": {}, "best_validation": {}, "curve": None}
    return {
        "best_training": _best(before["best_training"], metrics.training, metrics.epoch),
        "best_validation": _best(before["best_validation"], metrics.validation, metrics.epoch),
        "curve": _curve(before["curve"] or _new_curve(metrics), metrics),
    }


def of(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the history of epochs, as EpochMetrics in JSON; None without any."""
    history: dict[str, Any] | None = None
    for document in documents:
        history = extended(history, EpochMetrics.model_validate(document))
    return history


def thinned(documents: Sequence[Mapping[str, Any]], points: int) -> list[Mapping[str, Any]]:
    """Return at most ``points`` (4 or more) of ``documents``, EpochMetrics in JSON, in their order.

    The first and the last epoch are always included. Where there is room, so are the epochs with the least and the
    greatest value of each metric. The others are chosen from equal stretches of the epochs: from each, those with the
    least and the greatest loss (or first metric).
    """
    count = len(documents)
    if count <= points:
        return list(documents)
    curves: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for place, document in enumerate(documents):
        for part in ("training", "validation", "before"):
            for name, value in document.get(part, {}).items():
                if value is not None:
                    curves.setdefault((part, name), []).append((value, place))
    kept = {0, count - 1}
    for curve in curves.values():
        extremes = {min(curve)[1], max(curve)[1]}
        if len(kept | extremes) <= points // 2:
            kept |= extremes
    main = next((curve for (_, name), curve in curves.items() if name == "loss"), next(iter(curves.values()), []))
    stretches = (points - len(kept)) // 2
    # Divide by epochs, not by documents, because early epochs may have been thinned before.
    first = documents[0]["epoch"]
    width = (documents[-1]["epoch"] - first + 1) / max(1, stretches)
    ends: dict[int, tuple[tuple[float, int], tuple[float, int]]] = {}
    for point in main:
        stretch = int((documents[point[1]]["epoch"] - first) / width)
        least, greatest = ends.get(stretch, (point, point))
        ends[stretch] = (min(least, point), max(greatest, point))
    kept |= {place for pair in ends.values() for _, place in pair}
    return [documents[place] for place in sorted(kept)]


def _best(
    before: Mapping[str, Mapping[str, Any]], values: Mapping[str, float], epoch: int
) -> dict[str, Mapping[str, Any]]:
    best = dict(before)
    for name, value in values.items():
        if not math.isfinite(value):
            continue
        known = best.get(name)
        sign = -1 if known_direction(name) is Direction.DOWN else 1
        if known is None or sign * value > sign * known["value"]:
            best[name] = {"value": value, "epoch": epoch}
    return best


def _new_curve(metrics: EpochMetrics) -> dict[str, Any]:
    part = "validation" if metrics.validation else "training"
    names = list(metrics.validation or metrics.training)
    accuracies = [name for name in names if "acc" in name.lower()]
    metric = next(iter([*accuracies, *(name for name in names if name == "loss"), *names]), "")
    return {"metric": metric, "part": part, "stride": 1, "epochs": [], "values": []}


def _curve(curve: Mapping[str, Any], metrics: EpochMetrics) -> dict[str, Any]:
    stride, epochs, values = curve["stride"], list(curve["epochs"]), list(curve["values"])
    if epochs and metrics.epoch < epochs[-1] + stride:
        return dict(curve)
    measured = metrics.validation if curve["part"] == "validation" else metrics.training
    if curve["metric"] not in measured:
        # Not every epoch is followed by validation.
        return dict(curve)
    value = measured[curve["metric"]]
    epochs.append(metrics.epoch)
    values.append(value if math.isfinite(value) else None)
    if len(epochs) > MAX_POINTS:
        stride, epochs, values = stride * 2, epochs[::2], values[::2]
    return {**curve, "stride": stride, "epochs": epochs, "values": values}

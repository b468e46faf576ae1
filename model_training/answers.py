"""Checks what comes back from the model process, where user code runs and may return anything.

Called by ModelSession and its kin; each function reads one part of an answer, or raises BrokenError.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kafkaml.errors import BrokenError
from kafkaml.wire.progress import EpochMetrics, Progress

__all__ = [
    "Best",
    "best_of",
    "epoch_of",
    "first_paragraph",
    "metrics_of",
    "name_of",
    "names_of",
    "preparation_of",
    "progress_of",
    "seconds_of",
    "warnings_of",
    "whole",
]

# A vector or matrix counts as one metric per value, up to this many.
_MAX_METRICS = 1000
_MAX_NAME_LENGTH = 100
_MAX_WARNINGS = 50
_MAX_PREPARATION_LENGTH = 1 << 16
_MAX_WARNING_LENGTH = 1000
_MAX_REASON_LENGTH = 500
_COLOURS = re.compile("\x1b\\[[0-9;]*m")


def first_paragraph(text: str) -> str:
    """Return the beginning of a framework's message, which may fill pages in colours; the log has all of it."""
    return " ".join(_COLOURS.sub("", text).strip().split("\n\n", 1)[0].split())[:_MAX_REASON_LENGTH]


def metrics_of(values: object) -> dict[str, float]:
    """Return metrics by name."""
    if not isinstance(values, Mapping) or len(values) > _MAX_METRICS:
        raise BrokenError(f"the model process reported metrics {str(values)[:200]}: expected at most 1000 values")
    try:
        return {name_of(name): float(value) for name, value in values.items()}
    except (TypeError, ValueError):
        raise BrokenError(f"the model process reported metrics {str(values)[:200]}: expected numbers") from None


def name_of(value: object) -> str:
    """Return a name, cut to a readable length."""
    return str(value)[:_MAX_NAME_LENGTH]


def names_of(values: object) -> list[str]:
    """Return a list of names; empty where the value is not a list."""
    return [name_of(value) for value in values[:_MAX_METRICS]] if isinstance(values, list) else []


def whole(value: object) -> int:
    """Return a whole number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 53:
        raise BrokenError(f"the model process reported {str(value)[:100]}: expected a whole number")
    return value


def seconds_of(value: object) -> float:
    """Return a duration; 0 for anything else."""
    seconds = metrics_of({"seconds": value})["seconds"]
    return seconds if 0 <= seconds < math.inf else 0.0


def warnings_of(answer: Mapping[str, Any]) -> list[str]:
    """Return the warnings of an answer."""
    given = answer.get("warnings")
    return [str(warning)[:_MAX_WARNING_LENGTH] for warning in given[:_MAX_WARNINGS]] if isinstance(given, list) else []


def preparation_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the process prepares features, as a small JSON object."""
    given = answer.get("preparation") or {}
    if not isinstance(given, dict) or len(json.dumps(given)) > _MAX_PREPARATION_LENGTH:
        raise BrokenError(f"the model process reported the preparation {str(given)[:200]}: expected a small object")
    return {name_of(name): value for name, value in given.items()}


def progress_of(data: Mapping[str, Any]) -> Progress:
    """Read an event ``progress``."""
    numbers = {name: whole(data.get(name)) for name in ("epoch", "epochs", "batch", "batches")}
    return Progress(**numbers, metrics=metrics_of(data.get("metrics", {})))


def epoch_of(data: Mapping[str, Any]) -> EpochMetrics:
    """Read an event ``epoch``."""
    return EpochMetrics(
        epoch=whole(data.get("epoch")),
        seconds=seconds_of(data.get("seconds", 0)),
        training=metrics_of(data.get("training", {})),
        validation=metrics_of(data.get("validation", {})),
        learning_rate=metrics_of(data.get("learning_rate", {})),
        best_epoch=whole(data.get("best_epoch", 0)) or None,
    )


@dataclass(frozen=True)
class Best:
    """The best epoch of one fit, 1-based, by the ``value`` of ``monitor``; ``restored``: the model has its weights."""

    epoch: int
    monitor: str
    value: float
    restored: bool


def best_of(answer: Mapping[str, Any]) -> Best | None:
    """Read a fit's answer about its best epoch."""
    given = answer.get("best")
    if not isinstance(given, Mapping):
        return None
    value = metrics_of({"value": given.get("value")})["value"]
    epoch = whole(given.get("epoch"))
    if not 1 <= epoch < 1 << 31:
        raise BrokenError(f"the model process reported the best epoch {epoch}: expected one from 1 on")
    return Best(epoch, name_of(given.get("monitor")), value, given.get("restored") is True)

"""How much a model's score depends on each column: permutation importance. Called by ``finishing``.

The values of one column are exchanged among the test samples, and what the score loses by that is the column's
importance (Breiman, "Random forests", 2001; for any model: Fisher, Rudin and Dominici, "All models are wrong, but many
are useful", 2019). It needs nothing but answers, so one rule serves every framework.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kafkaml.logs import get_logger
from kafkaml.named_inputs import FeatureSpan
from kafkaml.wire.choices import Direction
from kafkaml.wire.evaluation import MAX_COLUMNS, ColumnImportance, Importance
from kafkaml.wire.scores import SCORE_DIRECTIONS, Score
from mlcode_executor.shared_array import SharedArray

__all__ = ["evenly", "permutation_importance"]

logger = get_logger(__name__)

# A model with one column has nothing to compare it with.
_LEAST_COLUMNS = 2
_LEAST_SAMPLES, _MAX_SAMPLES = 2, 500
# How often each column is exchanged, as far as there is time.
_ROUNDS = 5
_SECONDS = 1.0
# A model that would need longer for a single round is not examined.
_ROUND_SECONDS = 10.0


def evenly(count: int) -> NDArray[np.int64]:
    """Return the places, at most ``_MAX_SAMPLES`` of them, at which ``count`` samples are tried."""
    return np.unique(np.linspace(0, count - 1, min(count, _MAX_SAMPLES)).round().astype(np.int64))


def permutation_importance(
    features: NDArray[Any],
    spans: Sequence[FeatureSpan],
    *,
    sample_shape: tuple[int, ...],
    score: Score,
    ask: Callable[[SharedArray], float],
    seed: int,
) -> Importance | None:
    """Return how much of ``score`` is lost for ``features`` (n, *shape) when the values of each column are exchanged.

    ``ask`` returns the score for features of the same shape. ``sample_shape`` is the one that ``spans`` are counted in;
    it has the same numbers in the same order. Returns None for samples without columns or with too many, for a single
    sample, and for a model that would take too long.
    """
    if not _LEAST_COLUMNS <= len(spans) <= MAX_COLUMNS or len(features) < _LEAST_SAMPLES:
        return None
    random = np.random.default_rng(seed)
    sign = 1.0 if SCORE_DIRECTIONS[score] is Direction.UP else -1.0
    losses: list[list[float]] = []
    with SharedArray.allocate(features.shape, features.dtype) as shared:
        shared.array[...] = features
        exchanged = shared.array.reshape(len(features), *sample_shape)
        original = features.reshape(exchanged.shape)
        started = time.monotonic()
        whole = ask(shared)
        if (time.monotonic() - started) * len(spans) > _ROUND_SECONDS:
            return None
        while len(losses) < _ROUNDS and (not losses or time.monotonic() - started < _SECONDS):
            lost = []
            for span in spans:
                span.of(exchanged)[...] = span.of(original)[random.permutation(len(features))]
                lost.append(sign * (whole - ask(shared)))
                span.of(exchanged)[...] = span.of(original)
            losses.append(lost)
    logger.info(
        "the importance of columns is measured", rounds=len(losses), seconds=round(time.monotonic() - started, 2)
    )
    mean, spread = np.mean(losses, axis=0), np.std(losses, axis=0)
    columns = [
        ColumnImportance(column=span.column[:200], importance=float(mean[place]), spread=float(spread[place]))
        for place, span in enumerate(spans)
    ]
    return Importance(
        score=score,
        samples=len(features),
        rounds=len(losses),
        columns=sorted(columns, key=lambda column: column.importance, reverse=True),
    )

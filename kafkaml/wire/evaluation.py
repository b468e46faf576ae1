"""How a trained model is judged in addition to its metrics: baselines, and what its answers look like. All bounded.

The platform computes all of it on the test samples, by the same rule for every framework.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Count, Message, Metric, Name
from kafkaml.wire.scores import SCORE_DIRECTIONS, Score, Scores

__all__ = [
    "MAX_OUTPUTS",
    "MAX_POINTS",
    "MAX_RESIDUALS",
    "Baseline",
    "BaselineKind",
    "Curves",
    "Evaluation",
    "Residuals",
    "ThresholdPoint",
]

# Points per curve; more than a chart has pixels are useless.
MAX_POINTS = 201
MAX_RESIDUALS = 500
# The most outputs per model. A model with more is judged by its first ones.
MAX_OUTPUTS = 8


class BaselineKind(StrEnum):
    """What always gives the same answer: the most frequent class, or the median of each number."""

    MAJORITY = "majority"
    MEDIAN = "median"


class Baseline(Message):
    """What a model scores that always gives one ``answer``; ``scores`` have the names of those of the model.

    Of numbers the absolute error is that of the median, the squared one that of the mean: the best that one answer can
    do. ``samples`` is of how many.
    """

    kind: BaselineKind
    answer: Name
    scores: Scores
    samples: Count

    def beaten_by(self, scores: Mapping[Score, float]) -> bool | None:
        """Whether a model with ``scores`` is better than the baseline in any score that both have; None without a
        common score.
        """
        both = [(SCORE_DIRECTIONS[name], value, scores[name]) for name, value in self.scores.items() if name in scores]
        better = [ours > value if way is Direction.UP else ours < value for way, value, ours in both]
        return any(better) if both else None


class ThresholdPoint(Message):
    """Of all samples, those that are ``positive`` from this probability on: rightly, and wrongly."""

    threshold: Annotated[float, Field(ge=0, le=1)]
    true_positives: Count
    false_positives: Count


class Curves(Message):
    """Two classes at every threshold of the probability of the ``positive`` one; the highest threshold first.

    ``roc_auc`` is the area under the curve of the true against the false positive rate, ``average_precision`` that
    under precision against recall (as the sum over steps, without interpolation); both of all samples, whatever number
    of ``points`` is kept. ``positives`` and ``negatives`` count the samples of either class.
    """

    positive: Name
    negative: Name
    positives: Count
    negatives: Count
    roc_auc: Metric
    average_precision: Metric
    points: Annotated[list[ThresholdPoint], Field(max_length=MAX_POINTS)]


class Residuals(Message):
    """A regression's answers next to the right ones, ``[actual, predicted]``, chosen evenly from ``samples``.

    Of a model with several numbers, those of output ``number``. ``quantiles`` are of predicted - actual over all
    samples: least, 5 %, 50 %, 95 %, greatest.
    """

    number: Count = 0
    samples: Count
    points: Annotated[list[tuple[Metric, Metric]], Field(max_length=MAX_RESIDUALS)]
    quantiles: Annotated[list[Metric], Field(min_length=5, max_length=5)]


class Evaluation(Message):
    """The answers to the samples that tested: ``curves`` of two classes, ``residuals`` of a regression."""

    curves: Curves | None = None
    residuals: Annotated[list[Residuals], Field(max_length=MAX_OUTPUTS)] = []

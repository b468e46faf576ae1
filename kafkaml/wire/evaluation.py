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
    "MAX_COLUMNS",
    "MAX_OUTPUTS",
    "MAX_POINTS",
    "MAX_RESIDUALS",
    "Baseline",
    "BaselineKind",
    "ColumnImportance",
    "Curves",
    "Evaluation",
    "Importance",
    "Residuals",
    "ThresholdPoint",
]

# Points per curve; more than a chart has pixels are useless.
MAX_POINTS = 201
MAX_RESIDUALS = 500
# The most outputs per model. A model with more is judged by its first ones.
MAX_OUTPUTS = 8
# The most columns whose importance is measured.
MAX_COLUMNS = 200


class BaselineKind(StrEnum):
    """Which answer a baseline always gives.

    * ``majority``: The most frequent class.
    * ``median``: The median of each number.
    """

    MAJORITY = "majority"
    MEDIAN = "median"


class Baseline(Message):
    """The scores of a baseline, which gives the same ``answer`` to every sample. A useful model has better scores.

    ``scores`` have the names of the model's scores. For numbers, each score is the best that a constant answer can
    have. The absolute error is that of the median, and the squared error that of the mean. ``samples`` is the number of
    samples measured.
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
    """The positive predictions if a sample counts as positive from the probability ``threshold`` on.

    ``true_positives`` have the positive class, ``false_positives`` do not.
    """

    threshold: Annotated[float, Field(ge=0, le=1)]
    true_positives: Count
    false_positives: Count


class Curves(Message):
    """ROC and precision-recall curves of a model with two classes. ``points`` begin with the highest threshold.

    ``positive`` and ``negative`` are the names of the classes, ``positives`` and ``negatives`` their numbers of
    samples. ``roc_auc`` is the area under the ROC curve. ``average_precision`` is the area under the precision-recall
    curve, as a sum of steps without interpolation. Both are computed from all samples, even where fewer points are
    kept.
    """

    positive: Name
    negative: Name
    positives: Count
    negatives: Count
    roc_auc: Metric
    average_precision: Metric
    points: Annotated[list[ThresholdPoint], Field(max_length=MAX_POINTS)]


class Residuals(Message):
    """The errors of a regression on the test samples.

    ``points`` are pairs ``[actual, predicted]``, chosen evenly from ``samples``. ``quantiles`` of predicted minus
    actual are the minimum, the 5th, 50th and 95th percentile, and the maximum of all samples. ``number`` is the
    position of the output for a model that predicts several numbers.
    """

    number: Count = 0
    samples: Count
    points: Annotated[list[tuple[Metric, Metric]], Field(max_length=MAX_RESIDUALS)]
    quantiles: Annotated[list[Metric], Field(min_length=5, max_length=5)]


class ColumnImportance(Message):
    """How much the score is worse, in its unit, when the values of ``column`` are exchanged among the samples.

    It is about 0, or below, for a column that the model does not need. ``importance`` is the mean of all rounds,
    ``spread`` their standard deviation.
    """

    column: Name
    importance: Metric
    spread: Metric


class Importance(Message):
    """The permutation importance of columns: how much a model's ``score`` depends on each, the greatest first.

    Measured ``rounds`` times on ``samples`` test samples. Columns that tell the same share their importance, because
    each can replace the other.
    """

    score: Score
    samples: Count
    rounds: Count
    columns: Annotated[list[ColumnImportance], Field(max_length=MAX_COLUMNS)]


class Evaluation(Message):
    """How a model did on the test samples, in more detail than its scores. ``curves`` are for two classes,
    ``residuals`` for a regression. ``importance`` is null if the samples have no named columns, and for incremental
    training.
    """

    curves: Curves | None = None
    residuals: Annotated[list[Residuals], Field(max_length=MAX_OUTPUTS)] = []
    importance: Importance | None = None

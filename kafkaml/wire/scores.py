"""Scores: computed by the platform for a trained model, by the same rule for every framework.

Metrics of a framework are named and defined by it, so two of them are not compared; these have one name, one meaning
and one direction. They are computed on the test samples, like ``Outcome.test_metrics``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Metric

__all__ = ["SCORE_DIRECTIONS", "Score", "Scores"]


class Score(StrEnum):
    """A measure that the platform computes for every framework in the same way.

    * ``accuracy``: The share of correct predictions, from 0 to 1, for a classification.
    * ``mean_absolute_error``: In the unit of the labels, for a regression.
    * ``root_mean_squared_error``: In the unit of the labels, for a regression.
    """

    ACCURACY = "accuracy"
    MEAN_ABSOLUTE_ERROR = "mean_absolute_error"
    ROOT_MEAN_SQUARED_ERROR = "root_mean_squared_error"


SCORE_DIRECTIONS: Mapping[Score, Direction] = {
    Score.ACCURACY: Direction.UP,
    Score.MEAN_ABSOLUTE_ERROR: Direction.DOWN,
    Score.ROOT_MEAN_SQUARED_ERROR: Direction.DOWN,
}

# Members are listed one by one, because a schema of a mapping cannot name an enumeration for its keys.
Scores = Annotated[
    Mapping[Literal[Score.ACCURACY, Score.MEAN_ABSOLUTE_ERROR, Score.ROOT_MEAN_SQUARED_ERROR], Metric],
    Field(max_length=len(Score)),
]

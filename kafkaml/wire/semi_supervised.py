"""SemiSupervised: how samples without labels are learnt along with the labelled ones, and the outcome.

The method is self-training with pseudo-labels (Lee, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning
Method", 2013): the model labels the samples that it is sure of, and learns them too.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from kafkaml.wire.message import Count, Message

__all__ = ["PseudoLabels", "SemiSupervised"]


class SemiSupervised(Message):
    """How unlabelled samples are learnt: in at most ``rounds`` rounds, with the class that the model predicts for them.

    A round chooses the samples whose most probable class has at least the probability ``confidence``. They have that
    class until the next round chooses again. A round that chooses nothing new is the last one.
    """

    rounds: Annotated[int, Field(ge=1, le=100)] = 5
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.9


class PseudoLabels(Message):
    """What one round chose from the ``unlabelled`` samples. ``round`` counts from 1.

    ``added`` of the ``chosen`` samples did not have this class in the round before. ``agreement`` is the share of
    samples chosen before that are predicted to have the same class again. It is null if none were chosen before.
    ``classes[i]`` of the chosen samples have class i. The list is empty if there are too many classes.
    """

    round: Annotated[int, Field(ge=1)]
    unlabelled: Count
    chosen: Count
    added: Count
    agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    classes: Annotated[list[Count], Field(max_length=1000)] = []

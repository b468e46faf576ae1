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
    """In each of at most ``rounds`` rounds, unlabelled samples whose most probable class has ``confidence`` are learnt.

    They count as that class until the next round chooses again. A round that chooses nothing new is the last.
    """

    rounds: Annotated[int, Field(ge=1, le=100)] = 5
    confidence: Annotated[float, Field(gt=0, le=1)] = 0.9


class PseudoLabels(Message):
    """What one round (from 1 on) chose of ``unlabelled`` samples.

    ``added`` of the ``chosen`` were not chosen for this class in the round before. ``agreement`` is the share of those
    chosen before that are predicted to be of the same class again; None where none were. ``classes[i]`` of the chosen
    are of class i; empty where there are very many classes.
    """

    round: Annotated[int, Field(ge=1)]
    unlabelled: Count
    chosen: Count
    added: Count
    agreement: Annotated[float, Field(ge=0, le=1)] | None = None
    classes: Annotated[list[Count], Field(max_length=1000)] = []

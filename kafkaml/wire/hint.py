"""Hint: a finding from the curves of a training, and one thing to try. Made by ``kafkaml.training_hints``, never
stored.
"""

from __future__ import annotations

from enum import StrEnum

from kafkaml.wire.message import Message, Text

__all__ = ["Hint", "HintCode"]


class HintCode(StrEnum):
    """What a hint is about. Users hide hints by this code.

    * ``diverged``: The loss is not a number, or rose.
    * ``not_learning``: The loss has hardly moved.
    * ``overfitting``: The validation loss rose while the training loss still fell.
    * ``still_improving``: The loss was still falling at the end.
    * ``one_class``: The model predicts the same class for every test sample.
    * ``majority``: The model is hardly better than predicting the most frequent class always.
    """

    DIVERGED = "diverged"
    NOT_LEARNING = "not_learning"
    OVERFITTING = "overfitting"
    STILL_IMPROVING = "still_improving"
    ONE_CLASS = "one_class"
    MAJORITY = "majority"


class Hint(Message):
    """Advice from the curves of a training. ``message`` says what was seen, and ``advice`` what to try first."""

    code: HintCode
    message: Text
    advice: Text

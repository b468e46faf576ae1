"""Hint: a finding from the curves of a training, and one thing to try. Made by ``kafkaml.training_hints``, never
stored.
"""

from __future__ import annotations

from enum import StrEnum

from kafkaml.wire.message import Message, Text

__all__ = ["Hint", "HintCode"]


class HintCode(StrEnum):
    """What a hint is about; users hide hints by it."""

    DIVERGED = "diverged"
    NOT_LEARNING = "not_learning"
    OVERFITTING = "overfitting"
    STILL_IMPROVING = "still_improving"
    ONE_CLASS = "one_class"
    MAJORITY = "majority"


class Hint(Message):
    """A sentence, and what to try first."""

    code: HintCode
    message: Text
    advice: Text

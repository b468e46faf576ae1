"""Versions of a trained model, and why one took the place of another."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.checkpoint import Positions
from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Count, Message, Metric, Name
from kafkaml.wire.outcome import Outcome

__all__ = ["Comparison", "Version", "VersionReason"]


class VersionReason(StrEnum):
    """Why there is a version: its training ended, or its model improved while the training went on."""

    TRAINED = "trained"
    IMPROVED = "improved"


class Comparison(Message):
    """What decided whether a model takes the place of the champion: one metric on the same held-out samples.

    ``champion`` is the number of the version compared with, None for the first. ``improvement`` is what was asked for,
    in the metric's own unit; the gain is ``challenger_value - champion_value``, or its opposite for ``down``.
    """

    metric: Name
    direction: Direction
    improvement: Annotated[float, Field(ge=0)]
    champion: Count | None = None
    champion_value: Metric | None = None
    challenger_value: Metric
    samples: Count


class Version(Message):
    """One version (from 1 on) of a result: what was trained, on what, and what decided for it.

    ``positions`` is where in the stream its training stood, empty for a stream with an end. ``current`` is the one that
    inferences follow.
    """

    number: Annotated[int, Field(ge=1)]
    reason: VersionReason
    attempt: Count
    created_at: datetime
    current: bool
    outcome: Outcome
    positions: Positions = {}
    comparison: Comparison | None = None

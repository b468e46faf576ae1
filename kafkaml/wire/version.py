"""Versions of a trained model, and why one replaced another."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from kafkaml.wire.checkpoint import Positions
from kafkaml.wire.choices import Direction
from kafkaml.wire.message import Count, Message, Metric, Metrics, Name, Sha256, Text
from kafkaml.wire.outcome import Outcome

__all__ = ["Artifact", "Comparison", "Promotion", "PromotionReason", "Version", "VersionReason"]

# Frameworks compute metrics as float32, so a gain that misses the required one only by rounding counts.
_ROUNDING = 1e-6


class VersionReason(StrEnum):
    """Why a version was made.

    * ``trained``: Its training ended.
    * ``improved``: The model improved while its incremental training continued.
    """

    TRAINED = "trained"
    IMPROVED = "improved"


class PromotionReason(StrEnum):
    """Why a version became the current one.

    * ``trained``: Its training ended.
    * ``improved``: The model improved while its incremental training continued.
    * ``chosen``: A user chose it.
    """

    TRAINED = "trained"
    IMPROVED = "improved"
    CHOSEN = "chosen"


class Comparison(Message):
    """The comparison that decides whether a version replaces the champion. Both have one metric, on the same
    ``samples`` samples that were held out.

    ``champion`` is the number of the version compared with, null for the first one. ``improvement`` is the required
    gain in the unit of the metric. The gain is ``challenger_value - champion_value`` for ``up``, and the opposite for
    ``down``.
    """

    metric: Name
    direction: Direction
    improvement: Annotated[float, Field(ge=0)]
    champion: Count | None = None
    champion_value: Metric | None = None
    challenger_value: Metric
    samples: Count

    @property
    def promotes(self) -> bool:
        """Whether the challenger replaces the champion, or is the first. A gain equal to the required one is enough."""
        challenger, champion = self.challenger_value, self.champion_value
        if self.champion is None:
            return True
        if champion is None or not (math.isfinite(challenger) and math.isfinite(champion)):
            # A finite value is better than NaN or infinity.
            return math.isfinite(challenger)
        gain = challenger - champion if self.direction is Direction.UP else champion - challenger
        return gain >= self.improvement - _ROUNDING * max(abs(challenger), abs(champion))


class Artifact(Message):
    """A file that training left. ``size`` is in bytes."""

    name: Name
    size: Count
    sha256: Sha256
    created_at: datetime


class Version(Message):
    """One version of a result: what was trained, on what, and why the version was made. Versions are numbered from 1.

    ``step`` is the number of the window after which the version was made. It is null if the version is the end of its
    training. ``positions`` are the offsets up to which its training had read, by topic and partition. They are empty
    for a stream with an end. The ``current`` version is served by inferences that follow the result. A ``pinned``
    version is kept until it is unpinned. ``comparison`` is null if the version was not compared with another.
    """

    number: Annotated[int, Field(ge=1)]
    reason: VersionReason
    attempt: Count
    step: Count | None = None
    created_at: datetime
    current: bool
    pinned: bool = False
    artifacts: list[Artifact] = []
    outcome: Outcome
    positions: Positions = {}
    comparison: Comparison | None = None


class Promotion(Message):
    """A version became the current one of its result. The event is sent at least once, always with the same ``id``.

    ``previous`` is the number of the version before, null for the first one. ``by`` is the user who chose the version,
    and ``why`` the reason. Both are empty if a training decided. ``metrics`` are those on the version's test samples.
    """

    id: Name
    at: datetime
    result: Count
    model: Name
    version: Annotated[int, Field(ge=1)]
    previous: Count | None
    reason: PromotionReason
    by: Name = ""
    why: Text = ""
    metrics: Metrics = {}
    comparison: Comparison | None = None

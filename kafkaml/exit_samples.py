"""How sure and how right the exits of a chain were on the same samples, and the limits that follow. Pure.

A training leaves the file. The backend computes from it what a limit costs and gains. Its content is not trusted.
Limits are compared as a tier compares them: a confidence below its limit goes up, an equal one stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from kafkaml.errors import RefusedError
from kafkaml.wire.distributed import LimitPoint

__all__ = ["EXITS_FILE", "MAX_SAMPLES", "Cost", "ExitSamples", "Leaving", "TierSamples", "curve", "leaving", "proposed"]

# Name of the artifact that holds these samples.
EXITS_FILE = "exits.json"
# Enough samples to determine a share to one percent.
MAX_SAMPLES = 5000

_MAX_BYTES = 4 << 20
_MAX_TIERS = 100
# Number of points of a curve. Neighbours lie a hundredth of the samples apart.
_POINTS = 100
# How much accuracy may be traded for less traffic.
_TOLERANCE = 0.005


@dataclass(frozen=True)
class TierSamples:
    """``confidence`` (n,) of the exit of ``model`` in each sample, rounded down, and whether the exit was ``right``."""

    model: str
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]


@dataclass(frozen=True)
class Cost:
    """What one record costs at a tier: ``seconds`` of computing, and ``upper_bytes`` if it is sent up. Limits up to ``1
    / classes`` send nothing up.
    """

    upper_bytes: int = 0
    seconds: float = 0.0
    classes: int = 2


@dataclass(frozen=True)
class ExitSamples:
    """The outcomes of all ``tiers``, the lowest first, on the same samples. The samples are of the ``test`` part or of
    ``validation``.
    """

    of: str
    tiers: tuple[TierSamples, ...]

    def to_bytes(self) -> bytes:
        """Return the file. Confidences are cut to four digits, so that a limit of four digits divides them as it did
        before.
        """
        tiers = [
            {
                "model": tier.model,
                "confidence": (np.floor(np.nan_to_num(tier.confidence, nan=0.0) * 1e4) / 1e4).tolist(),
                "right": tier.right.astype(int).tolist(),
            }
            for tier in self.tiers
        ]
        return orjson.dumps({"of": self.of, "samples": len(self.tiers[0].right), "tiers": tiers})

    @classmethod
    def read(cls, path: Path) -> ExitSamples:
        """Read what ``to_bytes`` wrote; raises RefusedError for anything else."""
        try:
            if path.stat().st_size > _MAX_BYTES * _MAX_TIERS:
                raise ValueError("it is too large")
            document = orjson.loads(path.read_bytes())
            count = int(document["samples"])
            tiers = tuple(_tier(tier, count) for tier in document["tiers"])
            if not 0 < len(tiers) <= _MAX_TIERS:
                raise ValueError(f"it has {len(tiers)} tiers")
            return cls(str(document["of"])[:20], tiers)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RefusedError(f"{EXITS_FILE} is damaged: {error}") from error


@dataclass(frozen=True)
class Leaving:
    """Where samples leave a chain under some limits: shares of all samples by tier, from below.

    ``arriving`` is the share of samples that a tier gets. ``sent_up`` is the share of them that it sends on. Accuracy,
    bytes and seconds are of the chain as a whole.
    """

    arriving: tuple[float, ...]
    sent_up: tuple[float, ...]
    accuracy: float
    bytes_per_sample: float
    seconds_per_sample: float


def leaving(tiers: Sequence[TierSamples], limits: Sequence[float], costs: Sequence[Cost]) -> Leaving:
    """Return what happens to the samples under ``limits`` of all ``tiers`` but the last, from below."""
    count = len(tiers[0].right)
    here = np.ones(count, dtype=bool)
    right, transferred, seconds = 0, 0, 0.0
    arriving, sent_up = [], []
    for index, (tier, cost) in enumerate(zip(tiers, costs, strict=True)):
        present = int(here.sum())
        up = here & (tier.confidence < limits[index]) if index < len(limits) else np.zeros(count, dtype=bool)
        sent = int(up.sum())
        right += int((tier.right & here & ~up).sum())
        transferred += sent * cost.upper_bytes
        seconds += present * cost.seconds
        arriving.append(present / count if count else 0.0)
        sent_up.append(sent / present if present else 0.0)
        here = up
    whole = max(count, 1)
    return Leaving(tuple(arriving), tuple(sent_up), right / whole, transferred / whole, seconds / whole)


def curve(
    tiers: Sequence[TierSamples], limits: Sequence[float], costs: Sequence[Cost], index: int
) -> tuple[LimitPoint, ...]:
    """Return what each limit of tier ``index`` would do, with the ``limits`` of the others fixed.

    The share sent up refers to the samples that arrive there. Empty when none do.
    """
    here = np.ones(len(tiers[0].right), dtype=bool)
    for tier, limit in zip(tiers[:index], limits, strict=False):
        here &= tier.confidence < limit
    points = []
    for candidate in _candidates(tiers[index].confidence[here], costs[index]):
        found = leaving(tiers, [*limits[:index], candidate, *limits[index + 1 :]], costs)
        points.append(
            LimitPoint(
                limit=candidate,
                sent_up=found.sent_up[index],
                accuracy=found.accuracy,
                bytes_per_sample=found.bytes_per_sample,
                seconds_per_sample=found.seconds_per_sample,
            )
        )
    return tuple(points)


def proposed(
    tiers: Sequence[TierSamples], costs: Sequence[Cost], given: Sequence[float | None] = ()
) -> tuple[float, ...]:
    """Return a limit for each tier but the last: the one that sends up the fewest samples at nearly the best accuracy.

    Nearly the best is at most half a percentage point less. Limits are chosen from the top tier down. Each is chosen as
    if all samples came to its tier, with the limits above it already chosen or ``given``.
    """
    limits: list[float] = []
    for index in reversed(range(len(tiers) - 1)):
        above = [
            limit if chosen is None else chosen
            for limit, chosen in zip(limits, [*given, *[None] * len(tiers)][index + 1 :], strict=False)
        ]
        points = curve(tiers[index:], [0.0, *above], costs[index:], 0)
        best = max((point.accuracy for point in points), default=0.0)
        good = [point for point in points if point.accuracy >= best - _TOLERANCE]
        limits.insert(0, min(good, key=lambda point: (point.sent_up, point.limit)).limit if good else 1.0)
    return tuple(limits)


def _candidates(confidence: NDArray[np.float64], cost: Cost) -> list[float]:
    """Return limits of four digits between which lie equal shares of ``confidence``, all of them above chance."""
    if not len(confidence):
        return []
    quantiles = np.quantile(confidence, np.linspace(0, 1, _POINTS + 1), method="higher")
    limits = np.unique(np.ceil(np.append(quantiles, 1.0) * 1e4 - 1e-6) / 1e4)
    return [float(limit) for limit in limits if 1 / max(cost.classes, 2) < limit <= 1]


def _tier(document: dict[str, object], count: int) -> TierSamples:
    confidence = np.asarray(document["confidence"], dtype=np.float64)
    right = np.asarray(document["right"], dtype=np.float64)
    if not confidence.shape == right.shape == (count,) or not count or count > MAX_SAMPLES:
        raise ValueError(f"it has {confidence.shape} and {right.shape} numbers of {count} samples")
    if not (np.isfinite(confidence).all() and np.isin(right, (0, 1)).all()):
        raise ValueError("its numbers are out of range")
    return TierSamples(str(document["model"])[:100], confidence, right.astype(bool))

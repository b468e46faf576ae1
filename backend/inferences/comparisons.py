"""Champion and challenger in figures: sums of the replicas' counts, and the decision of a rule. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kafkaml.wire.inference import ChallengeRule, RuleMetric
from kafkaml.wire.replica import Compared, LiveComparison

__all__ = ["decision", "total"]

# Tolerance, because a difference equal to the required one is slightly smaller in binary.
_ROUNDING = 1e-9


def total(parts: Iterable[LiveComparison | None], *, champion: int, challenger: int) -> LiveComparison:
    """Sum up what replicas counted for champion and challenger; the latencies are the slowest replica's."""
    found = [
        part
        for part in parts
        if part is not None and (part.champion.version, part.challenger.version) == (champion, challenger)
    ]
    compared = sum(part.compared for part in found)
    difference = sum(part.mean_difference * part.compared for part in found)
    return LiveComparison(
        records=sum(part.records for part in found),
        compared=compared,
        agreed=sum(part.agreed for part in found),
        mean_difference=difference / compared if compared else 0.0,
        champion=_sum(champion, [part.champion for part in found]),
        challenger=_sum(challenger, [part.challenger for part in found]),
    )


def decision(rule: ChallengeRule, found: LiveComparison) -> tuple[bool, str] | None:
    """Return whether the challenger is to be promoted, and why in words; None while there are too few records."""
    if rule.metric is RuleMetric.AGREEMENT:
        if found.compared < rule.records or found.agreement is None:
            return None
        value, records = found.agreement, found.compared
        what = f"the same answer to {value:.2%} of {records:,} records"
    else:
        ours, theirs = found.challenger.accuracy, found.champion.accuracy
        if found.challenger.labelled < rule.records or ours is None or theirs is None:
            return None
        value, records = ours - theirs, found.challenger.labelled
        what = f"{ours:.2%} of {records:,} labelled records right, against {theirs:.2%}"
    return (
        value >= rule.at_least - _ROUNDING,
        f"{what}; {rule.metric.value} of at least {rule.at_least:g} was asked for",
    )


def _sum(version: int, sides: list[Compared]) -> Compared:
    bins = max((len(side.scores) for side in sides), default=0)
    return Compared(
        version=version,
        failed=sum(side.failed for side in sides),
        labelled=sum(side.labelled for side in sides),
        correct=sum(side.correct for side in sides),
        scores=[sum(side.scores[place] for side in sides if place < len(side.scores)) for place in range(bins)],
        p50_ms=max((side.p50_ms for side in sides if side.p50_ms is not None), default=None),
        p99_ms=max((side.p99_ms for side in sides if side.p99_ms is not None), default=None),
    )

"""Champion and challenger in figures: what the replicas counted, summed up, and what a rule decides by it. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kafkaml.wire.inference import ChallengeRule, RuleMetric
from kafkaml.wire.replica import Compared, LiveComparison

__all__ = ["decision", "total"]

# A difference that is as large as was asked for is a little less in binary.
_ROUNDING = 1e-9


def total(parts: Iterable[LiveComparison | None], *, champion: int, challenger: int) -> LiveComparison:
    """Sum up what replicas counted of these two versions; the latencies are the slowest replica's."""
    found = [
        each
        for each in parts
        if each is not None and (each.champion.version, each.challenger.version) == (champion, challenger)
    ]
    compared = sum(each.compared for each in found)
    difference = sum(each.mean_difference * each.compared for each in found)
    return LiveComparison(
        records=sum(each.records for each in found),
        compared=compared,
        agreed=sum(each.agreed for each in found),
        mean_difference=difference / compared if compared else 0.0,
        champion=_sum(champion, [each.champion for each in found]),
        challenger=_sum(challenger, [each.challenger for each in found]),
    )


def decision(rule: ChallengeRule, found: LiveComparison) -> tuple[bool, str] | None:
    """Return whether the challenger is to be promoted, and why in words; None while there is too little to tell."""
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
    bins = max((len(each.scores) for each in sides), default=0)
    return Compared(
        version=version,
        failed=sum(each.failed for each in sides),
        labelled=sum(each.labelled for each in sides),
        correct=sum(each.correct for each in sides),
        scores=[sum(each.scores[place] for each in sides if place < len(each.scores)) for place in range(bins)],
        p50_ms=max((each.p50_ms for each in sides if each.p50_ms is not None), default=None),
        p99_ms=max((each.p99_ms for each in sides if each.p99_ms is not None), default=None),
    )

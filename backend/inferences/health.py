"""Decides whether an inference fails although it has not ended, from its replicas' reports. Pure.

The rules are evaluated with every report of a replica, so a failure shows within seconds. The first rule that holds
gives the reason:

- **dead letters**: counted in the newest minute in which records were processed, and in the one before it as well while
  the newest has fewer than 20 records. Begins with 3 dead letters or more that are at least half of the records; ends
  below a quarter. Records that a window still collects count on neither side. When no more records come, the last
  verdict stays, for a day at most.
- **restarts**: begins with 3 processes that restarted within 10 minutes without an orderly end; ends when none did for
  6 minutes (Kubernetes waits for up to 5 between two tries).
- **lag**: begins when the lag has grown in each of 3 steps of a minute, by 100 records at least, to more than is read
  in 30 seconds; ends with the first step in which it has not grown.

Each attempt is judged on its own. Dead letters are also judged separately for each served revision (version, limit).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from backend.inferences.models import ServingMinute
from kafkaml.wire.replica import Failing, FailingKind

__all__ = ["MINUTE", "RECENT", "judge"]

MINUTE = timedelta(minutes=1)
# Lag and restarts are judged by minutes that are at most this old. Dead letters are judged by older minutes too.
RECENT = timedelta(minutes=11)

_FEW_RECORDS = 20
_LEAST_DEAD_LETTERS = 3
_BEGINS_AT_SHARE = 0.5
_ENDS_BELOW_SHARE = 0.25

_LEAST_RESTARTS = 3
_RESTARTS_WITHIN = timedelta(minutes=10)
_QUIET = timedelta(minutes=6)

_STEPS = 3
_LEAST_GROWTH = 100
_BEHIND_SECONDS = 30.0
# The current minute counts as a step once this much of it is over.
_PART_OF_A_STEP = timedelta(seconds=30)


def judge(
    minutes: Sequence[ServingMinute],
    *,
    number: int,
    revision: int,
    before: Failing | None,
    read_rate: float,
    refusal: str,
    now: datetime,
) -> Failing | None:
    """Return what is wrong with inference ``number``; None for nothing.

    ``minutes`` are those of the present attempt, the newest first: the recent ones, and of older ones at least the
    newest two with records of ``revision``, which is served now. ``before`` is what was found last, ``refusal`` why the
    newest dead letter became one, ``read_rate`` in records a second.
    """
    known = None if before is None else before.kind
    found = (
        _dead_letters(minutes, number, revision, known is FailingKind.DEAD_LETTERS, refusal, now)
        or _restarts(minutes, number, known is FailingKind.RESTARTS, now)
        or _lag(minutes, known is FailingKind.LAG, read_rate, now)
    )
    if found is None:
        return None
    kind, reason, hint = found
    since = before.since if before is not None and before.kind is kind else now
    return Failing(kind=kind, reason=reason, hint=hint, since=since)


_Found = tuple[FailingKind, str, str]


def _dead_letters(
    minutes: Sequence[ServingMinute], number: int, revision: int, known: bool, refusal: str, now: datetime
) -> _Found | None:
    judged = [minute for minute in minutes if minute.revision == revision and minute.predicted + minute.dead_lettered]
    if not judged:
        return None
    first = judged[0]
    many = first.predicted + first.dead_lettered >= _FEW_RECORDS
    window = judged[: 1 if many else 2]
    dead = sum(minute.dead_lettered for minute in window)
    records = dead + sum(minute.predicted for minute in window)
    share = dead / records
    if not (share >= _ENDS_BELOW_SHARE if known else dead >= _LEAST_DEAD_LETTERS and share >= _BEGINS_AT_SHARE):
        return None
    ago = (now - first.at) // MINUTE
    when = "in the last few minutes" if ago < len(window) + 1 else f"when records last arrived, {_ago(ago)}"
    why = f"; reason of the newest: {refusal}" if refusal else ""
    what = f"all {records:,} records" if dead == records else f"{dead:,} of {records:,} records"
    reason = f"{what} became dead letters {when}{why}"
    hint = (
        f"see them with their reasons: the page's tab Dead letters, or kafka-ml inferences dead-letters {number}; then "
        "send what the model was trained on, or serve it with the format and settings that the topic has"
    )
    return FailingKind.DEAD_LETTERS, reason, hint


def _ago(minutes: int) -> str:
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"


def _restarts(minutes: Sequence[ServingMinute], number: int, known: bool, now: datetime) -> _Found | None:
    recent = [minute for minute in minutes if minute.at > now - _RESTARTS_WITHIN]
    count = sum(minute.restarts for minute in recent)
    quiet = not any(minute.restarts for minute in recent if minute.at + MINUTE > now - _QUIET)
    if not count or (quiet if known else count < _LEAST_RESTARTS):
        return None
    hint = (
        f"their log says why: the page's tab Logs, or kafka-ml inferences logs {number}; where it is memory, a smaller "
        "model or a higher limit helps"
    )
    return (
        FailingKind.RESTARTS,
        f"its replicas ended without being asked to and were restarted {count} times in the last 10 minutes",
        hint,
    )


def _lag(minutes: Sequence[ServingMinute], known: bool, read_rate: float, now: datetime) -> _Found | None:
    ends: dict[datetime, int] = {}
    for minute in reversed(minutes):
        if minute.lag is not None and minute.at > now - RECENT:
            ends[minute.at] = minute.lag
    newest = max(ends, default=None)
    if newest is not None and now - newest < _PART_OF_A_STEP:
        del ends[newest]
    points = sorted(ends.items())[-_STEPS - 1 :]
    steps = list(pairwise(points))
    # After a gap without reports the trend is unknown.
    if not steps or any(later - earlier > MINUTE for (earlier, _), (later, _) in steps):
        return None
    grows = [later > earlier for (_, earlier), (_, later) in steps]
    first, last = points[0][1], points[-1][1]
    if known:
        if not grows[-1]:
            return None
    elif len(steps) < _STEPS or not all(grows) or last - first < _LEAST_GROWTH or last < _BEHIND_SECONDS * read_rate:
        return None
    waits = f"{last:,} records wait, {last - first:,} more than {len(steps)} min before"
    return (
        FailingKind.LAG,
        f"it falls behind: {waits}, and it reads {read_rate:,.0f}/s",
        "add replicas, as many as the input has partitions at most, or let the lag choose their number",
    )

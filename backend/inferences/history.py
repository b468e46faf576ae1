"""The last day of an inference for charts, minute by minute or coarser. Called by the views."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from backend.inferences.models import Inference, ServingMinute

__all__ = ["MAX_STEP_MINUTES", "history", "steps_of"]

MAX_STEP_MINUTES = 60
_KEPT = timedelta(days=1)
_SUMMED = ("predicted", "dead_lettered", "sent_up", "warming_up", "restarts")
_SURE = ("confidence_answers", "confidence_total")


def history(inference: Inference, *, step_minutes: int) -> dict[str, Any]:
    """Return the history of ``inference`` in steps of ``minutes`` minutes, oldest first; at most 1,441 steps."""
    now = timezone.now()
    since = _begin_of_step(now - _KEPT, step_minutes)
    rows = ServingMinute.objects.filter(inference=inference, at__gte=since).order_by("at", "pk")
    return {"since": since, "step_minutes": step_minutes, "steps": steps_of(rows, step_minutes=step_minutes, now=now)}


def steps_of(minutes: Iterable[ServingMinute], *, step_minutes: int, now: datetime) -> list[dict[str, Any]]:
    """Sum minutes, oldest first, up to steps; a step without reports is left out.

    Counts are sums and latencies are the slowest minute's. The lag is the last reported one; attempt and revision are
    the newest. The confidence is the mean of all answers that have one. Rates are records per second over the step; the
    last step counts only until ``now``.
    """
    steps: dict[datetime, dict[str, Any]] = {}
    for minute in minutes:
        at = _begin_of_step(minute.at, step_minutes)
        step = steps.setdefault(
            at, {"at": at, "lag": None, "p50_ms": None, "p99_ms": None, **dict.fromkeys((*_SUMMED, *_SURE), 0)}
        )
        for name in (*_SUMMED, *_SURE):
            step[name] += getattr(minute, name)
        for name in ("p50_ms", "p99_ms"):
            step[name] = max(
                (value for value in (step[name], getattr(minute, name)) if value is not None), default=None
            )
        step["lag"] = step["lag"] if minute.lag is None else minute.lag
        step["attempt"], step["revision"] = minute.attempt, minute.revision
    for at, step in steps.items():
        # In the first second of a step, its rate would be meaningless.
        seconds = min(step_minutes * 60.0, max(1.0, (now - at).total_seconds()))
        step["rate"] = round(step["predicted"] / seconds, 3)
        answers, total = (step.pop(name) for name in _SURE)
        step["confidence"] = min(1.0, round(total / answers, 6)) if answers else None
    return list(steps.values())


def _begin_of_step(at: datetime, step_minutes: int) -> datetime:
    seconds = step_minutes * 60
    return at - timedelta(seconds=at.timestamp() % seconds)

"""Stores an inference's figures per minute for a day, and decides from them whether it fails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from backend.inferences.health import RECENT, judge
from backend.inferences.models import Inference, ReplicaStats, ServingMinute
from kafkaml.wire.replica import Failing, Totals

__all__ = ["add_counts", "look_at", "prune_minutes"]

_KEPT = timedelta(days=1)
_PRUNE_BATCH = 5_000
_COUNTED = ("predicted", "dead_lettered", "sent_up", "warming_up", "confidence_answers", "confidence_total")


def add_counts(inference_id: int, *, attempt: int, revision: int, added: Mapping[str, float]) -> None:
    """Count what was answered now, by the names of ``ServingMinute``. The inference is locked."""
    minute = _minute(inference_id, attempt, revision, timezone.now())
    more = {name: F(name) + added[name] for name in _COUNTED if added.get(name)}
    if more:
        ServingMinute.objects.filter(pk=minute.pk).update(**more)


def look_at(inference: Inference, *, restarted: bool, refusal: str) -> bool:
    """Add a replica's stored report to the minute, and judge whether the inference fails now.

    ``restarted``: the replica's process replaces one that did not end in order. The inference is locked; changes of
    ``failing`` are saved. Returns whether the inference began or ceased to fail.
    """
    now = timezone.now()
    stats = ReplicaStats.objects.select_related("worker").defer("worker__log_tail")
    inference.reported_stats = list(stats.filter(inference=inference))
    totals, revision = inference.totals, inference.served_revision
    minute = _minute(inference.pk, inference.attempt, revision, now)
    _measure(minute, totals, restarted=restarted)
    before = None if inference.failing is None else Failing.model_validate(inference.failing)
    found = judge(
        _judged(inference, revision, now),
        number=inference.pk,
        revision=revision,
        before=before,
        read_rate=totals.read_rate,
        refusal=refusal or _newest_refusal(inference),
        now=now,
    )
    document = None if found is None else found.to_json()
    if document != inference.failing:
        inference.failing = document
        inference.save(update_fields=["failing", "updated_at"])
    return (before is None) != (found is None)


def prune_minutes() -> int:
    """Delete minutes older than a day, at most a batch at a time; returns how many. Called by the controller."""
    old = ServingMinute.objects.filter(at__lt=timezone.now() - _KEPT).order_by("at").values_list("pk", flat=True)
    ids = list(old[:_PRUNE_BATCH])
    if ids:
        ServingMinute.objects.filter(pk__in=ids).delete()
    return len(ids)


def _minute(inference_id: int, attempt: int, revision: int, now: datetime) -> ServingMinute:
    at = now.replace(second=0, microsecond=0)
    found, _ = ServingMinute.objects.get_or_create(inference_id=inference_id, at=at, attempt=attempt, revision=revision)
    return found


def _measure(minute: ServingMinute, totals: Totals, *, restarted: bool) -> None:
    minute.restarts += restarted
    minute.lag = minute.lag if totals.lag is None else totals.lag
    for name in ("p50_ms", "p99_ms"):
        said = [value for value in (getattr(minute, name), getattr(totals, name)) if value is not None]
        setattr(minute, name, max(said, default=None))
    minute.save(update_fields=["restarts", "lag", "p50_ms", "p99_ms"])


def _judged(inference: Inference, revision: int, now: datetime) -> list[ServingMinute]:
    """Return the recent minutes of the attempt, the newest first, and the newest two with records of the revision."""
    ours = ServingMinute.objects.filter(inference=inference, attempt=inference.attempt)
    recent = list(ours.filter(at__gt=now - RECENT))
    if any(minute.predicted or minute.dead_lettered for minute in recent if minute.revision == revision):
        return recent
    busy = ours.filter(revision=revision, at__lte=now - RECENT, at__gt=now - _KEPT)
    return [*recent, *busy.exclude(predicted=0, dead_lettered=0)[:2]]


def _newest_refusal(inference: Inference) -> str:
    said = [report for report in inference.present_reports if report.last_refusal]
    return max(said, key=lambda report: report.updated_at).last_refusal if said else ""

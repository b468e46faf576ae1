"""Publishing changes to pages, and forgetting old ones."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from backend.config.environment import environment
from backend.events.models import Event

__all__ = ["TOPICS", "newest_event", "prune_events", "publish"]

TOPICS = (
    *("models", "configurations", "datasets", "deployments"),
    *("results", "inferences", "streams", "clusters", "system"),
)

# The number of PostgreSQL's advisory lock: any constant that no other lock of ours uses.
_ORDER_LOCK = 0x6B6D6C01
_PRUNE_BATCH = 5_000


def publish(topic: str, payload: Mapping[str, Any]) -> None:
    """Append an event to the present transaction, best as its last write.

    Readers ask for ids above the last they saw, so ids must become visible in order: SQLite has one writer at a time;
    on PostgreSQL writers of events take turns until their commit.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ORDER_LOCK])
        Event.objects.create(topic=topic, payload=dict(payload))


def newest_event() -> int:
    """Return the id of the newest event, 0 when there is none. A reader that continues after it misses nothing."""
    return Event.objects.aggregate(newest=Max("id"))["newest"] or 0


def prune_events() -> int:
    """Delete events older than the setting, at most a batch at a time; returns how many. Called by the controller."""
    oldest = timezone.now() - timedelta(seconds=environment().event_retention_seconds)
    ids = list(Event.objects.filter(created_at__lt=oldest).order_by("id").values_list("id", flat=True)[:_PRUNE_BATCH])
    if ids:
        Event.objects.filter(id__lte=ids[-1]).delete()
    return len(ids)

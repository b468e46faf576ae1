"""Reading streams."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, QuerySet

from backend.streams.addressees import addressees
from backend.streams.models import Announcement

__all__ = ["streams"]


def streams() -> QuerySet[Announcement]:
    """Return announced streams, newest first; two queries with the count."""
    deployment = addressees().filter(pk=OuterRef("deployment_number"))
    return Announcement.objects.annotate(deployment_exists=Exists(deployment)).order_by("-id")

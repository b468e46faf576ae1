"""Reading streams."""

from __future__ import annotations

from django.db.models import OuterRef, QuerySet, Subquery

from backend.streams.addressees import addressees
from backend.streams.models import Announcement

__all__ = ["streams"]


def streams() -> QuerySet[Announcement]:
    """Return announced streams, newest first; two queries with the count."""
    addressee = addressees().filter(pk=OuterRef("deployment_number")).order_by()
    return Announcement.objects.annotate(
        deployment_mode=Subquery(addressee.values("mode")),
        deployment_several_inputs=Subquery(addressee.values("several_inputs")),
        deployment_semi_supervised=Subquery(addressee.values("semi_supervised")),
    ).order_by("-id")

"""Reading streams."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from backend.streams.addressees import addressees
from backend.streams.models import Announcement

__all__ = ["first_of_the_same", "repeats", "streams"]

# A stream is in use by training runs, and by versions that runs made before they went over to another stream.
_USED = Q(results__isnull=False) | Q(versions__isnull=False)


def streams() -> QuerySet[Announcement]:
    """Return announced streams, newest first; two queries with the count."""
    addressee = addressees().filter(pk=OuterRef("deployment_number")).order_by()
    return Announcement.objects.annotate(
        deployment_mode=Subquery(addressee.values("mode")),
        deployment_several_inputs=Subquery(addressee.values("several_inputs")),
        deployment_semi_supervised=Subquery(addressee.values("semi_supervised")),
        deployment_waits=Subquery(addressee.values("waits")),
        deployment_ended=Subquery(addressee.values("ended")),
        used=Exists(Announcement.objects.filter(pk=OuterRef("pk")).filter(_USED)),
        same_as=first_of_the_same(),
    ).order_by("-id")


def repeats() -> Exists:
    """Whether the records of an announcement had been announced before."""
    return Exists(_earlier())


def first_of_the_same(path: str = "") -> Subquery:
    """Return the id of the first announcement of the same records; null if this announcement is the first.

    ``path`` leads from the queried row to its announcement, like ``stream__``.
    """
    return Subquery(_earlier(path).order_by("pk").values("pk")[:1])


def _earlier(path: str = "") -> QuerySet[Announcement]:
    return Announcement.objects.filter(records_key=OuterRef(f"{path}records_key"), pk__lt=OuterRef(f"{path}pk"))

"""Reading data sets."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.datasets.models import Dataset, DatasetVersion

__all__ = ["datasets"]


def datasets() -> QuerySet[Dataset]:
    """Return data sets with their versions, newest first: three queries, with the count."""
    versions = DatasetVersion.objects.select_related("dataset").order_by("-number")
    return Dataset.objects.prefetch_related(Prefetch("versions", queryset=versions)).order_by("-id")

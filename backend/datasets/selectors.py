"""Reading data sets."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.api.errors import InvalidField
from backend.datasets.models import Dataset, DatasetVersion

__all__ = ["datasets", "version_of"]


def datasets() -> QuerySet[Dataset]:
    """Return data sets with their versions, newest first: three queries, with the count."""
    versions = DatasetVersion.objects.select_related("dataset").order_by("-number")
    return Dataset.objects.prefetch_related(Prefetch("versions", queryset=versions)).order_by("-id")


def version_of(dataset: Dataset, number: int | None, *, field: str) -> DatasetVersion:
    """Return a version, None: the newest; raises InvalidField when there is none of that number."""
    versions = list(dataset.versions.select_related("dataset").order_by("-number"))
    found = next((version for version in versions if number in (None, version.number)), None)
    if found is None:
        raise InvalidField(
            field, f"{dataset.name!r} has no version {number}: expected {versions[-1].number} to {versions[0].number}"
        )
    return found

"""Reading inferences."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.inferences.models import Inference, ReplicaStats

__all__ = ["inferences"]


_VERSIONS = ("result__current_version", "pinned", "previous", "challenger")
_LARGE_FIELDS = ("code", "imports", "outcome", "confusion_matrix")


def inferences() -> QuerySet[Inference]:
    """Return inferences with what the API shows of them: three queries whatever the number of rows, with the count."""
    reported = Prefetch("replica_stats", ReplicaStats.objects.order_by("replica"), to_attr="reported_stats")
    return (
        Inference.objects.select_related(  # type: ignore[no-redef]  # declared by the model
            "result", "result__model", "cluster", *_VERSIONS
        )
        .defer(
            *(f"{version}__{field}" for version in _VERSIONS for field in _LARGE_FIELDS),
            "log_tail",
            "cluster__ca",
            "result__code",
            "result__imports",
            "result__log_tail",
            "result__failed_outcome",
            "result__failed_confusion_matrix",
            "result__model__code",
            "result__model__imports",
            "result__model__report",
        )
        .prefetch_related(reported)
    )

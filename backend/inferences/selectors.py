"""Reading inferences."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.inferences.models import Inference, ReplicaStats

__all__ = ["inferences"]


def inferences() -> QuerySet[Inference]:
    """Return inferences with what the API shows of them: three queries whatever the number of rows, with the count."""
    reported = Prefetch("replica_stats", ReplicaStats.objects.order_by("replica"), to_attr="reported_stats")
    return (
        Inference.objects.select_related("result", "result__model", "cluster")  # type: ignore[no-redef]  # declared by the model
        .defer(
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

"""Reading inferences."""

from __future__ import annotations

from django.db.models import Prefetch, QuerySet

from backend.inferences.comparisons import total
from backend.inferences.models import Inference, ReplicaStats
from kafkaml.wire.replica import LiveComparison

__all__ = ["inferences", "live_comparison"]

_VERSIONS = ("result__current_version", "pinned", "previous", "challenger")
_LARGE_FIELDS = ("code", "imports", "outcome", "confusion_matrix", "evaluation")


def inferences() -> QuerySet[Inference]:
    """Return inferences with what the API shows of them: three queries whatever the number of rows, with the count."""
    stats = ReplicaStats.objects.select_related("worker").defer("worker__log_tail").order_by("replica")
    reported = Prefetch("replica_stats", stats, to_attr="reported_stats")
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


def live_comparison(inference: Inference) -> LiveComparison:
    """Sum up what the replicas of the present attempt have compared so far; the inference has a challenger."""
    assert inference.challenger is not None
    present = [
        report.report
        for report in inference.replica_stats.select_related("worker").filter(attempt=inference.attempt)
        if report.elsewhere or report.replica < inference.current_replicas
    ]
    return total(
        (report.comparison for report in present),
        champion=inference.served.number,
        challenger=inference.challenger.number,
    )

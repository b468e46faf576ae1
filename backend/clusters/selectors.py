"""Reading other clusters."""

from __future__ import annotations

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from backend.clusters.models import Cluster
from backend.inferences.models import Inference

__all__ = ["clusters"]


def clusters() -> QuerySet[Cluster]:
    """Return clusters with the number of their inferences, in one query."""
    counted = (
        Inference.objects.filter(cluster=OuterRef("pk"))
        .order_by()
        .values("cluster")
        .annotate(number=Count("pk"))
        .values("number")
    )
    return Cluster.objects.annotate(inference_count=Coalesce(Subquery(counted), 0))  # type: ignore[no-redef]  # declared by the model

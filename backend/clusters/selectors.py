"""Reading other clusters."""

from __future__ import annotations

from django.db.models import QuerySet

from backend.api.uses import use_count
from backend.clusters.models import Cluster

__all__ = ["clusters"]


def clusters() -> QuerySet[Cluster]:
    """Return clusters with the number of their inferences, in one query."""
    return Cluster.objects.annotate(inference_count=use_count(Cluster, "inferences"))  # type: ignore[no-redef]  # declared by the model

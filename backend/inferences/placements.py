"""Where the work of inferences is placed, according to the rows. For the controller."""

from __future__ import annotations

from backend.clusters.models import Cluster
from backend.inferences.models import Inference
from backend.launchers.names import RunKind, work_name
from backend.launchers.routing import Placements
from backend.runs.models import ENDED_STATES

__all__ = ["placements"]


def placements() -> Placements:
    """Return every other cluster, and the work of inferences there that have not ended. Two queries at most."""
    clusters = {name: at.isoformat() for name, at in Cluster.objects.values_list("name", "updated_at")}
    if not clusters:
        return Placements()
    rows = (
        Inference.objects.exclude(cluster=None)
        .exclude(state__in=ENDED_STATES)
        .filter(attempt__gt=0)
        .values_list("pk", "attempt", "cluster__name")
    )
    names = {work_name(RunKind.INFERENCE, pk, attempt): cluster for pk, attempt, cluster in rows}
    return Placements(clusters=clusters, names=names)

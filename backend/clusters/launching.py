"""Work in other clusters: where the rows say that it is, and the launcher of each cluster. For the controller."""

from __future__ import annotations

from django.db import close_old_connections

from backend.clusters.connection import settings_of
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.inferences.models import Inference
from backend.launchers.base import Launcher
from backend.launchers.factory import LauncherSettings, kubernetes_launcher, worker_environment
from backend.launchers.names import RunKind, work_name
from backend.launchers.routing import Placements
from backend.runs.models import ENDED_STATES
from kafkaml.errors import SettingsError

__all__ = ["connect", "placements"]


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


def connect(name: str) -> Launcher:
    """Return the launcher of a cluster. Called in the thread that will use it, which keeps no database connection.

    Raises SettingsError for a cluster that is gone, and what ``settings_of`` raises.
    """
    try:
        cluster = Cluster.objects.filter(name=name).first()
    finally:
        close_old_connections()
    if cluster is None:
        raise SettingsError(f"cluster {name!r} was deleted")
    kafka = environment().kafka
    if cluster.kafka_bootstrap_servers:
        kafka = kafka.model_copy(update={"bootstrap_servers": cluster.kafka_bootstrap_servers})
    settings = LauncherSettings()
    # Not by its name, which may change.
    logs_dir = settings.other_logs_dir / str(cluster.pk)
    return kubernetes_launcher(settings_of(cluster), worker_environment(settings, kafka), logs_dir)

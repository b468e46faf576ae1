"""The launcher of each other cluster. For the controller."""

from __future__ import annotations

from django.db import close_old_connections

from backend.clusters.connection import settings_of
from backend.clusters.models import Cluster
from backend.config.environment import environment
from backend.launchers.base import Launcher
from backend.launchers.factory import LauncherSettings, kubernetes_launcher
from kafkaml.errors import SettingsError
from kafkaml.worker_settings import worker_environment

__all__ = ["connect"]


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
    # The folder is named by the cluster's id, because its name may change.
    logs_dir = LauncherSettings().other_logs_dir / str(cluster.pk)
    return kubernetes_launcher(settings_of(cluster), worker_environment(kafka), logs_dir)

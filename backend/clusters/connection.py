"""How another cluster is connected to: its row and its token file as the launcher's settings."""

from __future__ import annotations

from pydantic import SecretStr

from backend.clusters.addresses import check_address
from backend.clusters.models import Cluster
from backend.clusters.token_files import has_token, store_ca, token_path
from backend.launchers.kubernetes.settings import KubernetesSettings
from kafkaml.errors import RefusedError

__all__ = ["NoToken", "settings_of"]

# Shorter than for the controller's own cluster, because only work in that cluster waits.
_REQUEST_SECONDS = 5.0


class NoToken(RefusedError):
    """The file of a cluster's token is not there, for example after a backup of the database alone was restored."""


def settings_of(cluster: Cluster, *, request_seconds: float = _REQUEST_SECONDS) -> KubernetesSettings:
    """Return the platform's settings with this cluster in place of its own.

    Of the platform's settings, those that name things in its own cluster (nodes, classes, queues, pull secrets) are
    dropped. Raises AddressRefused for an address that is not allowed any more, and NoToken.
    """
    check_address(cluster.host)
    if not has_token(cluster.pk):
        raise NoToken(f"there is no token of cluster {cluster.name!r}", hint="give its token again")
    own = KubernetesSettings()
    return own.model_copy(
        update={
            "host": cluster.host,
            "token": SecretStr(""),
            "token_file": str(token_path(cluster.pk)),
            "ca_file": str(store_ca(cluster.pk, cluster.ca)) if cluster.ca else "",
            "namespace": cluster.namespace,
            "image": cluster.image or own.image,
            "gpu_resource": cluster.gpu_resource or own.gpu_resource,
            "image_pull_secrets": "",
            "node_selector": {},
            "tolerations": (),
            "runtime_class": "",
            "priority_class": "",
            "kueue_queue": "",
            "keda": cluster.keda,
            "request_timeout_seconds": request_seconds,
        }
    )

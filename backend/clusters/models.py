"""Cluster: another Kubernetes cluster that inferences may run in."""

from __future__ import annotations

from django.conf import settings
from django.db import models

__all__ = ["Cluster"]


class Cluster(models.Model):
    """How another cluster is reached, and how its pods reach us. Its token is not a field; ``token_files`` keeps it.

    ``host`` is the https address of its API, ``ca`` the PEM text of the authority behind its certificate (empty: the
    system's). ``kafka_bootstrap_servers`` and ``backend_url`` are the addresses of our Kafka and our API as seen from
    there; empty ones are the platform's own. Empty ``image`` and ``gpu_resource`` are those of the platform's settings.
    ``keda``: it is installed there, so that the lag may choose the replicas.
    """

    # The number of inferences in the cluster; selectors fill it in.
    inference_count: int

    name = models.CharField(max_length=63, unique=True)
    host = models.CharField(max_length=300)
    ca = models.TextField(blank=True)
    namespace = models.CharField(max_length=63)
    kafka_bootstrap_servers = models.CharField(max_length=1000, blank=True)
    backend_url = models.CharField(max_length=300, blank=True)
    image = models.CharField(max_length=300, blank=True)
    gpu_resource = models.CharField(max_length=200, blank=True)
    keda = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    # A change of this time, also by a new token, makes the controller reconnect.
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

"""Signs of life of the long-running components."""

from __future__ import annotations

from django.db import models

__all__ = ["ComponentHeartbeat"]


class ComponentHeartbeat(models.Model):
    """The last sign of life of one component."""

    name = models.CharField(max_length=60, unique=True)
    version = models.CharField(max_length=40, blank=True)
    details = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

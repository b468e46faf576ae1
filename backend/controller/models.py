"""Lease: who leads among the controllers that run."""

from __future__ import annotations

from django.db import models

__all__ = ["Lease"]


class Lease(models.Model):
    """One row per role. ``holder`` names a process (see ``leadership``) or is empty; it leads while it renews."""

    name = models.CharField(max_length=60, unique=True)
    holder = models.CharField(max_length=400, blank=True)
    renewed_at = models.DateTimeField()

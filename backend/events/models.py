"""Event: one change that pages show live."""

from __future__ import annotations

from django.db import models

__all__ = ["Event"]


class Event(models.Model):
    """A change of ``topic`` (``results``, ...). Ids grow in the order in which events become visible."""

    topic = models.CharField(max_length=40)
    payload = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        ordering = ["id"]

"""Webhook: an address that receives events. Delivery: one event on its way to one webhook."""

from __future__ import annotations

from django.conf import settings
from django.db import models

__all__ = ["EVENTS", "PING", "PROMOTED", "Delivery", "Webhook"]

PROMOTED = "version.promoted"
# The events that a webhook can subscribe to.
EVENTS = (PROMOTED,)
# The event that is sent to try an address.
PING = "ping"


class Webhook(models.Model):
    """An address that receives ``events``. Its secret is not a field; ``secrets`` keeps it.

    ``error`` is why the last try failed, empty once one went well.
    """

    url = models.CharField(max_length=500)
    events = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    error = models.TextField(blank=True)
    error_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]


class Delivery(models.Model):
    """An event for one webhook; ``due_at`` is when to try (again), null once it was delivered or given up.

    ``message_id`` is the same in every try, so that a receiver recognises an event that it had already.
    """

    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=64)
    body = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["webhook", "message_id"], name="delivery_once")]

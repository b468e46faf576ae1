"""Announced data streams, and the ones to announce again."""

from __future__ import annotations

from django.db import models

from kafkaml.control import ControlMessage

__all__ = ["Announcement", "OutboxMessage", "RefusedAnnouncement"]


class Announcement(models.Model):
    """A data stream as the control logger read it. Registered once per record of the control topic.

    ``cluster`` is what the logger calls the cluster. ``deployment_number`` is what the sink addressed; there may be no
    deployment of that number. Announcements of the same records have the same ``records_key``.
    """

    cluster = models.CharField(max_length=255)
    topic = models.CharField(max_length=249)
    partition = models.PositiveIntegerField()
    offset = models.PositiveBigIntegerField()
    deployment_number = models.BigIntegerField(null=True, db_index=True)
    message = models.JSONField(help_text="ControlMessage.to_json()")
    records_key = models.CharField(max_length=64, db_index=True)
    sent_at = models.DateTimeField(null=True)
    registered_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["cluster", "topic", "partition", "offset"], name="announcement_once")
        ]

    def control_message(self) -> ControlMessage:
        """Return the stream that was announced."""
        return ControlMessage.from_json(self.message)


class RefusedAnnouncement(models.Model):
    """A record of a control topic that was meant as an announcement and was refused, with the reason.

    The newest are kept; the record itself is among the dead letters.
    """

    cluster = models.CharField(max_length=255)
    topic = models.CharField(max_length=249)
    partition = models.PositiveIntegerField()
    offset = models.PositiveBigIntegerField()
    deployment_number = models.BigIntegerField(null=True)
    value = models.TextField(help_text="the record's beginning, as text")
    reason = models.TextField()
    hint = models.TextField(blank=True)
    sent_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["cluster", "topic", "partition", "offset"], name="refused_once")]


class OutboxMessage(models.Model):
    """A record that the controller will write to Kafka; written in the transaction of the request that wants it."""

    topic = models.CharField(max_length=249)
    key = models.BinaryField()
    value = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, db_index=True)
    tries = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]

"""Registering announcements, and announcing a stream again."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from backend.api.audit import Actor, record
from backend.config.environment import environment
from backend.deployments.models import Deployment
from backend.deployments.services import assign_stream
from backend.events.services import publish
from backend.streams.models import Announcement, OutboxMessage
from kafkaml.control import ControlMessage, deployment_id_from_key, deployment_id_to_key

__all__ = ["mark_outbox_failed", "mark_outbox_published", "pending_outbox", "register", "send_again"]

# The largest number that the database holds; a sink that wrote random bytes as its key addresses no deployment.
_MAX_NUMBER = 2**63 - 1


def register(
    *,
    cluster: str,
    topic: str,
    partition: int,
    offset: int,
    timestamp_ms: int | None,
    key: bytes | None,
    value: bytes | None,
) -> tuple[Announcement, bool]:
    """Register a record of the control topic once; returns it and whether it is new.

    The waiting results of its deployment get the stream in the same transaction. Raises ControlMessageError when the
    record is not an announcement. A number without a deployment is kept: the stream can be sent to another.
    """
    message = ControlMessage.from_bytes(value)
    number: int | None = deployment_id_from_key(key)
    if number is not None and number > _MAX_NUMBER:
        number = None
    with transaction.atomic():
        announcement, new = Announcement.objects.get_or_create(
            cluster=cluster,
            topic=topic,
            partition=partition,
            offset=offset,
            defaults={
                "deployment_number": number,
                "message": message.to_json(),
                "sent_at": _time(timestamp_ms),
            },
        )
        if new:
            taken = assign_stream(announcement)
            publish("streams", {"id": announcement.pk, "deployment": number, "results": taken})
    return announcement, new


def send_again(announcement: Announcement, deployment: Deployment, *, actor: Actor) -> OutboxMessage:
    """Announce a stream to another deployment; the controller writes the record, the logger reads it as any other."""
    with transaction.atomic():
        message = OutboxMessage.objects.create(
            topic=environment().control_topic,
            key=deployment_id_to_key(deployment.pk),
            value=announcement.control_message().to_bytes(),
        )
        record(actor, "send", announcement, detail=f"to deployment {deployment.pk}")
    return message


def pending_outbox(limit: int = 100) -> list[OutboxMessage]:
    """Return records that wait to be written, oldest first."""
    return list(OutboxMessage.objects.filter(published_at=None).order_by("id")[:limit])


def mark_outbox_published(message_id: int) -> None:
    """Note that Kafka acknowledged a record."""
    OutboxMessage.objects.filter(pk=message_id, published_at=None).update(published_at=timezone.now(), error="")


def mark_outbox_failed(message_id: int, error: str) -> None:
    """Note why a record could not be written; it stays pending."""
    OutboxMessage.objects.filter(pk=message_id).update(tries=F("tries") + 1, error=error[:1000])


def _time(timestamp_ms: int | None) -> datetime | None:
    if timestamp_ms is None or not 0 <= timestamp_ms < 253_402_300_800_000:
        return None
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)

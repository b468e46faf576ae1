"""Registering announcements, and announcing a stream again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.api.deletion import Deletion
from backend.api.errors import InUse, InvalidField
from backend.api.uses import related, users
from backend.config.environment import environment
from backend.events.services import publish
from backend.streams.addressees import addressees, announced, idle_reason, misfit, unfit_reason
from backend.streams.models import Announcement, OutboxMessage, RefusedAnnouncement
from backend.streams.records_key import records_key
from kafkaml.control import ControlMessage, deployment_id_from_key, deployment_id_to_key
from kafkaml.errors import ControlMessageError
from kafkaml.input_format import InputFormat
from kafkaml.text import counted, storable

__all__ = [
    "delete_stream",
    "deletion_of",
    "mark_outbox_failed",
    "mark_outbox_published",
    "pending_outbox",
    "prune_outbox",
    "register",
    "send_again",
    "since_ms",
]

# The largest number that the database holds; a sink that wrote random bytes as its key addresses no deployment.
_MAX_NUMBER = 2**63 - 1
_MAX_REFUSED = 200
_MAX_REFUSED_BYTES = 4000
_PRUNE_BATCH = 5_000


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
    record is not an announcement that this version can take; what was meant as one is kept in the list of refused ones.
    A number without a deployment is kept, because the stream can be sent to another.
    """
    place = {"cluster": cluster, "topic": topic, "partition": partition, "offset": offset}
    try:
        message = ControlMessage.from_bytes(value)
        number = deployment_id_from_key(key)
    except ControlMessageError as error:
        _keep_refused(place, error, key=key, value=value, sent_at=_time(timestamp_ms))
        raise
    known = number if number <= _MAX_NUMBER else None
    document, sent_at = storable(message.to_json()), _time(timestamp_ms)
    with transaction.atomic():
        announcement, new = Announcement.objects.get_or_create(
            **place,
            defaults={
                "deployment_number": known,
                "message": document,
                "records_key": records_key(document, sent_at),
                "sent_at": sent_at,
            },
        )
        if new:
            answers = announced.send(Announcement, announcement=announcement)
            taken = sum(int(count or 0) for _, count in answers)
            publish("streams", {"id": announcement.pk, "deployment": known, "results": taken})
    return announcement, new


def _keep_refused(
    place: Mapping[str, Any],
    error: ControlMessageError,
    *,
    key: bytes | None,
    value: bytes | None,
    sent_at: datetime | None,
) -> None:
    """Keep a record that was meant as an announcement, for the users' list. Records of other programs do not count."""
    text = storable((value or b"")[:_MAX_REFUSED_BYTES].decode(errors="replace"))
    if '"topic"' not in text and '"input_format"' not in text:
        return
    number = int.from_bytes(key, "big") if key and len(key) <= 8 else None
    with transaction.atomic():
        _, new = RefusedAnnouncement.objects.get_or_create(
            **place,
            defaults={
                "deployment_number": number if number is not None and number <= _MAX_NUMBER else None,
                "value": text,
                "reason": storable(error.message),
                "hint": error.hint,
                "sent_at": sent_at,
            },
        )
        if new:
            kept = RefusedAnnouncement.objects.values_list("id", flat=True)[:_MAX_REFUSED]
            RefusedAnnouncement.objects.exclude(pk__in=list(kept)).delete()
            publish("streams", {"id": None, "deployment": number, "results": 0})


def send_again(announcement: Announcement, deployment: int, *, actor: Actor) -> OutboxMessage:
    """Announce a stream to another deployment; the controller writes the record, the logger reads it like any other.

    An online stream begins where it began when it was first announced. Raises InvalidField when the deployment takes
    streams of the other kind, when none of its models waits for one, and when they are certain not to take its samples.
    """
    stream = announcement.control_message()
    if stream.incremental:
        stream = replace(stream, since_ms=since_ms(announcement))
    addressee = addressees().get(pk=deployment)
    reason = unfit_reason(
        deployment,
        addressee.mode,
        semi_supervised=bool(addressee.semi_supervised),
        online=stream.incremental,
        unlabelled=bool(stream.unsupervised_ranges),
        several_inputs=addressee.several_inputs,
        by_contract=stream.input_format == InputFormat.COLUMNS,
    ) or idle_reason(deployment, waits=addressee.waits, ended=addressee.ended)
    reason = reason or misfit(deployment, stream)
    if reason:
        raise InvalidField("deployment", reason, hint="choose another deployment, or make one")
    with transaction.atomic():
        message = OutboxMessage.objects.create(
            topic=environment().control_topics[0], key=deployment_id_to_key(deployment), value=stream.to_bytes()
        )
        record(actor, "send", announcement, detail=f"to deployment {deployment}")
    return message


def deletion_of(stream: Announcement) -> Deletion:
    """Return what deleting a stream would do. A stream from which results were or will be trained stays."""
    if used := users("result", (stream.results.all() | _runs_of_versions(stream)).distinct()):
        message = f"stream {stream.pk} is in use by {counted(len(used), 'result')}"
        hint = "delete them first: they say which records they were trained from"
        return Deletion(obstacle=InUse(message, users=used, hint=hint))
    return Deletion(losses=["where its records are and how they are decoded; the records themselves stay in Kafka"])


def _runs_of_versions(stream: Announcement) -> QuerySet[Any]:
    """Return the runs whose earlier versions were trained from a stream, wherever they went on."""
    return related(Announcement, "results").filter(versions__stream=stream)


def delete_stream(stream: Announcement, *, actor: Actor) -> None:
    """Forget a stream that nothing was trained from; raises InUse otherwise."""
    with transaction.atomic():
        locked = Announcement.objects.select_for_update().get(pk=stream.pk)
        deletion_of(locked).check()
        record(actor, "delete", locked, before=state_hash(locked))
        publish("streams", {"id": locked.pk, "change": "deleted"})
        locked.delete()


def since_ms(stream: Announcement) -> int:
    """Return the time (ms since 1970) from which records belong to an online stream, that of its announcement."""
    said = stream.control_message().since_ms
    return int((stream.sent_at or stream.registered_at).timestamp() * 1000) if said is None else said


def pending_outbox(limit: int = 100, *, without: Collection[str] = ()) -> list[OutboxMessage]:
    """Return records that wait to be written, oldest first; except those to topics in ``without``."""
    pending = OutboxMessage.objects.filter(published_at=None).exclude(topic__in=list(without))
    return list(pending.order_by("id")[:limit])


def mark_outbox_published(message_id: int) -> None:
    """Note that Kafka acknowledged a record."""
    OutboxMessage.objects.filter(pk=message_id, published_at=None).update(published_at=timezone.now(), error="")


def mark_outbox_failed(message_id: int, error: str) -> None:
    """Note why a record could not be written; it stays pending."""
    OutboxMessage.objects.filter(pk=message_id).update(tries=F("tries") + 1, error=error[:1000])


def prune_outbox() -> int:
    """Delete records that were written longer ago than the setting, at most a batch at a time; returns how many.

    Called by the controller. What waits to be written stays, however old it is.
    """
    oldest = timezone.now() - timedelta(seconds=environment().outbox_retention_seconds)
    written = OutboxMessage.objects.filter(published_at__lt=oldest).order_by("published_at")
    return OutboxMessage.objects.filter(pk__in=list(written.values_list("pk", flat=True)[:_PRUNE_BATCH])).delete()[0]


def _time(timestamp_ms: int | None) -> datetime | None:
    if timestamp_ms is None or not 0 <= timestamp_ms < 253_402_300_800_000:
        return None
    return datetime.fromtimestamp(timestamp_ms / 1000, tz=UTC)

"""Changes webhooks and queues their events. A delivery is a row in the transaction of its event."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.api.actors import Actor
from backend.webhooks import secret as secrets
from backend.webhooks.models import PING, Delivery, Webhook

__all__ = ["create_webhook", "delete_webhook", "ping_webhook", "tell", "update_webhook"]


def create_webhook(*, actor: Actor, secret: str, **values: Any) -> Webhook:
    """Save a webhook and keep its secret."""
    with transaction.atomic():
        webhook = Webhook.objects.create(created_by_id=actor.user_id, **values)
        record(actor, "create", webhook, after=state_hash(webhook), detail=webhook.url)
        # Write the secret last, so that no file is left of a webhook that could not be saved.
        secrets.store(webhook.pk, secret)
    return webhook


def update_webhook(webhook: Webhook, *, actor: Actor, secret: str = "", **values: Any) -> None:
    """Change fields, and the secret where a new one is given. Events waiting for a disabled webhook are dropped."""
    with transaction.atomic():
        locked = Webhook.objects.select_for_update().get(pk=webhook.pk)
        before = state_hash(locked)
        for name, value in values.items():
            setattr(locked, name, value)
        locked.save()
        if not locked.enabled:
            locked.deliveries.all().delete()
        detail = ", ".join([locked.url, *sorted(values), *(["secret"] if secret else [])])
        record(actor, "change", locked, before=before, after=state_hash(locked), detail=detail)
        if secret:
            secrets.store(locked.pk, secret)


def delete_webhook(webhook: Webhook, *, actor: Actor) -> None:
    """Delete a webhook, what waits for it, and its secret."""
    with transaction.atomic():
        number = webhook.pk
        record(actor, "delete", webhook, before=state_hash(webhook), detail=webhook.url)
        webhook.delete()
        transaction.on_commit(lambda: secrets.remove(number))


def ping_webhook(webhook: Webhook, *, actor: Actor) -> None:
    """Let the controller try an address, also one that is switched off."""
    with transaction.atomic():
        record(actor, "test", webhook, detail=webhook.url)
        _enqueue([webhook], PING, {}, message_id=uuid.uuid4().hex, at=timezone.now())


def tell(event: str, document: Mapping[str, Any], *, message_id: str, at: datetime) -> None:
    """Let the controller notify all webhooks that want ``event``, once the present transaction is committed."""
    asked = [webhook for webhook in Webhook.objects.filter(enabled=True) if event in webhook.events]
    _enqueue(asked, event, document, message_id=message_id, at=at)


def _enqueue(
    webhooks: list[Webhook], event: str, document: Mapping[str, Any], *, message_id: str, at: datetime
) -> None:
    body = orjson.dumps({"type": event, "timestamp": at, "data": document}).decode()
    Delivery.objects.bulk_create(
        [Delivery(webhook=webhook, message_id=message_id, body=body, due_at=at) for webhook in webhooks]
    )

"""Sends the events that are due: at least once, each time with the same id, and with growing pauses where it fails."""

from __future__ import annotations

import ssl
import time
from datetime import timedelta

import httpx
from django.utils import timezone

from backend.webhooks import secret as secrets
from backend.webhooks.models import Delivery, Webhook
from backend.webhooks.signing import signature_headers
from backend.webhooks.targets import check_target
from kafkaml.bounded_http import bounded
from kafkaml.errors import RefusedError
from kafkaml.logs import get_logger

__all__ = ["MAX_TRIES", "send_due"]

logger = get_logger(__name__)

# With pauses that double from 5 s up to an hour, all tries together take about two and a half hours.
MAX_TRIES = 12
_FIRST_PAUSE_SECONDS = 5.0
_MAX_PAUSE_SECONDS = 3600.0
_TIMEOUT_SECONDS = 5.0
# The limit for connecting, sending and the status of the answer together.
_WHOLE_SECONDS = 10.0
_AT_ONCE = 20
# The newest ended deliveries that are kept per webhook; older ones are deleted.
_KEPT = 100


def send_due() -> int:
    """Try all deliveries that are due; return how many there were. Called by the controller."""
    due = Delivery.objects.select_related("webhook").filter(due_at__lte=timezone.now()).order_by("due_at")[:_AT_ONCE]
    for delivery in due:
        _try(delivery)
    return len(due)


def _try(delivery: Delivery) -> None:
    error = _send(delivery)
    now = timezone.now()
    delivery.tries += 1
    seen = Webhook.objects.filter(pk=delivery.webhook_id)
    if not error:
        delivery.due_at = None
        seen.update(delivered_at=now, error="", error_at=None)
    else:
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (delivery.tries - 1), _MAX_PAUSE_SECONDS)
        given_up = delivery.tries >= MAX_TRIES
        delivery.due_at = None if given_up else now + timedelta(seconds=pause)
        said = f"given up after {delivery.tries} tries: {error}" if given_up else error
        seen.update(error=said[:1000], error_at=now)
        logger.warning("a webhook could not be notified", webhook=delivery.webhook_id, tries=delivery.tries, error=said)
    # Update by query, because the delivery may have been deleted, with its webhook or because that was switched off.
    Delivery.objects.filter(pk=delivery.pk).update(tries=delivery.tries, due_at=delivery.due_at)
    done = Delivery.objects.filter(webhook=delivery.webhook_id, due_at=None).order_by("-id")
    if old := list(done.values_list("id", flat=True)[_KEPT : _KEPT + _AT_ONCE]):
        Delivery.objects.filter(pk__in=old).delete()


def _answer_to(client: httpx.Client, request: httpx.Request) -> str:
    """Send the request and read no more than the status; return why it did not succeed."""
    response = client.send(request, stream=True)
    response.close()
    return "" if response.is_success else f"it answered {response.status_code}: expected 2xx"


def _send(delivery: Delivery) -> str:
    """Send a request; return why it failed, empty when the receiver took it."""
    url = httpx.URL(delivery.webhook.url)
    body = delivery.body.encode()
    secret = secrets.read(delivery.webhook_id)
    if secret is None:
        return "there is no secret to sign with: give it again"
    try:
        target = check_target(delivery.webhook.url)
        headers = {
            "content-type": "application/json",
            "host": url.netloc.decode("ascii"),
            "user-agent": "Kafka-ML",
            **signature_headers(secret, delivery.message_id, int(time.time()), body),
        }
        # No proxy, which would resolve names itself, and no redirect, which could lead anywhere.
        request = httpx.Request(
            "POST", url.copy_with(host=target), content=body, headers=headers, extensions={"sni_hostname": url.host}
        )
        with httpx.Client(verify=ssl.create_default_context(), timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            return bounded(client, _WHOLE_SECONDS, lambda: _answer_to(client, request))
    except RefusedError as error:
        return f"{error.message}{f' ({error.hint})' if error.hint else ''}"
    except (httpx.HTTPError, OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

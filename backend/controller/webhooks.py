"""WebhookRelay: sends webhooks the events that requests left in the database."""

from __future__ import annotations

from backend.controller.relay import Relay
from backend.webhooks.sending import send_due

__all__ = ["WebhookRelay"]


class WebhookRelay(Relay):
    """Each delivery has its own pauses and its own last error, so none holds up the others for longer than a try."""

    name = "webhooks"
    end_seconds = 7.0

    def relay(self) -> int:
        return send_due()

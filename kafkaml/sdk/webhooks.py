"""``client.webhooks``: other systems that are notified when a version becomes the current one."""

from __future__ import annotations

import time
from collections.abc import Sequence

from kafkaml.errors import DeadlineExceeded, FailedError
from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Webhooks"]

_LOOK_EVERY_SECONDS = 0.5


class Webhooks(Collection[types.Webhook]):
    """Addresses that receive events as signed requests (admins only)."""

    path = "/webhooks/"
    kind = types.Webhook

    def create(
        self, *, url: str, events: Sequence[str] = ("version.promoted",), secret: str | None = None
    ) -> types.Webhook:
        """Register an address whose host ``KML_WEBHOOK_HOSTS`` allows.

        Without ``secret`` (``whsec_`` and 24 to 64 bytes as base64) the platform makes one. The answer is the only
        place where it can be read.
        """
        return self._create(locals())

    def update(self, identifier: int, **changes: object) -> types.Webhook:
        """Change ``url``, ``events``, ``enabled`` or ``secret``; with another ``url`` the secret must be given again.

        Events waiting for a disabled webhook are dropped.
        """
        return self._patch(identifier, changes)

    def new_secret(self, identifier: int) -> types.Webhook:
        """Replace the secret that signs the requests; the answer is the only place where it can be read."""
        return types.Webhook.model_validate(self._act(identifier, "new_secret"))

    def ping(self, identifier: int, *, timeout_seconds: float = 15.0) -> types.Webhook:
        """Have an event of type ``ping`` sent, even if the webhook is disabled, and wait until it was accepted.

        Raises FailedError with the reason if it was not accepted, DeadlineExceeded if the outcome is not known in time.
        """
        before = self.get(identifier)
        self._act(identifier, "ping")
        deadline = time.monotonic() + timeout_seconds
        while True:
            now = self.get(identifier)
            if now.delivered_at != before.delivered_at:
                return now
            if now.error_at != before.error_at:
                raise FailedError(
                    f"{now.url} could not be notified: {now.error}", hint="it is tried again with growing pauses"
                )
            if time.monotonic() > deadline:
                raise DeadlineExceeded(
                    f"waited {timeout_seconds:g} s for {now.url} to be notified", hint="kafka-ml status"
                )
            time.sleep(_LOOK_EVERY_SECONDS)

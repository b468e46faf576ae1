"""Webhooks as JSON. Their secrets come in, or are shown once when the platform made them, and never go out again."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.addresses import AddressRefused
from backend.webhooks.models import EVENTS, PROMOTED, Webhook
from backend.webhooks.signing import is_secret
from backend.webhooks.targets import check_target

__all__ = ["NewWebhookSerializer", "WebhookSerializer", "WebhookWriteSerializer"]

_MEANINGS = {PROMOTED: "A version became the current one of its result."}
_EVENT_CHOICES = [(event, _MEANINGS[event]) for event in EVENTS]


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """A webhook: an address that receives events.

    ``delivered_at`` is the time of the last success, null before the first one. ``error`` says why the last attempt
    failed, at ``error_at``. After a success, ``error`` is empty and ``error_at`` null.
    """

    events = serializers.ListField(child=serializers.ChoiceField(choices=_EVENT_CHOICES))
    waiting = serializers.IntegerField(
        read_only=True, help_text="Number of events that wait to be sent, or sent again."
    )

    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "enabled", "waiting", "delivered_at", "error", "error_at", "created_at"]


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, which cannot be read again."""

    secret = serializers.CharField()

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookWriteSerializer(serializers.Serializer[Any]):
    """A webhook to save. Without a secret, the platform makes one."""

    url = serializers.CharField(max_length=500, help_text="The https address. Its host has to be in KML_WEBHOOK_HOSTS.")
    events = serializers.ListField(child=serializers.ChoiceField(choices=_EVENT_CHOICES), allow_empty=False)
    enabled = serializers.BooleanField(default=True)
    secret = serializers.CharField(
        max_length=100,
        write_only=True,
        required=False,
        help_text="whsec_ and 24 to 64 bytes in base64. It can be replaced, but not read again.",
    )

    def validate_url(self, url: str) -> str:
        try:
            check_target(url)
        except AddressRefused as error:
            raise serializers.ValidationError(f"{error.message}{f': {error.hint}' if error.hint else ''}") from error
        return url

    def validate_events(self, events: list[str]) -> list[str]:
        return sorted(set(events))

    def validate_secret(self, secret: str) -> str:
        if not is_secret(secret):
            # The error message omits the secret, which must not come back in an answer.
            raise serializers.ValidationError("expected whsec_ and 24 to 64 bytes as base64, or nothing")
        return secret

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        moved = self.instance is not None and "url" in attrs and attrs["url"] != self.instance.url
        # Demand the secret with a new address, because a user could otherwise redirect signed requests to their own
        # server.
        if moved and "secret" not in attrs:
            raise serializers.ValidationError({"secret": "with another url the secret must be given again"})
        return attrs

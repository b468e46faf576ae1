"""Webhooks as JSON. Their secrets come in, or are shown once when the platform made them, and never go out again."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from backend.api.addresses import AddressRefused
from backend.webhooks.models import EVENTS, Webhook
from backend.webhooks.signing import is_secret
from backend.webhooks.targets import check_target

__all__ = ["NewWebhookSerializer", "WebhookSerializer", "WebhookWriteSerializer"]

_EVENT_CHOICES = [(event, event) for event in EVENTS]


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that receives events. ``error`` is why the last try failed, empty once one went well."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=_EVENT_CHOICES))
    waiting = serializers.IntegerField(read_only=True, help_text="how many are to be sent, or sent again")

    class Meta:
        model = Webhook
        fields = ["id", "url", "events", "enabled", "waiting", "delivered_at", "error", "error_at", "created_at"]


class NewWebhookSerializer(WebhookSerializer):
    """A webhook that was made just now, with the secret that cannot be read again."""

    secret = serializers.CharField()

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class WebhookWriteSerializer(serializers.Serializer[Any]):
    """A webhook to save; without a secret the platform makes one."""

    url = serializers.CharField(max_length=500, help_text="https address; its host is one that KML_WEBHOOK_HOSTS names")
    events = serializers.ListField(child=serializers.ChoiceField(choices=_EVENT_CHOICES), allow_empty=False)
    enabled = serializers.BooleanField(default=True)
    secret = serializers.CharField(
        max_length=100,
        write_only=True,
        required=False,
        help_text="whsec_ and 24 to 64 bytes as base64; can be replaced but never read again",
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

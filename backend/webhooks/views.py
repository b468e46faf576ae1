"""Webhooks, for administrators."""

from __future__ import annotations

from django.db.models import Count, Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import Role
from backend.api.views import ResourceViewSet
from backend.webhooks import services
from backend.webhooks.models import Webhook
from backend.webhooks.serializers import NewWebhookSerializer, WebhookSerializer, WebhookWriteSerializer
from backend.webhooks.signing import new_secret

__all__ = ["WebhookViewSet"]


class WebhookViewSet(ResourceViewSet[Webhook]):
    """Addresses that receive events, such as promotions, as signed requests. Only admins see and change them."""

    read_role = write_role = Role.ADMIN
    serializer_class = WebhookSerializer
    ordering_fields = ("id", "url", "created_at")
    search_fields = ("url",)

    def get_queryset(self) -> QuerySet[Webhook]:
        return Webhook.objects.annotate(waiting=Count("deliveries", filter=Q(deliveries__due_at__isnull=False)))

    @extend_schema(request=WebhookWriteSerializer, responses={201: NewWebhookSerializer})
    def create(self, _request: Request) -> Response:
        """Add a webhook.

        The answer shows its secret, which cannot be read again.
        """
        values = self.validated(WebhookWriteSerializer)
        secret = values.pop("secret", "") or new_secret()
        webhook = services.create_webhook(actor=self.actor, secret=secret, **values)
        return Response({**WebhookSerializer(self.find(webhook.pk)).data, "secret": secret}, status=201)

    @extend_schema(request=WebhookWriteSerializer, responses=WebhookSerializer)
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change a webhook, or replace its secret.

        Fields that are left out stay as they are. Events that wait for a webhook are dropped when it is disabled.
        """
        webhook = self.find(pk)
        services.update_webhook(
            webhook, actor=self.actor, **self.validated(WebhookWriteSerializer, instance=webhook, partial=True)
        )
        return self.shown(pk)

    @extend_schema(request=None, responses=NewWebhookSerializer)
    @action(detail=True, methods=["post"])
    def new_secret(self, _request: Request, pk: int) -> Response:
        """Replace the secret by a new one.

        The answer shows it. It cannot be read again.
        """
        secret = new_secret()
        services.update_webhook(self.find(pk), actor=self.actor, secret=secret)
        return Response({**WebhookSerializer(self.find(pk)).data, "secret": secret})

    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a webhook and its secret."""
        services.delete_webhook(self.find(pk), actor=self.actor)
        return Response(status=204)

    @extend_schema(request=None, responses={202: WebhookSerializer})
    @action(detail=True, methods=["post"])
    def ping(self, _request: Request, pk: int) -> Response:
        """Send a webhook an event of the type ``ping``.

        Afterwards, ``delivered_at`` or ``error`` says how that went.
        """
        services.ping_webhook(self.find(pk), actor=self.actor)
        return self.shown(pk, status=202)

"""Worker tokens: what a machine elsewhere shows to join the inference that the token is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from backend.accounts.authentication import BearerAuthentication, BearerScheme, bearer_token, token_digest
from backend.inferences.models import WorkerToken

if TYPE_CHECKING:
    from rest_framework.views import APIView

__all__ = ["WorkerPermission", "WorkerTokenAuthentication"]

_ANOTHER = "make another one on the inference's page, or by: kafka-ml worker token INFERENCE"


class WorkerTokenAuthentication(BearerAuthentication):
    """``Authorization: Bearer <worker token>``; ``request.auth`` is the WorkerToken. No user is behind it."""

    def authenticate(self, request: Request) -> tuple[Any, WorkerToken] | None:
        text = bearer_token(request)
        if text is None:
            return None
        token = WorkerToken.objects.filter(digest=token_digest(text)).first()
        if token is None:
            raise AuthenticationFailed(f"this is not a worker token, or it or its inference is gone: {_ANOTHER}")
        if token.expired:
            raise AuthenticationFailed(f"the worker token expired on {token.expires_at:%Y-%m-%d %H:%M} UTC: {_ANOTHER}")
        return AnonymousUser(), token


class WorkerPermission(BasePermission):
    """The request carries a worker token."""

    message = "only a worker token opens this"

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return isinstance(request.auth, WorkerToken)


class _WorkerScheme(BearerScheme):  # type: ignore[no-untyped-call]
    target_class = WorkerTokenAuthentication
    name = "workerToken"
    description = "made at /api/inferences/{id}/worker_tokens/"

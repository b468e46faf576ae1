"""Who is asking: a browser's session, a script's access token, a job's token, or the platform's own service token."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from backend.accounts.models import AccessToken, Role, User
from backend.api import job_tokens
from backend.config.environment import environment

__all__ = [
    "AccessTokenAuthentication",
    "BearerAuthentication",
    "BearerScheme",
    "BrowserAuthentication",
    "JobTokenAuthentication",
    "RenewalAuthentication",
    "ServiceTokenAuthentication",
    "bearer_token",
    "effective_role",
    "token_digest",
]

_SCHEME = "Bearer"
# Our credentials are never longer than this. Protects the hash and the signature check.
_MAX_TOKEN_LENGTH = 512


def token_digest(token: str) -> str:
    """Return the hash that is stored for a random token."""
    return hashlib.sha256(token.encode()).hexdigest()


def effective_role(request: Request) -> Role | None:
    """Return the lower of the user's and the token's role; None when nobody is signed in."""
    user = request.user
    if not isinstance(user, User) or not user.is_active:
        return None
    role = Role(user.role)
    if isinstance(request.auth, AccessToken):
        role = min(role, Role(request.auth.role), key=lambda candidate: candidate.rank)
    return role


def bearer_token(request: Request) -> str | None:
    """Return the bearer token of a request, None when there is none."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    token = token.strip()
    if scheme.lower() != _SCHEME.lower() or not token:
        return None
    if len(token) > _MAX_TOKEN_LENGTH or not token.isascii():
        raise AuthenticationFailed("the token is not valid")
    return str(token)


class BearerAuthentication(BaseAuthentication):
    """Base of the classes that read ``Authorization: Bearer ...``."""

    def authenticate_header(self, _request: Request) -> str:
        return _SCHEME


class AccessTokenAuthentication(BearerAuthentication):
    """``Authorization: Bearer <access token>``; one query."""

    def authenticate(self, request: Request) -> tuple[User, AccessToken] | None:
        token = bearer_token(request)
        if token is None:
            return None
        found = (
            AccessToken.objects.select_related("user")
            .filter(digest=token_digest(token), expires_at__gt=timezone.now(), user__is_active=True)
            .first()
        )
        if found is None:
            raise AuthenticationFailed("the access token is not valid or has expired")
        return found.user, found


class BrowserAuthentication(SessionAuthentication):
    """The session cookie, with the cross-site check on everything that writes."""

    def authenticate_header(self, _request: Request) -> str:
        # Without a challenge an unauthenticated request would be answered 403 instead of 401.
        return _SCHEME


class JobTokenAuthentication(BearerAuthentication):
    """``Authorization: Bearer <job token>``; ``request.auth`` is the JobToken. No user is behind it."""

    grace_seconds: float = 0

    def authenticate(self, request: Request) -> tuple[Any, job_tokens.JobToken] | None:
        token = bearer_token(request)
        if token is None:
            return None
        try:
            return AnonymousUser(), job_tokens.read(token, grace_seconds=self.grace_seconds)
        except job_tokens.InvalidToken as error:
            raise AuthenticationFailed(str(error)) from error


class RenewalAuthentication(JobTokenAuthentication):
    """Accepts a job token for a while after it expired, so that an unavailable backend does not cost a long
    training.
    """

    def __init__(self) -> None:
        self.grace_seconds = environment().job_token_renewal_seconds


class ServiceTokenAuthentication(BearerAuthentication):
    """``Authorization: Bearer <service token>``, the secret that the platform's own parts share."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        token = bearer_token(request)
        if token is None:
            return None
        expected = environment().service_token()
        if not expected or not hmac.compare_digest(token.encode(), expected.encode()):
            raise AuthenticationFailed("the service token is not valid")
        return AnonymousUser(), "service"


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Base of the descriptions of the bearer tokens in the API's schema."""

    target_class: type[BaseAuthentication] = AccessTokenAuthentication
    name = "accessToken"
    description = "an access token made at /api/tokens/"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": self.description}


class _JobScheme(BearerScheme):  # type: ignore[no-untyped-call]
    target_class = JobTokenAuthentication
    name = "jobToken"
    description = "given to a worker when it is launched"


class _RenewalScheme(_JobScheme):  # type: ignore[no-untyped-call]
    target_class = RenewalAuthentication
    name = "expiredJobToken"


class _ServiceScheme(BearerScheme):  # type: ignore[no-untyped-call]
    target_class = ServiceTokenAuthentication
    name = "serviceToken"
    description = "shared by the platform's own components"


class _SessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = BrowserAuthentication
    name = "session"
    priority = 1

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        # Each installation adds letters of its own to the cookie's name; the API's description shows the common part.
        return {"type": "apiKey", "in": "cookie", "name": "kml-session"}

"""Signing in and out, users, access tokens, the audit trail."""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle
from rest_framework.views import APIView

from backend.accounts import services
from backend.accounts.audit import record
from backend.accounts.authentication import effective_role
from backend.accounts.models import AccessToken, AuditEntry, Role, User
from backend.accounts.serializers import (
    AuditSerializer,
    LoginSerializer,
    NewTokenSerializer,
    PasswordSerializer,
    SessionSerializer,
    TokenSerializer,
    TokenWriteSerializer,
    UserSerializer,
    UserUpdateSerializer,
    UserWriteSerializer,
)
from backend.api.actors import SYSTEM, Actor, actor_of
from backend.api.errors import Conflict, InvalidField, Problem, problem_response
from backend.api.views import ResourceViewSet
from backend.events.services import newest_event

__all__ = [
    "AuditViewSet",
    "LoginView",
    "LogoutView",
    "PasswordView",
    "SessionView",
    "TokenViewSet",
    "UserViewSet",
    "login_by_link",
]


class WrongCredentials(APIException):
    """The answer says no more, or names could be guessed."""

    status_code = 401
    default_detail = "name or password is wrong"
    default_code = "wrong_credentials"


class LoginThrottle(SimpleRateThrottle):
    """Slows guessing of passwords down, per address and per name."""

    scope = "login"

    def get_cache_key(self, request: Request, _view: APIView) -> str:
        data = request.data if isinstance(request.data, dict) else {}
        name = hashlib.sha256(str(data.get("username", "")).encode()).hexdigest()
        return f"login:{self.get_ident(request)}:{name}"


class PasswordThrottle(SimpleRateThrottle):
    """Slows guessing of the present password down, per user."""

    scope = "login"

    def get_cache_key(self, request: Request, _view: APIView) -> str:
        return f"password:{request.user.pk}"


class SessionView(APIView):
    """The present session."""

    # Open to all, because a page must be able to find out that nobody is signed in. Reveals nothing else.
    permission_classes = [AllowAny]

    @extend_schema(responses=SessionSerializer)
    def get(self, request: Request) -> Response:
        """Show who is signed in, and the CSRF token.

        ``user`` is null if nobody is signed in. Writes of a session send ``csrf_token`` as ``X-CSRFToken``. Writes with
        an access token do not need it.
        """
        return _session(request, request.user if isinstance(request.user, User) else None)


def _session(request: Request, user: User | None) -> Response:
    return Response(
        {
            "user": None if user is None else UserSerializer(user).data,
            "csrf_token": get_token(request._request),
            "last_event_id": None if user is None else newest_event(),
        }
    )


class LoginView(APIView):
    """Signing in with a password."""

    authentication_classes: list[type[BaseAuthentication]] = []
    permission_classes = [AllowAny]
    throttle_classes = [LoginThrottle]

    @extend_schema(
        request=LoginSerializer,
        responses={
            200: SessionSerializer,
            401: OpenApiResponse(description="The user name or the password is wrong."),
            403: OpenApiResponse(description="The ``X-CSRFToken`` is missing. ``GET /api/session/`` has it."),
        },
    )
    @method_decorator(csrf_protect)
    def post(self, request: Request) -> Response:
        """Sign in with a user name and a password.

        The answer sets a session cookie. 401 means that the name or the password is wrong. 429 protects against
        guessing.
        """
        serializer = LoginSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        name = serializer.validated_data["username"]
        user = authenticate(request._request, **serializer.validated_data)
        address = actor_of(request).address
        if not isinstance(user, User):
            record(Actor(name, address), "login", object_type="user", result="denied")
            raise WrongCredentials
        login(request._request, user)
        record(Actor(name, address, user.pk), "login", user, detail="password")
        return _session(request, user)


class PasswordView(APIView):
    """One's own password."""

    write_role = Role.VIEWER
    throttle_classes = [PasswordThrottle]

    @extend_schema(
        request=PasswordSerializer,
        responses={
            200: SessionSerializer,
            409: OpenApiResponse(description="An access token cannot change the password. Sign in for it."),
        },
    )
    def post(self, request: Request) -> Response:
        """Change one's own password.

        This ends all other sessions, tokens and login links of the user.
        """
        user = request.user
        # Refuse tokens, because a stolen one could otherwise take over the whole account.
        if not isinstance(user, User) or request.auth is not None:
            raise Conflict("a token cannot change the password: expected a signed-in person", hint="use the web UI")
        serializer = PasswordSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        changed = services.change_password(user, actor=actor_of(request), **serializer.validated_data)
        update_session_auth_hash(request._request, changed)
        return _session(request, changed)


class LogoutView(APIView):
    """Signing out."""

    write_role = Role.VIEWER

    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request) -> Response:
        """Sign out.

        This ends the session that the request belongs to.
        """
        logout(request._request)
        return Response(status=204)


@require_GET
@never_cache
def login_by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Sign in by a one-time link, as printed at a local start, and go to the page."""
    user = services.redeem_login_link(secret, address=str(request.META.get("REMOTE_ADDR", "")))
    if user is None:
        problem = Problem(
            401,
            "this link was used already, has expired or never was one",
            "login_link",
            hint="'kafka-ml login' prints a new one",
        )
        # A user who clicked sees the page, which shows the problem; programs get the problem document.
        if "text/html" in request.headers.get("accept", ""):
            return HttpResponseRedirect("/?link=used")
        return problem_response(request, problem)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return HttpResponseRedirect("/")


class UserViewSet(ResourceViewSet[User]):
    """The users of the platform. Only admins see and change them."""

    read_role = write_role = Role.ADMIN
    serializer_class = UserSerializer
    filterset_fields = ["username", "role", "is_active"]
    ordering_fields = ("id", "username", "role")
    search_fields = ("username",)

    def get_queryset(self) -> QuerySet[User]:
        return User.objects.order_by("id")

    @extend_schema(request=UserWriteSerializer, responses={201: UserSerializer})
    def create(self, _request: Request) -> Response:
        """Create a user."""
        values = self.validated(UserWriteSerializer)
        user = services.create_user(actor=self.actor, **values)
        return self.shown(user.pk, status=201)

    @extend_schema(
        request=UserUpdateSerializer,
        responses={200: UserSerializer, 409: OpenApiResponse(description="The user is the only active admin.")},
    )
    def partial_update(self, _request: Request, pk: int) -> Response:
        """Change a user's role or password, or deactivate the user.

        Fields that are left out stay as they are. A new password and deactivation end the user's sessions, tokens and
        login links.
        """
        user = self.find(pk)
        services.update_user(user, actor=self.actor, **self.validated(UserUpdateSerializer))
        return self.shown(pk)

    @extend_schema(responses={204: None, 409: OpenApiResponse(description="The user is the only active admin.")})
    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete a user and the user's tokens."""
        services.delete_user(self.find(pk), actor=self.actor)
        return Response(status=204)


class TokenViewSet(ResourceViewSet[AccessToken]):
    """Access tokens, with which scripts sign in. Users see their own tokens, admins those of all users."""

    write_role = Role.VIEWER
    serializer_class = TokenSerializer
    filterset_fields = ["name", "role"]
    ordering_fields = ("id", "name", "expires_at")
    search_fields = ("name",)

    def get_queryset(self) -> QuerySet[AccessToken]:
        tokens = AccessToken.objects.select_related("user").order_by("-id")
        if effective_role(self.request) == Role.ADMIN:
            return tokens
        user = self.request.user
        return tokens.filter(user=user) if isinstance(user, User) else tokens.none()

    @extend_schema(request=TokenWriteSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """Create an access token.

        The answer shows its text, which cannot be read again. The token cannot do more than the user who creates it.
        """
        values = self.validated(TokenWriteSerializer)
        own = effective_role(request)
        if own is None or not isinstance(request.user, User):
            raise NotAuthenticated
        # A token must not make a stronger one than itself.
        if Role(values["role"]).rank > own.rank:
            raise InvalidField("role", f"role is {values['role']}: expected {own} or less, which is what you may do")
        token, text = services.create_token(actor=self.actor, user=request.user, **values)
        data: dict[str, Any] = dict(TokenSerializer(token).data)
        return Response({**data, "token": text}, status=201)

    def destroy(self, _request: Request, pk: int) -> Response:
        """Delete an access token.

        Requests with it are refused from now on.
        """
        services.delete_token(self.find(pk), actor=self.actor)
        return Response(status=204)


class AuditFilter(filters.FilterSet):  # type: ignore[misc]
    """Filters of the audit trail."""

    people = filters.BooleanFilter(
        method="without_programs", help_text="Leaves out what jobs and the platform itself did."
    )

    class Meta:
        model = AuditEntry
        fields = ("actor", "action", "object_type", "object_id", "result")

    def without_programs(self, entries: QuerySet[AuditEntry], _name: str, wanted: bool) -> QuerySet[AuditEntry]:
        """Leave out the entries of programs if ``wanted``."""
        if not wanted:
            return entries
        return entries.exclude(actor__startswith="job:").exclude(actor__in=(SYSTEM.name, "service"))


class AuditViewSet(ResourceViewSet[AuditEntry]):
    """The audit trail: who did what, and when. Only admins see it. Entries are never changed."""

    read_role = Role.ADMIN
    serializer_class = AuditSerializer
    filterset_class = AuditFilter
    ordering_fields = ("id", "at", "actor")
    search_fields = ("actor", "detail")

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return AuditEntry.objects.order_by("-id")

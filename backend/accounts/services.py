"""Users, access tokens and one-time links: every change to who may do what."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import transaction
from django.utils import timezone

from backend.accounts.audit import record, state_hash
from backend.accounts.authentication import token_digest
from backend.accounts.models import AccessToken, LoginLink, Role, User
from backend.api.actors import Actor
from backend.api.errors import Conflict, InvalidField
from backend.config.environment import environment

__all__ = [
    "FIRST_ADMIN",
    "change_password",
    "create_login_link",
    "create_token",
    "create_user",
    "delete_token",
    "delete_user",
    "ensure_admin",
    "redeem_login_link",
    "update_user",
]

FIRST_ADMIN = "admin"


def create_user(*, actor: Actor, username: str, role: str, password: str = "") -> User:
    """Create a user; without a password they sign in by one-time links only."""
    with transaction.atomic():
        user = User(username=username, role=role)
        _set_password(user, password)
        user.save()
        record(actor, "create", user, after=state_hash(user), detail=f"role {role}")
    return user


def update_user(user: User, *, actor: Actor, password: str | None = None, **changes: Any) -> User:
    """Change ``role``, ``is_active`` or the password; refuses to leave the platform without an active admin.

    A new password and deactivation end sessions, tokens and links; a lower role caps them at once.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        before = state_hash(locked)
        for name, value in changes.items():
            setattr(locked, name, value)
        if password is not None:
            _set_password(locked, password)
        _require_an_admin(locked)
        locked.save()
        if password is not None or not locked.is_active:
            _revoke(locked)
        detail = ", ".join(sorted([*changes, *(["password"] if password is not None else [])]))
        record(actor, "change", locked, before=before, after=state_hash(locked), detail=detail)
    return locked


def change_password(user: User, *, actor: Actor, present: str, password: str) -> User:
    """Change the user's own password; refuses without the present one, and records the refusal."""
    if user.has_usable_password() and not user.check_password(present):
        record(actor, "change", user, result="denied", detail="own password")
        raise InvalidField("present", "this is not your present password")
    return update_user(user, actor=actor, password=password)


def delete_user(user: User, *, actor: Actor) -> None:
    """Delete a user; what they made stays."""
    with transaction.atomic():
        locked = User.objects.select_for_update().get(pk=user.pk)
        before = state_hash(locked)
        locked.is_active = False
        _require_an_admin(locked)
        record(actor, "delete", locked, before=before, detail=locked.username)
        locked.delete()


def create_token(*, actor: Actor, user: User, name: str, role: str, days: float) -> tuple[AccessToken, str]:
    """Create an access token; the text is returned this once and not stored."""
    text = secrets.token_urlsafe(32)
    with transaction.atomic():
        token = AccessToken.objects.create(
            user=user,
            name=name,
            role=role,
            digest=token_digest(text),
            expires_at=timezone.now() + timedelta(days=days),
        )
        AccessToken.objects.filter(expires_at__lt=timezone.now()).delete()
        record(actor, "create", token, after=state_hash(token), detail=f"{name}, role {role}, {days:g} days")
    return token, text


def delete_token(token: AccessToken, *, actor: Actor) -> None:
    """Revoke an access token."""
    with transaction.atomic():
        record(actor, "delete", token, before=state_hash(token), detail=token.name)
        token.delete()


def ensure_admin() -> User:
    """Return the first active admin, creating one without a password when there is none."""
    with transaction.atomic():
        found = User.objects.filter(role=Role.ADMIN, is_active=True).order_by("id").first()
        if found is not None:
            return found
        name = FIRST_ADMIN
        while User.objects.filter(username=name).exists():
            name = f"{FIRST_ADMIN}-{secrets.token_hex(2)}"
        return create_user(actor=Actor("local start"), username=name, role=Role.ADMIN)


def create_login_link(user: User) -> str:
    """Return the secret part of a link that signs ``user`` in once, within the setting's time."""
    text = secrets.token_urlsafe(32)
    with transaction.atomic():
        LoginLink.objects.filter(expires_at__lt=timezone.now()).delete()
        LoginLink.objects.create(
            user=user,
            digest=token_digest(text),
            expires_at=timezone.now() + timedelta(seconds=environment().login_link_seconds),
        )
        record(Actor("local start"), "login link", user)
    return text


def redeem_login_link(text: str, *, address: str) -> User | None:
    """Return the user of a link and use it up; None when it is unknown, used or expired."""
    with transaction.atomic():
        link = LoginLink.objects.select_related("user").filter(digest=token_digest(text)).first()
        # Deleting the row decides which of two requests with the same link was first: only that one deletes it.
        if link is None or not LoginLink.objects.filter(pk=link.pk).delete()[0]:
            return None
        if link.expires_at <= timezone.now() or not link.user.is_active:
            return None
        record(Actor(link.user.username, address, link.user_id), "login", link.user, detail="one-time link")
        return link.user


def _set_password(user: User, password: str) -> None:
    if not password:
        user.set_unusable_password()
        return
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        raise InvalidField("password", " ".join(error.messages)) from error
    user.set_password(password)


def _require_an_admin(changed: User) -> None:
    """Refuse a change after which nobody could manage users any more."""
    if changed.is_active and changed.role == Role.ADMIN:
        return
    others = User.objects.filter(role=Role.ADMIN, is_active=True).exclude(pk=changed.pk)
    was_admin = User.objects.filter(pk=changed.pk, role=Role.ADMIN, is_active=True).exists()
    if was_admin and not others.exists():
        raise Conflict(
            f"{changed.username} is the only active admin: expected another one first",
            hint="give another user the role admin",
        )


def _revoke(user: User) -> None:
    AccessToken.objects.filter(user=user).delete()
    LoginLink.objects.filter(user=user).delete()

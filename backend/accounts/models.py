"""Who may use the platform: users with a role, access tokens for scripts, one-time links, and the audit trail."""

from __future__ import annotations

from typing import Any, NoReturn

from django.contrib.auth.models import AbstractUser
from django.db import models

__all__ = ["AccessToken", "AuditEntry", "LoginLink", "Role", "User"]


class Role(models.TextChoices):
    """What a user or a token may do. Each role includes the ones before it.

    * ``viewer``: Sees everything.
    * ``editor``: Creates, trains and serves.
    * ``admin``: Also manages users, clusters and webhooks.
    """

    VIEWER = "viewer"
    EDITOR = "editor"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        return list(Role).index(self)


class User(AbstractUser):
    """A user. Django's own groups, permissions and staff flags are not used; ``role`` decides."""

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)

    class Meta:
        ordering = ["id"]


class AccessToken(models.Model):
    """A token for scripts. Only its sha256 is stored, because the token is random, so a slow hash would add nothing.

    ``role`` caps what the token may do, below what its user may.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="access_tokens")
    name = models.CharField(max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.EDITOR)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        ordering = ["-id"]


class LoginLink(models.Model):
    """A link that signs its user in once; only its sha256 is stored."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="login_links")
    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)


class AuditEntry(models.Model):
    """One change, or one refused try to change. Append-only: saving again and deleting raise.

    ``before`` and ``after`` are sha256 of what the API shows of the object, empty where there is none.
    """

    at = models.DateTimeField(auto_now_add=True, db_index=True)
    actor = models.CharField(max_length=200, help_text="user name, job:training:7:1, service, or empty when unknown")
    action = models.CharField(max_length=60)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=40, blank=True)
    before = models.CharField(max_length=64, blank=True)
    after = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True, help_text="IP address of the client")
    result = models.CharField(max_length=20, help_text="ok, denied or refused")
    detail = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["object_type", "object_id"])]

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("the audit trail is append-only: an entry is never changed")
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("the audit trail is append-only: an entry is never deleted")

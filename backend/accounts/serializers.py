"""Users, tokens and the audit trail as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.validators import UniqueValidator

from backend.accounts.models import AccessToken, AuditEntry, Role, User
from backend.api.fields import NameField

__all__ = [
    "AuditSerializer",
    "LoginSerializer",
    "NewTokenSerializer",
    "PasswordSerializer",
    "SessionSerializer",
    "TokenSerializer",
    "TokenWriteSerializer",
    "UserSerializer",
    "UserUpdateSerializer",
    "UserWriteSerializer",
]


class UserSerializer(serializers.ModelSerializer[User]):
    """A user. ``has_password`` is false for a user who signs in by one-time links. ``last_login`` is null for a user
    who has never signed in.
    """

    has_password = serializers.BooleanField(source="has_usable_password", read_only=True)

    class Meta:
        model = User
        fields = ["id", "username", "role", "is_active", "has_password", "date_joined", "last_login"]


class UserWriteSerializer(serializers.Serializer[Any]):
    """A user to create. Without a password, the user signs in by one-time links."""

    username = serializers.RegexField(
        r"^[\w.@+-]{1,150}\Z", validators=[UniqueValidator(User.objects.all(), message="this name is taken")]
    )
    role = serializers.ChoiceField(choices=Role.choices, default=Role.VIEWER)
    password = serializers.CharField(
        write_only=True, default="", allow_blank=True, max_length=200, trim_whitespace=False
    )


class UserUpdateSerializer(serializers.Serializer[Any]):
    """Changes to a user."""

    role = serializers.ChoiceField(choices=Role.choices, required=False)
    is_active = serializers.BooleanField(required=False)
    password = serializers.CharField(
        write_only=True, required=False, allow_blank=True, max_length=200, trim_whitespace=False
    )


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    """An access token. Its text is not stored."""

    username = serializers.CharField(source="user.username", read_only=True)

    class Meta:
        model = AccessToken
        fields = ["id", "name", "username", "role", "created_at", "expires_at"]


class TokenWriteSerializer(serializers.Serializer[Any]):
    """An access token to create, valid for ``days``. It never allows more than the role of its user."""

    name = NameField()
    role = serializers.ChoiceField(choices=Role.choices, default=Role.EDITOR)
    days = serializers.FloatField(default=30, min_value=0.001, max_value=366)


class NewTokenSerializer(TokenSerializer):
    """A new access token with its text, which cannot be read again."""

    token = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class LoginSerializer(serializers.Serializer[Any]):
    """A user name and a password."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(write_only=True, max_length=200, trim_whitespace=False)


class PasswordSerializer(serializers.Serializer[Any]):
    """A new password, and the ``present`` one. It is empty for a user without a password."""

    present = serializers.CharField(write_only=True, allow_blank=True, max_length=200, trim_whitespace=False)
    password = serializers.CharField(write_only=True, max_length=200, trim_whitespace=False)


class SessionSerializer(serializers.Serializer[Any]):
    """The ``user`` who is signed in, null for nobody, and the token that a session sends as ``X-CSRFToken`` with every
    write.

    A client that listens to events after ``last_event_id``, and reads an object now, misses no change of it.
    """

    user = UserSerializer(allow_null=True)
    csrf_token = serializers.CharField()
    last_event_id = serializers.IntegerField(
        allow_null=True, help_text="Id of the newest event. Null if nobody is signed in."
    )


class AuditSerializer(serializers.ModelSerializer[AuditEntry]):
    """An entry of the audit trail. ``before`` and ``after`` are hashes of the object."""

    class Meta:
        model = AuditEntry
        fields = [
            "id",
            "at",
            "actor",
            "action",
            "object_type",
            "object_id",
            "before",
            "after",
            "address",
            "result",
            "detail",
        ]

"""What the job API answers that is of no interest to anyone else."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

__all__ = ["AnnouncedSerializer", "JobTokenSerializer", "Sha256Serializer"]


class Sha256Serializer(serializers.Serializer[Any]):
    """The hash of what is stored."""

    sha256 = serializers.CharField()


class JobTokenSerializer(serializers.Serializer[Any]):
    """A fresh job token."""

    token = serializers.CharField()
    expires_at = serializers.DateTimeField()


class AnnouncedSerializer(serializers.Serializer[Any]):
    """A registered announcement; ``note`` says what may be wrong with it."""

    id = serializers.IntegerField()
    deployment = serializers.IntegerField(allow_null=True)
    note = serializers.CharField()

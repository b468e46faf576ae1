"""Versions of results as the API shows them: rows become messages of ``kafkaml.wire.version``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from backend.api.fields import TextField
from backend.api.wire import MessageField
from backend.deployments import models
from kafkaml.wire.outcome import Outcome
from kafkaml.wire.version import Artifact, Comparison, Version, VersionReason

__all__ = [
    "PinSerializer",
    "PromoteSerializer",
    "VersionPageSerializer",
    "artifact_documents",
    "version_message",
]


@extend_schema_serializer(component_name="PaginatedVersionList")
class VersionPageSerializer(serializers.Serializer[Any]):
    """A page of a result's versions."""

    count = serializers.IntegerField()
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = serializers.ListField(child=MessageField(Version, allow_null=False))


class PinSerializer(serializers.Serializer[Any]):
    """Whether a version is kept when the oldest are deleted."""

    pinned = serializers.BooleanField()


class PromoteSerializer(serializers.Serializer[Any]):
    """Why a version is to become the current one, for the audit trail and for notifications."""

    why = TextField(max_length=300, default="", allow_blank=True)


def artifact_documents(rows: Iterable[models.Artifact]) -> list[dict[str, Any]]:
    """Return ``kafkaml.wire.version.Artifact`` of each row."""
    # The documents are built without validation, because lists show hundreds of them.
    return [{"name": row.name, "size": row.size, "sha256": row.sha256, "created_at": row.created_at} for row in rows]


def version_message(version: models.ResultVersion, *, current: int | None) -> Version:
    """Return a row as a message; ``current`` is the id of its result's current version."""
    return Version(
        number=version.number,
        reason=VersionReason(version.reason),
        attempt=version.attempt,
        step=version.step,
        created_at=version.created_at,
        current=version.pk == current,
        pinned=version.pinned,
        artifacts=[Artifact.model_validate(artifact) for artifact in artifact_documents(version.artifacts.all())],
        outcome=Outcome.model_validate(version.outcome),
        positions=version.positions,
        comparison=None if version.comparison is None else Comparison.model_validate(version.comparison),
    )

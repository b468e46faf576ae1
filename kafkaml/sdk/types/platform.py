"""Clusters, webhooks, users and what they did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from kafkaml.sdk.types.base import Answer

__all__ = ["AuditEntry", "Cluster", "ClusterCheck", "ClusterName", "TokenRecord", "User", "Webhook"]


class ClusterName(Answer):
    """Another cluster that an inference may run in. With ``keda`` it can scale the replicas by their lag."""

    id: int
    name: str
    keda: bool = False


class Cluster(ClusterName):
    """Another Kubernetes cluster, as administrators see it; its token cannot be read. Empty fields have the platform's
    own values.
    """

    host: str
    namespace: str
    ca: str = ""
    kafka_bootstrap_servers: str = ""
    backend_url: str = ""
    image: str = ""
    gpu_resource: str = ""
    has_token: bool = False
    inferences: int = 0
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ClusterCheck(Answer):
    """What works in another cluster. ``steps``: name, ok, needed, detail and hint of each thing that was tried."""

    ok: bool
    version: str = ""
    seconds: float = 0.0
    steps: Sequence[Mapping[str, Any]] = ()


class Webhook(Answer):
    """An address that receives ``events``, as administrators see it. ``waiting`` counts the events that are still to be
    sent, or sent again.

    ``error`` is the reason why the last try failed, empty after a successful one. ``secret`` is set only in the answer
    that creates it.
    """

    id: int
    url: str
    events: Sequence[str]
    enabled: bool = True
    waiting: int = 0
    delivered_at: datetime | None = None
    error: str = ""
    error_at: datetime | None = None
    created_at: datetime | None = None
    secret: str = ""


class User(Answer):
    """A user with a role: viewer, editor or admin."""

    id: int
    username: str
    role: str = ""
    is_active: bool = True


class TokenRecord(Answer):
    """A token of ours; ``token`` itself is only in the answer that created it."""

    id: int
    name: str = ""
    role: str = ""
    created_at: datetime | None = None
    expires_at: datetime | None = None
    token: str = ""


class AuditEntry(Answer):
    """Who did what to which object, when, and whether it was allowed."""

    id: int
    at: datetime
    actor: str = ""
    action: str = ""
    object_type: str = ""
    object_id: str = ""
    result: str = ""
    detail: str = ""

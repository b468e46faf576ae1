"""The audit trail: ``record`` is called for every change, inside the change's transaction."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from rest_framework.request import Request

from backend.accounts.models import AuditEntry, User
from backend.api.job_tokens import JobToken
from backend.api.renderers import to_json_bytes

__all__ = ["SYSTEM", "Actor", "actor_of", "record", "state_hash"]


@dataclass(frozen=True)
class Actor:
    """Who asked for a change: a name for the trail, the client's address, and the user if it is one."""

    name: str
    address: str = ""
    user: User | None = None


SYSTEM = Actor("system")


def actor_of(request: Request) -> Actor:
    """Return who makes ``request``."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    if isinstance(request.auth, JobToken):
        return Actor(request.auth.actor, address)
    if request.auth == "service":
        return Actor("service", address)
    user = request.user
    return Actor(user.get_username(), address, user) if isinstance(user, User) else Actor("", address)


def state_hash(instance: Model | None) -> str:
    """Return a sha256 over an object's fields; empty for None. Secrets are covered as the hashes they are stored as."""
    if instance is None:
        return ""
    values = {each.attname: getattr(instance, each.attname) for each in instance._meta.concrete_fields}
    return hashlib.sha256(to_json_bytes(sorted(values.items()))).hexdigest()


def record(
    actor: Actor,
    action: str,
    instance: Model | None = None,
    *,
    object_type: str = "",
    object_id: Any = "",
    before: str = "",
    after: str = "",
    result: str = "ok",
    detail: str = "",
) -> None:
    """Append an entry. ``instance`` gives type and id; ``before`` and ``after`` are ``state_hash``es."""
    if instance is not None:
        object_type = object_type or str(instance._meta.model_name)
        object_id = object_id or instance.pk
    AuditEntry.objects.create(
        actor=actor.name[:200],
        action=action[:60],
        object_type=object_type[:40],
        object_id=str(object_id)[:40],
        before=before,
        after=after,
        address=actor.address[:64],
        result=result,
        detail=detail[:300],
    )

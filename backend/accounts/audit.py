"""The audit trail: ``record`` is called for every change, inside the change's transaction."""

from __future__ import annotations

import hashlib
from typing import Any

from django.db.models import Model

from backend.accounts.models import AuditEntry
from backend.api.actors import Actor
from backend.api.renderers import to_json_bytes

__all__ = ["record", "state_hash"]


def state_hash(instance: Model | None) -> str:
    """Return a sha256 over an object's fields; empty for None. Secrets are covered as the hashes they are stored as."""
    if instance is None:
        return ""
    values = {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}
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

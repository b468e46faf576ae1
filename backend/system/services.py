"""Signs of life of the long-running components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.system.models import ComponentHeartbeat

__all__ = ["heartbeat"]


def heartbeat(name: str, *, version: str = "", details: Mapping[str, Any] | None = None) -> None:
    """Note that a component lives; called every ten seconds or so by the component itself."""
    ComponentHeartbeat.objects.update_or_create(
        name=name, defaults={"version": version, "details": dict(details or {})}
    )

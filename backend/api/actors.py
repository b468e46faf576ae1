"""Who asks for a change: a user, a job, or the platform itself. ``accounts.audit`` records it."""

from __future__ import annotations

from dataclasses import dataclass

from rest_framework.request import Request

from backend.api.job_tokens import JobToken

__all__ = ["SYSTEM", "Actor", "actor_of"]


@dataclass(frozen=True)
class Actor:
    """Who asked for a change: a name for the trail, the client's address, and the user's id if there is one."""

    name: str
    address: str = ""
    user_id: int | None = None


SYSTEM = Actor("system")


def actor_of(request: Request) -> Actor:
    """Return who makes ``request``."""
    address = str(request.META.get("REMOTE_ADDR") or "")
    if isinstance(request.auth, JobToken):
        return Actor(request.auth.actor, address)
    if request.auth == "service":
        return Actor("service", address)
    user = request.user
    return Actor(user.get_username(), address, user.pk) if user.is_authenticated else Actor("", address)

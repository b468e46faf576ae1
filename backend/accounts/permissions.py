"""Who may do what: deny by default, roles for people, scopes for jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from backend.accounts.authentication import effective_role
from backend.accounts.models import Role
from backend.api.job_tokens import JobToken

if TYPE_CHECKING:
    # REST framework's settings import this module while its views are being imported.
    from rest_framework.views import APIView

__all__ = ["JobPermission", "RolePermission", "ServicePermission"]


class RolePermission(BasePermission):
    """Viewers read, editors write; a view sets ``read_role`` or ``write_role`` where it needs another role.

    Applies to every view that names no other permission, so a new view is closed to strangers from its first day.
    """

    message = "your role does not allow this"

    def has_permission(self, request: Request, view: APIView) -> bool:
        role = effective_role(request)
        return role is not None and role.rank >= self._needed(request.method, view).rank

    def denies_some(self, method: str, view: APIView) -> bool:
        """Whether the view refuses some requests of users who are signed in: for their role, or as cross-site."""
        return method not in SAFE_METHODS or self._needed(method, view) != Role.VIEWER

    def _needed(self, method: str | None, view: APIView) -> Role:
        if method in SAFE_METHODS:
            read: Role = getattr(view, "read_role", Role.VIEWER)
            return read
        write: Role = getattr(view, "write_role", Role.EDITOR)
        return write


class JobPermission(BasePermission):
    """The request carries a job token; which run it is for is checked against the address by the view."""

    message = "only a job's token opens this"

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return isinstance(request.auth, JobToken)


class ServicePermission(BasePermission):
    """The request carries the service token."""

    message = "only the platform's own components may do this"

    def has_permission(self, request: Request, _view: APIView) -> bool:
        return bool(request.auth == "service")

"""``client.users`` and ``client.tokens``: people, and tokens for scripts."""

from __future__ import annotations

from kafkaml.sdk import types
from kafkaml.sdk.collection import Collection

__all__ = ["Tokens", "Users"]


class Users(Collection[types.User]):
    """Users and their roles (admins only)."""

    path = "/users/"
    kind = types.User

    def create(self, *, username: str, password: str, role: str) -> types.User:
        """Add a person."""
        return self._create({"username": username, "password": password, "role": role})

    def update(self, identifier: int, **changes: object) -> types.User:
        """Change role, password or whether the user may log in."""
        return self._patch(identifier, changes)


class Tokens(Collection[types.TokenRecord]):
    """Our own tokens for scripts."""

    path = "/tokens/"
    kind = types.TokenRecord

    def create(self, *, name: str, role: str = "editor", days: float = 30) -> types.TokenRecord:
        """Create a token that may do at most what ``role`` may; the answer is the only place where it can be read."""
        return self._create({"name": name, "role": role, "days": days})

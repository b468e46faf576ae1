"""``access_token``: print a new access token for scripts, e.g. for the command line of a local platform."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.accounts.models import Role, User
from backend.accounts.services import create_token, ensure_admin
from backend.api.actors import Actor


class Command(BaseCommand):
    """Anyone who can run this can read the database, so it asks for no credentials."""

    help = "Print a new access token."
    # Skip Django's checks of the code, which import every view of the API and take seconds.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="", help="name of a user; by default the first admin")
        parser.add_argument("--name", default="command line")
        parser.add_argument("--role", choices=[str(role.value) for role in Role], default=str(Role.ADMIN.value))
        parser.add_argument("--days", type=float, default=30)

    def handle(self, *_args: Any, user: str, name: str, role: str, days: float, **_options: Any) -> None:
        account = User.objects.filter(username=user, is_active=True).first() if user else ensure_admin()
        if account is None:
            raise CommandError(f"there is no active user {user!r}")
        _, text = create_token(actor=Actor("local start"), user=account, name=name, role=role, days=days)
        self.stdout.write(text)

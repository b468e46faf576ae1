"""``login_link``: print an address that signs a user in once. Makes the first admin when there is none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.accounts.models import User
from backend.accounts.services import create_login_link, ensure_admin
from backend.config.environment import environment


class Command(BaseCommand):
    """Anyone who can run this can read the database, so it asks for no credentials."""

    help = "Print a one-time login link; on first start an admin is made."
    # Skip Django's checks of the code, which import every view of the API and take seconds.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="", help="name of a user; by default the first admin")

    def handle(self, *_args: Any, user: str, **_options: Any) -> None:
        account = User.objects.filter(username=user, is_active=True).first() if user else ensure_admin()
        if account is None:
            raise CommandError(f"there is no active user {user!r}")
        self.stdout.write(f"{environment().backend_url.rstrip('/')}/login/{create_login_link(account)}")

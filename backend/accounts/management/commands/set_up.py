"""``set_up``: bring the database up to date and, on request, print a token for the command line of this machine.

The two steps are one command, because importing Django takes longer than both of them.
"""

from __future__ import annotations

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser


class Command(BaseCommand):
    """What a local platform does before its first start and after an update."""

    help = "Bring the database up to date; print an access token of the first admin with --token-days."
    # Skip checks of the code, which import all of the API; scripts/check makes them.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--token-days", type=float, help="print a token that is valid for this number of days")

    def handle(self, *_args: Any, token_days: float | None, **_options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0, skip_checks=True)
        if token_days is not None:
            call_command("access_token", name="command line of this machine", days=token_days, stdout=self.stdout)

"""``kafka-ml users`` and ``kafka-ml tokens``."""

from __future__ import annotations

from typing import Annotated

import typer

from kafka_ml_cli.nouns import add_delete, add_show
from kafka_ml_cli.output import JsonOption, console, human_age, print_done, print_json, print_table
from kafka_ml_cli.session import client_of

users = typer.Typer(name="users", help="Users and their roles (for admins).", no_args_is_help=True)
tokens = typer.Typer(name="tokens", help="Your own tokens for scripts.", no_args_is_help=True)

Role = Annotated[str, typer.Option("--role", "-r", help="viewer, editor or admin.")]


@users.command("list")
def list_users(context: typer.Context, json: JsonOption = False) -> None:
    """List users."""
    rows = client_of(context).users.list()
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("name", lambda row: row.username),
            ("role", lambda row: row.role),
            ("may log in", lambda row: "yes" if row.is_active else "no"),
        ],
        nothing="no users",
        json=json,
    )


@users.command("create")
def create_user(
    context: typer.Context,
    username: str,
    role: Role = "viewer",
    password: Annotated[str, typer.Option(prompt=True, hide_input=True, envvar="KML_NEW_PASSWORD")] = "",
    json: JsonOption = False,
) -> None:
    """Add a user. The password is asked for, or taken from KML_NEW_PASSWORD."""
    made = client_of(context).users.create(username=username, password=password, role=role)
    print_done(made, f"user {made.id} ({made.username}, {made.role}) created", json=json)


@users.command("update")
def update_user(
    context: typer.Context,
    user: int,
    role: Annotated[str | None, typer.Option("--role", "-r", help="viewer, editor or admin.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="May log in.")] = None,
    json: JsonOption = False,
) -> None:
    """Change a user's role, or whether the user may log in."""
    changed = client_of(context).users.update(user, role=role, is_active=active)
    print_done(changed, f"user {changed.id} changed", json=json)


add_show(users, "Show one user.")
add_delete(users, "Delete a user.")


@tokens.command("list")
def list_tokens(context: typer.Context, json: JsonOption = False) -> None:
    """List your tokens (not their texts, which nobody can read again)."""
    rows = client_of(context).tokens.list()
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("name", lambda row: row.name),
            ("expires", lambda row: row.expires_at.date() if row.expires_at else "never"),
            ("created", lambda row: human_age(getattr(row, "created_at", None))),
        ],
        nothing="no tokens",
        json=json,
    )


@tokens.command("create")
def create_token(
    context: typer.Context,
    name: str,
    role: Annotated[str, typer.Option("--role", "-r", help="At most viewer, editor or admin.")] = "editor",
    days: Annotated[float, typer.Option(help="Valid for this many days.")] = 30,
    json: JsonOption = False,
) -> None:
    """Create a token and print it, once."""
    made = client_of(context).tokens.create(name=name, role=role, days=days)
    return print_json(made) if json else console().out(made.token)


add_delete(tokens, "Revoke a token.", "revoked")

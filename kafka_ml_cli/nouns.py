"""Commands that nouns have in common, added to a noun's app, whose name is that of its collection in the client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from kafka_ml_cli.output import JsonOption, console, print_json, print_object
from kafka_ml_cli.session import client_of

__all__ = ["Identifier", "add_delete", "add_delete_many", "add_show", "collection", "noun_of", "say"]

Identifier = Annotated[int, typer.Argument(metavar="ID")]


def collection(context: typer.Context) -> Any:
    """Return the collection that the running command is about."""
    return getattr(client_of(context), noun_of(context))


def say(context: typer.Context, identifier: int, what: str) -> None:
    """Print ``what`` happened to the object ``identifier`` of the running command's noun."""
    console().print(f"{noun_of(context).removesuffix('s')} {identifier} {what}")


def noun_of(context: typer.Context) -> str:
    """Return the name of the running command's noun, e.g. ``results``."""
    assert context.parent is not None
    return str(context.parent.info_name)


def add_show(app: typer.Typer, about: str, *, remark: Callable[[Any], str] = lambda _found: "") -> None:
    """Add ``show``, which prints all fields, and what there is to ``remark`` (markup is not read)."""

    def show(context: typer.Context, identifier: Identifier, json: JsonOption = False) -> None:
        found = collection(context).get(identifier)
        if json:
            return print_json(found)
        print_object(found)
        text = remark(found)
        return console().print(f"\n{text}", style="red", soft_wrap=True) if text else None

    app.command(help=about)(show)


def add_delete(app: typer.Typer, about: str, done: str = "deleted") -> None:
    """Add ``delete`` for one object; ``done`` says what was done."""

    def delete(context: typer.Context, identifier: Identifier) -> None:
        collection(context).delete(identifier)
        say(context, identifier, done)

    app.command(help=about)(delete)


def add_delete_many(
    app: typer.Typer, about: str, *, done: str = "deleted", remark: Callable[[Any], str] = lambda _found: ""
) -> None:
    """Add ``delete`` for one or several objects, with ``--dry-run``. The ``remark`` about each is printed after it."""

    def delete(
        context: typer.Context,
        identifiers: Annotated[list[int], typer.Argument(metavar="ID...")],
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Only show what would be deleted, and what stays.")
        ] = False,
    ) -> None:
        rows = collection(context)
        if dry_run:
            for deletion in rows.deletion(*identifiers):
                console().print(_deletion_text(noun_of(context), deletion), soft_wrap=True, markup=False)
            return
        for identifier in identifiers:
            found = remark(rows.get(identifier))
            rows.delete(identifier)
            say(context, identifier, done)
            if found:
                console().print(found)

    app.command(help=about)(delete)


def _deletion_text(noun: str, deletion: Any) -> str:
    what = f"{noun.removesuffix('s')} {deletion.id}"
    if deletion.obstacle is None:
        return "\n".join([f"{what} would go, and with it", *(f"  {loss}" for loss in deletion.losses)])
    users = [f"  {user.type} {user.id} ({user.name})" for user in deletion.obstacle.users]
    return "\n".join([f"{what} stays: {deletion.obstacle.detail}; {deletion.obstacle.hint}", *users])

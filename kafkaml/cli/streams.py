"""``kafka-ml streams``."""

from __future__ import annotations

from typing import Annotated

import typer

from kafkaml.cli.output import JsonOption, console, human_age, print_json, print_object, print_table
from kafkaml.cli.session import client_of

app = typer.Typer(name="streams", help="Data streams that were announced.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    deployment: Annotated[int | None, typer.Option(help="Only those for this deployment.")] = None,
    json: JsonOption = False,
) -> None:
    """List streams."""
    rows = client_of(context).streams.list(deployment=deployment)
    if json:
        return print_json(rows)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("deployment", lambda row: row.deployment),
            ("format", lambda row: row.input_format),
            ("records", lambda row: "online" if row.total_msg is None else f"{row.total_msg:,}"),
            ("validation", lambda row: f"{row.validation_rate:.0%}"),
            ("test", lambda row: f"{row.test_rate:.0%}"),
            ("registered", lambda row: human_age(row.registered_at)),
            ("ranges", lambda row: row.topic),
        ],
        nothing="no streams yet; send one: kafka-ml send FILE --deployment N",
    )


@app.command()
def show(context: typer.Context, stream: int, json: JsonOption = False) -> None:
    """Show one stream."""
    found = client_of(context).streams.get(stream)
    return print_json(found) if json else print_object(found)


@app.command()
def send(
    context: typer.Context,
    stream: int,
    deployment: Annotated[int, typer.Option("--deployment", "-d", help="The deployment that shall train on it.")],
) -> None:
    """Announce a stream again, to another deployment; its records stay where they are."""
    client_of(context).streams.send(stream, deployment=deployment)
    console().print(f"stream {stream} is announced to deployment {deployment}")

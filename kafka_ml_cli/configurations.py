"""``kafka-ml configurations``."""

from __future__ import annotations

from typing import Annotated

import typer

from kafka_ml_cli.nouns import add_delete_many, add_show
from kafka_ml_cli.output import JsonOption, human_age, print_done, print_table
from kafka_ml_cli.session import client_of

app = typer.Typer(name="configurations", help="Models that train on the same data.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Only names that contain this.")] = None,
    json: JsonOption = False,
) -> None:
    """List configurations."""
    rows = client_of(context).configurations.list(search=search)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("name", lambda row: row.name),
            ("models", lambda row: ", ".join(map(str, row.models))),
            ("created", lambda row: human_age(row.created_at)),
        ],
        nothing="no configurations yet; make one: kafka-ml configurations create NAME --model 1 --model 2",
        json=json,
    )


add_show(app, "Show one configuration.")


@app.command()
def create(
    context: typer.Context,
    name: str,
    model: Annotated[
        list[int],
        typer.Option("--model", "-m", help="Id of a model; may be given more than once. A sub-model brings its chain."),
    ],
    description: Annotated[str, typer.Option(help="A sentence about it.")] = "",
    json: JsonOption = False,
) -> None:
    """Create a configuration of one or several models."""
    made = client_of(context).configurations.create(name=name, models=model, description=description)
    note = f"; {made.note}" if made.note else ""
    print_done(made, f"configuration {made.id} ({made.name}) created{note}", json=json)


@app.command()
def update(
    context: typer.Context,
    configuration: int,
    name: Annotated[str | None, typer.Option("--name", "-n")] = None,
    model: Annotated[list[int] | None, typer.Option("--model", "-m", help="Replaces all its models.")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    json: JsonOption = False,
) -> None:
    """Change a configuration."""
    changes = {"name": name, "description": description, "models": model or None}
    changed = client_of(context).configurations.update(configuration, **changes)
    note = f"; {changed.note}" if changed.note else ""
    print_done(changed, f"configuration {changed.id} changed{note}", json=json)


add_delete_many(app, "Delete configurations that have no deployments.")

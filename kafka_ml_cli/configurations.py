"""``kafka-ml configurations``."""

from __future__ import annotations

from typing import Annotated

import typer

from kafka_ml_cli.output import JsonOption, console, human_age, print_json, print_object, print_table
from kafka_ml_cli.session import client_of

app = typer.Typer(name="configurations", help="Models that train together on one stream.", no_args_is_help=True)


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


@app.command()
def show(context: typer.Context, configuration: int, json: JsonOption = False) -> None:
    """Show one configuration."""
    found = client_of(context).configurations.get(configuration)
    return print_json(found) if json else print_object(found)


@app.command()
def create(
    context: typer.Context,
    name: str,
    model: Annotated[list[int], typer.Option("--model", "-m", help="Id of a model; may be given more than once.")],
    description: Annotated[str, typer.Option(help="A sentence about it.")] = "",
    json: JsonOption = False,
) -> None:
    """Group models."""
    made = client_of(context).configurations.create(name=name, models=model, description=description)
    return print_json(made) if json else console().print(f"configuration {made.id} ({made.name}) created")


@app.command()
def update(
    context: typer.Context,
    configuration: int,
    name: Annotated[str | None, typer.Option("--name", "-n")] = None,
    model: Annotated[list[int] | None, typer.Option("--model", "-m", help="All its models, anew.")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    json: JsonOption = False,
) -> None:
    """Change a configuration."""
    given = {"name": name, "description": description, "models": model or None}
    changes = {key: each for key, each in given.items() if each is not None}
    changed = client_of(context).configurations.update(configuration, **changes)
    return print_json(changed) if json else console().print(f"configuration {changed.id} changed")


@app.command()
def delete(context: typer.Context, configuration: int) -> None:
    """Delete a configuration that has no deployments."""
    client_of(context).configurations.delete(configuration)
    console().print(f"configuration {configuration} deleted")

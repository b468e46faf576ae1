"""``kafka-ml examples``: what can be learnt from, listed, read and run."""

from __future__ import annotations

import contextlib
import importlib
import sys
from typing import Annotated, Any

import typer

from kafka_ml_cli.output import Column, JsonOption, console, print_json, print_table
from kafka_ml_cli.session import client_of

__all__ = ["app"]

app = typer.Typer(
    name="examples", help="Worked examples: data, models in both frameworks, predictions.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of an example, as `kafka-ml examples list` shows it.")]


@app.command("list")
def list_(json: JsonOption = False) -> None:
    """List the examples, with the minutes that a run takes on two processor cores."""
    columns: list[Column] = [
        ("name", lambda row: row["name"]),
        ("min", lambda row: f"{row['minutes']:g}"),
        ("data", lambda row: row["data"]),
        ("what it is", lambda row: row["about"]),
    ]
    return print_table([_row(example) for example in _catalogue().EXAMPLES], columns, nothing="", json=json)


@app.command()
def show(name: Name, json: JsonOption = False) -> None:
    """Show what an example is: its README, and where its programs and its models' code are."""
    found = _found(name)
    if json:
        return print_json(_row(found))
    console().print((found.folder / "README.md").read_text(encoding="utf-8"), soft_wrap=True)
    return console().print(f"Its files are in {found.folder}", style="dim", soft_wrap=True)


@app.command()
def run(
    context: typer.Context,
    name: Name,
    framework: Annotated[
        list[str] | None,
        typer.Option(
            "--framework", "-f", help="Framework to use; repeat for another. By default all that the example has."
        ),
    ] = None,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Few samples, one epoch, small models: shows the steps rather than the accuracy."),
    ] = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Download nothing; use substitute data instead, and say so.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Run an example from start to end on the running platform: models, stream, training, inference, scores.

    What it makes stays. It prints where to look, and how to stop what it serves.
    """
    found = _found(name)
    wanted = tuple(framework or found.frameworks)
    for wanted_framework in wanted:
        if wanted_framework not in found.frameworks:
            raise typer.BadParameter(f"{wanted_framework!r}: {found.name} has {' and '.join(found.frameworks)}")
    client = client_of(context)
    effort = importlib.import_module("examples.journey").Effort(wanted, quick=quick, offline=offline)
    if not json:
        found.run(client, effort)
        if quick:
            console().print("--quick: few samples, one epoch; it shows the way, not the accuracy", style="dim")
        return
    # Progress goes to stderr, so that a calling program gets only the answer.
    with contextlib.redirect_stdout(sys.stderr):
        scores = found.run(client, effort)
    print_json([vars(score) for score in scores])


def _found(name: str) -> Any:
    found = _catalogue().find(name)
    if found is None:
        names = ", ".join(example.name for example in _catalogue().EXAMPLES)
        raise typer.BadParameter(f"there is no example {name!r}: expected one of {names}")
    return found


def _row(example: Any) -> dict[str, object]:
    return {
        "name": example.name,
        "about": example.about,
        "minutes": example.minutes,
        "data": example.data,
        "frameworks": list(example.frameworks),
        "folder": str(example.folder),
    }


def _catalogue() -> Any:
    # The local platform is imported here, because images of workers have this command line without it.
    from platform_local.examples import catalogue

    return catalogue()

"""``kafka-ml results``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.output import (
    JsonOption,
    console,
    human_size,
    print_json,
    print_object,
    print_table,
    styled_state,
)
from kafka_ml_cli.runs import add_run_commands
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from kafkaml.sdk.types import Artifact, ConfusionReport

app = typer.Typer(name="results", help="Trainings, their metrics and the trained models.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    deployment: Annotated[int | None, typer.Option(help="Only those of this deployment.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    json: JsonOption = False,
) -> None:
    """List results."""
    rows = client_of(context).results.list(deployment=deployment, state=state)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("deployment", lambda row: row.deployment),
            ("model", lambda row: row.model_name or row.model),
            ("state", lambda row: styled_state(row.state)),
            (
                "test metrics, or why it failed",
                lambda row: row.failure.cause if row.failure else _metrics(row.test_metrics),
            ),
        ],
        nothing="no results yet; they come with: kafka-ml deployments create CONFIGURATION",
        json=json,
    )


@app.command()
def show(context: typer.Context, result: int, json: JsonOption = False) -> None:
    """Show one result. Metrics per epoch, test metrics, warnings, confusion matrix, files, failure."""
    from kafkaml.terminal import styled

    found = client_of(context).results.get(result)
    if json:
        return print_json(found)
    print_object(
        found,
        without=(
            "epochs",
            "metrics",
            "progress",
            "outcome",
            "artifacts",
            "failure",
            "code",
            "imports",
            "confusion_matrix",
        ),
    )
    if found.failure:
        console().print(styled("\n[red]{category}[/] ", category=found.failure.category), found.failure.cause, sep="")
        for text in (found.failure.traceback_text, found.failure.hint):
            if text:
                console().print(text, markup=False)
    print_epochs(found.epochs)
    if found.outcome:
        console().print(styled("\n[bold]test[/] {metrics}", metrics=_metrics(found.test_metrics) or "no metrics"))
        if summary := found.outcome.preparation.get("summary"):
            console().print(styled("[dim]features[/] {summary}", summary=str(summary)), soft_wrap=True)
        if split := found.outcome.split:
            console().print(styled("[dim]split[/] {split}", split=split), soft_wrap=True)
    for warning in found.warnings:
        console().print(styled("[yellow]warning[/] {warning}", warning=warning), soft_wrap=True)
    print_confusion_matrix(found.confusion_matrix)
    for artifact in found.artifacts:
        digest = artifact.sha256[:12]
        console().print(
            styled(
                "[dim]file[/] {name}  {size}  sha256 {digest}...",
                name=artifact.name,
                size=human_size(artifact.size),
                digest=digest,
            )
        )
    return None


@app.command()
def download(
    context: typer.Context,
    result: int,
    name: Annotated[list[str] | None, typer.Argument(help="Names of files; all by default.")] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder to write to.")] = Path(),
) -> None:
    """Download the trained model."""
    from kafkaml.terminal import styled

    with console(error=True).status("downloading") as spinner:

        def show_progress(file: Artifact, received: int) -> None:
            spinner.update(
                styled("{name}  {done}", name=file.name, done=f"{human_size(received)} of {human_size(file.size)}")
            )

        paths = client_of(context).results.download(result, to, names=name or (), on_progress=show_progress)
    for path in paths:
        console().print(f"{path}  {human_size(path.stat().st_size)}", markup=False)


@app.command("confusion-matrix")
def confusion_matrix(
    context: typer.Context,
    result: int,
    image: Annotated[Path | None, typer.Option("--image", help="Write a PNG image here.")] = None,
    json: JsonOption = False,
) -> None:
    """Show the confusion matrix of the test samples."""
    client = client_of(context)
    found = client.results.get(result).confusion_matrix
    if image is not None:
        client.results.download_confusion_matrix(result, image)
    if json:
        return print_json(found)
    if not found:
        return console(error=True).print(
            "this result has no confusion matrix: ask for it in the deployment", style="dim"
        )
    return print_confusion_matrix(found)


@app.command()
def restart(
    context: typer.Context,
    result: int,
    stream: Annotated[int | None, typer.Option(help="Train on this stream instead of the same one.")] = None,
) -> None:
    """Train again; versions of the earlier training stay."""
    client_of(context).results.restart(result, stream=stream)
    console().print(f"result {result} trains again")


add_run_commands(app)


def print_epochs(epochs: Any) -> None:
    """Print a line per epoch."""
    if not epochs:
        return
    names = list(dict.fromkeys(name for each in epochs for name in each.training))
    checked = list(dict.fromkeys(name for each in epochs for name in each.validation))
    columns: list[Any] = [("epoch", lambda row: row.epoch), ("seconds", lambda row: f"{row.seconds:.2f}")]
    columns += [(name, lambda row, name=name: _number(row.training.get(name))) for name in names]
    columns += [(f"validation {name}", lambda row, name=name: _number(row.validation.get(name))) for name in checked]
    console().print()
    print_table(epochs, columns, nothing="")


def print_confusion_matrix(found: ConfusionReport | None) -> None:
    """Print rows of true labels against columns of predicted ones."""
    from rich.table import Table
    from rich.text import Text

    from kafkaml.terminal import visible

    if not found:
        return
    labels = found.labels or [str(each) for each in range(len(found.matrix))]
    console().print("confusion matrix (rows: true, columns: predicted)", style="dim")
    table = Table(box=None)
    table.add_column("")
    for label in labels:
        table.add_column(Text(visible(label)), justify="right", header_style="bold")
    for row, (label, counts) in enumerate(zip(labels, found.matrix, strict=False)):
        cells = [
            Text(str(count), style="green")
            if column == row
            else Text(str(count or "·"), style="red" if count else "dim")
            for column, count in enumerate(counts)
        ]
        table.add_row(Text(visible(label), style="bold"), *cells)
    console().print(table)


def _metrics(metrics: Any) -> str:
    return "  ".join(f"{name} {_number(value)}" for name, value in metrics.items())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"

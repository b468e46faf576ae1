"""``kafka-ml results``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.nouns import add_delete_many
from kafka_ml_cli.outcomes import metrics_text, number_text, print_confusion_matrix, print_epochs, print_outcome
from kafka_ml_cli.output import (
    JsonOption,
    console,
    human_age,
    human_size,
    print_done,
    print_json,
    print_object,
    print_table,
    styled_state,
)
from kafka_ml_cli.progress import progress_text
from kafka_ml_cli.runs import add_run_commands
from kafka_ml_cli.session import client_of

if TYPE_CHECKING:
    from kafkaml.sdk.types import Artifact, TrainingResult
    from kafkaml.wire.version import Comparison

VersionOption = Annotated[int | None, typer.Option("--version", help="Number of a version; the current one.")]

# Fields of a result that are not printed as they are. The text below the fields says the same in a readable form.
_TOLD_ELSEWHERE = (
    "epochs",
    "metrics",
    "history",
    "download_stem",
    "progress",
    "outcome",
    "artifacts",
    "failure",
    "code",
    "imports",
    "confusion_matrix",
    "checkpoint",
    "evaluation",
    "hints",
)

app = typer.Typer(name="results", help="Training runs, their metrics and the trained models.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    deployment: Annotated[int | None, typer.Option(help="Only those of this deployment.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    favourite: Annotated[bool, typer.Option("--favourite", help="Only favourites.")] = False,
    where: Annotated[
        list[str] | None, typer.Option(help="Only runs that meet this condition: 'score.accuracy>=0.9'. Repeatable.")
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="Best first: -score.accuracy; columns are score.NAME, test.NAME, best.NAME, parameter.NAME."),
    ] = None,
    parameters: Annotated[bool, typer.Option("--parameters", help="Also show their parameters.")] = False,
    json: JsonOption = False,
) -> None:
    """List results, newest first unless --order says otherwise."""
    rows = client_of(context).results.list(
        deployment=deployment,
        state=state,
        tag=tag,
        favourite=favourite or None,
        where=",".join(where) if where else None,
        ordering=order,
    )
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("deployment", lambda row: row.deployment),
            ("model", lambda row: row.model_name or row.model),
            ("trained with", lambda row: row.leader or ""),
            ("state", lambda row: styled_state(row.state)),
            ("version", lambda row: row.current_version or ""),
            ("score, test metrics, or why it failed", lambda row: _summary(row, parameters=parameters)),
        ],
        nothing="no results yet; they come with: kafka-ml deployments create CONFIGURATION",
        json=json,
    )


@app.command()
def show(context: typer.Context, result: int, json: JsonOption = False) -> None:
    """Show one result. Metrics per epoch, test metrics, warnings, confusion matrix, files, failure."""
    from kafkaml.terminal import styled
    from kafkaml.wire.state import RunState

    found = client_of(context).results.get(result)
    if json:
        return print_json(found)
    print_object(found, without=_TOLD_ELSEWHERE)
    if found.state == RunState.RUNNING and (where := progress_text(found.progress)):
        console().print(styled("[dim]progress[/] {where}", where=where))
    if found.failure:
        console().print(styled("\n[red]{category}[/] ", category=found.failure.category), found.failure.cause, sep="")
        for text in (found.failure.traceback_text, found.failure.hint):
            if text:
                console().print(text, markup=False)
    print_epochs(found.epochs)
    if found.checkpoint:
        console().print(
            styled(
                "[dim]checkpoint[/] after {step}, {records} records, {size}, {age}",
                step=str(found.checkpoint.step),
                records=f"{found.checkpoint.records:,}",
                size=human_size(found.checkpoint.size),
                age=human_age(found.checkpoint.created_at),
            )
        )
    if found.outcome:
        print_outcome(found, found.outcome)
    for warning in found.warnings:
        console().print(styled("[yellow]warning[/] {warning}", warning=warning), soft_wrap=True)
    for hint in found.hints:
        hint_text = styled("[cyan]hint[/] {message}; try: {advice}", message=hint.message, advice=hint.advice)
        console().print(hint_text, soft_wrap=True)
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
def annotate(
    context: typer.Context,
    result: int,
    name: Annotated[str | None, typer.Option("--name", "-n", help="Name of the run.")] = None,
    notes: Annotated[str | None, typer.Option(help="Notes about the run.")] = None,
    tag: Annotated[
        list[str] | None, typer.Option("--tag", help="A tag to find it by; replaces the present tags. Repeatable.")
    ] = None,
    no_tags: Annotated[bool, typer.Option("--no-tags", help="Remove all tags.")] = False,
    favourite: Annotated[bool | None, typer.Option("--favourite/--no-favourite")] = None,
    json: JsonOption = False,
) -> None:
    """Annotate a run: a name, notes, tags, or that it is a favourite."""
    tags = [] if no_tags else tag or None
    changed = client_of(context).results.annotate(result, name=name, notes=notes, tags=tags, favourite=favourite)
    print_done(changed, f"result {changed.id} is changed", json=json)


@app.command()
def exits(
    context: typer.Context,
    result: int,
    limits: Annotated[
        str, typer.Option(help="Limits of the tiers, from the lowest on: 0.8,0.9. The proposed ones by default.")
    ] = "",
    curve: Annotated[
        int | None, typer.Option(help="Show the effect of other limits of this tier (0: the lowest).")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show at which tier samples would leave a chain, and what limits cost and gain."""
    found = client_of(context).results.exits(result, _limits(limits))
    if json:
        return print_json(found)
    if curve is not None:
        if not 0 <= curve < len(found.tiers):
            raise typer.BadParameter(f"tier {curve}: expected one from 0 to {len(found.tiers) - 1}")
        return print_table(
            found.tiers[curve].points,
            [
                ("limit", lambda row: f"{row.limit:.4f}"),
                ("sent up", lambda row: f"{row.sent_up:.1%}"),
                ("accuracy", lambda row: f"{row.accuracy:.4f}"),
                ("bytes", lambda row: f"{row.bytes_per_sample:.0f}"),
                ("milliseconds", lambda row: f"{row.seconds_per_sample * 1000:.2f}"),
            ],
            nothing="no limit to choose: nothing comes to this tier, or it is the top",
        )
    print_table(
        found.tiers,
        [
            ("result", lambda row: row.result),
            ("model", lambda row: row.model_name),
            ("limit", lambda row: "" if row.limit is None else row.limit),
            ("proposed", lambda row: "" if row.proposed is None else row.proposed),
            ("records that come", lambda row: f"{row.arriving:.1%}"),
            ("of them go up", lambda row: f"{row.sent_up:.1%}"),
            ("accuracy alone", lambda row: f"{row.alone:.4f}"),
        ],
        nothing="no tiers",
    )
    said = (
        f"accuracy {found.accuracy:.4f}, {found.bytes_per_sample:.0f} bytes and "
        f"{found.seconds_per_sample * 1000:.2f} ms a record, measured on {found.samples:,} samples of {found.of}"
    )
    return console().print(said, markup=False, soft_wrap=True)


def _limits(text: str) -> list[float | None]:
    try:
        return [float(part) if part.strip() else None for part in text.split(",")] if text else []
    except ValueError:
        raise typer.BadParameter(f"{text!r}: expected numbers by commas, for example 0.8,0.9") from None


@app.command()
def download(
    context: typer.Context,
    result: int,
    name: Annotated[list[str] | None, typer.Argument(help="Names of files; all by default.")] = None,
    to: Annotated[Path, typer.Option("--to", "-o", help="Folder to write to.")] = Path(),
    version: VersionOption = None,
    archive: Annotated[
        Path | None, typer.Option("--zip", help="Write all files to this one zip, with a README.")
    ] = None,
) -> None:
    """Download the trained model."""
    from kafkaml.terminal import styled

    if archive is not None:
        with console(error=True).status("downloading") as spinner:
            size = client_of(context).results.download_zip(
                result, archive, version=version, on_progress=lambda received: spinner.update(human_size(received))
            )
        return console().print(f"{archive}  {human_size(size)}", markup=False)
    with console(error=True).status("downloading") as spinner:

        def show_progress(file: Artifact, received: int) -> None:
            spinner.update(
                styled("{name}  {done}", name=file.name, done=f"{human_size(received)} of {human_size(file.size)}")
            )

        paths = client_of(context).results.download(
            result, to, version=version, names=name or (), on_progress=show_progress
        )
    for path in paths:
        console().print(f"{path}  {human_size(path.stat().st_size)}", markup=False)
    return None


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
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint instead.")] = False,
) -> None:
    """Train again; versions of the earlier training stay."""
    client_of(context).results.restart(result, stream=stream, resume=resume)
    console().print(f"result {result} goes on" if resume else f"result {result} trains again")


@app.command()
def versions(context: typer.Context, result: int, json: JsonOption = False) -> None:
    """List the versions of a result, the newest first."""
    rows = client_of(context).results.versions(result)
    return print_table(
        rows,
        [
            ("version", lambda row: row.number),
            ("", lambda row: " ".join(word for word in ("current", "pinned") if getattr(row, word))),
            ("age", lambda row: human_age(row.created_at)),
            ("why", lambda row: row.reason),
            ("compared", lambda row: _gain(row.comparison)),
            ("test metrics", lambda row: metrics_text(row.outcome.test_metrics)),
        ],
        nothing="no versions yet; they come with the training",
        json=json,
    )


@app.command()
def promote(
    context: typer.Context,
    result: int,
    version: Annotated[int, typer.Argument(help="Number of the version, newer or older.")],
    why: Annotated[str, typer.Option(help="Reason, for the audit trail and webhooks.")] = "",
) -> None:
    """Make a version the current one; inferences that follow the result switch to it."""
    client_of(context).results.promote(result, version, why=why)
    console().print(f"version {version} of result {result} is current")


@app.command()
def pin(context: typer.Context, result: int, version: int) -> None:
    """Keep a version when the oldest are deleted."""
    client_of(context).results.pin(result, version)
    console().print(f"version {version} of result {result} is kept")


@app.command()
def unpin(context: typer.Context, result: int, version: int) -> None:
    """Allow a version to be deleted with the oldest."""
    client_of(context).results.pin(result, version, pinned=False)
    console().print(f"version {version} of result {result} may be deleted when newer ones come")


add_delete_many(app, "Delete results, their versions and files; the last one of a deployment goes with it.")


@app.command("delete-version")
def delete_version(context: typer.Context, result: int, version: int) -> None:
    """Delete a version and its files, unless it is current, pinned or served."""
    client_of(context).results.delete_version(result, version)
    console().print(f"version {version} of result {result} is deleted")


@app.command()
def card(
    context: typer.Context,
    result: int,
    version: VersionOption = None,
    to: Annotated[Path | None, typer.Option("--to", "-o", help="Write it as JSON to this file.")] = None,
    json: JsonOption = False,
) -> None:
    """Show the model card of a version. Code, data, training, metrics, packages, where it comes from."""
    found = client_of(context).results.card(result, version)
    if to is not None:
        to.write_text(found.model_dump_json(indent=2) + "\n", encoding="utf-8")
        return console().print(f"{to}", markup=False)
    if json:
        return print_json(found)
    print_object(found, without=("code", "imports", "version", "confusion_matrix", "classes"))
    outcome = found.version.outcome
    print_object(found.version, without=("outcome", "artifacts"))
    print_object(outcome, without=("artifacts", "labels", "warnings", "preparation", "learnt"))
    for warning in outcome.warnings:
        console().print("warning", warning, markup=False, soft_wrap=True)
    if found.classes:
        print_table(
            found.classes,
            [
                ("class", lambda row: row.label),
                ("samples", lambda row: row.samples),
                ("recall", lambda row: number_text(row.recall)),
                ("precision", lambda row: number_text(row.precision)),
            ],
            nothing="",
        )
    return None


add_run_commands(app)


def _gain(comparison: Comparison | None) -> str:
    if comparison is None or comparison.champion_value is None:
        return ""
    before, after = number_text(comparison.champion_value), number_text(comparison.challenger_value)
    return f"{comparison.metric} {before} -> {after}"


def _summary(row: TrainingResult, *, parameters: bool) -> str:
    """The long cell of a run: how good it is or why it failed, its name and tags, its parameters."""
    parts = [row.failure.cause if row.failure else metrics_text({**row.scores, **row.test_metrics})]
    parts += [] if row.state.ended else [progress_text(row.progress)]
    parts += [f"* {row.name}".rstrip()] if row.favourite else [row.name]
    parts += [f"#{tag}" for tag in row.tags]
    parts += [f"{name} {value}" for name, value in row.parameters.items()] if parameters else []
    return "  ".join(part for part in parts if part)

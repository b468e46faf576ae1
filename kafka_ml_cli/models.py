"""``kafka-ml models``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.nouns import add_delete_many
from kafka_ml_cli.output import (
    Column,
    JsonOption,
    console,
    human_age,
    print_done,
    print_json,
    print_object,
    print_table,
)
from kafka_ml_cli.session import asked, client_of
from kafkaml.wire.framework import Framework

if TYPE_CHECKING:
    from kafkaml.sdk import types

app = typer.Typer(name="models", help="Models and their code.", no_args_is_help=True)

FrameworkOption = Annotated[str, typer.Option("--framework", "-f", help=f"One of {', '.join(Framework)}.")]
CodeFile = Annotated[Path, typer.Argument(help="File with the model's code; - reads standard input.")]
ImportsFile = Annotated[Path | None, typer.Option("--imports", help="File with imports and functions.")]


def _read(path: Path | None) -> str:
    if path is None:
        return ""
    return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")


@app.command("list")
def list_(
    context: typer.Context,
    framework: Annotated[str | None, typer.Option(help="Only this framework.")] = None,
    search: Annotated[str | None, typer.Option(help="Only those with this in name, description or code.")] = None,
    json: JsonOption = False,
) -> None:
    """List models."""
    rows = client_of(context).models.list(framework=framework, search=search)
    columns: list[Column] = [
        ("id", lambda row: row.id),
        ("name", lambda row: row.name),
        ("framework", lambda row: row.framework),
        ("parameters", lambda row: (row.report or {}).get("parameters", "")),
        ("sends up to", lambda row: row.upper_model or ""),
        ("created", lambda row: human_age(row.created_at)),
    ]
    if any(row.code_match for row in rows):
        columns.append(("found in", _where_found))
    return print_table(
        rows,
        columns,
        nothing="no models yet; make one: kafka-ml models create FILE --name NAME --framework tensorflow",
        json=json,
    )


def _where_found(model: types.Model) -> str:
    match = model.code_match
    return "" if match is None else f"line {match.line}: {match.text}"


@app.command()
def show(context: typer.Context, model: int, json: JsonOption = False) -> None:
    """Show one model with its code and summary."""
    found = client_of(context).models.get(model)
    if json:
        return print_json(found)
    print_object(found, long=("imports", "code"), without=("report",))
    if found.report:
        _print_report(found.report)
    return None


@app.command()
def create(
    context: typer.Context,
    code: CodeFile,
    name: Annotated[str, typer.Option("--name", "-n", help="Name of the model.")],
    framework: FrameworkOption,
    imports: ImportsFile = None,
    description: Annotated[str, typer.Option(help="A sentence about it.")] = "",
    distributed: Annotated[bool, typer.Option(help="A sub-model of a distributed model.")] = False,
    upper_model: Annotated[int | None, typer.Option(help="The next sub-model towards the cloud.")] = None,
    json: JsonOption = False,
) -> None:
    """Check a model's code and keep it."""
    fields = asked(locals(), code=_read(code), imports=_read(imports))
    model = client_of(context).models.create(**fields)
    print_done(model, f"model {model.id} ({model.name}) created", json=json)


@app.command()
def update(
    context: typer.Context,
    model: int,
    code: Annotated[Path | None, typer.Option("--code", help="File with new code.")] = None,
    imports: ImportsFile = None,
    name: Annotated[str | None, typer.Option("--name", "-n")] = None,
    description: Annotated[str | None, typer.Option()] = None,
    distributed: Annotated[
        bool | None, typer.Option("--distributed/--no-distributed", help="A sub-model of a distributed model.")
    ] = None,
    upper_model: Annotated[int | None, typer.Option(help="The next sub-model towards the cloud.")] = None,
    json: JsonOption = False,
) -> None:
    """Change a model; new code is checked."""
    source = {"code": _read(code) if code else None, "imports": _read(imports) if imports else None}
    changed = client_of(context).models.update(model, **asked(locals(), "model", "source", **source))
    print_done(changed, f"model {changed.id} ({changed.name}) changed", json=json)


@app.command()
def validate(
    context: typer.Context,
    code: CodeFile,
    framework: FrameworkOption,
    imports: ImportsFile = None,
    distributed: Annotated[bool, typer.Option(help="A sub-model of a distributed model.")] = False,
    json: JsonOption = False,
) -> None:
    """Check a model's code without keeping it."""
    source = {"framework": framework, "code": _read(code), "imports": _read(imports)}
    verdict = client_of(context).models.validate(**source, distributed=distributed)
    if json:
        print_json(verdict)
    elif verdict.valid and verdict.report:
        _print_report(verdict.report)
    elif verdict.error:
        error = verdict.error
        place = f" (line {error['line']} of {error.get('source') or 'code'})" if error.get("line") else ""
        from kafkaml.terminal import styled

        kind = styled("[red]{kind}[/]", kind=error.get("kind", "error"))
        console(error=True).print(kind, f"{place}: ", error.get("message", ""), sep="")
        for part in ("traceback", "hint"):
            if error.get(part):
                console(error=True).print(str(error[part]), markup=False)
    if not verdict.valid:
        raise typer.Exit(ExitCode.REFUSED)


add_delete_many(app, "Delete models that nothing uses.")


def _print_report(report: Any) -> None:
    from kafkaml.terminal import styled

    console().print("\nsummary", style="bold")
    console().print(str(report.get("summary", "")), markup=False)
    for part in ("inputs", "outputs"):
        for tensor in report.get(part) or []:
            shape = ", ".join("batch" if size is None else str(size) for size in tensor.get("shape") or [])
            console().print(f"{part[:-1]:7} {tensor.get('name', '')} ({shape}) {tensor.get('dtype', '')}", markup=False)
    for warning in report.get("warnings") or []:
        console().print(styled("[yellow]warning[/] {warning}", warning=warning))

"""``kafka-ml inferences``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kafkaml.cli.output import JsonOption, console, print_json, print_object, print_table, styled_state
from kafkaml.cli.runs import add_run_commands
from kafkaml.cli.session import client_of

app = typer.Typer(name="inferences", help="Trained models that answer on topics.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[str | None, typer.Option(help="Only those in this state.")] = None,
    json: JsonOption = False,
) -> None:
    """List inferences."""
    rows = client_of(context).inferences.list(state=state)
    if json:
        return print_json(rows)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("model", lambda row: row.model_name or f"result {row.result}"),
            ("state", lambda row: styled_state(row.state)),
            ("replicas", lambda row: f"{row.ready_replicas}/{row.replicas}"),
            ("predicted", lambda row: f"{row.stats.get('predicted') or 0:,}"),
            ("records/s", lambda row: f"{row.stats.get('rate') or 0:,.0f}"),
            ("lag", lambda row: row.stats.get("lag")),
            ("input -> output", lambda row: f"{row.input_topic} -> {row.output_topic}"),
        ],
        nothing="no inferences yet; make one: kafka-ml inferences create RESULT --input TOPIC --output TOPIC",
    )


@app.command()
def show(context: typer.Context, inference: int, json: JsonOption = False) -> None:
    """Show one inference with the figures of its replicas."""
    found = client_of(context).inferences.get(inference)
    return print_json(found) if json else print_object(found)


@app.command()
def create(
    context: typer.Context,
    result: int,
    input_topic: Annotated[str, typer.Option("--input", "-i", help="Topic of the values to predict.")],
    output_topic: Annotated[str, typer.Option("--output", "-o", help="Topic of the predictions.")],
    replicas: Annotated[int, typer.Option(help="Processes that share the input's partitions.")] = 1,
    input_format: Annotated[str | None, typer.Option(help="RAW, AVRO, ...; the training stream's by default.")] = None,
    input_config: Annotated[str | None, typer.Option(help="JSON; the training stream's by default.")] = None,
    output_bootstrap_servers: Annotated[str | None, typer.Option(help="Another cluster for the output.")] = None,
    limit: Annotated[float | None, typer.Option(help="Below this score the upper model decides.")] = None,
    upper_topic: Annotated[str | None, typer.Option(help="Where the upper model reads.")] = None,
    json: JsonOption = False,
) -> None:
    """Serve a finished result."""
    made = client_of(context).inferences.create(
        result=result,
        input_topic=input_topic,
        output_topic=output_topic,
        replicas=replicas,
        input_format=input_format,
        input_config=_object(input_config),
        output_bootstrap_servers=output_bootstrap_servers,
        limit=limit,
        upper_topic=upper_topic,
    )
    if json:
        return print_json(made)
    console().print(f"inference {made.id} starts: {made.input_topic} -> {made.output_topic}")
    return console().print(f"[dim]next: kafka-ml tail {made.id}[/]")


@app.command()
def delete(context: typer.Context, inference: int) -> None:
    """Delete an inference that is stopped."""
    client_of(context).inferences.delete(inference)
    console().print(f"inference {inference} deleted")


@app.command()
def restart(context: typer.Context, inference: int) -> None:
    """Start it again where it stopped reading."""
    client_of(context).inferences.restart(inference)
    console().print(f"inference {inference} starts again")


@app.command()
def scale(context: typer.Context, inference: int, replicas: int, json: JsonOption = False) -> None:
    """Change the number of replicas."""
    changed = client_of(context).inferences.scale(inference, replicas)
    return print_json(changed) if json else console().print(f"inference {inference} goes to {replicas} replicas")


add_run_commands(app)


def _object(text: str | None) -> dict[str, Any] | None:
    import orjson

    if text is None:
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"--input-config is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise typer.BadParameter("--input-config is not a JSON object")
    return document

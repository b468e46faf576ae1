"""``kafka-ml inferences``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli import answers, swaps
from kafka_ml_cli.chains import StartOption, create_chain
from kafka_ml_cli.clusters import cluster_named
from kafka_ml_cli.input_checks import ConfigOption, FormatOption, InputOption, VersionOption, check, json_object
from kafka_ml_cli.nouns import add_delete_many, add_show
from kafka_ml_cli.output import JsonOption, console, print_done, print_table, styled_state
from kafka_ml_cli.runs import add_run_commands
from kafka_ml_cli.session import asked, client_of
from kafka_ml_cli.swaps import WaitOption

if TYPE_CHECKING:
    from kafkaml.sdk.types import Inference

app = typer.Typer(
    name="inferences",
    help="Trained models in service: they read one topic and write predictions to another.",
    no_args_is_help=True,
)


@app.command("list")
def list_(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(help="Only those in this state; failing: those that run but fail.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List inferences."""
    rows = client_of(context).inferences.list(state=state)
    print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("model", lambda row: row.model_name or f"result {row.result}"),
            ("version", lambda row: row.version),
            ("state", lambda row: styled_state(row.shown_state)),
            ("replicas", _serving),
            ("predicted", lambda row: f"{row.stats.predicted:,}"),
            ("dead letters", lambda row: f"{row.stats.dead_lettered:,}" if row.stats.dead_lettered else ""),
            ("warming up", lambda row: f"{row.stats.warming_up:,}" if row.stats.warming_up else ""),
            ("records/s", lambda row: f"{row.stats.rate:,.0f}"),
            ("lag", lambda row: row.stats.lag),
            ("input -> output", lambda row: f"{row.input_topic} -> {row.output_topic}"),
        ],
        nothing="no inferences yet; make one: kafka-ml inferences create RESULT --input TOPIC --output TOPIC",
        json=json,
    )
    for row in rows if not json else ():
        if row.failing:
            console(error=True).print(f"inference {row.id} fails: {row.failing.reason}", style="red", soft_wrap=True)


def _serving(row: Inference) -> str:
    return f"{row.ready_replicas}/{row.replicas}" if row.replicas else f"{row.ready_replicas} elsewhere"


add_show(app, "Show one inference with the figures of its replicas.", remark=lambda found: _failing(found))


def _failing(row: Inference) -> str:
    return f"failing: {row.failing.reason}\nwhat to do: {row.failing.hint}" if row.failing else ""


@app.command()
def create(
    context: typer.Context,
    result: int,
    input_topic: InputOption,
    output_topic: Annotated[str, typer.Option("--output", "-o", help="Topic of the predictions.")],
    version: VersionOption = None,
    replicas: Annotated[
        int, typer.Option(help="Processes that share the input's partitions; 0: only external workers serve it.")
    ] = 1,
    start: StartOption = None,
    max_replicas: Annotated[
        int | None, typer.Option(help="Scale up to this many replicas with the lag (needs KEDA).")
    ] = None,
    input_format: FormatOption = None,
    input_config: ConfigOption = None,
    include: Annotated[
        str | None,
        typer.Option(help="Columns and fields of a record to copy into its prediction: machine,_key,_timestamp."),
    ] = None,
    output_bootstrap_servers: Annotated[str | None, typer.Option(help="Another Kafka cluster for the output.")] = None,
    output_timestamps: Annotated[
        str | None, typer.Option(help="source: answers carry their record's time (the default); written: their own.")
    ] = None,
    limit: Annotated[
        float | None, typer.Option(help="For a tier: predictions with a lower confidence go up (needs --upper-topic).")
    ] = None,
    upper_topic: Annotated[str | None, typer.Option(help="Input of the next tier of a distributed model.")] = None,
    upper_bootstrap_servers: Annotated[
        str | None, typer.Option(help="Another Kafka cluster for the upper topic.")
    ] = None,
    gpu: Annotated[int | None, typer.Option(help="GPUs of each replica.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="Name of another Kubernetes cluster; the platform's own by default.")
    ] = None,
    visualization: Annotated[str | None, typer.Option(help="JSON; how predictions are shown live.")] = None,
    json: JsonOption = False,
) -> None:
    """Serve a finished result."""
    client = client_of(context)
    fields = asked(
        locals(),
        "client",
        input_config=json_object(input_config, "--input-config"),
        include=None if include is None else _names(include),
        cluster=None if cluster is None else cluster_named(client, cluster).id,
        visualization=json_object(visualization, "--visualization"),
    )
    made = client.inferences.create(**fields)
    done = f"inference {made.id} starts: {made.input_topic} -> {made.output_topic}"
    then = f"kafka-ml tail {made.id}" if made.replicas else f"kafka-ml worker token {made.id}"
    print_done(made, done, json=json, then=then)


app.command("check")(check)
app.command("create-chain")(create_chain)


def _left(inference: Inference) -> str:
    changelog = inference.changelog_topic
    return (
        changelog
        and f"it kept its windows in {changelog}, which nothing reads any more: you may delete that topic from Kafka"
    )


add_delete_many(
    app,
    "Delete inferences that are stopped. Their topics stay in Kafka.",
    done="deleted; its topics stay",
    remark=_left,
)


@app.command()
def restart(context: typer.Context, inference: int) -> None:
    """Start it again where it stopped reading."""
    client_of(context).inferences.restart(inference)
    console().print(f"inference {inference} starts again")


@app.command()
def scale(
    context: typer.Context,
    inference: int,
    replicas: Annotated[int, typer.Argument(help="0: the platform runs none, only external workers serve it.")],
    most: Annotated[
        int | None, typer.Option("--max", min=0, help="Scale with the lag up to this many replicas; 0 turns that off.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Change the number of replicas."""
    changed = client_of(context).inferences.scale(inference, replicas, max_replicas=most)
    most = changed.max_replicas
    how = f"goes to {replicas} replicas" if most is None else f"scales from {replicas} to {most} replicas with the lag"
    print_done(changed, f"inference {inference} {how}", json=json)


@app.command()
def limit(
    context: typer.Context,
    inference: int,
    limit: Annotated[
        float, typer.Argument(help="Above 1/classes and at most 1; predictions at the limit stay in the tier.")
    ],
    wait: WaitOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Change the limit below which a tier hands predictions up, without a restart."""
    client = client_of(context)
    changed = client.inferences.set_limit(inference, limit)
    if wait and not changed.state.ended:
        changed = client.inferences.wait_swapped(inference, timeout_seconds=wait)
    done = f"inference {inference} hands up what is less sure than {limit:g}, to {changed.upper_topic}"
    return print_done(changed, done, json=json)


@app.command()
def include(
    context: typer.Context,
    inference: int,
    names: Annotated[str, typer.Argument(help="Columns and fields of a record: machine,_key,_offset; '': nothing.")],
    wait: WaitOption = 60.0,
    json: JsonOption = False,
) -> None:
    """Change which columns and fields of a record its answer carries, without a restart."""
    client = client_of(context)
    changed = client.inferences.set_include(inference, _names(names))
    if wait and not changed.state.ended:
        changed = client.inferences.wait_swapped(inference, timeout_seconds=wait)
    done = f"answers of inference {inference} carry {', '.join(changed.include) or 'their values alone'}"
    return print_done(changed, done, json=json)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


_FURTHER: dict[str, Callable[..., Any]] = {
    "swap": swaps.swap,
    "rollback": swaps.rollback,
    "follow": swaps.follow,
    "canary": swaps.canary,
    "shadow": swaps.shadow,
    "compare": swaps.compare,
    "promote": swaps.promote,
    "drop": swaps.drop,
    "swaps": swaps.swaps,
    "view": answers.view,
    "try": answers.try_,
    "predict": answers.predict,
    "history": answers.history,
    "dead-letters": answers.dead_letters,
}
for _name, _command in _FURTHER.items():
    app.command(_name)(_command)
add_run_commands(app)

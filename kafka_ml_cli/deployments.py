"""``kafka-ml deployments``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.nouns import add_delete_many
from kafka_ml_cli.output import (
    JsonOption,
    human_age,
    print_done,
    print_json,
    print_object,
    print_table,
    styled_state,
)
from kafka_ml_cli.runs import stop
from kafka_ml_cli.session import asked, client_of
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.choices import Direction, Split, Targets

if TYPE_CHECKING:
    from kafkaml.sdk import types

_ONLINE = "Incremental"
_SEMI = "Semi-supervised"
_CHAIN = "Distributed"

app = typer.Typer(name="deployments", help="Configurations that train, or wait for a stream.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    configuration: Annotated[int | None, typer.Option(help="Only those of this configuration.")] = None,
    json: JsonOption = False,
) -> None:
    """List deployments."""
    rows = client_of(context).deployments.list(configuration=configuration)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("configuration", lambda row: row.configuration_name or row.configuration),
            ("state", lambda row: styled_state(row.state)),
            ("results", lambda row: ", ".join(f"{result.id} {result.state}" for result in row.results)),
            ("created", lambda row: human_age(row.created_at)),
        ],
        nothing="no deployments yet; make one: kafka-ml deployments create CONFIGURATION",
        json=json,
    )


def _fits(row: types.StreamFit | types.DatasetFit) -> str:
    return row.reason or "yes, as far as is known before its records are read"


@app.command()
def streams(
    context: typer.Context,
    deployment: int,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Show this many of the newest.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the newest streams with whether a deployment can learn them, or why not."""
    return print_table(
        client_of(context).deployments.streams(deployment, limit=limit),
        [
            ("stream", lambda row: row.stream),
            ("topics", lambda row: ", ".join(row.topics)),
            ("fits", _fits),
        ],
        nothing="no streams yet; send one: kafka-ml send FILE --deployment N",
        json=json,
    )


@app.command()
def datasets(
    context: typer.Context,
    configuration: int,
    limit: Annotated[int, typer.Option(min=1, max=200, help="Show this many of the newest data sets.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the newest data sets with whether the models of a configuration can learn them, or why not."""
    return print_table(
        client_of(context).deployments.datasets(configuration, limit=limit),
        [
            ("data set", lambda row: row.dataset),
            ("name", lambda row: row.name),
            ("version", lambda row: row.version),
            ("fits", _fits),
        ],
        nothing="no data sets yet; look at a topic: kafka-ml datasets infer TOPIC",
        json=json,
    )


@app.command()
def show(context: typer.Context, deployment: int, json: JsonOption = False) -> None:
    """Show one deployment with its results."""
    found = client_of(context).deployments.get(deployment)
    if json:
        return print_json(found)
    print_object(found, without=("results",))
    return print_table(
        found.results,
        [
            ("id", lambda row: row.id),
            ("model", lambda row: row.model_name or row.model),
            ("trained with", lambda row: row.leader or ""),
            ("state", lambda row: styled_state(row.state)),
        ],
        nothing="no results",
    )


def _with_framework_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` an option for each purpose of each framework: ``--pytorch-fit`` and so on."""
    signature = inspect.signature(command, eval_str=True)
    options = [
        inspect.Parameter(
            f"{framework.name}_{purpose}",
            inspect.Parameter.KEYWORD_ONLY,
            default="",
            annotation=Annotated[str, typer.Option(help=f'{arguments.about}: "{arguments.example}".')],
        )
        for framework in FRAMEWORKS.values()
        for purpose, arguments in framework.arguments.items()
    ]
    given = [
        parameter for parameter in signature.parameters.values() if parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]

    @functools.wraps(command)
    def with_options(*args: Any, **kwargs: Any) -> None:
        command(*args, **kwargs)

    with_options.__signature__ = signature.replace(parameters=[*given, *options])  # type: ignore[attr-defined]
    with_options.__annotations__ = {option.name: option.annotation for option in (*given, *options)}
    return with_options


def _by_framework(options: Mapping[str, str]) -> dict[str, dict[str, str]]:
    arguments: dict[str, dict[str, str]] = {}
    for name, text in options.items():
        framework, _, purpose = name.rpartition("_")
        if text:
            arguments.setdefault(framework, {})[purpose] = text
    return arguments


def _weights(texts: Iterable[str]) -> dict[str, float]:
    """Return ``edge=0.5`` of each text as a weight by name."""
    weights: dict[str, float] = {}
    for text in texts:
        name, separator, number = text.rpartition("=")
        try:
            weights[name] = float(number)
        except ValueError:
            separator = ""
        if not separator:
            raise typer.BadParameter(f"{text!r}: expected SUB-MODEL=NUMBER, for example edge=0.5")
    return weights


@app.command()
@_with_framework_options
def create(
    context: typer.Context,
    configuration: Annotated[int | None, typer.Argument(help="Id of a configuration; or give --model.")] = None,
    model: Annotated[int | None, typer.Option(help="Id of a single model to train, without a configuration.")] = None,
    batch_size: Annotated[int, typer.Option(help="Samples per step.")] = 32,
    confusion_matrix: Annotated[bool, typer.Option(help="Count a confusion matrix on the test samples.")] = False,
    split: Annotated[
        Split | None,
        typer.Option(
            help="Which samples test: random ones (content) or the newest (time). By default content, and time where "
            "the fit arguments say shuffle=False."
        ),
    ] = None,
    targets: Annotated[
        Targets,
        typer.Option(
            help="What the model learns to predict: each sample's label, or the sample itself (features; for "
            "autoencoders)."
        ),
    ] = Targets.LABELS,
    seed: Annotated[int | None, typer.Option(help="Seed of the split and of the initial weights.")] = None,
    gpu: Annotated[int, typer.Option(help="GPUs per training run.")] = 0,
    dataset: Annotated[int | None, typer.Option(help="Id of a data set to train on at once, without a sink.")] = None,
    dataset_version: Annotated[int | None, typer.Option(help="By default the newest.")] = None,
    incremental: Annotated[
        bool,
        typer.Option(
            "--incremental",
            rich_help_panel=_ONLINE,
            help="Learn an online stream window by window; implied by the options below.",
        ),
    ] = False,
    indefinite: Annotated[
        bool, typer.Option("--indefinite", rich_help_panel=_ONLINE, help="Learn until it is stopped.")
    ] = False,
    stream_timeout: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=_ONLINE,
            help="Without --indefinite, end this many milliseconds after the last record. By default 60000.",
        ),
    ] = None,
    message_poll_timeout: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=_ONLINE,
            help="A window ends this many milliseconds after its first record. By default 60000.",
        ),
    ] = None,
    window_records: Annotated[
        int | None,
        typer.Option(rich_help_panel=_ONLINE, help="A window also ends after this many records. By default 10000."),
    ] = None,
    validation_rate: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_ONLINE, help="Share of each window used for validation; by default as announced."
        ),
    ] = None,
    monitoring_metric: Annotated[
        str | None,
        typer.Option(rich_help_panel=_ONLINE, help="Metric whose improvement creates a version of the model."),
    ] = None,
    change: Annotated[
        Direction | None, typer.Option(rich_help_panel=_ONLINE, help="Direction of the metric as the model improves.")
    ] = None,
    improvement: Annotated[
        float | None,
        typer.Option(rich_help_panel=_ONLINE, help="Minimum improvement that creates a version. By default 0.05."),
    ] = None,
    semi_supervised: Annotated[
        bool,
        typer.Option(
            "--semi-supervised",
            rich_help_panel=_SEMI,
            help="Learn samples without labels too, as pseudo-labels; implied by the options below.",
        ),
    ] = False,
    rounds: Annotated[
        int | None,
        typer.Option(rich_help_panel=_SEMI, help="Label and learn them at most this many times. By default 5."),
    ] = None,
    confidence: Annotated[
        float | None,
        typer.Option(rich_help_panel=_SEMI, help="Minimum probability of the predicted class. By default 0.9."),
    ] = None,
    optimizer: Annotated[
        str | None, typer.Option(rich_help_panel=_CHAIN, help="Optimizer of the sub-models. By default adam.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(rich_help_panel=_CHAIN, help="Learning rate of the optimizer. By default 0.001.")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(rich_help_panel=_CHAIN, help="Loss of each exit. By default sparse_categorical_crossentropy."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_CHAIN,
            help="Metrics of each exit, comma-separated. By default sparse_categorical_accuracy.",
        ),
    ] = None,
    loss_weight: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_CHAIN,
            help='Weight of the loss of an exit, by its sub-model: "edge=0.5"; repeat for others.',
        ),
    ] = None,
    json: JsonOption = False,
    **framework_arguments: str,
) -> None:
    """Deploy a configuration, or a single model, for training.

    Send a stream to the id that is printed, or name a data set.
    """
    parameters = locals()
    from kafkaml.wire.distributed import ChainTraining
    from kafkaml.wire.incremental import Incremental
    from kafkaml.wire.semi_supervised import SemiSupervised

    settings = (*Incremental.model_fields, *SemiSupervised.model_fields)
    chain = {name: parameters[name] for name in ChainTraining.model_fields if parameters.get(name) is not None}
    if loss_weight:
        chain["loss_weights"] = _weights(loss_weight)
    given = {name: parameters[name] for name in settings if parameters[name] not in (None, False)}
    learning = {name: value for name, value in given.items() if name in Incremental.model_fields}
    semi = {name: value for name, value in given.items() if name in SemiSupervised.model_fields}
    fields = asked(
        parameters,
        *settings,
        *ChainTraining.model_fields,
        "loss_weight",
        "framework_arguments",
        arguments=_by_framework(framework_arguments),
        incremental=learning if incremental or learning else None,
        semi_supervised=semi if semi_supervised or semi else None,
        chain=chain or None,
    )
    made = client_of(context).deployments.create(**fields)
    results = ", ".join(str(result.id) for result in made.results)
    if made.dataset is not None:
        learnt = f"{made.dataset.name}, version {made.dataset.version}"
        return print_done(made, f"deployment {made.id} trains on {learnt}; results: {results}", json=json)
    done = f"deployment {made.id} waits for a stream; results: {results}"
    more = " --unlabelled FILE" if fields["semi_supervised"] is not None else ""
    return print_done(made, done, json=json, then=f"kafka-ml send FILE --deployment {made.id}{more}")


app.command(help="Stop all training runs of a deployment.")(stop)
add_delete_many(app, "Delete deployments and their results.")

"""``kafka-ml datasets``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import orjson
import typer

from kafka_ml_cli.dataset_views import (
    MAX_VALUES,
    bars,
    column_text,
    frequent,
    print_dataset,
    print_preview,
    print_remarks,
    records_text,
)
from kafka_ml_cli.nouns import Identifier, add_delete_many
from kafka_ml_cli.output import JsonOption, console, human_age, human_size, print_done, print_json, print_table
from kafka_ml_cli.session import client_of
from kafkaml.errors import RefusedError

if TYPE_CHECKING:
    from kafkaml.wire.contract import Column, Contract
    from kafkaml.wire.proposal import FieldSummary, Proposal

app = typer.Typer(
    name="datasets", help="Topics as data sets: their records, and how to learn from them.", no_args_is_help=True
)

ContractOption = Annotated[
    Path | None,
    typer.Option(help="File with the contract, as `infer --json` prints it; by default the proposed one."),
]


def _moment(text: str) -> datetime:
    try:
        return datetime.now(UTC) if text == "now" else datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time: expected now, or such as 2026-01-31T12:00:00") from error


SinceOption = Annotated[
    datetime | None,
    typer.Option(parser=_moment, metavar="TIME", help="Only records from this time on (UTC), or from now on."),
]
UntilOption = Annotated[
    datetime | None, typer.Option(parser=_moment, metavar="TIME", help="Only records from before this time (UTC).")
]
OnlineOption = Annotated[
    bool,
    typer.Option(
        "--online", help="Without end, for incremental training: all records since --since, and those to come."
    ),
]
FitOption = Annotated[
    int | None,
    typer.Option(min=1, help="--online: scales and the like are learnt from at least this many records (1000)."),
]
PartitionOption = Annotated[int | None, typer.Option(min=0, help="Only records of this partition.")]
StartOption = Annotated[int | None, typer.Option(min=0, help="Only records from this offset on.")]
EndOption = Annotated[int | None, typer.Option(min=0, help="Only records before this offset.")]
ValidationOption = Annotated[float, typer.Option(help="Share of the samples used for validation.")]
TestOption = Annotated[
    float | None, typer.Option(help="Share of the samples used for testing: 0.1; a data set without end has none.")
]


@app.callback()
def _about() -> None:
    """Topics as data sets: their records, and how to learn from them."""


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Only names, descriptions or topics with these words.")] = None,
    kind: Annotated[str | None, typer.Option(help="dataset or stream; both by default.")] = None,
    json: JsonOption = False,
) -> None:
    """List data sets, and the streams that sinks announced, which are data sets too and stay as they are."""
    print_table(
        client_of(context).datasets.catalog(search=search or "", kind=kind),
        [
            ("kind", lambda row: row.kind),
            ("id", lambda row: row.id),
            ("name", lambda row: row.name),
            ("version", lambda row: row.versions if row.kind == "dataset" else ""),
            ("records", lambda row: "online" if row.records is None else row.records),
            ("format", lambda row: row.format),
            ("columns", lambda row: ", ".join(row.columns)),
            ("label", lambda row: ", ".join(row.labels)),
            ("changed", lambda row: human_age(row.changed_at)),
            ("slice", lambda row: row.ranges.replace(",", ", ")),
        ],
        nothing="no data sets yet; look at a topic: kafka-ml datasets infer TOPIC",
        json=json,
    )


@app.command()
def show(context: typer.Context, identifier: Identifier, json: JsonOption = False) -> None:
    """Show a data set with all its versions, and the contract of the newest."""
    found = client_of(context).datasets.get(identifier)
    return print_json(found) if json else print_dataset(found)


@app.command()
def create(
    context: typer.Context,
    name: str,
    topic: str,
    contract: ContractOption = None,
    description: Annotated[str, typer.Option(help="A sentence about it.")] = "",
    since: SinceOption = None,
    until: UntilOption = None,
    online: OnlineOption = False,
    fit_records: FitOption = None,
    partition: PartitionOption = None,
    start: StartOption = None,
    end: EndOption = None,
    validation_rate: ValidationOption = 0.1,
    test_rate: TestOption = None,
    json: JsonOption = False,
) -> None:
    """Create a data set of all that a topic holds now, of a time, of offsets, or without end."""
    datasets = client_of(context).datasets
    made = datasets.create(
        name=name,
        topic=topic,
        contract=_contract(context, topic, contract),
        description=description,
        since=since,
        until=until,
        online=online,
        fit_records=fit_records,
        partition=partition,
        start=start,
        end=end,
        validation_rate=validation_rate,
        test_rate=test_rate,
    )
    print_done(made, f"data set {made.id} ({made.name}) created: {records_text(made.versions[0])}", json=json)


@app.command()
def add_version(
    context: typer.Context,
    dataset: int,
    topic: str,
    contract: ContractOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    online: OnlineOption = False,
    fit_records: FitOption = None,
    partition: PartitionOption = None,
    start: StartOption = None,
    end: EndOption = None,
    validation_rate: ValidationOption = 0.1,
    test_rate: TestOption = None,
    json: JsonOption = False,
) -> None:
    """Add a version to a data set; those before it stay as they are."""
    made = client_of(context).datasets.add_version(
        dataset,
        topic=topic,
        contract=_contract(context, topic, contract),
        since=since,
        until=until,
        online=online,
        fit_records=fit_records,
        partition=partition,
        start=start,
        end=end,
        validation_rate=validation_rate,
        test_rate=test_rate,
    )
    print_done(made, f"version {made.number} added: {records_text(made)}", json=json)


@app.command()
def preview(
    context: typer.Context,
    dataset: Annotated[int | None, typer.Argument(metavar="[ID]", help="A data set; or name a topic.")] = None,
    topic: Annotated[str | None, typer.Option(help="A topic, as a data set of it would be.")] = None,
    contract: ContractOption = None,
    version: Annotated[int | None, typer.Option(help="Version of the data set; the newest by default.")] = None,
    samples: Annotated[int, typer.Option(min=1, max=50, help="Number of samples to show.")] = 12,
    since: SinceOption = None,
    until: UntilOption = None,
    online: OnlineOption = False,
    validation_rate: ValidationOption = 0.1,
    test_rate: TestOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a contract makes of a sample of the records: columns, samples as a model gets them, what is wrong."""
    datasets = client_of(context).datasets
    if (dataset is None) == (topic is None):
        raise RefusedError("expected a data set or a topic", hint="kafka-ml datasets preview ID, or --topic TOPIC")
    document: Mapping[str, object] = {}
    if dataset is not None:
        found = datasets.preview_version(dataset, version=version, samples=samples)
    else:
        assert topic is not None
        asked = _contract(context, topic, contract)
        document = asked if isinstance(asked, dict) else asked.to_json()
        found = datasets.preview(
            topic=topic,
            contract=document,
            since=since,
            until=until,
            online=online,
            validation_rate=validation_rate,
            test_rate=test_rate,
            samples=samples,
        )
    return print_json(found) if json else print_preview(found, document)


@app.command()
def export(
    context: typer.Context,
    dataset: Identifier,
    to: Annotated[Path, typer.Option(help="File that ends with .parquet or .npz (for numpy.load).")],
    version: Annotated[int | None, typer.Option(help="By default the newest.")] = None,
    until: UntilOption = None,
    json: JsonOption = False,
) -> None:
    """Write the samples, as a model gets them, with labels and parts, to a file; one without end needs --until."""
    size = client_of(context).datasets.export(dataset, to, version=version, until=until)
    print_done({"path": to, "bytes": size}, f"{to}: {human_size(size)}", json=json)


@app.command()
def train(
    context: typer.Context,
    dataset: int,
    deployment: Annotated[int, typer.Option(help="Id of a deployment that is waiting for data.")],
    version: Annotated[int | None, typer.Option(help="By default the newest.")] = None,
    json: JsonOption = False,
) -> None:
    """Let a deployment train on a data set. `kafka-ml deployments create --dataset` does it at once."""
    training = client_of(context).datasets.train(dataset, deployment=deployment, version=version)
    print_done(training, f"data set {dataset} announced to deployment {deployment}", json=json)


add_delete_many(app, "Delete data sets with their versions; what was trained on them stays.")


def _contract(context: typer.Context, topic: str, path: Path | None) -> Contract | dict[str, object]:
    if path is not None:
        try:
            read = orjson.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise RefusedError(f"{path} cannot be read as JSON: {error}") from error
        if not isinstance(read, dict):
            raise RefusedError(
                f"{path} holds no object: expected a contract, as kafka-ml datasets infer --json prints it"
            )
        return read
    return _proposed(client_of(context).topics.propose(topic), topic)


def _proposed(found: Proposal, topic: str) -> Contract:
    if found.contract is None:
        first = found.remarks[0]
        raise RefusedError(f"no contract can be proposed for {topic}: {first.message}", hint=first.hint)
    return found.contract


@app.command()
def infer(
    context: typer.Context,
    topic: str,
    format_: Annotated[
        str, typer.Option("--format", help="JSON, AVRO, PROTOBUF, CSV, RAW or TELEGRAF_STR_JSON; detected by default.")
    ] = "",
    label: Annotated[
        str, typer.Option(help="Field to predict; _key for the record's key; none for no label. Detected by default.")
    ] = "",
    schema: Annotated[
        Path | None, typer.Option(help="AVRO, PROTOBUF: file with the schema of values.", exists=True)
    ] = None,
    message: Annotated[
        str | None, typer.Option(help="PROTOBUF: name of the message; the first one by default.")
    ] = None,
    data_type: Annotated[str | None, typer.Option(help="RAW: type of the numbers.")] = None,
    data_reshape: Annotated[str | None, typer.Option(help="RAW: shape of a sample, e.g. '28 28'.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="CSV: the mark between columns.")] = None,
    columns: Annotated[str, typer.Option(help="CSV: names of the columns, comma-separated.")] = "",
    records: Annotated[int, typer.Option(min=10, max=2000, help="Number of records to read.")] = 1000,
    whole: Annotated[
        bool, typer.Option("--whole", help="With --json: everything that was found, rather than only the contract.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look at a sample of a topic and propose a contract: columns, label, what to watch out for."""
    known = {
        "format": format_.upper() or None,
        "data_scheme": schema.read_text(encoding="utf-8") if schema is not None else None,
        "message": message,
        "data_type": data_type,
        "data_reshape": data_reshape,
        "delimiter": delimiter,
        "columns": [part.strip() for part in columns.split(",")] if columns else None,
    }
    query = {name: value for name, value in known.items() if value is not None}
    found = client_of(context).topics.propose(topic, label=label, records=records, **query)
    if not json:
        return _print_proposal(found)
    if whole:
        return print_json(found)
    return print_json(_proposed(found, topic))


def _print_proposal(found: Proposal) -> None:
    out, contract = console(), found.contract
    columns = {} if contract is None else {column.expression: column for column in contract.columns}
    print_table(
        found.fields,
        [
            ("field", lambda row: ".".join(row.path)),
            ("kind", lambda row: f"{row.kind.value} {'x'.join(map(str, row.shape))}".strip()),
            ("becomes", lambda row: _becomes(row, columns.get(row.expression))),
            ("missing", lambda row: f"{row.missing:.0%}" if row.missing else ""),
            ("distinct", lambda row: row.distinct or ""),
            ("values", _values),
            ("", lambda row: row.reason),
        ],
        nothing="no fields",
    )
    out.print()
    if contract is not None:
        out.print(f"format  {contract.format}; {found.decodes:.1%} of {found.sampled} records can be read")
    if found.label is not None:
        balance = ", ".join(f"{label.value} {label.count}" for label in found.label.balance[:6])
        kind = "class" if found.label.kind == "class" else "number"
        out.print(
            f"label   {found.label.expression} ({kind}), because {found.label.why}", f"[{balance}]" if balance else ""
        )
    if found.key is not None and found.key.distinct:
        out.print(f"key     {found.key.kind.value}, {found.key.distinct} different in the sample")
    if found.time is not None:
        first, last = (
            datetime.fromtimestamp(milliseconds / 1000, UTC)
            for milliseconds in (found.time.first_ms, found.time.last_ms)
        )
        out.print(f"time    {found.time.expression}, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}")
    if contract is not None:
        out.print(f"split   by {contract.split.value}")
    print_remarks(found.remarks)


def _becomes(row: FieldSummary, column: Column | None) -> str:
    if column is None:
        return row.role.value.replace("_", " ")
    return column_text(column)


def _values(row: FieldSummary) -> str:
    """Return a small histogram between the least and the largest number, or the most frequent values."""
    if row.numbers is None or (row.top and row.distinct <= MAX_VALUES):
        return frequent(row.top, row.distinct)
    return bars(row.numbers, time=row.kind == "time")

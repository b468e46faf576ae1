"""``kafka-ml topics``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from kafka_ml_cli.output import JsonOption, console, print_json, print_table
from kafka_ml_cli.session import asked, client_of

app = typer.Typer(name="topics", help="Topics of the cluster, and their records.", no_args_is_help=True)

_MAX_SHOWN = 160


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str, typer.Option(help="Only those whose names hold this text.")] = "",
    internal: Annotated[bool, typer.Option("--internal", help="Also Kafka's own topics.")] = False,
    json: JsonOption = False,
) -> None:
    """List topics, and what uses them."""
    rows = client_of(context).topics.list(search=search, internal=internal)
    return print_table(
        rows,
        [
            ("topic", lambda row: row.name),
            ("partitions", lambda row: row.partitions),
            ("records, about", lambda row: "" if row.records is None else f"{row.records:,}"),
            ("used as", lambda row: ", ".join(map(_use, row.uses))),
        ],
        nothing="no topics; sending data makes the first one: kafka-ml send FILE --topic NAME",
        json=json,
    )


@app.command()
def create(
    context: typer.Context,
    name: str,
    partitions: Annotated[int, typer.Option("--partitions", "-p", min=1, help="Number of partitions.")] = 1,
    replication_factor: Annotated[
        int | None, typer.Option(min=1, help="Brokers that keep a copy; by default as Kafka is set.")
    ] = None,
    retention_ms: Annotated[
        int | None,
        typer.Option(min=-1, help="Milliseconds that records are kept, -1 forever; by default as Kafka is set."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Create a topic."""
    topic = client_of(context).topics.create(
        name, partitions=partitions, replication_factor=replication_factor, retention_ms=retention_ms
    )
    if json:
        return print_json(topic)
    return console().print(f"created: {topic.name}", markup=False)


@app.command()
def show(context: typer.Context, name: str, json: JsonOption = False) -> None:
    """Show a topic with its partitions, what uses it, and how far inferences have read it."""
    topic = client_of(context).topics.get(name)
    if json:
        return print_json(topic)
    partitions = topic.partitions if not isinstance(topic.partitions, int) else ()
    for use in topic.uses:
        console().print(f"{_use(use)}  {use['name']}", markup=False)
    print_table(
        partitions,
        [
            ("partition", lambda row: row["partition"]),
            ("first", lambda row: row["low"]),
            ("next", lambda row: row["high"]),
            ("leader", lambda row: "away" if row["leader"] is None else row["leader"]),
            ("in sync", lambda row: f"{row['in_sync']} of {row['replicas']}"),
        ],
        nothing="no partitions",
    )
    if topic.groups:
        print_table(
            topic.groups,
            [
                ("reader", lambda row: f"inference {row['inference']}"),
                ("state", lambda row: row["state"]),
                ("lag", lambda row: row["lag"]),
                ("group", lambda row: row["group"]),
            ],
            nothing="no readers",
        )
    return None


@app.command()
def groups(context: typer.Context, name: str, json: JsonOption = False) -> None:
    """Show how far consumer groups other than those of inferences have read a topic."""
    found = client_of(context).topics.groups(name)
    if json:
        return print_json(found)
    print_table(
        found.groups,
        [
            ("group", lambda row: row["group"]),
            ("state", lambda row: row["state"]),
            ("lag", lambda row: "" if row["lag"] is None else f"{row['lag']:,}"),
        ],
        nothing="no other group committed a position in this topic",
    )
    if not found.complete:
        console(error=True).print("the cluster has more groups than were looked at", style="dim")
    return None


@app.command()
def settings(context: typer.Context, name: str, json: JsonOption = False) -> None:
    """Show Kafka's settings of a topic, such as its retention."""
    found = client_of(context).topics.settings(name)
    if json:
        return print_json(found)
    for field, value in found.model_dump().items():
        shown = "no limit" if value is None else value
        console().print(f"{field.replace('_', ' '):<22}{shown}", markup=False)
    return None


@app.command()
def produce(
    context: typer.Context,
    name: str,
    value: Annotated[str | None, typer.Argument(help="The value, UTF-8; - reads it from standard input.")] = None,
    key: Annotated[str | None, typer.Option(help="The key, UTF-8.")] = None,
    header: Annotated[list[str] | None, typer.Option("--header", "-H", help="NAME=TEXT, as often as needed.")] = None,
    partition: Annotated[
        int | None, typer.Option(min=0, help="Partition to write to. By default the key chooses it.")
    ] = None,
    tombstone: Annotated[bool, typer.Option("--tombstone", help="A record without a value.")] = False,
    json: JsonOption = False,
) -> None:
    """Write one record to a topic, to try something; kafka-ml send writes whole files."""
    if (value is None) != tombstone:
        raise typer.BadParameter("expected a value, or --tombstone for a record without one")
    headers = dict(_header(option) for option in header or ())
    sent: str | bytes | None = sys.stdin.buffer.read() if value == "-" else value
    place = client_of(context).topics.produce(name, sent, key=key, headers=headers, partition=partition)
    if json:
        return print_json(place)
    return console().print(f"written: {place.topic}[{place.partition}]@{place.offset}", markup=False)


def _header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise typer.BadParameter(f"--header {text}: expected NAME=TEXT")
    return name, value


@app.command()
def records(
    context: typer.Context,
    name: str,
    start: Annotated[str, typer.Option(help="newest, oldest or an offset.")] = "newest",
    timestamp: Annotated[int | None, typer.Option(help="From this time on, in milliseconds since 1970.")] = None,
    before: Annotated[str | None, typer.Option(help="Records older than another page, by its cursor.")] = None,
    after: Annotated[str | None, typer.Option(help="Records newer than another page, by its cursor.")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    contains: Annotated[str, typer.Option(help="A text in key, value or headers.")] = "",
    matches: Annotated[str, typer.Option(help="A regular expression for key, value or headers.")] = "",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500)] = 20,
    decoder: Annotated[str, typer.Option(help="auto, text, json, hex, raw, avro or telegraf.")] = "auto",
    data_type: Annotated[str | None, typer.Option(help="RAW: type of the numbers.")] = None,
    data_reshape: Annotated[str | None, typer.Option(help="RAW: shape of a sample, e.g. '28 28'.")] = None,
    label_type: Annotated[str | None, typer.Option(help="RAW: type of the label in the key.")] = None,
    label_reshape: Annotated[str | None, typer.Option(help="RAW: shape of the label.")] = None,
    data_scheme: Annotated[str | None, typer.Option(help="Avro: schema of values, as JSON.")] = None,
    label_scheme: Annotated[str | None, typer.Option(help="Avro: schema of keys.")] = None,
    json: JsonOption = False,
) -> None:
    """Show a page of committed records, decoded."""
    page = client_of(context).topics.records(**asked(locals()))
    if json:
        return print_json(page)
    print_table(
        page.records,
        [
            ("partition", lambda row: row["partition"]),
            ("offset", lambda row: row["offset"]),
            ("time", lambda row: row["timestamp"]),
            ("key", _key),
            ("value", value_text),
        ],
        nothing="no records here",
    )
    if page.before and page.newest_first:
        console(error=True).print(f"older: --before {page.before}", style="dim")
    elif not page.newest_first and not page.at_newest:
        console(error=True).print(f"newer: --after {page.after}", style="dim")
    return None


def _use(use: Mapping[str, Any]) -> str:
    """``input of inference 2``."""
    roles = {
        "stream": "data",
        "unsupervised_stream": "unlabelled data",
        "upper": "upper model",
        "versions": "current versions",
    }
    role = roles.get(use["role"], str(use["role"]).replace("_", " "))
    return role if use["id"] is None else f"{role} of {use['type']} {use['id']}"


def _key(row: Mapping[str, Any]) -> str:
    decoded, key = row["decoded"], row["key"]
    if decoded["label_text"] is not None:
        return str(decoded["label_text"])
    if decoded["label_sample"] is not None:
        return _numbers(decoded["label_sample"]["values"])
    return _short(key["text"] if key["text"] is not None else key["base64"] or "")


def value_text(row: Mapping[str, Any]) -> str:
    """Return what a record holds, in one line."""
    decoded = row["decoded"]
    if decoded["error"] is not None:
        return _short(f"! {decoded['error']['message']}")
    if decoded["sample"] is not None:
        shape = "x".join(map(str, decoded["sample"]["shape"])) or "scalar"
        return f"{decoded['sample']['dtype']} {shape}: {_numbers(decoded['sample']['values'])}"
    return _short(decoded["text"] or "")


def _numbers(values: list[float | None]) -> str:
    text = " ".join("nan" if value is None else f"{value:g}" for value in values[:16])
    return text + (" ..." if len(values) > 16 else "")


def _short(text: str) -> str:
    line = text[:_MAX_SHOWN].replace("\n", "\\n").replace("\t", "\\t")
    return line if len(text) <= _MAX_SHOWN else line + "..."

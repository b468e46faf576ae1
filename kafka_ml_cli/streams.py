"""``kafka-ml streams``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.dataset_views import print_preview
from kafka_ml_cli.nouns import Identifier, add_delete_many, add_show
from kafka_ml_cli.output import JsonOption, console, human_age, human_size, print_done, print_json, print_table
from kafka_ml_cli.session import asked, client_of

if TYPE_CHECKING:
    # The types need pydantic, which would slow down every help text.
    from kafkaml.sdk.types import Stream

# The most numbers of a sample that fit on a line.
_MOST_NUMBERS = 6
# Samples with more columns are shown as plain numbers.
_MOST_COLUMNS = 8

app = typer.Typer(name="streams", help="Data streams that were announced.", no_args_is_help=True)


@app.command("list")
def list_(
    context: typer.Context,
    deployment: Annotated[int | None, typer.Option(help="Only those for this deployment.")] = None,
    unused: Annotated[bool, typer.Option("--unused", help="Only those that nothing was trained from.")] = False,
    json: JsonOption = False,
) -> None:
    """List streams."""
    rows = client_of(context).streams.list(deployment=deployment, used=False if unused else None)
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("deployment", lambda row: row.deployment),
            ("format", lambda row: row.input_format),
            ("records", lambda row: "online" if row.total_msg is None else f"{row.total_msg:,}"),
            ("validation", lambda row: f"{row.validation_rate:.0%}"),
            ("test", lambda row: f"{row.test_rate:.0%}"),
            ("registered", lambda row: human_age(row.registered_at)),
            ("ranges", _ranges),
        ],
        nothing="no streams yet; send one: kafka-ml send FILE --deployment N",
        json=json,
    )


add_show(app, "Show one stream.")


def _ranges(row: Stream) -> str:
    same = "" if row.same_as is None else f"  (the records of stream {row.same_as})"
    return f"{row.topic}{same}  ! {row.note}" if row.note else f"{row.topic}{same}"


@app.command()
def preview(
    context: typer.Context,
    stream: Identifier,
    samples: Annotated[int, typer.Option(min=1, max=200, help="Number of samples to show.")] = 12,
    offset: Annotated[int, typer.Option(min=0, help="Number of offsets to skip.")] = 0,
    json: JsonOption = False,
) -> None:
    """Show samples of a stream as training will see them, with their labels."""
    streams = client_of(context).streams
    if not json and streams.get(stream).input_config.get("contract", {}).get("window"):
        # A record alone is not a sample, so the platform puts windows together from records spread over the stream.
        return print_preview(streams.statistics(stream), {})
    found = streams.preview(stream, limit=samples, offset=offset)
    if json:
        return print_json(found)
    names = found.columns[:_MOST_COLUMNS]
    whole = not names or len(found.columns) > len(names)
    print_table(
        found.samples,
        [
            ("record", lambda row: f"{row['topic']}[{row['partition']}]@{row['offset']}"),
            ("label", _label),
            *((name, partial(_cell, place)) for place, name in enumerate(() if whole else names)),
            ("sample" if whole else "", partial(_sample, whole=whole)),
        ],
        nothing="it holds no record",
    )
    for doubt in found.doubts:
        console().print(doubt, style="yellow")
    return None


@app.command()
def statistics(context: typer.Context, stream: Identifier, json: JsonOption = False) -> None:
    """Show the columns of a stream with their statistics, and the balance of its labels.

    They are computed from 1,000 records that are spread over the stream.
    """
    found = client_of(context).streams.statistics(stream)
    return print_json(found) if json else print_preview(found, {})


def _cell(place: int, row: Mapping[str, Any]) -> str:
    values = row["features"]["values"] if row["features"] else ()
    return _number(values[place]) if place < len(values) else ""


def _sample(row: Mapping[str, Any], *, whole: bool) -> str:
    """Return why there is no sample, or the sample where it is not shown column by column."""
    return row["error"]["message"] if row["error"] else _numbers(row["features"]) if whole else ""


def _label(row: Mapping[str, Any]) -> str:
    return row["label_text"] or (_numbers(row["label_sample"]) if row["label_sample"] else "")


def _numbers(sample: Mapping[str, Any]) -> str:
    """Return the shape and first numbers of a sample, or the one number of a label."""
    values, shape = sample["values"], sample["shape"]
    shown = ", ".join(_number(value) for value in values[:_MOST_NUMBERS])
    if len(values) == 1:
        return shown
    return f"{sample['dtype']} {'x'.join(map(str, shape))} [{shown}{', ...' if len(values) > _MOST_NUMBERS else ''}]"


def _number(value: float | str | None) -> str:
    # A number that readers of JSON would round comes as text.
    return "NaN" if value is None else f"{value:.4g}" if isinstance(value, float | int) else value


@app.command()
def export(
    context: typer.Context,
    stream: Identifier,
    to: Annotated[Path, typer.Option(help="File that ends with .parquet or .npz (for numpy.load).")],
    json: JsonOption = False,
) -> None:
    """Write the samples of a stream that has an end, with labels and parts, to a file."""
    size = client_of(context).streams.export(stream, to)
    print_done({"path": to, "bytes": size}, f"{to}: {human_size(size)}", json=json)


@app.command()
def send(
    context: typer.Context,
    stream: int,
    deployment: Annotated[int, typer.Option("--deployment", "-d", help="Id of the deployment that is to train on it.")],
) -> None:
    """Announce a stream again, to another deployment; its records stay where they are."""
    client_of(context).streams.send(stream, deployment=deployment)
    console().print(f"stream {stream} is announced to deployment {deployment}")


@app.command()
def announce(
    context: typer.Context,
    topic: Annotated[str, typer.Argument(help="Topic that holds the data.")],
    deployment: Annotated[int, typer.Option("--deployment", "-d", help="Id of the deployment that is to train on it.")],
    input_format: Annotated[str, typer.Option("--format", "-f", help="RAW, AVRO, JSON or TELEGRAF_STR_JSON.")] = "RAW",
    config: Annotated[
        str,
        typer.Option(
            help='How records are read, as JSON or a file of it; RAW: {"data_type": "uint8", "data_reshape": "28 28", '
            '"label_type": "uint8", "label_reshape": "1"}; AVRO: data_scheme and label_scheme.'
        ),
    ] = "",
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    start: Annotated[
        int | None, typer.Option("--from", min=0, help="First offset. By default that of the oldest record.")
    ] = None,
    end: Annotated[int | None, typer.Option("--to", min=0, help="Offset after the last record.")] = None,
    description: Annotated[str, typer.Option(help="Shown in the list of streams.")] = "",
    validation_rate: Annotated[float, typer.Option(min=0, max=1, help="Fraction used for validation.")] = 0.1,
    test_rate: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Fraction used for testing. By default 0.1; an online stream has none."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            help="For a deployment that learns online: only records from this time on. By default from now on."
        ),
    ] = None,
    unlabelled_topic: Annotated[
        str, typer.Option(help="For a semi-supervised deployment: topic of more samples, without labels.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Announce records that are in a topic already; to a deployment that learns online, also those to come.

    Announcing the same again does nothing.
    """
    fields = asked(
        locals(),
        "config",
        "since",
        input_format=input_format.upper(),
        input_config=_config(config),
        since_ms=None if since is None else int(since.timestamp() * 1000),
    )
    done = client_of(context).streams.announce(**fields)
    said = f"{done['ranges']} is announced to deployment {deployment}"
    if done["stream"] is not None:
        said = f"{done['ranges']} was announced to deployment {deployment} before: stream {done['stream']}"
    print_done(done, said, json=json)


@app.command()
def refused(context: typer.Context, json: JsonOption = False) -> None:
    """List announcements that could not be taken, with the reason."""
    rows = client_of(context).streams.refused()
    return print_table(
        rows,
        [
            ("id", lambda row: row.id),
            ("deployment", lambda row: row.deployment),
            ("refused", lambda row: human_age(row.refused_at)),
            ("record", lambda row: f"{row.control_topic}[{row.partition}]@{row.offset}"),
            ("reason", lambda row: f"{row.reason}; {row.hint}" if row.hint else row.reason),
        ],
        nothing="no announcement was refused",
        json=json,
    )


def _config(text: str) -> dict[str, Any]:
    import orjson

    from kafkaml.errors import RefusedError

    if not text:
        return {}
    try:
        document = orjson.loads(text if text.lstrip().startswith("{") else Path(text).read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise RefusedError(f"--config {text[:80]!r} is neither a JSON object nor a file of one: {error}") from error
    if not isinstance(document, dict):
        raise RefusedError(f"--config is a {type(document).__name__}: expected a JSON object")
    return document


add_delete_many(app, "Forget streams that nothing was trained from; their records stay in Kafka.")

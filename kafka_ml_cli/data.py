"""``kafka-ml send`` and ``tail``: files into streams, predictions as they come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.output import JsonOption, console, print_json
from kafka_ml_cli.session import client_of, session_of

if TYPE_CHECKING:
    from rich.text import Text

    from kafka_ml_cli.files import Samples
    from kafkaml.records import Record
    from kafkaml.sdk.types import Deployment

__all__ = ["is_online", "register"]

_PANEL = "Data"
# Samples per part, after each of which progress is shown.
_CHUNK_SAMPLES = 2000

BootstrapServers = Annotated[
    str, typer.Option("--bootstrap-servers", help="The running platform's broker by default; see also KML_KAFKA_*.")
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command(rich_help_panel=_PANEL)(send)
    app.command(rich_help_panel=_PANEL)(tail)


def send(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(help="CSV (also .tsv, .txt, .gz), Parquet, JSON lines, JSON array, NPZ or NPY file.")
    ],
    deployment: Annotated[
        int | None, typer.Option("--deployment", "-d", help="Announce the stream to this deployment, for training.")
    ] = None,
    topic: Annotated[
        str, typer.Option("--topic", "-t", help="Topic to write to; by default named after the file.")
    ] = "",
    features: Annotated[
        str, typer.Option(help="Columns, comma-separated; NPZ: array. All but the label by default.")
    ] = "",
    labels: Annotated[
        str, typer.Option(help="Label column; numbers or names of classes. NPZ: array; NPY: second file.")
    ] = "",
    no_labels: Annotated[bool, typer.Option("--no-labels", help="The data has no labels.")] = False,
    validation_rate: Annotated[float, typer.Option(min=0, max=1, help="Fraction used for validation.")] = 0.1,
    test_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Fraction used for testing; an online stream has none.")
    ] = 0.1,
    online: Annotated[
        bool, typer.Option("--online", help="Announce a stream without end; always so for incremental deployments.")
    ] = False,
    dtype: Annotated[str, typer.Option(help="Type of the features instead of the one found, e.g. float64.")] = "",
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Leave out rows with a missing cell (blank, NA, null, ?, ...).")
    ] = False,
    missing: Annotated[
        str | None, typer.Option(help="Words for a missing cell, comma-separated, instead of the usual ones.")
    ] = None,
    delimiter: Annotated[str, typer.Option(help="CSV: between columns; detected by default.")] = "",
    decimal: Annotated[str, typer.Option(help="CSV: decimal mark, . or ,; detected by default.")] = "",
    thousands: Annotated[str, typer.Option(help="CSV: mark between thousands; none by default.")] = "",
    encoding: Annotated[str, typer.Option(help="CSV: for example utf-16; detected by default.")] = "",
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="CSV: whether the first row names the columns.")
    ] = None,
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first samples.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Send at most this many samples.")] = None,
    description: Annotated[str, typer.Option(help="Shown in the list of streams.")] = "",
    unlabelled: Annotated[
        Path | None,
        typer.Option(help="For a semi-supervised deployment: another file, of samples without labels."),
    ] = None,
    unlabelled_topic: Annotated[
        str, typer.Option(help="Topic for these; by default named after the other topic.")
    ] = "",
    bootstrap_servers: BootstrapServers = "",
    json: JsonOption = False,
) -> None:
    """Send a file to Kafka. With --deployment to train on, without as values to predict.

    The columns, label, decimal mark and encoding of a file are detected and printed. No number is changed. What cannot
    be sent as it is (a blank cell, a text, a time) is refused with its row, its column and what to do, before anything
    is sent. Whole numbers that float32 cannot hold are sent as int64 or float64.
    """
    from dataclasses import replace

    from kafka_ml_cli.files import FileOptions, open_samples

    _require_a_target(deployment, topic, contradiction=bool(labels) and no_labels)
    # Check first, because a stream for a deployment that does not exist would wait forever.
    found = client_of(context).deployments.get(deployment) if deployment is not None else None
    online = is_online(found, asked=online)
    _check_unlabelled(found, unlabelled)
    options = FileOptions(
        features=features,
        labels=labels,
        with_labels=not no_labels and (found is not None or bool(labels)),
        label_required=found is not None and not no_labels and getattr(found, "targets", None) != "features",
        skip=skip,
        limit=limit,
        drop_missing=drop_missing,
        delimiter=delimiter.replace("\\t", "\t"),
        decimal=decimal,
        thousands=thousands,
        encoding=encoding,
        header=header,
        missing=missing,
        dtype=dtype,
    )
    samples = open_samples(file, options)
    more: Samples | None = None
    if unlabelled is not None:
        # The unlabelled table is read with the same columns of features, whether or not it has a column of labels.
        names = features if unlabelled.suffix in (".npy", ".npz") else features or ",".join(samples.features)
        as_unlabelled = replace(options, features=names, labels="", with_labels=False, label_required=False)
        more = open_samples(unlabelled, as_unlabelled)
    topic = topic or _topic_name(file)
    sink_arguments = {
        "topic": topic,
        "deployment_id": deployment or 0,
        "description": description or file.name,
        "validation_rate": validation_rate if deployment is not None else 0,
        **({} if online else {"test_rate": test_rate if deployment is not None else 0}),
        "settings": session_of(context).kafka(bootstrap_servers),
        "data_type": dtype or None,
        "unsupervised_topic": None if more is None else unlabelled_topic or f"{topic}-unlabelled",
    }
    sent = _send(samples, more, sink_arguments, announce=deployment is not None, online=online)
    if json:
        return print_json(sent)
    return _say_sent(file, samples, sent)


def _require_a_target(deployment: int | None, topic: str, *, contradiction: bool) -> None:
    from kafkaml.errors import RefusedError

    if deployment is None and not topic:
        raise RefusedError("where to? give --deployment N to train, or --topic TOPIC to predict")
    if contradiction:
        raise RefusedError("--labels and --no-labels exclude each other")


def is_online(deployment: Deployment | None, *, asked: bool) -> bool:
    """Whether the stream is announced before its samples; raises RefusedError where the deployment would
    not take it.
    """
    from kafkaml.errors import RefusedError
    from kafkaml.wire.choices import TrainingMode

    if deployment is not None and TrainingMode(deployment.mode).online:
        return True
    if asked and deployment is None:
        raise RefusedError("--online announces a stream: to which deployment?", hint="give --deployment N")
    if asked and deployment is not None:
        raise RefusedError(
            f"deployment {deployment.id} trains on streams with an end: expected an incremental one for --online",
            hint="leave --online out, or make the deployment with --incremental",
        )
    return False


def _check_unlabelled(deployment: Deployment | None, unlabelled: Path | None) -> None:
    from kafkaml.errors import RefusedError

    semi_supervised = deployment is not None and deployment.semi_supervised is not None
    if unlabelled is not None and not semi_supervised:
        raise RefusedError(
            "--unlabelled sends samples for a semi-supervised deployment: "
            + ("to which?" if deployment is None else f"deployment {deployment.id} would ignore them"),
            hint="make one: kafka-ml deployments create N --semi-supervised",
        )
    if semi_supervised and unlabelled is None and deployment is not None:
        raise RefusedError(
            f"deployment {deployment.id} is semi-supervised: expected samples without labels too",
            hint="give --unlabelled FILE",
        )


def _say_sent(file: Path, samples: Samples, sent: dict[str, Any]) -> None:
    from kafkaml.terminal import styled

    names = ", ".join(samples.features[:12]) + (", ..." if len(samples.features) > 12 else "")
    label = "no labels"
    if samples.label is not None:
        label = f"label {samples.label} ({samples.label_type})"
        if samples.classes:
            shown = list(samples.classes.items())[:12]
            classes = ", ".join(f"{name} {count:,}" for name, count in shown)
            label += f": {len(samples.classes)} classes: {classes}" + (
                ", ..." if len(samples.classes) > len(shown) else ""
            )
    console().print(f"{file.name}: {samples.described}")
    console().print(f"  features  {names} ({sent['input_config']['data_type']})")
    console().print(f"  {label}")
    for note in samples.notes:
        console().print(f"  {note}", style="yellow")
    console().print(f"{sent['samples']:,} samples sent to {sent['topic']}: {sent['samples_per_second']:,} a second")
    if sent["unlabelled_topic"] is not None:
        console().print(f"{sent['unlabelled']:,} samples without labels sent to {sent['unlabelled_topic']}")
    if sent["announced_to"] is not None:
        message = "announced to deployment {id}; [dim]next: kafka-ml deployments show {id}[/]"
        console().print(styled(message, id=sent["announced_to"]))


def _topic_name(file: Path) -> str:
    import re

    return re.sub(r"[^a-zA-Z0-9._-]+", "-", file.name.split(".")[0]).strip("-.") or "samples"


def _send(
    samples: Samples, unlabelled: Samples | None, sink_arguments: dict[str, Any], *, announce: bool, online: bool
) -> dict[str, Any]:
    """Send in parts and show progress; returns what was sent where, and how fast."""
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from datasources import OnlineRawSink, RawSink

    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    began = time.monotonic()
    sink = OnlineRawSink(**sink_arguments) if online else RawSink(**sink_arguments)
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        total = samples.count + (0 if unlabelled is None else unlabelled.count)
        task = progress.add_task("sending", total=total)
        complete = False
        try:
            for features, labels in samples.parts():
                for start in range(0, len(features), _CHUNK_SAMPLES):
                    part = slice(start, start + _CHUNK_SAMPLES)
                    sink.send_array(features[part], None if labels is None else labels[part])
                    progress.update(task, advance=len(features[part]))
            for features, _ in () if unlabelled is None else unlabelled.parts():
                sink.unsupervised_send_array(features)
                progress.update(task, advance=len(features))
            sink.flush()
            complete = True
        finally:
            # The stream is announced only when all of it was acknowledged. ``online_close`` closes without an
            # announcement.
            if announce and complete:
                sink.close()
            else:
                sink.online_close()
    seconds = time.monotonic() - began
    return {
        "topic": sink.topic,
        "samples": sink.total_messages,
        "unlabelled_topic": sink.unsupervised_topic,
        "unlabelled": sink.total_unsupervised,
        "input_config": sink.input_config,
        "features": samples.features,
        "label": samples.label,
        "classes": samples.classes,
        "read_as": samples.described,
        "notes": samples.notes,
        "announced_to": sink_arguments["deployment_id"] if announce else None,
        "seconds": round(seconds, 3),
        "samples_per_second": round(sink.total_messages / seconds),
    }


def tail(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A topic, or the id of an inference (its output is shown).")],
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="Stop after this many records.")] = None,
    from_beginning: Annotated[bool, typer.Option(help="Also show existing records.")] = False,
    timeout: Annotated[
        float | None, typer.Option(help="Stop when no record has arrived for this many seconds.")
    ] = None,
    bootstrap_servers: BootstrapServers = "",
    json: JsonOption = False,
) -> None:
    """Show predictions live; Ctrl-C ends. With --json one line of JSON per record."""
    import itertools

    from kafkaml.confluent.tail import KafkaTail

    topic = client_of(context).inferences.get(int(source)).output_topic if source.isdigit() else source
    settings = session_of(context).kafka(bootstrap_servers)
    with KafkaTail(settings, topic, from_beginning=from_beginning) as following:
        console(error=True).print(f"{topic} at {settings.bootstrap_servers}; Ctrl-C ends", style="dim")
        for record in itertools.islice(following.records(idle_timeout_seconds=timeout), count):
            _show(record, json=json)


def _show(record: Record, *, json: bool) -> None:
    import sys
    from datetime import UTC, datetime

    import orjson

    from kafkaml.terminal import styled

    values = _values(record.value)
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    key = record.key.decode(errors="backslashreplace") if record.key is not None else None
    if json:
        document = {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
            "key": key,
            "headers": headers,
            "value": values,
        }
        sys.stdout.write(orjson.dumps(document, default=str).decode() + "\n")
        sys.stdout.flush()
        return
    moment = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]
    place = styled(
        "[dim]{moment} {partition}@{offset}[/] ", moment=moment, partition=record.partition, offset=record.offset
    )
    console().print(place, _readable_values(values), sep="")


def _values(value: bytes | None) -> Any:
    import orjson

    try:
        return orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return (value or b"").decode(errors="replace")


def _readable_values(values: Any) -> Text | str:
    """A classifier's scores as class and score; anything else as it is."""
    import orjson

    from kafkaml.terminal import styled

    scores = values.get("values") if isinstance(values, dict) else None
    if isinstance(scores, list) and len(scores) > 1 and all(isinstance(score, (int, float)) for score in scores):
        best = max(range(len(scores)), key=scores.__getitem__)
        shown = " ".join(f"{score:.3f}" for score in scores[:12]) + (" ..." if len(scores) > 12 else "")
        include = values.get("include")
        return styled(
            "[bold cyan]{best}[/] ({score})  [dim]{all}[/]{include}",
            best=best,
            score=f"{scores[best]:.3f}",
            all=shown,
            include=f"  {orjson.dumps(include).decode()}" if include else "",
        )
    return str(values) if isinstance(values, str) else orjson.dumps(values).decode()

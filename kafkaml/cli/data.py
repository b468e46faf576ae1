"""``kafka-ml send`` and ``tail``: files into streams, predictions as they come."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafkaml.cli.output import JsonOption, console, print_json
from kafkaml.cli.session import Session, client_of, session_of

if TYPE_CHECKING:
    from kafkaml.cli.files import Samples
    from kafkaml.records import Record

__all__ = ["register"]

_PANEL = "Data"
# Progress is shown after each part of this many samples.
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
    file: Annotated[Path, typer.Argument(help="CSV, NPZ or NPY file.")],
    deployment: Annotated[
        int | None, typer.Option("--deployment", "-d", help="Announce the stream to this deployment, for training.")
    ] = None,
    topic: Annotated[str, typer.Option("--topic", "-t", help="Topic to write to; made from the file's name.")] = "",
    features: Annotated[str, typer.Option(help="NPZ: array; CSV: columns, comma-separated.")] = "",
    labels: Annotated[str, typer.Option(help="NPZ: array; CSV: column; NPY: second file.")] = "",
    validation_rate: Annotated[float, typer.Option(min=0, max=1, help="Fraction that validates.")] = 0.1,
    test_rate: Annotated[float, typer.Option(min=0, max=1, help="Fraction that tests.")] = 0.1,
    dtype: Annotated[str, typer.Option(help="Convert the features, for example float32.")] = "",
    skip: Annotated[int, typer.Option(min=0, help="Leave out the first samples.")] = 0,
    limit: Annotated[int | None, typer.Option(min=1, help="Send at most so many samples.")] = None,
    description: Annotated[str, typer.Option(help="Shown in the list of streams.")] = "",
    bootstrap_servers: BootstrapServers = "",
    json: JsonOption = False,
) -> None:
    """Send a CSV, NPZ or NPY file to Kafka. With --deployment to train on, without as values to predict."""
    from kafkaml.cli.files import load_samples
    from kafkaml.errors import RefusedError

    samples = load_samples(
        file, features=features, labels=labels, with_labels=deployment is not None, skip=skip, limit=limit
    )
    if deployment is None and not topic:
        raise RefusedError("where to? give --deployment N to train, or --topic TOPIC to predict")
    if dtype:
        samples = _converted(samples, dtype)
    session = session_of(context)
    if deployment is not None:
        # Asked first: a stream for a deployment that does not exist would wait for ever.
        client_of(context).deployments.get(deployment)
    topic = topic or _topic_name(file)
    sink_arguments = {
        "topic": topic,
        "deployment_id": deployment or 0,
        "description": description or file.name,
        "validation_rate": validation_rate if deployment is not None else 0,
        "test_rate": test_rate if deployment is not None else 0,
        "bootstrap_servers": bootstrap_servers,
    }
    sent = _send(session, samples, sink_arguments, announce=deployment is not None)
    if json:
        return print_json(sent)
    console().print(f"{sent['samples']:,} samples sent to {topic}: {sent['samples_per_second']:,} a second")
    if deployment is not None:
        console().print(f"announced to deployment {deployment}; [dim]next: kafka-ml deployments show {deployment}[/]")
    return None


def _topic_name(file: Path) -> str:
    import re

    return re.sub(r"[^a-zA-Z0-9._-]+", "-", file.stem).strip("-.") or "samples"


def _converted(samples: Samples, dtype: str) -> Samples:
    from dataclasses import replace

    import numpy as np

    from kafkaml.errors import RefusedError

    try:
        return replace(samples, features=samples.features.astype(np.dtype(dtype)))
    except (TypeError, ValueError) as error:
        raise RefusedError(f"the features cannot become {dtype}: {error}") from error


def _send(session: Session, samples: Samples, sink_arguments: dict[str, Any], *, announce: bool) -> dict[str, Any]:
    """Send in parts, showing progress; returns what was sent where, and how fast."""
    import time

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    # The command line is a front end: the one module of kafkaml that uses the sinks.
    from datasources import RawSink

    total = len(samples.features)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()]
    began = time.monotonic()
    sink = RawSink(settings=session.kafka(sink_arguments.pop("bootstrap_servers")), **sink_arguments)
    with Progress(*columns, console=console(error=True), transient=True) as progress:
        task = progress.add_task("sending", total=total)
        try:
            for start in range(0, total, _CHUNK_SAMPLES):
                part = slice(start, start + _CHUNK_SAMPLES)
                sink.send_array(samples.features[part], None if samples.labels is None else samples.labels[part])
                progress.update(task, completed=min(total, start + _CHUNK_SAMPLES))
            sink.flush()
        finally:
            # Announced only when all of it was acknowledged; closing without announcing never fails silently.
            if announce and progress.tasks[0].finished:
                sink.close()
            else:
                sink.online_close()
    seconds = time.monotonic() - began
    return {
        "topic": sink.topic,
        "samples": sink.total_messages,
        "input_config": sink.input_config,
        "announced_to": sink_arguments["deployment_id"] if announce else None,
        "seconds": round(seconds, 3),
        "samples_per_second": round(total / seconds),
    }


def tail(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="A topic, or the id of an inference (its output is shown).")],
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many records.")] = None,
    from_beginning: Annotated[bool, typer.Option(help="Also what is there already.")] = False,
    timeout: Annotated[float | None, typer.Option(help="End when nothing came for so many seconds.")] = None,
    bootstrap_servers: BootstrapServers = "",
    json: JsonOption = False,
) -> None:
    """Show predictions live; Ctrl-C ends. With --json one line of JSON per record."""
    import itertools

    from kafkaml.confluent.tail import KafkaTail

    topic = client_of(context).inferences.get(int(source)).output_topic if source.isdigit() else source
    settings = session_of(context).kafka(bootstrap_servers)
    with KafkaTail(settings, topic, from_beginning=from_beginning) as following:
        console(error=True).print(f"[dim]{topic} at {settings.bootstrap_servers}; Ctrl-C ends[/]")
        for record in itertools.islice(following.records(idle_timeout_seconds=timeout), count):
            _show(record, json=json)


def _show(record: Record, *, json: bool) -> None:
    import sys
    from datetime import UTC, datetime

    import orjson

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
    console().print(f"[dim]{moment} {record.partition}@{record.offset}[/] ", _readable_values(values), sep="")


def _values(value: bytes | None) -> Any:
    import orjson

    try:
        return orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return (value or b"").decode(errors="replace")


def _readable_values(values: Any) -> str:
    """A classifier's scores as class and score; anything else as it is."""
    import orjson

    scores = values.get("values") if isinstance(values, dict) else None
    if isinstance(scores, list) and len(scores) > 1 and all(isinstance(each, (int, float)) for each in scores):
        best = max(range(len(scores)), key=scores.__getitem__)
        shown = " ".join(f"{score:.3f}" for score in scores[:12]) + (" ..." if len(scores) > 12 else "")
        return f"[bold cyan]{best}[/] ({scores[best]:.3f})  [dim]{shown}[/]"
    return str(values) if isinstance(values, str) else orjson.dumps(values).decode()

"""``kafka-ml inferences check``: could a trained result answer the newest record of a topic? And the options that say
how a result is served, for those who make inferences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kafka_ml_cli.exits import ExitCode
from kafka_ml_cli.output import JsonOption, console, print_json
from kafka_ml_cli.session import client_of
from kafka_ml_cli.topics import value_text

if TYPE_CHECKING:
    from kafkaml.sdk.types import InputCheck

__all__ = ["ConfigOption", "FormatOption", "InputOption", "VersionOption", "check", "json_object", "lines_of"]

InputOption = Annotated[str, typer.Option("--input", "-i", help="Topic of the values to predict.")]
VersionOption = Annotated[int | None, typer.Option(help="Serve this version; by default the current one.")]
FormatOption = Annotated[str | None, typer.Option(help="RAW, AVRO, ...; the training stream's by default.")]
ConfigOption = Annotated[str | None, typer.Option(help="JSON; the training stream's by default.")]


def check(
    context: typer.Context,
    result: int,
    input_topic: InputOption,
    version: VersionOption = None,
    input_format: FormatOption = None,
    input_config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say whether a result could answer the newest record of a topic; starts nothing. Exit code 2: it could not."""
    found = client_of(context).inferences.check(
        result=result,
        input_topic=input_topic,
        version=version,
        input_format=input_format,
        input_config=json_object(input_config, "--input-config"),
    )
    if json:
        print_json(found)
    else:
        for line in lines_of(found, result):
            console().print(line, soft_wrap=True, highlight=False, markup=False)
    if found.reason is not None:
        raise typer.Exit(ExitCode.REFUSED)


def lines_of(found: InputCheck, result: int) -> Iterator[str]:
    """Yield what ``check`` found, for people."""
    record, reason = found.record, found.reason
    if record is None:
        there = "has no record yet" if found.verdict == "empty" else "does not exist yet"
        yield f"{found.topic} {there}: what it will hold cannot be checked"
        return
    place = f"the newest record of {found.topic}[{record['partition']}]@{record['offset']}"
    # Show what the record looks like. The reason why it is not decoded follows below.
    yield f"{place}: {value_text({**record, 'decoded': {**record['decoded'], 'error': None}}) or '(no value)'}"
    if reason is not None:
        yield f"result {result} cannot read it: {reason.message}"
        if reason.hint:
            yield f"what to do: {reason.hint}"
    elif found.verdict == "waits":
        yield f"result {result} reads it: a sample takes several records of a key, so answers come with later ones"
    else:
        yield f"result {result} can read it, as {found.input_format}"


def json_object(text: str | None, option: str) -> dict[str, Any] | None:
    """Return the JSON object of an option; None where it was not given. BadParameter for anything else."""
    import orjson

    if text is None:
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"{option} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise typer.BadParameter(f"{option} is not a JSON object")
    return document

"""``kafka-ml datasets``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kafka_ml_cli.output import JsonOption, console, print_json, print_table
from kafka_ml_cli.session import client_of
from kafkaml.errors import RefusedError

if TYPE_CHECKING:
    from kafkaml.wire.contract import Column
    from kafkaml.wire.proposal import FieldSummary, Proposal

app = typer.Typer(
    name="datasets", help="Topics as data sets: what is in them, and how it is learnt.", no_args_is_help=True
)

_BARS = "▁▂▃▄▅▆▇█"
_SEVERITIES = {"error": "red", "warning": "yellow", "info": "dim"}
_MAX_VALUES = 3


@app.callback()
def _about() -> None:
    """Topics as data sets: what is in them, and how it is learnt."""


@app.command()
def infer(
    context: typer.Context,
    topic: str,
    format_: Annotated[
        str, typer.Option("--format", help="JSON, AVRO, CSV, RAW or TELEGRAF_STR_JSON; found out by default.")
    ] = "",
    label: Annotated[
        str, typer.Option(help="The field to predict, _key for the key, none; found out by default.")
    ] = "",
    schema: Annotated[Path | None, typer.Option(help="AVRO: file with the schema of values.", exists=True)] = None,
    data_type: Annotated[str | None, typer.Option(help="RAW: type of the numbers.")] = None,
    data_reshape: Annotated[str | None, typer.Option(help="RAW: shape of a sample, e.g. '28 28'.")] = None,
    delimiter: Annotated[str | None, typer.Option(help="CSV: what is between columns.")] = None,
    columns: Annotated[str, typer.Option(help="CSV: names of the columns, comma-separated.")] = "",
    records: Annotated[int, typer.Option(min=10, max=2000, help="How many records are looked at.")] = 1000,
    whole: Annotated[
        bool, typer.Option("--whole", help="With --json: all that was found, not the contract alone.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Look at a sample of a topic and propose a contract: columns, label, what to watch out for."""
    known = {
        "format": format_.upper() or None,
        "data_scheme": schema.read_text(encoding="utf-8") if schema is not None else None,
        "data_type": data_type,
        "data_reshape": data_reshape,
        "delimiter": delimiter,
        "columns": [each.strip() for each in columns.split(",")] if columns else None,
    }
    query = {name: value for name, value in known.items() if value is not None}
    found = client_of(context).topics.propose(topic, label=label, records=records, **query)
    if not json:
        return _print_proposal(found)
    if whole:
        return print_json(found)
    if found.contract is None:
        first = found.remarks[0]
        raise RefusedError(f"no contract can be proposed for {topic}: {first.message}", hint=first.hint)
    return print_json(found.contract)


def _print_proposal(found: Proposal) -> None:
    from kafkaml.terminal import styled

    out, contract = console(), found.contract
    columns = {} if contract is None else {each.expression: each for each in contract.columns}
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
        balance = ", ".join(f"{each.value} {each.count}" for each in found.label.balance[:6])
        kind = "class" if found.label.kind == "class" else "number"
        out.print(
            f"label   {found.label.expression} ({kind}), because {found.label.why}", f"[{balance}]" if balance else ""
        )
    if found.key is not None and found.key.distinct:
        out.print(f"key     {found.key.kind.value}, {found.key.distinct} different in the sample")
    if found.time is not None:
        first, last = (datetime.fromtimestamp(each / 1000, UTC) for each in (found.time.first_ms, found.time.last_ms))
        out.print(f"time    {found.time.expression}, {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S}")
    if contract is not None:
        out.print(f"split   by {contract.split.value}")
    for each in found.remarks:
        style = _SEVERITIES[each.severity.value]
        out.print(
            styled("[" + style + "]{severity}[/] {message}", severity=f"{each.severity.value:7}", message=each.message)
        )
        if each.hint:
            out.print(f"        {each.hint}", style="dim")


def _becomes(row: FieldSummary, column: Column | None) -> str:
    if column is None:
        return row.role.value.replace("_", " ")
    parts = [column.encoding.value.replace("_", " ")]
    if column.scaling != "none":
        parts.append({"min_max": "scaled to 0..1"}.get(column.scaling.value, f"scaled ({column.scaling.value})"))
    if column.missing != "drop":
        parts.append(f"missing: {column.missing.value}")
    return ", ".join(parts)


def _values(row: FieldSummary) -> str:
    """Return a small histogram between the least and the largest number, or the most frequent values."""
    numbers = row.numbers
    if numbers is None or (row.top and row.distinct <= _MAX_VALUES):
        more = ", ..." if row.distinct > _MAX_VALUES else ""
        return ", ".join(each.value[:20] for each in row.top[:_MAX_VALUES]) + (more if row.top else "")
    counts = [bin_.count for bin_ in numbers.histogram]
    pairs = [sum(counts[place : place + 2]) for place in range(0, len(counts), 2)]
    top = max(pairs)
    # A bin with few values is not shown as one without any.
    bars = "".join(" " if not each else _BARS[min(7, each * 8 // (top + 1))] for each in pairs)
    shown = _day if row.kind == "time" else _number
    return f"{shown(numbers.min)} {bars} {shown(numbers.max)}"


def _day(value: float) -> str:
    return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d}"


def _number(value: float) -> str:
    return f"{value:.4g}"

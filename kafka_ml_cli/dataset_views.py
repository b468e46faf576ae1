"""Data sets and what is in them, for people: tables, small histograms, where a contract is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kafka_ml_cli.output import console, human_age, print_table

if TYPE_CHECKING:
    from kafkaml.sdk.types import Dataset, DatasetVersion
    from kafkaml.wire.contract import Column, Contract
    from kafkaml.wire.preview import ContractProblem, Preview, PreviewColumn, PreviewSample, SampleInput
    from kafkaml.wire.proposal import Numbers, Remark, ValueCount

__all__ = [
    "MAX_VALUES",
    "bars",
    "column_text",
    "frequent",
    "print_dataset",
    "print_preview",
    "print_remarks",
    "records_text",
]

MAX_VALUES = 3
_BARS = "▁▂▃▄▅▆▇█"
_SEVERITIES = {"error": "red", "warning": "yellow", "info": "dim"}
# The most numbers of a sample that are printed, because a line has room for no more.
_MAX_NUMBERS = 6


def print_dataset(dataset: Dataset) -> None:
    """Print a data set: its versions, newest first, and how records of the newest become samples."""
    out = console()
    out.print(f"data set {dataset.id}  {dataset.name}", style="bold")
    if dataset.description:
        out.print(dataset.description)
    out.print()
    print_table(
        dataset.versions,
        [
            ("version", lambda row: row.number),
            ("records", _count),
            ("made", lambda row: human_age(row.created_at)),
            ("split", _split),
            ("columns", lambda row: len(row.contract.columns)),
            ("label", lambda row: ", ".join(label.name for label in row.contract.labels)),
            ("slice", _slice),
        ],
        nothing="no versions",
    )
    if dataset.versions:
        newest = dataset.versions[0]
        out.print(f"\ncontract of version {newest.number}", style="bold")
        _print_contract(newest.contract)


def records_text(version: DatasetVersion) -> str:
    """Return which records a version has, for a line."""
    if version.records is not None:
        return f"{version.records} records"
    learns = f"it learns scales and the like of the first window, of {version.fit_records} records at least"
    return f"without end, {_since(version)}; {learns}"


def _count(version: DatasetVersion) -> str:
    return "online" if version.records is None else str(version.records)


def _slice(version: DatasetVersion) -> str:
    return f"{version.ranges} {_since(version)}" if version.online else version.ranges.replace(",", ", ")


def _since(version: DatasetVersion) -> str:
    # The time 0 is before any record and means all records that Kafka keeps.
    if version.since is None or version.since.timestamp() == 0:
        return "from the oldest record on"
    return f"since {version.since:%Y-%m-%d %H:%M:%S}"


def _split(version: DatasetVersion) -> str:
    return f"{version.contract.split.value} {_shares(version.validation_rate, version.test_rate)}"


def _shares(validation_rate: float, test_rate: float) -> str:
    return "/".join(f"{rate:.0%}" for rate in (1 - validation_rate - test_rate, validation_rate, test_rate))


def _print_contract(contract: Contract) -> None:
    out = console()
    labels = [(label.name, label.expression, f"label ({label.kind.value})", "") for label in contract.labels]
    columns = [(column.name, column.expression, column_text(column), column.input) for column in contract.columns]
    inputs = any(column.input for column in contract.columns)
    print_table(
        [*columns, *labels],
        [
            ("name", lambda row: row[0]),
            ("becomes", lambda row: row[2]),
            *([("input", lambda row: row[3])] if inputs else []),
            ("expression", lambda row: row[1]),
        ],
        nothing="no columns",
    )
    out.print(f"\nformat  {contract.format}, key {contract.key.value}")
    if contract.window is not None:
        window = contract.window
        ahead = f", the label {window.horizon} records ahead" if window.horizon else ""
        every = f"one every {window.stride} records" if window.stride > 1 else "one a record"
        out.print(f"window  {window.length} records of a key, {every}{ahead}")


def column_text(column: Column) -> str:
    """Return what a column becomes."""
    shape = f" {'x'.join(map(str, column.shape))}" if column.shape else ""
    parts = [column.encoding.value.replace("_", " ") + shape]
    if column.scaling != "none":
        parts.append({"min_max": "scaled to 0..1"}.get(column.scaling.value, f"scaled ({column.scaling.value})"))
    if column.missing != "drop":
        constant = f" {column.constant}" if column.constant is not None else ""
        parts.append(f"missing: {column.missing.value}{constant}")
    return ", ".join(parts)


def print_preview(found: Preview, contract: Mapping[str, Any]) -> None:
    """Print what ``contract`` makes of a sample, and what is wrong with it first."""
    out = console()
    for problem in found.problems:
        _print_problem(problem, _at(contract, problem.place))
    if found.columns:
        print_table(
            found.columns,
            [
                ("name", lambda row: row.name),
                ("becomes", _becomes),
                ("missing", lambda row: f"{row.missing:.0%}" if row.missing else ""),
                ("distinct", lambda row: row.distinct or ""),
                ("mean", lambda row: "" if row.numbers is None else _number(row.numbers.mean)),
                ("values", _values),
                ("expression", lambda row: row.expression),
            ],
            nothing="",
        )
        out.print()
    out.print(f"records {found.sampled} of {found.records} were looked at; {found.decodes:.1%} of them can be used")
    if found.undecodable is not None:
        out.print(f"        {found.undecodable.place}: {found.undecodable.message}", style="dim")
    if found.balance:
        out.print("label   " + ", ".join(f"{label.value} {label.count}" for label in found.balance[:8]))
    for sample_input in found.inputs:
        out.print(f"input   {sample_input.name or '(the only one)'} {_shape(sample_input.shape)} {sample_input.dtype}")
    if found.parts is not None:
        parts = found.parts
        out.print(f"samples {parts.training} train, {parts.validation} validate, {parts.test} test")
    print_remarks(found.remarks)
    if found.samples:
        out.print()
        _print_samples(found)


def _at(contract: Mapping[str, Any], place: str) -> object:
    """Return what is at ``columns.2.expression`` of a contract; None for nothing."""
    found: Any = contract
    for part in place.split("."):
        if isinstance(found, Mapping):
            found = found.get(part)
        elif isinstance(found, list) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        else:
            return None
    return found


def _print_problem(problem: ContractProblem, expression: object) -> None:
    from kafkaml.terminal import styled

    out = console()
    out.print(styled("[red]error[/]   {place}: {message}", place=problem.place, message=problem.message))
    start, end = problem.start, problem.end
    if isinstance(expression, str) and start is not None and end is not None and "\n" not in expression:
        out.print(f"        {expression}", soft_wrap=True)
        mark = " " * start + "^" * max(1, end - start)
        out.print(f"        {mark}", style="red", soft_wrap=True)
    if problem.hint:
        out.print(f"        {problem.hint}", style="dim")


def print_remarks(remarks: Sequence[Remark]) -> None:
    """Print what was noticed, each with what to do."""
    from kafkaml.terminal import styled

    for remark in remarks:
        style = _SEVERITIES[remark.severity.value]
        console().print(
            styled(
                "[" + style + "]{severity}[/] {message}", severity=f"{remark.severity.value:7}", message=remark.message
            )
        )
        if remark.hint:
            console().print(f"        {remark.hint}", style="dim")


def _becomes(row: PreviewColumn) -> str:
    if row.place.startswith("labels"):
        return "label"
    width = f" ({row.width} numbers)" if row.width > 1 else ""
    return row.encoding.value.replace("_", " ") + width


def _values(row: PreviewColumn) -> str:
    if row.numbers is None:
        return frequent(row.top, row.distinct)
    return bars(row.numbers)


def _print_samples(found: Preview) -> None:
    several = len(found.inputs) > 1
    print_table(
        found.samples,
        [
            ("sample", lambda row: f"{row.topic}[{row.partition}]@{row.offset}"),
            ("key", lambda row: row.key),
            ("time", lambda row: _time(row.timestamp_ms)),
            ("part", lambda row: row.part.value),
            ("label", _label),
            (
                "what the model gets",
                lambda row: "; ".join(_input(sample_input, named=several) for sample_input in row.inputs),
            ),
        ],
        nothing="",
    )


def _label(sample: PreviewSample) -> str:
    label = sample.label
    return label if isinstance(label, str) else ", ".join(f"{number:.4g}" for number in label or ())


def _input(sample_input: SampleInput, *, named: bool) -> str:
    """Return the numbers of a sample, of a window those of its last record."""
    width = sample_input.shape[-1] if sample_input.shape else 1
    last = sample_input.values[-width:] if len(sample_input.shape) == 2 else sample_input.values  # two axes: a window
    more = ", ..." if len(last) > _MAX_NUMBERS else ""
    shape = f"{_shape(sample_input.shape)} ... " if math.prod(sample_input.shape) > len(last) else ""
    numbers = ", ".join(f"{value:.4g}" for value in last[:_MAX_NUMBERS])
    return f"{sample_input.name + ': ' if named else ''}{shape}[{numbers}{more}]"


def _shape(shape: Sequence[int]) -> str:
    return f"({', '.join(map(str, shape))})"


def _time(timestamp_ms: int) -> str:
    return "" if timestamp_ms < 0 else f"{datetime.fromtimestamp(timestamp_ms / 1000, UTC):%Y-%m-%d %H:%M:%S}"


def frequent(top: Sequence[ValueCount], distinct: int) -> str:
    """Return the most frequent values."""
    more = ", ..." if distinct > MAX_VALUES else ""
    return ", ".join(counted.value[:20] for counted in top[:MAX_VALUES]) + (more if top else "")


def bars(numbers: Numbers, *, time: bool = False) -> str:
    """Return a small histogram between the least and the largest number, which are times in milliseconds or not."""
    counts = [bin_.count for bin_ in numbers.histogram]
    pairs = [sum(counts[place : place + 2]) for place in range(0, len(counts), 2)]
    top = max(pairs)
    # A bin with few values is not shown as one without any.
    drawn = "".join(" " if not count else _BARS[min(7, count * 8 // (top + 1))] for count in pairs)
    shown: Any = _day if time else _number
    return f"{shown(numbers.min)} {drawn} {shown(numbers.max)}"


def _day(value: float) -> str:
    return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d}"


def _number(value: float) -> str:
    return f"{value:.4g}"

"""Which columns of a file are the features and which the label: as the user says, otherwise guessed where it is
obvious.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kafka_ml_cli.files.cells import Kind
from kafka_ml_cli.files.options import LABEL_NAMES, LAST_LABEL_NAMES, FileOptions
from kafkaml.errors import RefusedError

if TYPE_CHECKING:
    from kafka_ml_cli.files.table import ColumnScan, Table

__all__ = ["Choice", "chosen_columns"]


@dataclass(frozen=True)
class Choice:
    """Indices of columns; ``notes`` say what was guessed."""

    features: list[int]
    labels: list[int]
    notes: list[str]


def chosen_columns(table: Table, scans: list[ColumnScan], options: FileOptions) -> Choice:
    """Raises RefusedError that lists the columns when a name is unknown, or the label cannot be determined."""
    notes: list[str] = []
    labels = _named(table, options.labels) if options.labels else _guessed_labels(scans, notes, options)
    if options.features:
        features = _named(table, options.features)
        # Values to predict may contain the label's column too, because users try a model on its training file.
        labels = labels if options.labels else [index for index in labels if index not in features]
        return Choice(features, labels if options.with_labels else [], notes)
    left_out = _index_columns(table, scans, notes)
    features = [scan.index for scan in scans if scan.index not in (*labels, *left_out)]
    if not features and len(scans) == 1:
        notes.append("the one column is both the features and the label")
        features = labels
    if not features:
        raise RefusedError(f"{table.path}: no column is left for the features", hint="name them: --features")
    if options.with_labels and options.label_required and not labels:
        raise RefusedError(
            f"{table.path}: which column is the label? It has {_listed(table.columns)}",
            hint=f"for example --labels {table.columns[features[-1]]}; data without labels: --no-labels",
        )
    if not options.with_labels and labels:
        notes.append(
            f"column {table.columns[labels[0]]} was left out: it looks like the label, not a value to predict from"
        )
    _note_repeated(table, features, notes)
    return Choice(features, labels if options.with_labels else [], notes)


def _named(table: Table, text: str) -> list[int]:
    """Return the indices of the columns in ``text``: one name, or several between commas."""
    names = [text] if text in table.columns else [name.strip() for name in text.split(",") if name.strip()]
    found = []
    for name in names:
        places = [index for index, column in enumerate(table.columns) if column == name]
        places = places or [index for index, column in enumerate(table.columns) if column.lower() == name.lower()]
        if not places:
            raise RefusedError(f"{table.path} has no column {name!r}: it has {_listed(table.columns)}")
        if len(places) > 1:
            raise RefusedError(f"{table.path} has {len(places)} columns {name!r}", hint="rename one of them")
        found += places
    return found


def _guessed_labels(scans: list[ColumnScan], notes: list[str], options: FileOptions) -> list[int]:
    if options.with_labels is False and options.features:
        return []
    usual = [scan for scan in scans if scan.name.lower().replace(" ", "_") in LABEL_NAMES]
    last = scans[-1]
    texts = [scan for scan in scans if scan.kind is Kind.TEXT and not scan.mixed and scan.name]
    found: ColumnScan | None = None
    if len(usual) == 1:
        found = usual[0]
    elif usual:
        found = usual[-1] if usual[-1] is last else None
    elif len(scans) > 1 and (last.name.lower().replace(" ", "_") in LAST_LABEL_NAMES or texts == [last]):
        found = last
    if found is None or (len(scans) == 1 and not options.with_labels):
        return []
    if options.with_labels and len(scans) > 1:
        notes.append(f"column {found.name} was taken for the label; --labels names another")
    return [found.index]


def _index_columns(table: Table, scans: list[ColumnScan], notes: list[str]) -> list[int]:
    """Return the columns without content: row numbers without a name, and the blank column that a delimiter at the end
    of each row makes.
    """
    left_out = []
    for scan in scans:
        unnamed = not scan.name or scan.name.lower().startswith("unnamed: ")
        if not unnamed:
            continue
        if scan.missing == scan.rows:
            left_out.append(scan.index)
            notes.append(f"column {scan.index + 1} was left out: it has no name and is empty")
        elif scan.index == 0 and scan.counts_up:
            left_out.append(scan.index)
            notes.append("column 1 was left out: it has no name and counts the rows")
        else:
            rest = ",".join(other.name for other in scans if other.name and other is not scan)
            raise RefusedError(
                f"{table.path}: column {scan.index + 1} has no name",
                hint=f"name it, or leave it out: --features {rest}",
            )
    return left_out


def _note_repeated(table: Table, features: list[int], notes: list[str]) -> None:
    names = [table.columns[index] for index in features]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        notes.append(f"the columns {', '.join(repeated)} occur more than once: all were sent, in the file's order")


def _listed(columns: list[str], limit: int = 30) -> str:
    shown = [name or f"(column {index + 1}, without a name)" for index, name in enumerate(columns[:limit])]
    return ", ".join(shown) + (f" and {len(columns) - limit} more" if len(columns) > limit else "")

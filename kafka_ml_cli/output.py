"""How commands show things: JSON for scripts, tables and lines for people. Nothing else prints."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel
    from rich.console import Console

__all__ = [
    "Column",
    "JsonOption",
    "console",
    "human_age",
    "human_size",
    "print_done",
    "print_json",
    "print_object",
    "print_table",
    "styled_state",
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Column = tuple[str, Callable[[Any], object]]

# Columns of numbers, aligned to the right because numbers are then easier to compare.
_NUMBERS = frozenset(
    {"id", "records", "records/s", "lag", "predicted", "dead letters", "warming up", "parameters"}
    | {"p50 ms", "p99 ms", "sent up", "restarts", "attempt", "revision"}
)
# Width of the output without a terminal, where nothing needs to be folded.
_PIPE_WIDTH = 400

_STATE_STYLES = {
    "finished": "green",
    "ready": "green",
    "running": "cyan",
    "ok": "green",
    "warn": "yellow",
    "fail": "red",
    "failed": "red",
    "failing": "red",
    "starting": "yellow",
    "waiting": "yellow",
    "created": "dim",
    "stopped": "dim",
    "silent": "yellow",
}


@cache
def console(*, error: bool = False) -> Console:
    """Return the console for standard output, or for standard error (progress, remarks).

    What is printed is plain text; our own styles come by ``kafkaml.terminal.styled``.
    """
    from kafkaml.terminal import SafeConsole

    on_terminal = (sys.stderr if error else sys.stdout).isatty()
    width = None if on_terminal or "COLUMNS" in os.environ else _PIPE_WIDTH
    return SafeConsole(stderr=error, width=width)


def print_json(value: object) -> None:
    """Print ``value`` (objects of the SDK, lists and dicts of them) as indented JSON."""
    import orjson

    sys.stdout.write(orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


def print_done(value: object, done: str, *, json: bool, then: str = "") -> None:
    """Print ``value`` as JSON, or for people what was ``done``, and ``then`` what comes next."""
    if json:
        return print_json(value)
    console().print(done)
    return console().print(f"next: {then}", style="dim") if then else None


def _plain(value: object) -> object:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


def print_table(rows: Sequence[object], columns: Sequence[Column], *, nothing: str, json: bool = False) -> None:
    """Print one line per row, or all of them as JSON; ``nothing`` is said (to standard error) when there is none."""
    from rich.table import Table

    if json:
        return print_json(rows)
    if not rows:
        return console(error=True).print(nothing, style="dim")
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
    for position, (title, _) in enumerate(columns):
        # Only the last column may be long, and is folded on a narrow terminal.
        last = position == len(columns) - 1
        table.add_column(title, justify="right" if title in _NUMBERS else "left", overflow="fold", no_wrap=not last)
    for row in rows:
        table.add_row(*(_cell(value(row)) for _, value in columns))
    return console().print(table)


def _cell(value: object) -> Any:
    from rich.text import Text

    if isinstance(value, Text):
        return value
    return "" if value is None else str(value)


def print_object(value: BaseModel, *, long: Sequence[str] = (), without: Sequence[str] = ()) -> None:
    """Print an object field by field; the fields in ``long`` come last, as blocks of text."""
    from kafkaml.terminal import styled

    fields = {name: field for name, field in value.model_dump(mode="json").items() if name not in without}
    width = max(len(name) for name in fields)
    for name, field in fields.items():
        if name not in long and field not in (None, "", [], {}):
            shown = styled_state(str(field)) if name == "state" else _compact(field)
            console().print(styled("[dim]{name}[/]  ", name=f"{name:{width}}"), shown, sep="", soft_wrap=True)
    for name in long:
        if text := fields.get(name):
            console().print(f"\n{name}", style="bold")
            console().print(str(text), soft_wrap=True)


def _compact(value: object) -> str:
    """Return a field in one line: names and values without what JSON needs around them, where nothing is nested."""
    import orjson

    parts = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    if parts and not any(isinstance(part, dict | list) for part in parts):
        named = value.items() if isinstance(value, dict) else (("", part) for part in parts)
        return ", ".join(f"{name} {_compact(part)}".strip() for name, part in named)
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()


def styled_state(state: object) -> Any:
    """Return a state word in its colour."""
    from rich.text import Text

    return Text(str(state), style=_STATE_STYLES.get(str(state), "default"))


def human_size(size_bytes: int) -> str:
    """Return a size as people write it, e.g. ``1.4 MB``."""
    size = float(size_bytes)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def human_age(moment: datetime | None) -> str:
    """Return how long ago a moment was, e.g. ``5 min ago``."""
    if moment is None:
        return ""
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f} {unit} ago"
    return f"{max(0, seconds):.0f} s ago"

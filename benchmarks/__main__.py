"""``python -m benchmarks [--only P4,P5] [--quick] [--check] [--write]``: measure, print a table, write ``results/``."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import platform
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

import benchmarks
from benchmarks import report
from benchmarks.context import Context, Row
from benchmarks.report import figure

_NOT_SUBJECTS = {"__main__", "context", "report", "soak"}
_RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the subjects that were asked for; exit code 1 when one could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", default="", help="subjects or ids of rows, comma-separated, e.g. P4,P5")
    parser.add_argument("--quick", action="store_true", help="small amounts: does it work at all?")
    parser.add_argument("--write", action="store_true", help="put all known figures into README.md and docs/figures.md")
    parser.add_argument("--check", action="store_true", help="fail where a ratio is worse than docs/figures.md says")
    parser.add_argument("--repeats", type=int, default=5, help="number of runs whose median is given (default 5)")
    options = parser.parse_args()
    # The table is wide where there is no terminal, so that nothing is folded.
    console = Console(width=None if sys.stdout.isatty() else 180)
    wanted = {part.strip().lower() for part in options.only.split(",") if part.strip()}
    modules = _subjects(wanted, console)
    rows: list[Row] = []
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="kml-bench-") as folder:
        context = Context(Path(folder), repeats=1 if options.quick else options.repeats, quick=options.quick)
        try:
            for module in modules:
                name = module.__name__.rpartition(".")[2]
                began = time.monotonic()
                try:
                    with console.status(f"measuring {name}: {(module.__doc__ or '').splitlines()[0]}"):
                        found = list(module.run(context))
                except Exception:  # noqa: BLE001  one subject's failure must not hide the others' figures
                    failed.append(name)
                    console.print(f"[red]{name} could not be measured[/]\n{traceback.format_exc()}")
                    continue
                chosen = [row for row in found if not wanted or name in wanted or row.id.lower() in wanted]
                rows += chosen
                ids = ", ".join(dict.fromkeys(row.id for row in chosen))
                console.print(f"[dim]{name}: {ids} in {time.monotonic() - began:.0f} s[/]")
        finally:
            context.close()
    rows.sort(key=lambda row: (len(row.id), row.id))
    console.print(_table(rows))
    document = _write(rows, quick=options.quick)
    worse = report.regressions(orjson.loads(orjson.dumps(rows))) if options.check else []
    for line in worse:
        console.print(f"[red]worse[/] {line}", highlight=False)
    if options.write:
        report.write(document)
    if failed:
        console.print(f"[red]not measured: {', '.join(failed)}[/]")
    if failed or worse:
        sys.exit(1)


def _subjects(wanted: set[str], console: Console) -> list[ModuleType]:
    modules = []
    for iter_module in sorted(pkgutil.iter_modules(benchmarks.__path__), key=lambda module: module.name):
        if iter_module.name in _NOT_SUBJECTS or iter_module.name.startswith("_"):
            continue
        module = importlib.import_module(f"benchmarks.{iter_module.name}")
        ids = {str(identifier).lower() for identifier in getattr(module, "IDS", ())}
        if hasattr(module, "run") and (not wanted or iter_module.name in wanted or not ids or ids & wanted):
            modules.append(module)
    if not modules:
        console.print(f"[red]no benchmark is called {', '.join(sorted(wanted))}[/]")
        sys.exit(2)
    return modules


def _table(rows: list[Row]) -> Table:
    title = f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}"
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("id", no_wrap=True)
    table.add_column("what", min_width=24, overflow="fold")
    for name in ("reference", "ours", "floor", "x reference", "of floor", "spread"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("bar", overflow="fold")
    table.add_column("met", no_wrap=True)
    for row in rows:
        met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[row.met]
        table.add_row(
            row.id,
            row.what + (f"\n[dim]{row.note}[/]" if row.note else ""),
            figure(row.reference, row.unit),
            f"[bold]{figure(row.ours, row.unit)}[/]",
            figure(row.floor, row.unit),
            "" if row.ratio_to_reference is None else f"{row.ratio_to_reference:,.1f}",
            "" if row.fraction_of_floor is None else f"{row.fraction_of_floor:.2f}",
            "" if row.spread is None else f"{row.spread:.0%}",
            row.bar,
            met,
        )
    return table


def _write(rows: list[Row], *, quick: bool) -> dict[str, Any]:
    """Write the figures that were measured into the results, and keep those of other ids from earlier runs, or from
    the documentation where there was none.
    """
    _RESULTS.mkdir(exist_ok=True)
    path = _RESULTS / ("quick.json" if quick else "latest.json")
    measured = {row.id for row in rows}
    try:
        earlier = path if quick or path.exists() else report.KNOWN
        kept = [load for load in orjson.loads(earlier.read_bytes())["rows"] if load["id"] not in measured]
    except (OSError, ValueError, KeyError):
        kept = []
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fresh = [{**asdict(row), "at": now} for row in rows]
    document = {
        "machine": {"processors": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "rows": sorted([*kept, *fresh], key=lambda row: (len(row["id"]), row["id"])),
    }
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    return document


if __name__ == "__main__":
    main()

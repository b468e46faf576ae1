"""The figures as text: README.md's table, docs/figures.md, and the list of figures that have become worse.

``figures.json``, next to this file, holds the figures of the documentation, and ``limits.md`` what keeps some of them
from their bar. Machines differ and are shared, so only ratios of one run are compared: to the floor where a row has
one, to the reference otherwise. The page also shows the results of ``make soak``, which ``benchmarks.soak`` keeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from benchmarks import soak
from benchmarks.soak import ROWS, SoakResult

__all__ = ["KNOWN", "figure", "figures_page", "regressions", "summary", "write", "write_soaked"]

_ROOT = Path(__file__).resolve().parent.parent
_README, _PAGE = _ROOT / "README.md", _ROOT / "docs" / "figures.md"
KNOWN, _LIMITS = Path(__file__).parent / "figures.json", Path(__file__).parent / "limits.md"
_BEGIN, _END = "<!-- output:bench -->\n", "<!-- /output -->"
# A ratio differs by this much between two runs even on a quiet machine.
_LEAST_NOISE = 0.15

_ABOUT = """\
Written by `make bench ARGS=--write`. `make bench ARGS=--check` measures again and fails where a ratio has become worse
than noise explains. The *reference* behaves as the old system does, the *floor* does only what cannot be avoided; both
run on the same broker, model and messages as ours, in the same run. The spread is that of our own measurements:
(largest - smallest) / median.

"""

_ABOUT_SOAK = """
## Soak

Written by `make soak`, which takes hours: each fault in its full count, on a real broker, and what the last run found.
*Lost* and *twice* compare the positions of all records that were sent with those that were answered.

"""

_Row = Mapping[str, Any]


def figure(value: float | None, unit: str) -> str:
    """Return a figure as text; empty for None."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def write(document: Mapping[str, Any]) -> None:
    """Put the figures of ``document``, as ``benchmarks.__main__`` writes it, into README.md and docs/figures.md.

    Afterwards ``regressions`` compares with these figures.
    """
    before, _, rest = _README.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _README.write_text(before + _BEGIN + summary(document) + _END + after, encoding="utf-8")
    _PAGE.write_text(figures_page(document, soak.known()), encoding="utf-8")
    KNOWN.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")


def write_soaked(name: str, result: SoakResult) -> None:
    """Keep the result of one row of ``benchmarks.soak``, and write docs/figures.md with it."""
    results = {**soak.known(), name: result}
    soak.keep(results)
    _PAGE.write_text(figures_page(orjson.loads(KNOWN.read_bytes()), results), encoding="utf-8")


def summary(document: Mapping[str, Any]) -> str:
    """Return a table of the rows that have a reference, for README.md."""
    lines = [
        f"{_machine(document)}; medians:\n\n",
        "| what | Kafka-ML | reference | x reference | of the floor |\n|---|--:|--:|--:|--:|\n",
    ]
    for row in document["rows"]:
        if row["ratio_to_reference"] is None:
            continue
        of_floor = "" if row["fraction_of_floor"] is None else f"{row['fraction_of_floor']:.2f}"
        ours, reference = figure(row["ours"], row["unit"]), figure(row["reference"], row["unit"])
        lines.append(f"| {row['what']} | **{ours}** | {reference} | {row['ratio_to_reference']:,.1f} | {of_floor} |\n")
    return "".join(lines)


def figures_page(document: Mapping[str, Any], soaked: Mapping[str, SoakResult]) -> str:
    """Return docs/figures.md: every row with its spread, its bar and its note; then the rows of faults."""
    lines = [
        "# Figures\n\n",
        _ABOUT,
        f"{_machine(document)}; medians.\n\n",
        "| id | what | ours | reference | floor | x reference | of floor | spread | bar | met |\n",
        "|---|---|--:|--:|--:|--:|--:|--:|---|---|\n",
    ]
    for row in document["rows"]:
        unit, ratio, fraction = row["unit"], row["ratio_to_reference"], row["fraction_of_floor"]
        spread = row["spread"]
        cells = [
            row["id"],
            row["what"],
            f"**{figure(row['ours'], unit)}**",
            figure(row["reference"], unit),
            figure(row["floor"], unit),
            "" if ratio is None else f"{ratio:,.1f}",
            "" if fraction is None else f"{fraction:.2f}",
            "" if spread is None else f"{spread:.0%}",
            row["bar"],
            {True: "yes", False: "no", None: ""}[row["met"]],
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    noted = [row for row in document["rows"] if row["note"]]
    if noted:
        lines.append("\n## Notes\n\n")
        lines += [f"- **{row['id']}**, {row['what']}: {row['note']}\n" for row in noted]
    return "".join(lines) + _LIMITS.read_text(encoding="utf-8") + _soak_section(soaked)


def regressions(rows: Sequence[_Row], known: Mapping[str, Any] | None = None) -> list[str]:
    """Return the figures that are worse than those of the documentation, ``known``, by more than noise explains.

    Rows are compared with those of the same id, in their order. Noise is the larger spread of the two, 15 % at least.
    """
    if known is None:
        known = orjson.loads(KNOWN.read_bytes()) if KNOWN.exists() else {"rows": []}
    then = dict(_numbered(known["rows"]))
    problems = []
    for key, row in _numbered(rows):
        before = then.get(key)
        if before is None:
            continue
        for name, text in (("fraction_of_floor", "of the floor"), ("ratio_to_reference", "times the reference")):
            if row[name] is None or before[name] is None:
                continue
            noise = max(_LEAST_NOISE, row["spread"] or 0, before["spread"] or 0)
            if row[name] < before[name] * (1 - noise):
                problems.append(
                    f"{row['id']} {row['what']}: {row[name]:.2f} {text}, {before[name]:.2f} before; "
                    f"noise explains {noise:.0%}"
                )
            break
    return problems


def _soak_section(soaked: Mapping[str, SoakResult]) -> str:
    lines = [
        _ABOUT_SOAK,
        "| id | fault | bar | last run | lost | twice | slowest recovery | took | on | held |\n",
        "|---|---|---|---|--:|--:|--:|--:|---|---|\n",
    ]
    for name, row in ROWS.items():
        cells = [name, row.fault, row.bar, *_soak_cells(soaked.get(name))]
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


def _soak_cells(result: SoakResult | None) -> list[str]:
    if result is None:
        return ["**never run**", "", "", "", "", "", ""]
    return [
        result.done,
        figure(result.lost, ""),
        figure(result.doubled, ""),
        figure(result.recovery_seconds, "s"),
        figure(result.seconds, "s"),
        result.at,
        "yes" if result.held else "**no**",
    ]


def _numbered(rows: Sequence[_Row]) -> Iterator[tuple[tuple[str, int], _Row]]:
    """Yield each row with its id and its place among the rows of that id. Texts do not identify rows, because they may
    hold measured values.
    """
    counts: dict[str, int] = {}
    for row in rows:
        place = counts.get(row["id"], 0)
        counts[row["id"]] = place + 1
        yield (row["id"], place), row


def _machine(document: Mapping[str, Any]) -> str:
    machine = document["machine"]
    return f"On {machine['processors']} processors, Python {machine['python']}"

"""Puts measured figures into README.md, between the marks that are there for it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["figure", "write"]

_README = Path(__file__).resolve().parent.parent / "README.md"
_BEGIN, _END = "<!-- output:bench -->\n", "<!-- /output -->"


def figure(value: float | None, unit: str) -> str:
    """Return a figure as people read it; empty for none."""
    if value is None:
        return ""
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{text} {unit}".strip()


def write(document: Mapping[str, Any]) -> None:
    """Replace the table between the marks by the figures of ``document``, as ``benchmarks.__main__`` writes it."""
    machine = document["machine"]
    lines = [
        f"On {machine['processors']} processors, Python {machine['python']}; medians:\n\n",
        "| | what | reference | ours | floor | x reference | of floor | bar |\n|---|---|--:|--:|--:|--:|--:|---|\n",
    ]
    for row in document["rows"]:
        unit = row["unit"]
        ratio, fraction = row["ratio_to_reference"], row["fraction_of_floor"]
        met = {True: " \N{HEAVY CHECK MARK}", False: " (not yet)", None: ""}[row["met"]]
        cells = [
            row["id"],
            row["what"],
            figure(row["reference"], unit),
            f"**{figure(row['ours'], unit)}**",
            figure(row["floor"], unit),
            "" if ratio is None else f"{ratio:,.1f}",
            "" if fraction is None else f"{fraction:.2f}",
            row["bar"] + met,
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    text = _README.read_text(encoding="utf-8")
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _README.write_text(before + _BEGIN + "".join(lines) + _END + after, encoding="utf-8")

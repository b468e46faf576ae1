"""The rows of faults: what ``make soak`` does to the system, and what came of it when it was last done.

``soak.json``, next to this file, holds the last result of each row. Tests write it through ``tests.soak_record``;
``benchmarks.report`` shows it in docs/figures.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

__all__ = ["ROWS", "SoakResult", "SoakRow", "keep", "known"]

_KNOWN = Path(__file__).parent / "soak.json"


@dataclass(frozen=True)
class SoakRow:
    """A fault and its bar, as people read them."""

    fault: str
    bar: str


_ONCE = "0 lost, 0 twice"
# The rows, by the names that tests use. A row about several faults has a name for each of them.
ROWS = {
    "R1": SoakRow("a replica killed in mid-batch x 200", _ONCE),
    "R2": SoakRow("the same, output on another cluster", _ONCE),
    "R3 killed": SoakRow("broker killed x 20", f"{_ONCE}, nobody's hand needed"),
    "R3 paused": SoakRow("broker paused for 30 s x 10", f"{_ONCE}, nobody's hand needed"),
    "R3 restarted": SoakRow("broker restarted x 10", f"{_ONCE}, nobody's hand needed"),
    "R4": SoakRow("a request to commit delayed past the next transaction's begin x 100", "0 wrong commits"),
    "R5": SoakRow("5 % poison in 100,000 records", "inputs = outputs + dead letters, >= 80 % of the clean speed"),
    "R6": SoakRow("rebalances for 10 min, one every 2 s", f"{_ONCE}, >= 30 % of the steady speed"),
    "R7 artifacts": SoakRow("disk full in the artifact store", "0 torn, a clear error, goes on when there is room"),
    "R7 database": SoakRow("disk full for the database", "0 torn, a clear error, goes on when there is room"),
    "R7 scratch": SoakRow("disk full in the scratch folder", "0 torn, a clear error, goes on when there is room"),
    "R8": SoakRow("backend away during a result's upload x 100", "same hash, one row, 0 retrainings"),
    "R9 killed": SoakRow("logger killed between request and commit x 200", "each announcement registered once"),
    "R9 5xx": SoakRow("logger answered by 5xx x 200", "each announcement registered once"),
    "R9 4xx": SoakRow("logger answered by 4xx x 50", "each announcement registered once"),
    "R10": SoakRow("50 clients x 1,000 API writes on SQLite", '0 "locked", 0 5xx'),
    "R10 PostgreSQL": SoakRow("the same on PostgreSQL", "0 5xx"),
    "R11": SoakRow("launcher against a faulty API server in random histories", "0 orphans, 0 twins"),
    "R12 tensorflow": SoakRow("training killed x 100, in every phase, TensorFlow", "result of an undisturbed run"),
    "R12 pytorch": SoakRow("training killed x 100, in every phase, PyTorch", "result of an undisturbed run"),
    "R13 Kafka": SoakRow("Kafka absent at the start", "ready <= 15 s after it comes"),
    "R13 database": SoakRow("database absent at the start", "ready <= 15 s after it comes"),
    "R14": SoakRow("an hour at speed", "memory + <= 5 %, descriptors flat"),
}


@dataclass(frozen=True, kw_only=True)
class SoakResult:
    """What one run did and found. ``lost`` and ``doubled`` are None where the row does not count records.

    ``done`` has counts. ``recovery_seconds`` is the slowest recovery from a fault. ``at`` is a date in ISO format.
    """

    done: str
    lost: int | None
    doubled: int | None
    recovery_seconds: float | None
    seconds: float
    held: bool
    at: str


def known() -> dict[str, SoakResult]:
    """Return the last result of each row that was ever run, by name."""
    rows = orjson.loads(_KNOWN.read_bytes()) if _KNOWN.exists() else {}
    return {name: SoakResult(**fields) for name, fields in rows.items()}


def keep(results: Mapping[str, SoakResult]) -> None:
    """Write ``results``, in the order of ``ROWS``."""
    rows = {name: asdict(results[name]) for name in ROWS if name in results}
    _KNOWN.write_bytes(orjson.dumps(rows, option=orjson.OPT_INDENT_2) + b"\n")

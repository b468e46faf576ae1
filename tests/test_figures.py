"""The figures of ``make bench``: how they are written down, and when one counts as worse."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
import pytest

from benchmarks.context import Row
from benchmarks.report import figures_page, regressions, summary
from benchmarks.soak import ROWS, SoakResult, known
from tests.soak_record import SoakRecord

_ROOT = Path(__file__).resolve().parents[1]


def _row(**changed: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": "P4",
        "what": "answers",
        "ours": 200.0,
        "unit": "/s",
        "reference": 4.0,
        "floor": 250.0,
        "spread": 0.04,
        "bar": ">= 0.85",
        "met": False,
        "note": "next to light work",
    }
    return asdict(Row(**{**fields, **changed}))


def _document(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"machine": {"processors": 2, "python": "3.11.7"}, "rows": list(rows)}


def test_a_ratio_that_noise_does_not_explain_is_worse() -> None:
    (worse,) = regressions([_row(ours=160.0)], _document(_row()))
    assert worse == "P4 answers: 0.64 of the floor, 0.80 before; noise explains 15%"


@pytest.mark.parametrize(
    ("now", "before"),
    [
        pytest.param(_row(ours=180.0), _row(), id="within 15 %"),
        pytest.param(_row(ours=130.0, spread=0.5), _row(), id="within its own spread"),
        pytest.param(_row(ours=130.0), _row(spread=0.5), id="within the spread of then"),
        pytest.param(_row(ours=100.0, floor=120.0, reference=2.0), _row(), id="a slower machine"),
        pytest.param(_row(ours=100.0, floor=None), _row(floor=None, reference=None), id="nothing to compare with"),
        pytest.param(_row(id="P5", ours=1.0), _row(), id="another row"),
    ],
)
def test_what_noise_or_the_machine_explains_is_not_worse(now: dict[str, Any], before: dict[str, Any]) -> None:
    assert regressions([now], _document(before)) == []


def test_rows_of_one_id_are_compared_in_their_order() -> None:
    known = _document(_row(what="at 10/s"), _row(what="at 1,000/s"))
    (worse,) = regressions([_row(what="at 10/s"), _row(what="at 1,000/s", ours=20.0)], known)
    assert worse.startswith("P4 at 1,000/s")


def test_without_a_floor_the_reference_decides_and_less_may_be_better() -> None:
    slow = _row(floor=None, ours=2.0, reference=10.0, higher_is_better=False)
    (worse,) = regressions([_row(floor=None, ours=4.0, reference=10.0, higher_is_better=False)], _document(slow))
    assert "2.50 times the reference, 5.00 before" in worse


def test_pages_hold_each_row_as_people_read_it() -> None:
    document = _document(
        _row(), _row(id="P11", what="memory", unit="MB", reference=None, floor=None, note="", met=True)
    )
    assert "| answers | **200 /s** | 4 /s | 50.0 | 0.80 |\n" in summary(document)
    assert "memory" not in summary(document)
    page = figures_page(document, {})
    assert "| P4 | answers | **200 /s** | 4 /s | 250 /s | 50.0 | 0.80 | 4% | >= 0.85 | no |\n" in page
    assert "| P11 | memory | **200 MB** |  |  |  |  | 4% | >= 0.85 | yes |\n" in page
    assert "- **P4**, answers: next to light work\n" in page


def test_rows_of_faults_say_what_was_found_or_that_they_were_never_run() -> None:
    result = SoakResult(
        done="20 kills, 41,000 records",
        lost=0,
        doubled=3,
        recovery_seconds=12.34,
        seconds=600.4,
        held=False,
        at="2026-11-30",
    )
    page = figures_page(_document(), {"R3 killed": result})
    assert f"| R3 killed | {ROWS['R3 killed'].fault} | {ROWS['R3 killed'].bar} | 20 kills, 41,000 records " in page
    assert "| 0 | 3 | 12.3 s | 600 s | 2026-11-30 | **no** |\n" in page
    assert page.count("| **never run** |") == len(ROWS) - 1


def test_the_page_in_docs_is_the_one_of_the_figures() -> None:
    document = orjson.loads((_ROOT / "benchmarks" / "figures.json").read_bytes())
    assert (_ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == figures_page(document, known())


def test_a_test_says_what_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, SoakResult] = {}
    monkeypatch.setattr("tests.soak_record.write_soaked", written.__setitem__)
    record = SoakRecord()
    record.write(held=True)
    assert written == {}

    record.begin("R3 killed")
    for lost in (0, 2):
        with record.recovery():
            record.count(lost=lost, doubled=0)
    record.did("2 kills")
    record.write(held=False)
    result = written["R3 killed"]
    assert (result.done, result.lost, result.doubled, result.held) == ("2 kills", 2, 0, False)
    assert result.recovery_seconds is not None
    assert 0 < result.recovery_seconds < result.seconds

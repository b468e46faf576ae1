"""The figures of ``make bench``: how they are written down, and when one counts as worse."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from benchmarks.context import Row
from benchmarks.report import figures_page, regressions, summary


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
    page = figures_page(document)
    assert "| P4 | answers | **200 /s** | 4 /s | 250 /s | 50.0 | 0.80 | 4% | >= 0.85 | no |\n" in page
    assert "| P11 | memory | **200 MB** |  |  |  |  | 4% | >= 0.85 | yes |\n" in page
    assert "- **P4**, answers: next to light work\n" in page

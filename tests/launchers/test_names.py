"""Names of attempts: one each, valid DNS labels, and parsed back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.launchers.names import RunKind, WorkName, check_work_name, parse_work_name, work_name

ids = st.integers(min_value=1, max_value=2**53)
attempts = st.integers(min_value=1, max_value=10**8)


def test_names_read_as_documented() -> None:
    assert work_name(RunKind.TRAINING, 7, 1) == "kml-train-7-a1"
    assert work_name(RunKind.INFERENCE, 300, 12) == "kml-infer-300-a12"


@given(st.sampled_from(RunKind), ids, attempts)
def test_names_are_dns_labels_and_parse_back(kind: RunKind, number: int, attempt: int) -> None:
    name = work_name(kind, number, attempt)
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", name)
    assert parse_work_name(name) == WorkName(kind, number, attempt)


@pytest.mark.parametrize(
    "name",
    ["", "kml-train-7", "kml-train-07-a1", "kml-train-0-a1", "kml-train-7-a0", "kml-serve-7-a1", "x-kml-train-7-a1"],
)
def test_other_names_are_not_ours(name: str) -> None:
    assert parse_work_name(name) is None
    with pytest.raises(ValueError, match="is not a name of work: expected one such as kml-train-7-a1"):
        check_work_name(name)


@pytest.mark.parametrize(("number", "attempt"), [(0, 1), (1, 0), (-3, 1)])
def test_ids_and_attempts_count_from_one(number: int, attempt: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        work_name(RunKind.TRAINING, number, attempt)

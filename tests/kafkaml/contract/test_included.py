"""Answers carry chosen columns and fields of their records, as those have them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kafkaml.codecs import codec_for
from kafkaml.codecs.base import DecodedBatch
from kafkaml.errors import DecodeError
from kafkaml.records import ListBatch
from tests.kafkaml.contract.records import BEGAN_MS, record

CONTRACT: dict[str, Any] = {
    "format": "JSON",
    "fields": [
        {"path": ["reading", "temperature"], "kind": "number"},
        {"path": ["machine"], "kind": "text"},
        {"path": ["at"], "kind": "time"},
        {"path": ["count"], "kind": "integer"},
        {"path": ["axes"], "kind": "numbers"},
    ],
    "columns": [{"name": "half", "expression": "reading.temperature / 2", "scaling": "standard"}],
    "split": "time",
}
LEARNT = {"columns": {"half": {"offset": 3.0, "scale": 2.0}}}


def decoded(include: list[str], values: list[Any], **contract: Any) -> DecodedBatch:
    config = {"contract": {**CONTRACT, **contract}, "learnt": LEARNT, "include": include}
    records = [record(value, key=b"m1", place=place, headers=(("unit", b"C"),)) for place, value in enumerate(values)]
    return codec_for("COLUMNS", config).features.decode_batch(ListBatch(records))


def test_values_are_those_of_the_record_and_null_where_it_has_none() -> None:
    full = {
        "reading": {"temperature": 41},
        "machine": 'a "b"\n',
        "at": "2026-01-31T12:30:00.25+01:00",
        "count": 2**60 + 1,
        "axes": [1, 2.5],
    }
    # What is only carried costs no record its answer, whatever it is.
    odd = {"reading": {"temperature": 4}, "machine": ["x"], "count": "many"}
    include = ["half", "reading.temperature", "machine", "at", "count", "axes", "_key", "_timestamp", "_headers.unit"]
    found = decoded([*include, "_headers.none"], [full, {"reading": None}, odd])
    assert found.kept == [0, 2]
    assert [index for index, _ in found.failures] == [1]
    first, second = map(orjson.loads, found.included)
    assert first == {
        "half": 20.5,
        "reading.temperature": 41,
        "machine": 'a "b"\n',
        "at": "2026-01-31T11:30:00.250Z",
        "count": 2**60 + 1,
        "axes": [1, 2.5],
        "_key": "m1",
        "_timestamp": BEGAN_MS,
        "_headers.unit": "C",
        "_headers.none": None,
    }
    assert second | {"_timestamp": BEGAN_MS + 2000} == second
    assert [second[name] for name in ("half", "machine", "at", "count", "axes")] == [2, None, None, None, None]


def test_a_window_carries_what_its_last_record_has() -> None:
    values = [{"reading": {"temperature": place}, "count": place} for place in range(5)]
    found = decoded(["count"], values, window={"length": 3})
    assert found.kept == [2, 3, 4]
    assert [orjson.loads(each)["count"] for each in found.included] == [2, 3, 4]


def test_nothing_is_carried_that_nobody_asked_for() -> None:
    assert decoded([], [{"reading": {"temperature": 1}}]).included == ()


def test_too_much_to_carry_is_a_failure_of_that_record() -> None:
    values = [{"reading": {"temperature": 1}, "machine": name} for name in ("a", "b" * 9000, "c")]
    found = decoded(["machine"], values)
    assert (found.kept, len(found.rows), len(found.included)) == ([0, 2], 2, 2)
    ((index, error),) = found.failures
    assert index == 1
    assert "expected at most 8,192" in str(error)


def test_a_name_that_the_contract_does_not_have_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"'machin', which is no column and no field: expected some of half") as told:
        decoded(["machin"], [])
    assert told.value.hint == "did you mean machine?"

"""SQL over the fields of a record gives the same answers as SQLite, and errors that say where and what."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.contract.expressions import ExpressionError, compile_expression
from kafkaml.contract.kinds import DTYPES, column_name
from kafkaml.wire.contract import FieldKind

FIELDS = {
    ("a",): FieldKind.NUMBER,
    ("b",): FieldKind.NUMBER,
    ("i",): FieldKind.INTEGER,
    ("j",): FieldKind.INTEGER,
    ("s",): FieldKind.TEXT,
    ("u",): FieldKind.TEXT,
    ("ok",): FieldKind.BOOLEAN,
    ("t",): FieldKind.TIME,
    ("raw",): FieldKind.NUMBERS,
    ("reading", "temperature"): FieldKind.NUMBER,
    ("reading", "Pressure"): FieldKind.NUMBER,
    ("_timestamp",): FieldKind.TIME,
}


def values(text: str, *rows: dict[str, Any]) -> list[Any]:
    """Return the expression's value for each of ``rows``, whose names are those of fields with dots."""
    compiled = compile_expression(text, FIELDS)
    paths = {*FIELDS, *(tuple(name.split(".")) for row in rows for name in row)}
    frame = pl.DataFrame(
        [
            pl.Series(
                column_name(path),
                [row.get(".".join(path)) for row in rows],
                dtype=DTYPES[FIELDS.get(path, FieldKind.TEXT)],
            )
            for path in paths
        ]
    )
    return frame.with_columns(compiled.expr.alias("result"))["result"].to_list()


def value(text: str, **row: Any) -> Any:
    """Return the expression's value for one record; ``reading__temperature`` is a field of an object."""
    return values(text, {name.replace("__", "."): value for name, value in row.items()})[0]


# --- against SQLite ---------------------------------------------------------------------------------------------------

_ROWS = [
    {"a": 1.5, "b": -2.25, "i": 7, "j": 3, "s": "abc", "u": "B", "ok": True},
    {"a": None, "b": 0.0, "i": -7, "j": 0, "s": None, "u": "", "ok": None},
    {"a": 0.0, "b": None, "i": None, "j": -3, "s": "", "u": None, "ok": False},
    {"a": 1e6, "b": 1e-3, "i": 9007199254740993, "j": 9007199254740992, "s": "a%_b", "u": "abc", "ok": True},
]
_NUMBERS = st.sampled_from(["a", "b", "1.5", "0.0", "(-3.25)", "NULL"])
_INTEGERS = st.sampled_from(["i", "j", "3", "0", "(-5)"])
_TEXTS = st.sampled_from(["s", "u", "'abc'", "''", "'B'", "NULL"])
_PATTERNS = st.sampled_from(["'a%'", "'%b_'", "'_'", "'%'", "'abc'"])


@st.composite
def _numeric(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 9)) if depth else 0

    def number() -> str:
        return draw(_numeric(depth - 1))

    match kind:
        case 1 | 2:
            return f"({number()} {draw(st.sampled_from('+-*/'))} {number()})"
        case 3:
            return f"CASE WHEN {draw(_logical(depth - 1))} THEN {number()} ELSE {number()} END"
        case 4:
            return f"CASE {number()} WHEN {number()} THEN {number()} END"
        case 5:
            return f"COALESCE({number()}, {number()})"
        case 6:
            return f"NULLIF({number()}, {number()})"
        case 7:
            return f"{draw(st.sampled_from(['ABS', 'ROUND', 'SIGN']))}({number()})"
        case 8:
            return f"(-{number()})"
        case 9:
            return f"LENGTH({draw(_TEXTS)})"
    return draw(_NUMBERS)


@st.composite
def _logical(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 8)) if depth else 0
    compare = draw(st.sampled_from(["=", "<>", "<", "<=", ">", ">="]))

    def number() -> str:
        return draw(_numeric(max(0, depth - 1)))

    match kind:
        case 1:
            return f"({number()} {compare} {number()})"
        case 2:
            return f"({draw(_INTEGERS)} {compare} {draw(_INTEGERS)})"
        case 3:
            return f"({draw(_TEXTS)} {compare} {draw(_TEXTS)})"
        case 4:
            return f"({number()} BETWEEN {number()} AND {number()})"
        case 5:
            return f"({number()} {draw(st.sampled_from(['IN', 'NOT IN']))} ({number()}, {number()}))"
        case 6:
            return f"({draw(_TEXTS)} {draw(st.sampled_from(['LIKE', 'NOT LIKE']))} {draw(_PATTERNS)})"
        case 7:
            word = draw(st.sampled_from(["AND", "OR"]))
            return f"({draw(_logical(depth - 1))} {word} (NOT {draw(_logical(depth - 1))}))"
        case 8:
            return f"({number()} IS {draw(st.sampled_from(['', 'NOT ']))}NULL)"
    return "ok"


@given(text=st.one_of(_numeric(), _logical()))
@settings(max_examples=120, deadline=None)
def test_numbers_logic_and_case_are_as_in_sqlite(text: str) -> None:
    assert _normal(values(text, *_ROWS)) == _normal(_by_sqlite(text))


@pytest.mark.parametrize(
    "text",
    [
        "i % j", "j % 2", "-7 % 3", "s || u", "s || '!'", "UPPER(s)", "LOWER(u)", "1.0 + 2.0 * 3.0 - 4.0 / 8.0",
        "NOT a = 1.5 AND ok", "a = 1.5 OR ok AND b < 0", "a - b - 1.0", "-a * 2.0", "8.0 / 4.0 / 2.0",
        "i = j", "i > j", "CASE WHEN s IS NULL THEN 'none' WHEN s = '' THEN 'empty' ELSE s END",
        "s IN ('abc', 'x', NULL)", "s NOT IN ('abc', '')", "a IS NOT DISTINCT FROM b",
        "CASE u WHEN 'B' THEN 1 ELSE 0 END",
        "COALESCE(s, u, 'x')", "TRIM('  x ')", "SIGN(b)", "REPLACE(s, 'b', 'x')", "CAST(i AS TEXT)",
    ],
)  # fmt: skip
def test_texts_integers_and_precedence_are_as_in_sqlite(text: str) -> None:
    assert _normal(values(text, *_ROWS)) == _normal(_by_sqlite(text))


def _by_sqlite(text: str) -> list[Any]:
    with sqlite3.connect(":memory:") as database:
        database.execute("PRAGMA case_sensitive_like = ON")
        database.execute("CREATE TABLE r (a REAL, b REAL, i INTEGER, j INTEGER, s TEXT, u TEXT, ok INTEGER)")
        database.executemany("INSERT INTO r VALUES (:a, :b, :i, :j, :s, :u, :ok)", _ROWS)
        return [row[0] for row in database.execute(f"SELECT {text} FROM r ORDER BY rowid")]


def _normal(found: list[Any]) -> list[Any]:
    return [
        float(value) + 0.0 if isinstance(value, (bool, int, float)) and abs(value) < 2**53 else value for value in found
    ]


# --- decisions of our own ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("1 / 2", {}, 0.5),
        ("i / 2", {"i": 7}, 3.5),
        ("a / 0", {"a": 1.0}, None),
        ("5.5 % 2", {}, 1.5),
        ("-5.5 % 2", {}, -1.5),
        ("i % -1", {"i": -(2**63)}, 0),
        ("SQRT(a)", {"a": -1.0}, None),
        ("LN(a)", {"a": 0.0}, None),
        ("POWER(-8, 1.0 / 3)", {}, None),
        ("2 ^ 10", {}, 1024.0),
        ("ROUND(2.5)", {}, 3.0),
        ("ROUND(-2.5)", {}, -3.0),
        ("ROUND(1.25, 1)", {}, 1.3),
        ("CAST(s AS DOUBLE)", {"s": " 12.5 "}, 12.5),
        ("CAST(s AS DOUBLE)", {"s": "hot"}, None),
        ("CAST(2.9 AS INTEGER)", {}, 2),
        ("CAST(a AS BIGINT)", {"a": 1e300}, None),
        ("CAST(s AS BOOLEAN)", {"s": "Yes"}, True),
        ("CAST(a AS TEXT)", {"a": 3.0}, "3"),
        ("CAST(a AS TEXT)", {"a": math.nan}, None),
        ("i = 9007199254740993", {"i": 9007199254740992}, False),
        ("EXTRACT(hour FROM t)", {"t": datetime(2024, 2, 29, 13, 5, tzinfo=UTC)}, 13.0),
        ("EXTRACT(dow FROM t)", {"t": datetime(2024, 3, 3, tzinfo=UTC)}, 0.0),
        ("EXTRACT(epoch FROM t)", {"t": datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)}, 1.5),
        ("t - TO_TIMESTAMP(10)", {"t": datetime(1970, 1, 1, 0, 1, tzinfo=UTC)}, 50.0),
        ("t >= '2024-02-29'", {"t": datetime(2024, 2, 29, tzinfo=UTC)}, True),
        ("raw[1] + raw[3]", {"raw": [1.0, 2.0, 3.0]}, 4.0),
        ("raw[4]", {"raw": [1.0, 2.0, 3.0]}, None),
        ("ARRAY_LENGTH(raw)", {"raw": [1.0, 2.0, 3.0]}, 3.0),
        ("SPLIT_PART(s, '-', 2)", {"s": "a-b-c"}, "b"),
        ("SUBSTRING(s FROM 2 FOR 2)", {"s": "äöü!"}, "öü"),
        ("LEFT(s, 2) || RIGHT(s, 1)", {"s": "pump-7"}, "pu7"),
        ("GREATEST(a, b, 0)", {"a": None, "b": -1.0}, 0.0),
        ("s ILIKE 'PUMP%'", {"s": "pump\n7"}, True),
        ('reading.temperature / "reading"."Pressure"', {"reading__temperature": 3.0, "reading__Pressure": 2.0}, 1.5),
        ("_headers.device || '!'", {"_headers__device": "x"}, "x!"),
        ("_headers.\"content-type\" = 'json'", {"_headers__content-type": "json"}, True),
        ("CASE WHEN s = 'ok' THEN 0 ELSE 1 END", {"s": None}, 1),
    ],
)  # fmt: skip
def test_what_postgres_and_sqlite_do_not_agree_on_is_decided(text: str, row: dict[str, Any], expected: object) -> None:
    assert value(text, **row) == expected


def test_a_time_of_the_record_minus_a_time_of_its_value_is_in_seconds() -> None:
    late = value(
        "_timestamp - t",
        _timestamp=datetime(2024, 1, 1, 0, 0, 2, 250000, tzinfo=UTC),
        t=datetime(2024, 1, 1, tzinfo=UTC),
    )
    assert late == 2.25


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "marked", "message", "hint"),
    [
        ("1 + temprature", "temprature", "there is no field temprature", ""),
        ("reading.temprature * 2", "reading.temprature", "there is no field", "did you mean reading.temperature?"),
        ("Reading.Temperature", "Reading.Temperature", "there is no field", "did you mean reading.temperature?"),
        ("temperature", "temperature", "there is no field", "did you mean reading.temperature?"),
        ("reading", "reading", "reading is an object", "reading.Pressure"),
        ("a + s", "s", "this is a text: expected a number", "CAST(... AS DOUBLE)"),
        ("s = 3", "s = 3", "a text and a whole number do not go together", "CAST"),
        ("flor(a)", "flor(a)", "there is no function flor", "FLOOR"),
        ("a +", "+", "not complete", ""),
        ("(a", "a", "not complete", ""),
        ("a b", "b", "one expression was expected", ""),
        ("'abc", "'abc", "quotation mark", "single"),
        ("ok + 1", "ok", "this is true or false: expected a number", "CAST"),
        ("raw * 2", "raw", "a list of numbers", "field[1]"),
        ("EXTRACT(century FROM t)", "t", "EXTRACT of CENTURY", ""),
        ("t > 'yesterday'", "'yesterday'", "is not a time", "2026"),
        ("", "", "empty", ""),
    ],
)
def test_an_error_says_where_what_and_what_to_do(text: str, marked: str, message: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, FIELDS)
    error = caught.value
    assert message in error.message
    assert hint in error.hint
    assert marked in text[error.start : error.end]
    assert error.end - error.start <= max(1, len(text))


def test_an_error_lists_the_fields_that_there_are() -> None:
    with pytest.raises(ExpressionError) as caught:
        compile_expression("tempratur", {("temperature",): FieldKind.NUMBER, ("pressure",): FieldKind.NUMBER})
    assert caught.value.known == ("pressure", "temperature")
    assert caught.value.meant == ("temperature",)


def test_an_expression_tells_its_kind_and_the_fields_that_it_uses() -> None:
    compiled = compile_expression("CASE WHEN s = 'ok' THEN a ELSE i END", FIELDS)
    assert compiled.kind == FieldKind.NUMBER
    assert compiled.fields == {("s",), ("a",), ("i",)}

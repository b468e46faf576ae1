"""Expressions of strangers: each is refused, or its time and its result are bounded."""

from __future__ import annotations

import time

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafkaml.contract.expressions import ExpressionError, compile_expression
from kafkaml.wire.contract import FieldKind

FIELDS = {("a",): FieldKind.NUMBER, ("s",): FieldKind.TEXT, ("ok",): FieldKind.BOOLEAN}

REFUSED = [
    # Expressions that read other data than the record.
    "read_csv('/etc/passwd')", "read_parquet('s3://bucket/x')", "pg_read_file('/etc/passwd')",
    "load_file('/etc/hosts')",
    "(SELECT 1)", "(SELECT s FROM secrets)", "a IN (SELECT 1)", "EXISTS (SELECT 1)", "SELECT a", "a FROM t",
    "s::regclass", "current_setting('data_directory')", "version()", "current_user", "getenv('KML_TOKEN')",
    "COPY t TO '/tmp/x'", "WITH x AS (SELECT 1) SELECT * FROM x", "VALUES (1)", "TABLE secrets", "unnest(s)",
    "generate_series(1, 1000000000)", "*", "t.*", "COLUMNS('.*')",
    # Expressions that read other records, or another moment.
    "SUM(a)", "COUNT(*)", "AVG(a) OVER ()", "LAG(a) OVER (ORDER BY a)", "ROW_NUMBER() OVER ()", "a OVER ()",
    "STRING_AGG(s, ',')", "now()", "CURRENT_TIMESTAMP", "random()", "uuid()", "pg_sleep(3600)", "nextval('x')",
    # Statements instead of expressions.
    "a; DROP TABLE users", "a;", "DROP TABLE users", "DELETE FROM users", "INSERT INTO t VALUES (1)", "SET x = 1",
    "ATTACH 'x.db' AS y", "PRAGMA database_list", "EXPLAIN a", "CALL f()", "DO $$ BEGIN END $$", "a -- comment",
    "a /* comment */", "/*", "--", "a := 1", "$1", ":name", "@variable", "?",
    # Expressions that would exhaust memory or time.
    "repeat('x', 1000000000)", "lpad(s, 1000000000)", "rpad(s, 1000000000, 'x')", "REPLACE(s, 'a', 'aaaaaaaaaaaaaaaa')",
    "s ~ '(a+)+$'", "s SIMILAR TO '(a|a)*b'", "regexp_replace(s, '(a{1000}){1000}', '')", "REGEXP_LIKE(s, 'x')",
    "s || s" + " || s" * 60, "CONCAT(" + ", ".join(["s"] * 60) + ")", "ARRAY[" + ", ".join(["a"] * 60) + "]",
    "s LIKE '" + "%a" * 60 + "'", "'" + "x" * 1500 + "'", "CAST(s AS VARCHAR(1000000000))",
    "CAST(a AS DECIMAL(1000, 500))", "CAST(a AS INT[])", "CAST(s AS JSON)", "CAST(a AS STRUCT(x INT))",
    "1e400", "-1e999", "1" + "0" * 400, "0x1F",
    "ROUND(a, 1000000)", "SUBSTRING(s, 1, 10000000000)", "SPLIT_PART(s, '', 1)", "SPLIT_PART(s, 'x', 1000000000)",
    "(" * 10_000 + "a" + ")" * 10_000, "(" * 500 + "a" + ")" * 500, "NOT " * 400 + "ok", "- " * 700 + "a",
    "a / (" * 58 + "a" + ")" * 58, "SQRT(" * 30 + "a" + ")" * 30, "a" + " + a" * 400, "CASE " * 100,
    "CASE (" * 20 + "a" + " ) WHEN 1 THEN 1 END" * 20, "[" * 100, "{" * 100,
    # Texts that are not expressions at all.
    "", " ", "(", ")", "((", "'", '"', "a b", "a,", ", a", "a +", "+", "a = = a", "IN", "CASE", "CASE WHEN",
    "CAST(a AS)", "a\x00", "\x00", "a\u2028+ 1", "a \u202e + 1", "\ud800", "\uff41", "a\u2024b", "s = \u2018ok\u2019",
    "\\", "`a`", "a -> 'x'", "s COLLATE \"C\"", "INTERVAL '1 day'", "E'\\x00'", "U&'\\0061'", "B'101'", "lambda x: x",
    "a.b.c.d.e.f.g", "s[1]",
    "__import__('os')", "a.__class__", "ROW(1, 2)", "MAP {'a': 1}", "{'a': 1}", "s = ANY(s)", "a IS UNKNOWN AND",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED, ids=range(len(REFUSED)))
def test_it_is_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ExpressionError) as caught:
        compile_expression(text, FIELDS)
    assert time.process_time() - began < 2
    assert caught.value.message
    assert 0 <= caught.value.start <= len(text)
    assert len(caught.value.message) < 1000


BOUNDED = [
    "REPLACE(REPLACE(REPLACE(s, 'a', 'b'), 'b', 'c'), 'c', 'd')",
    "UPPER(" * 30 + "s" + ")" * 30,
    "s || '-' || s || '-' || s",
    "s IN (" + ", ".join(f"'{number}'" for number in range(200)) + ")",
    "CASE " + " ".join(f"WHEN a = {number} THEN {number}" for number in range(90)) + " END",
    "a" + " + a" * 50,
    "s LIKE '%a%a%a%a%a%a%a%a%a%b'",
    "a / (" * 8 + "a" + ")" * 8,
    "POWER(POWER(POWER(POWER(a, 9), 9), 9), 9)",
    "EXP(EXP(EXP(EXP(a))))",
]


@pytest.mark.parametrize("text", BOUNDED, ids=range(len(BOUNDED)))
def test_what_is_long_but_allowed_takes_its_time_and_no_more(text: str) -> None:
    compiled = compile_expression(text, FIELDS)
    frame = pl.DataFrame({"a": [9.0] * 1000, "s": ["a" * 1000] * 1000, "ok": [True] * 1000})
    began = time.process_time()
    result = frame.select(compiled.expr.alias("result"))["result"]
    assert time.process_time() - began < 3
    assert result.estimated_size() < 16 * frame.estimated_size()


@given(text=st.text(st.sampled_from("as.()[]'\"0123 +-*/%<>=|,;_NULLORANDCASEWHENTHENEND\n"), max_size=60))
@settings(max_examples=120, deadline=None)
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        compiled = compile_expression(text, FIELDS)
    except ExpressionError:
        return
    frame = pl.DataFrame({"a": [1.0, None], "s": ["x", None], "ok": [True, None]})
    assert frame.with_columns(compiled.expr.alias("result")).height == 2

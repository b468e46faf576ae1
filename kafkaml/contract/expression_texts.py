"""What texts, casts, times and lists in an expression mean. Called by the compiler through ``expressions``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl

from kafkaml.contract.expression_compiler import (
    BOOLEAN,
    BYTES,
    INTEGER,
    NAMES,
    NUMBER,
    NUMBERS,
    TEXT,
    TIME,
    Compiler,
    Value,
)
from kafkaml.contract.kinds import DTYPES, number_text, time_of_text
from kafkaml.wire.contract import FieldKind

# --- texts ------------------------------------------------------------------------------------------------------------


def text_function(operate: Callable[[pl.Expr], pl.Expr], kind: FieldKind = TEXT) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        return Value(operate(compiler.take(node.this, TEXT)), kind)

    return build


def concatenated(compiler: Compiler, node: Any) -> Value:
    parts = [compiler.take(side, TEXT) for side in (node.this, node.expression)]
    return Value(pl.concat_str(parts), TEXT)


def concat(compiler: Compiler, node: Any) -> Value:
    parts = [compiler.take(expression, TEXT) for expression in node.expressions]
    # CONCAT skips NULL, as in PostgreSQL.
    return Value(pl.concat_str(parts, ignore_nulls=True), TEXT)


def substring(compiler: Compiler, node: Any) -> Value:
    start = compiler.constant(node.args.get("start"), "the start of SUBSTRING", 1, 1_000_000)
    length = node.args.get("length")
    count = None if length is None else compiler.constant(length, "the length of SUBSTRING", 0, 1_000_000)
    return Value(compiler.take(node.this, TEXT).str.slice(start - 1, count), TEXT)


def side(name: str) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        count = compiler.constant(node.expression, f"the length of {name}", 0, 1_000_000)
        text = compiler.take(node.this, TEXT)
        return Value(text.str.head(count) if name == "LEFT" else text.str.tail(count), TEXT)

    return build


def replaced(compiler: Compiler, node: Any) -> Value:
    old = compiler.text(node.expression, "what REPLACE looks for")
    new_node = node.args.get("replacement")
    new = compiler.compile(new_node).literal if new_node is not None else ""
    if not isinstance(new, str) or len(new) > len(old):
        # Nested REPLACE would multiply a text by a thousand at each level.
        raise compiler.error(
            node, "REPLACE puts a text in single quotation marks that is at most as long as what it replaces"
        )
    return Value(compiler.take(node.this, TEXT).str.replace_all(old, new, literal=True), TEXT)


def part_of(compiler: Compiler, node: Any) -> Value:
    separator = compiler.text(node.args["delimiter"], "the separator of SPLIT_PART")
    place = compiler.constant(node.args["part_index"], "the place of SPLIT_PART", 1, 10_000)
    text = compiler.take(node.this, TEXT)
    part = text.str.split(separator).list.get(place - 1, null_on_oob=True)
    return Value(pl.when(text.is_not_null()).then(part.fill_null("")), TEXT)


def starts_with(compiler: Compiler, node: Any) -> Value:
    start = compiler.text(node.expression, "the start of STARTS_WITH")
    return Value(compiler.take(node.this, TEXT).str.starts_with(start), BOOLEAN)


# --- casts, times, lists ----------------------------------------------------------------------------------------------

_CASTS = {
    "DOUBLE": NUMBER, "FLOAT": NUMBER, "DECIMAL": NUMBER, "INT": INTEGER, "BIGINT": INTEGER, "SMALLINT": INTEGER,
    "BOOLEAN": BOOLEAN, "TEXT": TEXT, "VARCHAR": TEXT, "TIMESTAMP": TIME, "TIMESTAMPTZ": TIME,
}  # fmt: skip
_TRUE, _FALSE = ["true", "t", "yes", "y", "on", "1"], ["false", "f", "no", "n", "off", "0"]


def cast(compiler: Compiler, node: Any) -> Value:
    target = node.args["to"]
    name = getattr(target.this, "name", str(target.this))
    kind = _CASTS.get(name) if not target.expressions else None
    if kind is None:
        raise compiler.error(
            node, f"CAST to {str(target)[:40]}: expected DOUBLE, BIGINT, BOOLEAN, TEXT or TIMESTAMP, without a length"
        )
    value = compiler.compile(node.this)
    if value.kind is None:
        return Value(pl.lit(None, dtype=DTYPES[kind]), kind)
    if value.kind in (NUMBERS, BYTES):
        raise compiler.error(node, f"{NAMES[value.kind]} cannot be cast")
    return value if value.kind == kind else replace(_CASTERS[kind](value), literal=None)


def _to_number(value: Value) -> Value:
    if value.kind == TIME:
        return Value(value.expr.dt.epoch("us") / 1e6, NUMBER)
    expr = value.expr.str.strip_chars() if value.kind == TEXT else value.expr
    return Value(expr.cast(pl.Float64, strict=False), NUMBER)


def _to_integer(value: Value) -> Value:
    if value.kind == TIME:
        return Value(value.expr.dt.epoch("s"), INTEGER)
    expr = value.expr.str.strip_chars() if value.kind == TEXT else value.expr
    return Value(expr.cast(pl.Int64, strict=False), INTEGER)


def _to_boolean(value: Value) -> Value:
    if value.kind != TEXT:
        number = _to_number(value).expr if value.kind == TIME else value.expr
        return Value(number != 0, BOOLEAN)
    text = value.expr.str.strip_chars().str.to_lowercase()
    return Value(pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False), BOOLEAN)


def _to_text(value: Value) -> Value:
    if value.kind == TIME:
        return Value(value.expr.dt.strftime("%Y-%m-%d %H:%M:%S%.f"), TEXT)
    return Value(number_text(value.expr) if value.kind == NUMBER else value.expr.cast(pl.String), TEXT)


def _to_time(value: Value) -> Value:
    text = value.expr if value.kind == TEXT else _to_text(value).expr
    return Value(time_of_text(text), TIME)


_CASTERS = {
    NUMBER: _to_number,
    INTEGER: _to_integer,
    BOOLEAN: _to_boolean,
    TEXT: _to_text,
    TIME: _to_time,
}

_EXTRACTS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "YEAR": lambda time: time.dt.year(),
    "QUARTER": lambda time: time.dt.quarter(),
    "MONTH": lambda time: time.dt.month(),
    "WEEK": lambda time: time.dt.week(),
    "DAY": lambda time: time.dt.day(),
    "DOY": lambda time: time.dt.ordinal_day(),
    "DOW": lambda time: time.dt.weekday() % 7,
    "ISODOW": lambda time: time.dt.weekday(),
    "HOUR": lambda time: time.dt.hour(),
    "MINUTE": lambda time: time.dt.minute(),
    "SECOND": lambda time: time.dt.second(fractional=True),
    "EPOCH": lambda time: time.dt.epoch("us") / 1e6,
}


def extracted(compiler: Compiler, node: Any) -> Value:
    part = str(node.this.name).upper()
    if part not in _EXTRACTS:
        raise compiler.error(node, f"EXTRACT of {part[:40]}: expected one of {', '.join(_EXTRACTS)}")
    time = compiler.take(node.expression, TIME)
    return Value(_EXTRACTS[part](time).cast(pl.Float64), NUMBER)


def from_epoch(compiler: Compiler, node: Any) -> Value:
    seconds = compiler.take(node.this, NUMBER)
    microseconds = (seconds * 1e6).round(0).cast(pl.Int64, strict=False)
    return Value(microseconds.cast(pl.Datetime("us")).cast(DTYPES[TIME]), TIME)


def element(compiler: Compiler, node: Any) -> Value:
    numbers = compiler.take(node.this, NUMBERS)
    if len(node.expressions) != 1:
        raise compiler.error(node, "one place in brackets was expected: field[1] is the first")
    # The parser has already turned the index from 1 into one from 0.
    place = compiler.constant(node.expressions[0], "the place in a list, counted from 1", 0, 1_000_000)
    return Value(numbers.list.get(place, null_on_oob=True), NUMBER)


def length_of_list(compiler: Compiler, node: Any) -> Value:
    return Value(compiler.take(node.this, NUMBERS).list.len().cast(pl.Float64), NUMBER)


def listing(compiler: Compiler, node: Any) -> Value:
    if not node.expressions:
        raise compiler.error(node, "an empty list")
    parts = [compiler.take(expression, NUMBER) for expression in node.expressions]
    return Value(pl.concat_list(parts), NUMBERS)

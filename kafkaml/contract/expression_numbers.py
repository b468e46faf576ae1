"""What numbers, logic and choices in an expression mean. Called by the compiler through ``expressions``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
from sqlglot import exp

from kafkaml.codecs.field_names import Path
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

_MAX_LITERAL_CHARACTERS = 500
_MAX_PATTERN_CHARACTERS = 100
_MAX_WILDCARDS = 20
_MAX_ROUNDING = 15

# --- values -----------------------------------------------------------------------------------------------------------


def column(compiler: Compiler, node: Any) -> Value:
    parts = [node.args.get(name) for name in ("catalog", "db", "table", "this")]
    if not all(part is None or isinstance(part, exp.Identifier) for part in parts):
        raise compiler.error(node, "all fields of the record at once are not possible: name one")
    return compiler.field(node, tuple(part.name for part in parts if part is not None))


def dot(compiler: Compiler, node: Any) -> Value:
    return compiler.field(node, _path(compiler, node))


def _path(compiler: Compiler, node: Any) -> Path:
    names: list[str] = []
    while isinstance(node, exp.Dot):
        if not isinstance(node.expression, exp.Identifier):
            raise compiler.error(node, "expected the name of a field after the dot")
        names.append(node.expression.name)
        node = node.this
    if not isinstance(node, exp.Column):
        raise compiler.error(node, "only fields have fields")
    outer = [node.args[name].name for name in ("catalog", "db", "table", "this") if node.args.get(name) is not None]
    return (*outer, *reversed(names))


def literal(compiler: Compiler, node: Any) -> Value:
    text = str(node.this)
    if node.is_string:
        if len(text) > _MAX_LITERAL_CHARACTERS:
            raise compiler.error(node, f"a text of {len(text)} characters: expected at most {_MAX_LITERAL_CHARACTERS}")
        return Value(pl.lit(text, dtype=pl.String), TEXT, text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise compiler.error(node, f"{text[:40]} is not a number that float64 holds")
    if text.isdecimal() and len(text) < 19:
        return Value(pl.lit(int(text), dtype=pl.Int64), INTEGER, int(text))
    return Value(pl.lit(number, dtype=pl.Float64), NUMBER, number)


def truth(_: Compiler, node: Any) -> Value:
    return Value(pl.lit(bool(node.this), dtype=pl.Boolean), BOOLEAN, bool(node.this))


def nothing(_compiler: Compiler, _node: Any) -> Value:
    return Value(pl.lit(None), None)


def inner(compiler: Compiler, node: Any) -> Value:
    return compiler.compile(node.this)


def pi(_compiler: Compiler, _node: Any) -> Value:
    return Value(pl.lit(math.pi), NUMBER, math.pi)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _two_numbers(compiler: Compiler, node: Any) -> tuple[pl.Expr, pl.Expr]:
    return compiler.take(node.this, NUMBER), compiler.take(node.expression, NUMBER)


def arithmetic(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        return Value(operate(*_two_numbers(compiler, node)), NUMBER)

    return build


def minus(compiler: Compiler, node: Any) -> Value:
    left, right = compiler.compile(node.this), compiler.compile(node.expression)
    if left.kind == right.kind == TIME:
        return Value((left.expr - right.expr).dt.total_microseconds() / 1e6, NUMBER)
    one, other = compiler.fit(node.this, left, NUMBER), compiler.fit(node.expression, right, NUMBER)
    return Value(one - other, NUMBER)


def negative(compiler: Compiler, node: Any) -> Value:
    value = compiler.compile(node.this)
    if type(value.literal) is int:
        return Value(pl.lit(-value.literal, dtype=pl.Int64), INTEGER, -value.literal)
    return Value(-compiler.fit(node.this, value, NUMBER), NUMBER)


def quotient(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when(other != 0).then(one / other)


def remainder(compiler: Compiler, node: Any) -> Value:
    left, right = compiler.compile(node.this), compiler.compile(node.expression)
    if left.kind == right.kind == INTEGER:
        one, other = left.expr, right.expr
        # Polars' remainder has the divisor's sign. The smallest integer divided by -1 overflows, so the quotient cannot
        # be used.
        floored = pl.when((other != 0) & (other != -1)).then(one % other)
        exact = pl.when((floored != 0) & ((one < 0) != (other < 0))).then(floored - other).otherwise(floored)
        return Value(pl.when(other == -1).then(pl.lit(0, dtype=pl.Int64)).otherwise(exact), INTEGER)
    one, other = compiler.fit(node.this, left, NUMBER), compiler.fit(node.expression, right, NUMBER)
    size = pl.when(other != 0).then(one.abs() % other.abs())
    return Value(pl.when(one < 0).then(-size).otherwise(size), NUMBER)


def power(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    result = one.pow(other)
    return pl.when(~(result.is_nan() & one.is_not_nan() & other.is_not_nan())).then(result)


def function(
    operate: Callable[[pl.Expr], pl.Expr], domain: Callable[[pl.Expr], pl.Expr] | None = None
) -> Callable[[Compiler, Any], Value]:
    """Return the compiler for a function of one number that is NULL outside its ``domain``."""

    def build(compiler: Compiler, node: Any) -> Value:
        number = compiler.take(node.this, NUMBER)
        result = operate(number)
        return Value(result if domain is None else pl.when(domain(number) | number.is_nan()).then(result), NUMBER)

    return build


def logarithm(compiler: Compiler, node: Any) -> Value:
    if node.args.get("expression") is None:
        return function(lambda x: x.log10(), lambda x: x > 0)(compiler, node)
    base, number = _two_numbers(compiler, node)
    return Value(quotient(pl.when(number > 0).then(number.log()), pl.when(base > 0).then(base.log())), NUMBER)


def rounded(compiler: Compiler, node: Any) -> Value:
    decimals = node.args.get("decimals")
    places = 0 if decimals is None else compiler.constant(decimals, "the places of ROUND", 0, _MAX_ROUNDING)
    number = compiler.take(node.this, NUMBER)
    return Value(number.round(places, mode="half_away_from_zero"), NUMBER)


def truncated(number: pl.Expr) -> pl.Expr:
    return pl.when(number < 0).then(number.ceil()).otherwise(number.floor())


def atan2(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.arctan2(one, other)


# --- logic ------------------------------------------------------------------------------------------------------------


def comparison(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        (left, right), kind = compiler.alike(node, [node.this, node.expression])
        if kind in (NUMBERS, BYTES):
            raise compiler.error(node, f"{NAMES[kind]} cannot be compared")
        if kind is None:
            return Value(pl.lit(None, dtype=pl.Boolean), BOOLEAN)
        return Value(operate(left, right), BOOLEAN)

    return build


def distinct(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return whether two values are different. Two NULLs are equal here."""
    # Avoid Polars' own function, which gives a single value for all rows when the first argument is a literal.
    gone, also = one.is_null(), other.is_null()
    return pl.when(gone | also).then(gone != also).otherwise(one != other)


def logic(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        left, right = (compiler.take(side, BOOLEAN) for side in (node.this, node.expression))
        return Value(operate(left, right), BOOLEAN)

    return build


def negation(compiler: Compiler, node: Any) -> Value:
    return Value(~compiler.take(node.this, BOOLEAN), BOOLEAN)


def identity(compiler: Compiler, node: Any) -> Value:
    other = node.expression
    if isinstance(other, exp.Null):
        return Value(compiler.compile(node.this).expr.is_null(), BOOLEAN)
    if isinstance(other, exp.Boolean):
        value = compiler.take(node.this, BOOLEAN)
        return Value(value.eq_missing(pl.lit(bool(other.this))), BOOLEAN)
    raise compiler.error(node, "expected NULL, TRUE or FALSE after IS")


def between(compiler: Compiler, node: Any) -> Value:
    (value, low, high), kind = compiler.alike(node, [node.this, node.args["low"], node.args["high"]])
    if kind in (NUMBERS, BYTES, BOOLEAN):
        raise compiler.error(node, f"{NAMES[kind]} has no order")
    if kind is None:
        return Value(pl.lit(None, dtype=pl.Boolean), BOOLEAN)
    return Value((value >= low) & (value <= high), BOOLEAN)


def member(compiler: Compiler, node: Any) -> Value:
    choices = node.expressions
    if not choices:
        raise compiler.error(node, "expected a list of values in parentheses after IN")
    (value, *others), kind = compiler.alike(node, [node.this, *choices])
    if kind in (NUMBERS, BYTES):
        raise compiler.error(node, f"{NAMES[kind]} cannot be compared")
    if kind is None:
        return Value(pl.lit(None, dtype=pl.Boolean), BOOLEAN)
    # ``any_horizontal`` combines the comparisons as a balanced tree. A chain of ORs would nest as deep as the list is
    # long.
    return Value(pl.any_horizontal([value == other for other in others]), BOOLEAN)


def like(*, any_case: bool) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        pattern = compiler.text(node.expression, "the pattern of LIKE")
        if len(pattern) > _MAX_PATTERN_CHARACTERS or pattern.count("%") > _MAX_WILDCARDS:
            raise compiler.error(
                node,
                f"a pattern of LIKE has at most {_MAX_PATTERN_CHARACTERS} characters, {_MAX_WILDCARDS} of them %",
            )
        text = compiler.take(node.this, TEXT)
        matches = text.str.contains(("(?is)" if any_case else "(?s)") + _like_regex(pattern))
        return Value(matches, BOOLEAN)

    return build


def _like_regex(pattern: str) -> str:
    """Return a pattern of LIKE as a regular expression, which Polars matches in linear time."""
    parts: list[str] = []
    escaped = False
    for character in pattern:
        if not escaped and character == "\\":
            escaped = True
            continue
        if not escaped and character in "%_":
            parts.append(".*" if character == "%" else ".")
        else:
            parts.append(f"\\x{{{ord(character):x}}}")
        escaped = False
    return "^" + "".join(parts) + "$"


def cases(compiler: Compiler, node: Any) -> Value:
    subject = node.this
    ifs = node.args.get("ifs") or []
    results = [branch.args["true"] for branch in ifs] + [node.args.get("default") or exp.Null()]
    values, kind = compiler.alike(node, results)
    if subject is None:
        conditions = [compiler.take(branch.this, BOOLEAN) for branch in ifs]
    else:
        (value, *others), compared = compiler.alike(node, [subject, *(branch.this for branch in ifs)])
        if compared in (NUMBERS, BYTES):
            raise compiler.error(node, f"{NAMES[compared]} cannot be compared")
        conditions = [pl.lit(None, dtype=pl.Boolean) if compared is None else value == other for other in others]
    return Value(_chosen(conditions, values), kind)


def condition(compiler: Compiler, node: Any) -> Value:
    results = [node.args["true"], node.args.get("false") or exp.Null()]
    values, kind = compiler.alike(node, results)
    return Value(_chosen([compiler.take(node.this, BOOLEAN)], values), kind)


def _chosen(conditions: Sequence[pl.Expr], values: Sequence[pl.Expr]) -> pl.Expr:
    chain: Any = pl
    for condition, value in zip(conditions, values, strict=False):
        chain = chain.when(condition).then(value)
    result: pl.Expr = chain.otherwise(values[-1])
    return result


def several(operate: Callable[[list[pl.Expr]], pl.Expr]) -> Callable[[Compiler, Any], Value]:
    def build(compiler: Compiler, node: Any) -> Value:
        values, kind = compiler.alike(node, [node.this, *node.expressions])
        return Value(values[0] if kind is None else operate(values), kind)

    return build


def coalesced(compiler: Compiler, node: Any) -> Value:
    choices = [node.this, *node.expressions]
    values, kind = compiler.alike(node, choices)
    if kind is None or len(values) == 1:
        return Value(values[0], kind)
    if all(choice.find(exp.Column) is not None for choice in choices):
        return Value(pl.coalesce(values), kind)
    # Polars' own function gives a single value for all rows if the argument uses no field.
    return Value(_chosen([value.is_not_null() for value in values], values), kind)


def nullif(compiler: Compiler, node: Any) -> Value:
    (value, other), kind = compiler.alike(node, [node.this, node.expression])
    return Value(value if kind is None else pl.when(value == other).then(None).otherwise(value), kind)

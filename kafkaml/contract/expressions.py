"""Expressions: SQL over the fields of a record, checked and compiled to Polars.

The text comes from strangers. sqlglot parses it; each node of the tree is compiled by a function of this module, and
what has none is refused: there are no tables, files, aggregates or sub-queries to reach. The text itself goes nowhere
else, so no second parser can understand it differently. Expressions see one record at a time, and their results are
bounded: nothing repeats, pads or grows a text.

The dialect is PostgreSQL's, with these decisions:
- Arithmetic is in float64: ``1 / 2`` is 0.5, also of integers. Comparing, ``%`` and texts of integers are exact.
- What has no value is NULL and no error: ``x / 0``, ``SQRT(-1)``, ``LN(0)``, ``CAST('hot' AS DOUBLE)``.
- CAST to an integer cuts the fraction off; ROUND takes halves away from zero; ``%`` has the sign of the dividend.
- Times are UTC; the difference of two is in seconds.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import and_, or_
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.contract.kinds import DTYPES, column_name, number_text, parsed_time
from kafkaml.errors import RefusedError
from kafkaml.wire.contract import FieldKind

__all__ = ["HEADERS", "CompiledExpression", "ExpressionError", "compile_expression"]

HEADERS = "_headers"

_MAX_CHARACTERS = 2000
_MAX_TOKENS = 700
# Of brackets, and of operators inside one another; the parser and Polars both work through them recursively.
_MAX_DEPTH = 60
_MAX_LITERAL_CHARACTERS = 500
_MAX_PATTERN_CHARACTERS = 100
_MAX_WILDCARDS = 20
# An operator that looks at what is below it several times makes a nest of such operators exponential.
_MAX_WORK = 10_000
# A record may be large already: of more copies of its texts memory would run out.
_MAX_PIECES = 32
_MAX_KNOWN = 12
_MAX_ROUNDING = 15

_BOOLEAN, _BYTES, _INTEGER, _NUMBER = FieldKind.BOOLEAN, FieldKind.BYTES, FieldKind.INTEGER, FieldKind.NUMBER
_NUMBERS, _TEXT, _TIME = FieldKind.NUMBERS, FieldKind.TEXT, FieldKind.TIME
_NAMES = {
    _BOOLEAN: "true or false",
    _BYTES: "bytes",
    _INTEGER: "a whole number",
    _NUMBER: "a number",
    _NUMBERS: "a list of numbers",
    _TEXT: "a text",
    _TIME: "a time",
    None: "NULL",
}


class ExpressionError(RefusedError):
    """An expression is refused. ``start`` and ``end`` are the place in its text, ``end`` exclusive.

    ``known`` are the names that it may use, ``meant`` those that resemble what it uses instead.
    """

    def __init__(
        self,
        message: str,
        *,
        start: int,
        end: int,
        hint: str = "",
        known: Sequence[str] = (),
        meant: Sequence[str] = (),
    ) -> None:
        super().__init__(message, hint=hint)
        self.start = start
        self.end = end
        self.known = tuple(known)
        self.meant = tuple(meant)


@dataclass(frozen=True)
class CompiledExpression:
    """``expr`` gives one value of ``kind`` (None: always NULL) for each row of a frame with the ``fields`` it uses."""

    text: str
    kind: FieldKind | None
    expr: pl.Expr
    fields: frozenset[Path]


@dataclass(frozen=True)
class _Value:
    expr: pl.Expr
    kind: FieldKind | None
    # Of a literal.
    literal: bool | int | float | str | None = None


def compile_expression(text: str, fields: Mapping[Path, FieldKind]) -> CompiledExpression:
    """Return ``text`` compiled; raises ExpressionError.

    ``fields`` are the names that it may use; a path that begins with ``HEADERS`` need not be among them.
    """
    compiler = _Compiler(text, fields)
    tree = _parsed(text)
    compiler.check_size(tree)
    value = compiler.compile(tree)
    return CompiledExpression(text, value.kind, value.expr, frozenset(compiler.used))


def _parsed(text: str) -> exp.Expr:
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(
            f"the expression has {len(text)} characters: expected at most {_MAX_CHARACTERS}",
            start=_MAX_CHARACTERS,
            end=len(text),
        )
    odd = next((place for place, each in enumerate(text) if not (each.isprintable() or each in "\t\r\n")), None)
    if odd is not None:
        raise ExpressionError(f"the character {text[odd]!r} has no place in it", start=odd, end=odd + 1)
    end = len(text)
    try:
        _check_tokens(text)
        tree = sqlglot.parse_one(text, dialect="postgres")
    except TokenError as error:
        raise ExpressionError(
            "a quotation mark is not closed",
            start=0,
            end=end,
            hint="texts stand in single quotation marks, names in double",
        ) from error
    except ParseError as error:
        raise _parse_error(text, error) from error
    except RecursionError as error:
        raise ExpressionError("the expression is nested too deep", start=0, end=end) from error
    except ValueError as error:
        raise ExpressionError(f"the expression cannot be read: {error}"[:200], start=0, end=end) from error
    return tree


def _check_tokens(text: str) -> None:
    depth = 0
    tokens = sqlglot.tokenize(text, read="postgres")
    if not tokens:
        raise ExpressionError("the expression is empty", start=0, end=len(text), hint="name a field")
    for place, token in enumerate(tokens):
        start, end = token.start, token.end + 1
        if token.comments:
            raise ExpressionError("an expression has no comments", start=start, end=end)
        if token.text == ";":
            raise ExpressionError("one expression was expected, without a semicolon", start=start, end=end)
        depth += (token.text in ("(", "[", "{")) - (token.text in (")", "]", "}"))
        if depth > _MAX_DEPTH or place >= _MAX_TOKENS:
            raise ExpressionError("the expression is nested too deep or too long", start=start, end=end)


def _parse_error(text: str, error: ParseError) -> ExpressionError:
    first: Mapping[str, Any] = error.errors[0] if error.errors else {}
    mark = str(first.get("highlight") or "")
    start = _offset(text, first.get("line"), first.get("col"), mark)
    what = str(first.get("description") or error).split("<class")[0].strip()
    expected = {"Required keyword: 'expression' missing for": "something is missing behind this"}.get(what, what)
    return ExpressionError(
        f"the expression is not complete or not SQL: {expected[:120]}", start=start, end=start + max(1, len(mark))
    )


def _offset(text: str, line: Any, column: Any, mark: str) -> int:
    """Return where the marked part begins; the parser tells the line and the column of its end."""
    if not isinstance(line, int) or not isinstance(column, int):
        return 0
    before = text.splitlines(keepends=True)[: max(0, line - 1)]
    return max(0, min(len(text) - 1, sum(map(len, before)) + column - max(1, len(mark))))


class _Compiler:
    def __init__(self, text: str, fields: Mapping[Path, FieldKind]) -> None:
        self._text = text
        self._fields = fields
        self._depth = 0
        self.used: set[Path] = set()

    def compile(self, node: exp.Expr) -> _Value:
        """Return the value of ``node``; ExpressionError for a node that has no place here."""
        known = _NODES.get(type(node))
        if known is None:
            raise self._unknown(node)
        build, arguments = known
        extra = [name for name, value in node.args.items() if value and name not in arguments]
        if extra:
            raise self.error(node, f"{_spelled(node)} is not possible with {extra[0].replace('_', ' ')}")
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self.error(node, f"operators are nested more than {_MAX_DEPTH} deep")
        try:
            value = build(self, node)
            return replace(value, expr=~value.expr) if node.args.get("negate") else value
        finally:
            self._depth -= 1

    def error(
        self, node: exp.Expr, message: str, *, hint: str = "", known: Sequence[str] = (), meant: Sequence[str] = ()
    ) -> ExpressionError:
        """Return an error at the place of ``node``."""
        spans = [(each.meta["start"], each.meta["end"] + 1) for each in node.walk() if "start" in each.meta]
        start, end = (min(one for one, _ in spans), max(one for _, one in spans)) if spans else (0, len(self._text))
        # What the parser keeps of a call ends before its last bracket.
        while end < len(self._text) and self._text.count("(", start, end) > self._text.count(")", start, end):
            end += 1
        return ExpressionError(message, start=start, end=end, hint=hint, known=known, meant=meant)

    def check_size(self, tree: exp.Expr) -> None:
        """Refuse what costs too much time or memory for what it says."""
        work, pieces = _size(tree, _MAX_DEPTH)
        if work > _MAX_WORK:
            raise self.error(tree, "the expression works too long for one record", hint="nest fewer functions")
        if pieces > _MAX_PIECES:
            raise self.error(tree, f"the expression joins more than {_MAX_PIECES} texts")

    def take(self, node: Any, kind: FieldKind) -> pl.Expr:
        """Return the value of ``node``, which is to be of ``kind`` or NULL."""
        return self.fit(node, self.compile(node), kind)

    def fit(self, node: Any, value: _Value, kind: FieldKind) -> pl.Expr:
        """Return ``value``, which ``node`` was compiled to, as one of ``kind``."""
        if value.kind is None:
            return pl.lit(None, dtype=DTYPES[kind])
        if value.kind == _INTEGER and kind == _NUMBER:
            return value.expr.cast(pl.Float64)
        if value.kind != kind:
            raise self.error(
                node, f"this is {_NAMES[value.kind]}: expected {_NAMES[kind]}", hint=_cast_hint(value.kind, kind)
            )
        return value.expr

    def alike(self, node: exp.Expr, nodes: Sequence[Any]) -> tuple[list[pl.Expr], FieldKind | None]:
        """Return values converted to the one kind that holds them all."""
        values = [self.compile(each) for each in nodes]
        kinds = {value.kind for value in values} - {None}
        if kinds == {_INTEGER, _NUMBER}:
            kinds = {_NUMBER}
        if kinds == {_TIME, _TEXT}:
            values = [self._as_time(each, value) for each, value in zip(nodes, values, strict=True)]
            kinds = {_TIME}
        if len(kinds) > 1:
            odd = next(
                each for each, value in zip(nodes, values, strict=True) if value.kind not in (None, values[0].kind)
            )
            first, other = (_NAMES[kind] for kind in (values[0].kind, self.compile(odd).kind))
            raise self.error(
                node,
                f"{first} and {other} do not go together",
                hint="CAST(... AS DOUBLE) or CAST(... AS TEXT) one of them",
            )
        kind = kinds.pop() if kinds else None
        if kind is None:
            return [value.expr for value in values], None
        return [value.expr.cast(DTYPES[kind]) for value in values], kind

    def constant(self, node: Any, what: str, low: int, high: int) -> int:
        """Return a whole number that is written out."""
        literal = self.compile(node).literal if node is not None else None
        if type(literal) is not int or not low <= literal <= high:
            raise self.error(node, f"{what}: expected a whole number from {low} to {high}, written out")
        return literal

    def text(self, node: Any, what: str) -> str:
        """Return a text that is written out and not empty."""
        literal = self.compile(node).literal
        if not isinstance(literal, str) or not literal:
            raise self.error(node, f"{what}: expected a text in single quotation marks")
        return literal

    def field(self, node: exp.Expr, path: Path) -> _Value:
        """Return the field ``path``."""
        kind = _TEXT if len(path) == 2 and path[0] == HEADERS else self._fields.get(path)
        if kind is None:
            raise self._no_field(node, path)
        self.used.add(path)
        return _Value(pl.col(column_name(path)), kind)

    def _as_time(self, node: Any, value: _Value) -> _Value:
        if value.kind == _TIME:
            return value
        if isinstance(value.literal, str) and parsed_time(value.literal) is None:
            raise self.error(node, f"{value.literal[:40]!r} is no time", hint="write it as '2026-01-31 12:30:00'")
        return _Value(_to_time(value).expr, _TIME)

    def _no_field(self, node: exp.Expr, path: Path) -> ExpressionError:
        name = path_text(path)
        known = sorted(map(path_text, self._fields), key=lambda each: (each.startswith("_"), each))
        listed = ", ".join(known[:_MAX_KNOWN]) + (
            f" and {len(known) - _MAX_KNOWN} more" if len(known) > _MAX_KNOWN else ""
        )
        inner = [each for each in known if each.startswith(f"{name}.")]
        if inner:
            return self.error(
                node, f"{name} is an object: name one of its fields", known=known, meant=inner[:3], hint=f"{inner[0]}"
            )
        lower = {each.lower(): each for each in known}
        near = _nearest(name.lower(), lower)
        near += [each.lower() for each in known if each.rpartition(".")[2].lower() == name.lower()]
        meant = list(dict.fromkeys(lower[each] for each in near))[:3]
        hint = f"did you mean {' or '.join(meant)}?" if meant else "texts stand in single quotation marks: 'ok'"
        return self.error(
            node,
            f"there is no field {name[:80]}: expected one of {listed or 'none'}",
            known=known,
            meant=meant,
            hint=hint,
        )

    def _unknown(self, node: exp.Expr) -> ExpressionError:
        if isinstance(node, exp.Anonymous):
            name = str(node.this)
            near = difflib.get_close_matches(name.upper(), FUNCTIONS, 2, 0.6)
            hint = f"did you mean {' or '.join(near)}?" if near else f"functions are {', '.join(FUNCTIONS)}"
            return self.error(node, f"there is no function {name[:40]}", hint=hint, meant=near)
        if isinstance(node, exp.Alias):
            return self.error(
                node, "one expression was expected, and nothing behind it", hint="the name stands beside it"
            )
        return self.error(
            node,
            f"{_spelled(node)} is not possible in an expression over one record",
            hint=f"functions are {', '.join(FUNCTIONS)}",
        )


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that resemble ``name`` most, about equally."""
    ratios = {each: difflib.SequenceMatcher(None, name, each).ratio() for each in known}
    best = max(ratios.values(), default=0.0)
    return sorted((each for each, ratio in ratios.items() if ratio >= max(0.6, best - 0.05)), key=lambda x: -ratios[x])


def _size(node: exp.Expr, depth: int) -> tuple[int, int]:
    """Return how many operations ``node`` takes at most, and of how many fields a text of it may consist."""
    if depth < 0:
        # Refused for its depth in a moment.
        return 1, 1
    children = [child for child in node.iter_expressions() if not isinstance(child, (exp.Identifier, exp.DataType))]
    sizes = [_size(child, depth - 1) for child in children]
    work = 1 + _TIMES.get(type(node), 1) * sum(each for each, _ in sizes)
    if isinstance(node, (exp.In, exp.Case)) and node.this is not None:
        # Compared with each of the others.
        work += len(children) * sizes[children.index(node.this)][0]
    work = min(work, 2 * _MAX_WORK)
    if isinstance(node, exp.Column):
        return work, 1
    pieces = [each for _, each in sizes]
    return work, sum(pieces) if isinstance(node, (exp.DPipe, exp.Concat, exp.Array)) else max(pieces, default=0)


def _spelled(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return node.sql_name().replace("_", " ")[:40]
    name = type(node).__name__
    return "".join(f" {each}" if each.isupper() and place else each for place, each in enumerate(name)).upper()[:40]


def _cast_hint(got: FieldKind | None, expected: FieldKind) -> str:
    if expected in (_NUMBER, _INTEGER) and got in (_TEXT, _BOOLEAN, _TIME):
        return "CAST(... AS DOUBLE) makes a number of it"
    if expected == _TEXT and got in (_NUMBER, _INTEGER, _BOOLEAN):
        return "CAST(... AS TEXT) makes a text of it"
    if expected == _BOOLEAN and got in (_NUMBER, _INTEGER):
        return "compare it: ... <> 0"
    if got == _NUMBERS:
        return "take one of them: field[1] is the first"
    return ""


# --- values -----------------------------------------------------------------------------------------------------------


def _column(compiler: _Compiler, node: Any) -> _Value:
    parts = [node.args.get(name) for name in ("catalog", "db", "table", "this")]
    if not all(part is None or isinstance(part, exp.Identifier) for part in parts):
        raise compiler.error(node, "every field of the record at once is not possible: name one")
    return compiler.field(node, tuple(part.name for part in parts if part is not None))


def _dot(compiler: _Compiler, node: Any) -> _Value:
    return compiler.field(node, _path(compiler, node))


def _path(compiler: _Compiler, node: Any) -> Path:
    names: list[str] = []
    while isinstance(node, exp.Dot):
        if not isinstance(node.expression, exp.Identifier):
            raise compiler.error(node, "expected the name of a field behind the point")
        names.append(node.expression.name)
        node = node.this
    if not isinstance(node, exp.Column):
        raise compiler.error(node, "only fields have fields")
    outer = [node.args[name].name for name in ("catalog", "db", "table", "this") if node.args.get(name) is not None]
    return (*outer, *reversed(names))


def _literal(compiler: _Compiler, node: Any) -> _Value:
    text = str(node.this)
    if node.is_string:
        if len(text) > _MAX_LITERAL_CHARACTERS:
            raise compiler.error(node, f"a text of {len(text)} characters: expected at most {_MAX_LITERAL_CHARACTERS}")
        return _Value(pl.lit(text, dtype=pl.String), _TEXT, text)
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise compiler.error(node, f"{text[:40]} is no number that float64 holds")
    if text.isdecimal() and len(text) < 19:
        return _Value(pl.lit(int(text), dtype=pl.Int64), _INTEGER, int(text))
    return _Value(pl.lit(number, dtype=pl.Float64), _NUMBER, number)


def _boolean(_: _Compiler, node: Any) -> _Value:
    return _Value(pl.lit(bool(node.this), dtype=pl.Boolean), _BOOLEAN, bool(node.this))


def _null(_compiler: _Compiler, _node: Any) -> _Value:
    return _Value(pl.lit(None), None)


def _inner(compiler: _Compiler, node: Any) -> _Value:
    return compiler.compile(node.this)


def _pi(_compiler: _Compiler, _node: Any) -> _Value:
    return _Value(pl.lit(math.pi), _NUMBER, math.pi)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _two_numbers(compiler: _Compiler, node: Any) -> tuple[pl.Expr, pl.Expr]:
    return compiler.take(node.this, _NUMBER), compiler.take(node.expression, _NUMBER)


def _arithmetic(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        return _Value(operate(*_two_numbers(compiler, node)), _NUMBER)

    return build


def _minus(compiler: _Compiler, node: Any) -> _Value:
    left, right = compiler.compile(node.this), compiler.compile(node.expression)
    if left.kind == right.kind == _TIME:
        return _Value((left.expr - right.expr).dt.total_microseconds() / 1e6, _NUMBER)
    one, other = compiler.fit(node.this, left, _NUMBER), compiler.fit(node.expression, right, _NUMBER)
    return _Value(one - other, _NUMBER)


def _negative(compiler: _Compiler, node: Any) -> _Value:
    value = compiler.compile(node.this)
    if type(value.literal) is int:
        return _Value(pl.lit(-value.literal, dtype=pl.Int64), _INTEGER, -value.literal)
    return _Value(-compiler.fit(node.this, value, _NUMBER), _NUMBER)


def _quotient(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.when(other != 0).then(one / other)


def _remainder(compiler: _Compiler, node: Any) -> _Value:
    left, right = compiler.compile(node.this), compiler.compile(node.expression)
    if left.kind == right.kind == _INTEGER:
        one, other = left.expr, right.expr
        # The sign of Polars' is the divisor's. The least integer divided by -1 has no quotient to go through.
        floored = pl.when((other != 0) & (other != -1)).then(one % other)
        exact = pl.when((floored != 0) & ((one < 0) != (other < 0))).then(floored - other).otherwise(floored)
        return _Value(pl.when(other == -1).then(pl.lit(0, dtype=pl.Int64)).otherwise(exact), _INTEGER)
    one, other = compiler.fit(node.this, left, _NUMBER), compiler.fit(node.expression, right, _NUMBER)
    size = pl.when(other != 0).then(one.abs() % other.abs())
    return _Value(pl.when(one < 0).then(-size).otherwise(size), _NUMBER)


def _power(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    result = one.pow(other)
    return pl.when(~(result.is_nan() & one.is_not_nan() & other.is_not_nan())).then(result)


def _function(
    operate: Callable[[pl.Expr], pl.Expr], domain: Callable[[pl.Expr], pl.Expr] | None = None
) -> Callable[[_Compiler, Any], _Value]:
    """Return what compiles a function of one number, which is NULL outside its ``domain``."""

    def build(compiler: _Compiler, node: Any) -> _Value:
        number = compiler.take(node.this, _NUMBER)
        result = operate(number)
        return _Value(result if domain is None else pl.when(domain(number) | number.is_nan()).then(result), _NUMBER)

    return build


def _logarithm(compiler: _Compiler, node: Any) -> _Value:
    if node.args.get("expression") is None:
        return _function(lambda x: x.log10(), lambda x: x > 0)(compiler, node)
    base, number = _two_numbers(compiler, node)
    return _Value(_quotient(pl.when(number > 0).then(number.log()), pl.when(base > 0).then(base.log())), _NUMBER)


def _round(compiler: _Compiler, node: Any) -> _Value:
    decimals = node.args.get("decimals")
    places = 0 if decimals is None else compiler.constant(decimals, "the places of ROUND", 0, _MAX_ROUNDING)
    number = compiler.take(node.this, _NUMBER)
    return _Value(number.round(places, mode="half_away_from_zero"), _NUMBER)


def _truncated(number: pl.Expr) -> pl.Expr:
    return pl.when(number < 0).then(number.ceil()).otherwise(number.floor())


def _atan2(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    return pl.arctan2(one, other)


# --- logic ------------------------------------------------------------------------------------------------------------


def _comparison(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        (left, right), kind = compiler.alike(node, [node.this, node.expression])
        if kind in (_NUMBERS, _BYTES):
            raise compiler.error(node, f"{_NAMES[kind]} cannot be compared")
        if kind is None:
            return _Value(pl.lit(None, dtype=pl.Boolean), _BOOLEAN)
        return _Value(operate(left, right), _BOOLEAN)

    return build


def _distinct(one: pl.Expr, other: pl.Expr) -> pl.Expr:
    """Return whether two values are different, NULL being like NULL."""
    # Not Polars' own, which makes one for all rows where the first value is a literal.
    gone, also = one.is_null(), other.is_null()
    return pl.when(gone | also).then(gone != also).otherwise(one != other)


def _logic(operate: Callable[[pl.Expr, pl.Expr], pl.Expr]) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        left, right = (compiler.take(each, _BOOLEAN) for each in (node.this, node.expression))
        return _Value(operate(left, right), _BOOLEAN)

    return build


def _not(compiler: _Compiler, node: Any) -> _Value:
    return _Value(~compiler.take(node.this, _BOOLEAN), _BOOLEAN)


def _is(compiler: _Compiler, node: Any) -> _Value:
    other = node.expression
    if isinstance(other, exp.Null):
        return _Value(compiler.compile(node.this).expr.is_null(), _BOOLEAN)
    if isinstance(other, exp.Boolean):
        value = compiler.take(node.this, _BOOLEAN)
        return _Value(value.eq_missing(pl.lit(bool(other.this))), _BOOLEAN)
    raise compiler.error(node, "behind IS stands NULL, TRUE or FALSE")


def _between(compiler: _Compiler, node: Any) -> _Value:
    (value, low, high), kind = compiler.alike(node, [node.this, node.args["low"], node.args["high"]])
    if kind in (_NUMBERS, _BYTES, _BOOLEAN):
        raise compiler.error(node, f"{_NAMES[kind]} has no order")
    if kind is None:
        return _Value(pl.lit(None, dtype=pl.Boolean), _BOOLEAN)
    return _Value((value >= low) & (value <= high), _BOOLEAN)


def _in(compiler: _Compiler, node: Any) -> _Value:
    choices = node.expressions
    if not choices:
        raise compiler.error(node, "behind IN stands a list of values in brackets")
    (value, *others), kind = compiler.alike(node, [node.this, *choices])
    if kind in (_NUMBERS, _BYTES):
        raise compiler.error(node, f"{_NAMES[kind]} cannot be compared")
    if kind is None:
        return _Value(pl.lit(None, dtype=pl.Boolean), _BOOLEAN)
    # Not one behind the other, which would nest as deep as the list is long.
    return _Value(pl.any_horizontal([value == other for other in others]), _BOOLEAN)


def _like(*, any_case: bool) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        pattern = compiler.text(node.expression, "the pattern of LIKE")
        if len(pattern) > _MAX_PATTERN_CHARACTERS or pattern.count("%") > _MAX_WILDCARDS:
            raise compiler.error(
                node,
                f"a pattern of LIKE has at most {_MAX_PATTERN_CHARACTERS} characters, {_MAX_WILDCARDS} of them %",
            )
        text = compiler.take(node.this, _TEXT)
        matches = text.str.contains(("(?is)" if any_case else "(?s)") + _like_regex(pattern))
        return _Value(matches, _BOOLEAN)

    return build


def _like_regex(pattern: str) -> str:
    """Return a pattern of LIKE as a regular expression, which Polars matches in linear time."""
    parts: list[str] = []
    escaped = False
    for each in pattern:
        if not escaped and each == "\\":
            escaped = True
            continue
        if not escaped and each in "%_":
            parts.append(".*" if each == "%" else ".")
        else:
            parts.append(f"\\x{{{ord(each):x}}}")
        escaped = False
    return "^" + "".join(parts) + "$"


def _case(compiler: _Compiler, node: Any) -> _Value:
    subject = node.this
    ifs = node.args.get("ifs") or []
    results = [each.args["true"] for each in ifs] + [node.args.get("default") or exp.Null()]
    values, kind = compiler.alike(node, results)
    if subject is None:
        conditions = [compiler.take(each.this, _BOOLEAN) for each in ifs]
    else:
        (value, *others), compared = compiler.alike(node, [subject, *(each.this for each in ifs)])
        if compared in (_NUMBERS, _BYTES):
            raise compiler.error(node, f"{_NAMES[compared]} cannot be compared")
        conditions = [pl.lit(None, dtype=pl.Boolean) if compared is None else value == other for other in others]
    return _Value(_chosen(conditions, values), kind)


def _if(compiler: _Compiler, node: Any) -> _Value:
    results = [node.args["true"], node.args.get("false") or exp.Null()]
    values, kind = compiler.alike(node, results)
    return _Value(_chosen([compiler.take(node.this, _BOOLEAN)], values), kind)


def _chosen(conditions: Sequence[pl.Expr], values: Sequence[pl.Expr]) -> pl.Expr:
    chain: Any = pl
    for condition, value in zip(conditions, values, strict=False):
        chain = chain.when(condition).then(value)
    result: pl.Expr = chain.otherwise(values[-1])
    return result


def _several(operate: Callable[[list[pl.Expr]], pl.Expr]) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        values, kind = compiler.alike(node, [node.this, *node.expressions])
        return _Value(values[0] if kind is None else operate(values), kind)

    return build


def _coalesced(compiler: _Compiler, node: Any) -> _Value:
    choices = [node.this, *node.expressions]
    values, kind = compiler.alike(node, choices)
    if kind is None or len(values) == 1:
        return _Value(values[0], kind)
    if all(each.find(exp.Column) is not None for each in choices):
        return _Value(pl.coalesce(values), kind)
    # Of a value without fields Polars' own makes one for all rows.
    return _Value(_chosen([value.is_not_null() for value in values], values), kind)


def _nullif(compiler: _Compiler, node: Any) -> _Value:
    (value, other), kind = compiler.alike(node, [node.this, node.expression])
    return _Value(value if kind is None else pl.when(value == other).then(None).otherwise(value), kind)


# --- texts ------------------------------------------------------------------------------------------------------------


def _text_function(
    operate: Callable[[pl.Expr], pl.Expr], kind: FieldKind = _TEXT
) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        return _Value(operate(compiler.take(node.this, _TEXT)), kind)

    return build


def _concatenated(compiler: _Compiler, node: Any) -> _Value:
    parts = [compiler.take(each, _TEXT) for each in (node.this, node.expression)]
    return _Value(pl.concat_str(parts), _TEXT)


def _concat(compiler: _Compiler, node: Any) -> _Value:
    parts = [compiler.take(each, _TEXT) for each in node.expressions]
    # As in PostgreSQL: NULL counts as nothing here.
    return _Value(pl.concat_str(parts, ignore_nulls=True), _TEXT)


def _substring(compiler: _Compiler, node: Any) -> _Value:
    start = compiler.constant(node.args.get("start"), "the start of SUBSTRING", 1, 1_000_000)
    length = node.args.get("length")
    count = None if length is None else compiler.constant(length, "the length of SUBSTRING", 0, 1_000_000)
    return _Value(compiler.take(node.this, _TEXT).str.slice(start - 1, count), _TEXT)


def _side(name: str) -> Callable[[_Compiler, Any], _Value]:
    def build(compiler: _Compiler, node: Any) -> _Value:
        count = compiler.constant(node.expression, f"the length of {name}", 0, 1_000_000)
        text = compiler.take(node.this, _TEXT)
        return _Value(text.str.head(count) if name == "LEFT" else text.str.tail(count), _TEXT)

    return build


def _replaced(compiler: _Compiler, node: Any) -> _Value:
    old = compiler.text(node.expression, "what REPLACE looks for")
    new_node = node.args.get("replacement")
    new = compiler.compile(new_node).literal if new_node is not None else ""
    if not isinstance(new, str) or len(new) > len(old):
        # REPLACE inside REPLACE would multiply a text by a thousand each time.
        raise compiler.error(
            node, "REPLACE puts a text in single quotation marks that is no longer than what it replaces"
        )
    return _Value(compiler.take(node.this, _TEXT).str.replace_all(old, new, literal=True), _TEXT)


def _part_of(compiler: _Compiler, node: Any) -> _Value:
    separator = compiler.text(node.args["delimiter"], "the separator of SPLIT_PART")
    place = compiler.constant(node.args["part_index"], "the place of SPLIT_PART", 1, 10_000)
    text = compiler.take(node.this, _TEXT)
    part = text.str.split(separator).list.get(place - 1, null_on_oob=True)
    return _Value(pl.when(text.is_not_null()).then(part.fill_null("")), _TEXT)


def _starts_with(compiler: _Compiler, node: Any) -> _Value:
    start = compiler.text(node.expression, "the start of STARTS_WITH")
    return _Value(compiler.take(node.this, _TEXT).str.starts_with(start), _BOOLEAN)


# --- casts, times, lists ----------------------------------------------------------------------------------------------

_CASTS = {
    "DOUBLE": _NUMBER, "FLOAT": _NUMBER, "DECIMAL": _NUMBER, "INT": _INTEGER, "BIGINT": _INTEGER, "SMALLINT": _INTEGER,
    "BOOLEAN": _BOOLEAN, "TEXT": _TEXT, "VARCHAR": _TEXT, "TIMESTAMP": _TIME, "TIMESTAMPTZ": _TIME,
}  # fmt: skip
_TRUE, _FALSE = ["true", "t", "yes", "y", "on", "1"], ["false", "f", "no", "n", "off", "0"]


def _cast(compiler: _Compiler, node: Any) -> _Value:
    target = node.args["to"]
    name = getattr(target.this, "name", str(target.this))
    kind = _CASTS.get(name) if not target.expressions else None
    if kind is None:
        raise compiler.error(
            node, f"CAST to {str(target)[:40]}: expected DOUBLE, BIGINT, BOOLEAN, TEXT or TIMESTAMP, without a length"
        )
    value = compiler.compile(node.this)
    if value.kind is None:
        return _Value(pl.lit(None, dtype=DTYPES[kind]), kind)
    if value.kind in (_NUMBERS, _BYTES):
        raise compiler.error(node, f"{_NAMES[value.kind]} cannot be cast")
    return value if value.kind == kind else replace(_CASTERS[kind](value), literal=None)


def _to_number(value: _Value) -> _Value:
    if value.kind == _TIME:
        return _Value(value.expr.dt.epoch("us") / 1e6, _NUMBER)
    expr = value.expr.str.strip_chars() if value.kind == _TEXT else value.expr
    return _Value(expr.cast(pl.Float64, strict=False), _NUMBER)


def _to_integer(value: _Value) -> _Value:
    if value.kind == _TIME:
        return _Value(value.expr.dt.epoch("s"), _INTEGER)
    expr = value.expr.str.strip_chars() if value.kind == _TEXT else value.expr
    return _Value(expr.cast(pl.Int64, strict=False), _INTEGER)


def _to_boolean(value: _Value) -> _Value:
    if value.kind != _TEXT:
        number = _to_number(value).expr if value.kind == _TIME else value.expr
        return _Value(number != 0, _BOOLEAN)
    text = value.expr.str.strip_chars().str.to_lowercase()
    return _Value(pl.when(text.is_in(_TRUE)).then(True).when(text.is_in(_FALSE)).then(False), _BOOLEAN)


def _to_text(value: _Value) -> _Value:
    if value.kind == _TIME:
        return _Value(value.expr.dt.strftime("%Y-%m-%d %H:%M:%S%.f"), _TEXT)
    return _Value(number_text(value.expr) if value.kind == _NUMBER else value.expr.cast(pl.String), _TEXT)


def _to_time(value: _Value) -> _Value:
    text = value.expr if value.kind == _TEXT else _to_text(value).expr
    return _Value(text.map_batches(_times, return_dtype=DTYPES[_TIME], is_elementwise=True), _TIME)


def _times(texts: pl.Series) -> pl.Series:
    return pl.Series([parsed_time(text) for text in texts.to_list()], dtype=DTYPES[_TIME])


_CASTERS = {
    _NUMBER: _to_number,
    _INTEGER: _to_integer,
    _BOOLEAN: _to_boolean,
    _TEXT: _to_text,
    _TIME: _to_time,
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


def _extracted(compiler: _Compiler, node: Any) -> _Value:
    part = str(node.this.name).upper()
    if part not in _EXTRACTS:
        raise compiler.error(node, f"EXTRACT of {part[:40]}: expected one of {', '.join(_EXTRACTS)}")
    time = compiler.take(node.expression, _TIME)
    return _Value(_EXTRACTS[part](time).cast(pl.Float64), _NUMBER)


def _from_epoch(compiler: _Compiler, node: Any) -> _Value:
    seconds = compiler.take(node.this, _NUMBER)
    microseconds = (seconds * 1e6).round(0).cast(pl.Int64, strict=False)
    return _Value(microseconds.cast(pl.Datetime("us")).cast(DTYPES[_TIME]), _TIME)


def _element(compiler: _Compiler, node: Any) -> _Value:
    numbers = compiler.take(node.this, _NUMBERS)
    if len(node.expressions) != 1:
        raise compiler.error(node, "one place in brackets was expected: field[1] is the first")
    # The parser counts from 0 already.
    place = compiler.constant(node.expressions[0], "the place in a list, counted from 1", 0, 1_000_000)
    return _Value(numbers.list.get(place, null_on_oob=True), _NUMBER)


def _length_of_list(compiler: _Compiler, node: Any) -> _Value:
    return _Value(compiler.take(node.this, _NUMBERS).list.len().cast(pl.Float64), _NUMBER)


def _list(compiler: _Compiler, node: Any) -> _Value:
    if not node.expressions:
        raise compiler.error(node, "an empty list")
    parts = [compiler.take(each, _NUMBER) for each in node.expressions]
    return _Value(pl.concat_list(parts), _NUMBERS)


_Build = Callable[[_Compiler, Any], _Value]
_PAIR = frozenset({"this", "expression"})
_ONE = frozenset({"this"})

# Each node that an expression may have: what compiles it, and which of its arguments that understands.
_NODES: dict[type[exp.Expr], tuple[_Build, frozenset[str]]] = {
    exp.Column: (_column, frozenset({"this", "table", "db", "catalog"})),
    exp.Dot: (_dot, _PAIR),
    exp.Literal: (_literal, frozenset({"this", "is_string"})),
    exp.Boolean: (_boolean, _ONE),
    exp.Null: (_null, frozenset()),
    exp.Paren: (_inner, _ONE),
    exp.Add: (_arithmetic(lambda one, other: one + other), _PAIR),
    exp.Sub: (_minus, _PAIR),
    exp.Mul: (_arithmetic(lambda one, other: one * other), _PAIR),
    exp.Div: (_arithmetic(_quotient), _PAIR | {"typed", "safe"}),
    exp.Mod: (_remainder, _PAIR),
    exp.Neg: (_negative, _ONE),
    exp.Pow: (_arithmetic(_power), _PAIR),
    exp.EQ: (_comparison(lambda one, other: one == other), _PAIR),
    exp.NEQ: (_comparison(lambda one, other: one != other), _PAIR),
    exp.LT: (_comparison(lambda one, other: one < other), _PAIR),
    exp.LTE: (_comparison(lambda one, other: one <= other), _PAIR),
    exp.GT: (_comparison(lambda one, other: one > other), _PAIR),
    exp.GTE: (_comparison(lambda one, other: one >= other), _PAIR),
    exp.NullSafeEQ: (_comparison(lambda one, other: ~_distinct(one, other)), _PAIR),
    exp.NullSafeNEQ: (_comparison(lambda one, other: _distinct(one, other)), _PAIR),
    exp.And: (_logic(and_), _PAIR),
    exp.Or: (_logic(or_), _PAIR),
    exp.Not: (_not, _ONE),
    exp.Is: (_is, _PAIR | {"negate"}),
    exp.Between: (_between, frozenset({"this", "low", "high", "negate"})),
    exp.In: (_in, frozenset({"this", "expressions", "negate"})),
    exp.Like: (_like(any_case=False), _PAIR | {"negate"}),
    exp.ILike: (_like(any_case=True), _PAIR | {"negate"}),
    exp.Case: (_case, frozenset({"this", "ifs", "default"})),
    exp.If: (_if, frozenset({"this", "true", "false"})),
    exp.Coalesce: (_coalesced, frozenset({"this", "expressions"})),
    exp.Greatest: (
        _several(lambda values: pl.max_horizontal(values)),
        frozenset({"this", "expressions", "ignore_nulls"}),
    ),
    exp.Least: (_several(lambda values: pl.min_horizontal(values)), frozenset({"this", "expressions", "ignore_nulls"})),
    exp.Nullif: (_nullif, _PAIR),
    exp.Cast: (_cast, frozenset({"this", "to"})),
    exp.TryCast: (_cast, frozenset({"this", "to", "safe"})),
    exp.Abs: (_function(lambda x: x.abs()), _ONE),
    exp.Sign: (_function(lambda x: x.sign()), _ONE),
    exp.Sqrt: (_function(lambda x: x.sqrt(), lambda x: x >= 0), _ONE),
    exp.Cbrt: (_function(lambda x: x.cbrt()), _ONE),
    exp.Exp: (_function(lambda x: x.exp()), _ONE),
    exp.Ln: (_function(lambda x: x.log(), lambda x: x > 0), _ONE),
    exp.Log: (_logarithm, _PAIR),
    exp.Floor: (_function(lambda x: x.floor()), _ONE),
    exp.Ceil: (_function(lambda x: x.ceil()), _ONE),
    exp.Trunc: (_function(_truncated), _ONE),
    exp.Round: (_round, frozenset({"this", "decimals"})),
    exp.Sin: (_function(lambda x: x.sin()), _ONE),
    exp.Cos: (_function(lambda x: x.cos()), _ONE),
    exp.Tan: (_function(lambda x: x.tan()), _ONE),
    exp.Asin: (_function(lambda x: x.arcsin(), lambda x: x.abs() <= 1), _ONE),
    exp.Acos: (_function(lambda x: x.arccos(), lambda x: x.abs() <= 1), _ONE),
    exp.Atan: (_function(lambda x: x.arctan()), _ONE),
    exp.Atan2: (_arithmetic(_atan2), _PAIR),
    exp.Degrees: (_function(lambda x: x.degrees()), _ONE),
    exp.Radians: (_function(lambda x: x.radians()), _ONE),
    exp.Pi: (_pi, frozenset()),
    exp.Lower: (_text_function(lambda x: x.str.to_lowercase()), _ONE),
    exp.Upper: (_text_function(lambda x: x.str.to_uppercase()), _ONE),
    exp.Trim: (_text_function(lambda x: x.str.strip_chars(" ")), _ONE),
    exp.Length: (_text_function(lambda x: x.str.len_chars().cast(pl.Float64), _NUMBER), _ONE),
    exp.DPipe: (_concatenated, _PAIR | {"safe"}),
    exp.Concat: (_concat, frozenset({"expressions", "safe", "coalesce"})),
    exp.Substring: (_substring, frozenset({"this", "start", "length"})),
    exp.Left: (_side("LEFT"), _PAIR),
    exp.Right: (_side("RIGHT"), _PAIR),
    exp.Replace: (_replaced, frozenset({"this", "expression", "replacement"})),
    exp.SplitPart: (_part_of, frozenset({"this", "delimiter", "part_index"})),
    exp.StartsWith: (_starts_with, _PAIR),
    exp.Extract: (_extracted, _PAIR),
    exp.UnixToTime: (_from_epoch, _ONE),
    exp.Bracket: (_element, frozenset({"this", "expressions"})),
    exp.ArraySize: (_length_of_list, _ONE),
    exp.Array: (_list, frozenset({"expressions"})),
}

# How often an operator looks at what is below it, where that is more than once.
_TIMES: dict[type[exp.Expr], int] = {
    exp.Div: 2,
    exp.Mod: 8,
    exp.Pow: 3,
    exp.Sqrt: 3,
    exp.Ln: 3,
    exp.Log: 4,
    exp.Asin: 3,
    exp.Acos: 3,
    exp.Trunc: 3,
    exp.Coalesce: 2,
    exp.NullSafeEQ: 3,
    exp.NullSafeNEQ: 3,
    exp.Nullif: 2,
    exp.Between: 2,
    exp.SplitPart: 2,
    exp.Cast: 4,
    exp.TryCast: 4,
}

# For people, in the order in which they look for them.
FUNCTIONS = (
    "ABS", "SIGN", "SQRT", "CBRT", "EXP", "LN", "LOG", "POWER", "MOD", "FLOOR", "CEIL", "TRUNC", "ROUND", "SIN", "COS",
    "TAN", "ASIN", "ACOS", "ATAN", "ATAN2", "DEGREES", "RADIANS", "PI", "GREATEST", "LEAST", "COALESCE", "NULLIF",
    "CASE", "CAST", "LOWER", "UPPER", "TRIM", "LENGTH", "CONCAT", "SUBSTRING", "LEFT", "RIGHT", "REPLACE", "SPLIT_PART",
    "STARTS_WITH", "LIKE", "EXTRACT", "TO_TIMESTAMP", "ARRAY_LENGTH",
)  # fmt: skip

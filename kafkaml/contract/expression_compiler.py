"""Compiler of the tree of an expression to Polars, node by node. What a node means is in ``expressions``."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
from sqlglot import exp

from kafkaml.codecs.field_names import Path, path_text
from kafkaml.contract.expression_parsing import MAX_DEPTH, ExpressionError
from kafkaml.contract.kinds import DTYPES, HEADERS, column_name, parsed_time, time_of_text
from kafkaml.wire.contract import FieldKind

__all__ = ["BOOLEAN", "BYTES", "INTEGER", "NAMES", "NUMBER", "NUMBERS", "TEXT", "TIME", "Build", "Compiler", "Value"]

_MAX_KNOWN = 12

BOOLEAN, BYTES, INTEGER, NUMBER = FieldKind.BOOLEAN, FieldKind.BYTES, FieldKind.INTEGER, FieldKind.NUMBER
NUMBERS, TEXT, TIME = FieldKind.NUMBERS, FieldKind.TEXT, FieldKind.TIME
NAMES = {
    BOOLEAN: "true or false",
    BYTES: "bytes",
    INTEGER: "a whole number",
    NUMBER: "a number",
    NUMBERS: "a list of numbers",
    TEXT: "a text",
    TIME: "a time",
    None: "NULL",
}

# Names of functions in the order in which they are shown to users.
FUNCTIONS = (
    "ABS", "SIGN", "SQRT", "CBRT", "EXP", "LN", "LOG", "POWER", "MOD", "FLOOR", "CEIL", "TRUNC", "ROUND", "SIN", "COS",
    "TAN", "ASIN", "ACOS", "ATAN", "ATAN2", "DEGREES", "RADIANS", "PI", "GREATEST", "LEAST", "COALESCE", "NULLIF",
    "CASE", "CAST", "LOWER", "UPPER", "TRIM", "LENGTH", "CONCAT", "SUBSTRING", "LEFT", "RIGHT", "REPLACE", "SPLIT_PART",
    "STARTS_WITH", "LIKE", "EXTRACT", "TO_TIMESTAMP", "ARRAY_LENGTH",
)  # fmt: skip


@dataclass(frozen=True)
class Value:
    expr: pl.Expr
    kind: FieldKind | None
    # The value itself, if it is written out in the expression.
    literal: bool | int | float | str | None = None


Build = Callable[["Compiler", Any], Value]
Nodes = Mapping[type[exp.Expr], tuple[Build, frozenset[str]]]


class Compiler:
    """Compiles a tree. ``nodes`` map each kind of node to its compiler and the arguments that it understands.

    ``used`` are the fields that the compiled nodes use.
    """

    def __init__(self, text: str, fields: Mapping[Path, FieldKind], nodes: Nodes) -> None:
        self._text = text
        self._nodes = nodes
        self._fields = fields
        self._depth = 0
        self.used: set[Path] = set()

    def compile(self, node: exp.Expr) -> Value:
        """Return the value of ``node``; ExpressionError for a node that has no place here."""
        known = self._nodes.get(type(node))
        if known is None:
            raise self._unknown(node)
        build, arguments = known
        extra = [name for name, value in node.args.items() if value and name not in arguments]
        if extra:
            raise self.error(node, f"{_spelled(node)} is not possible with {extra[0].replace('_', ' ')}")
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self.error(node, f"operators are nested more than {MAX_DEPTH} deep")
        try:
            value = build(self, node)
            return replace(value, expr=~value.expr) if node.args.get("negate") else value
        finally:
            self._depth -= 1

    def error(
        self, node: exp.Expr, message: str, *, hint: str = "", known: Sequence[str] = (), meant: Sequence[str] = ()
    ) -> ExpressionError:
        """Return an error at the place of ``node``."""
        spans = [(part.meta["start"], part.meta["end"] + 1) for part in node.walk() if "start" in part.meta]
        start, end = (min(one for one, _ in spans), max(one for _, one in spans)) if spans else (0, len(self._text))
        # The parser's span of a call ends before its last bracket.
        while end < len(self._text) and self._text.count("(", start, end) > self._text.count(")", start, end):
            end += 1
        return ExpressionError(message, start=start, end=end, hint=hint, known=known, meant=meant)

    def take(self, node: Any, kind: FieldKind) -> pl.Expr:
        """Return the value of ``node``, which is to be of ``kind`` or NULL."""
        return self.fit(node, self.compile(node), kind)

    def fit(self, node: Any, value: Value, kind: FieldKind) -> pl.Expr:
        """Return ``value``, which ``node`` was compiled to, as one of ``kind``."""
        if value.kind is None:
            return pl.lit(None, dtype=DTYPES[kind])
        if value.kind == INTEGER and kind == NUMBER:
            return value.expr.cast(pl.Float64)
        if value.kind != kind:
            raise self.error(
                node, f"this is {NAMES[value.kind]}: expected {NAMES[kind]}", hint=_cast_hint(value.kind, kind)
            )
        return value.expr

    def alike(self, node: exp.Expr, nodes: Sequence[Any]) -> tuple[list[pl.Expr], FieldKind | None]:
        """Return values converted to the one kind that holds them all."""
        values = [self.compile(node) for node in nodes]
        kinds = {value.kind for value in values} - {None}
        if kinds == {INTEGER, NUMBER}:
            kinds = {NUMBER}
        if kinds == {TIME, TEXT}:
            values = [self._as_time(node, value) for node, value in zip(nodes, values, strict=True)]
            kinds = {TIME}
        if len(kinds) > 1:
            odd = next(
                node for node, value in zip(nodes, values, strict=True) if value.kind not in (None, values[0].kind)
            )
            first, other = (NAMES[kind] for kind in (values[0].kind, self.compile(odd).kind))
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
        """Return the whole number that ``node`` is, from ``low`` to ``high``; otherwise raises ExpressionError."""
        literal = self.compile(node).literal if node is not None else None
        if type(literal) is not int or not low <= literal <= high:
            raise self.error(node, f"{what}: expected a whole number from {low} to {high}, written out")
        return literal

    def text(self, node: Any, what: str) -> str:
        """Return the text that ``node`` is; raises ExpressionError for an empty text and for anything else."""
        literal = self.compile(node).literal
        if not isinstance(literal, str) or not literal:
            raise self.error(node, f"{what}: expected a text in single quotation marks")
        return literal

    def field(self, node: exp.Expr, path: Path) -> Value:
        """Return the value of the field at ``path``, and note that it is used."""
        kind = TEXT if len(path) == 2 and path[0] == HEADERS else self._fields.get(path)
        if kind is None:
            raise self._no_field(node, path)
        self.used.add(path)
        return Value(pl.col(column_name(path)), kind)

    def _as_time(self, node: Any, value: Value) -> Value:
        if value.kind == TIME:
            return value
        if isinstance(value.literal, str) and parsed_time(value.literal) is None:
            raise self.error(node, f"{value.literal[:40]!r} is not a time", hint="write it as '2026-01-31 12:30:00'")
        return Value(time_of_text(value.expr), TIME)

    def _no_field(self, node: exp.Expr, path: Path) -> ExpressionError:
        name = path_text(path)
        known = sorted(map(path_text, self._fields), key=lambda candidate: (candidate.startswith("_"), candidate))
        listed = ", ".join(known[:_MAX_KNOWN]) + (
            f" and {len(known) - _MAX_KNOWN} more" if len(known) > _MAX_KNOWN else ""
        )
        inner = [candidate for candidate in known if candidate.startswith(f"{name}.")]
        if inner:
            return self.error(
                node, f"{name} is an object: name one of its fields", known=known, meant=inner[:3], hint=f"{inner[0]}"
            )
        lower = {candidate.lower(): candidate for candidate in known}
        near = _nearest(name.lower(), lower)
        near += [candidate.lower() for candidate in known if candidate.rpartition(".")[2].lower() == name.lower()]
        meant = list(dict.fromkeys(lower[candidate] for candidate in near))[:3]
        hint = f"did you mean {' or '.join(meant)}?" if meant else "put texts in single quotation marks: 'ok'"
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
                node,
                "one expression was expected, and nothing after it",
                hint="the column's name goes into a field of its own",
            )
        return self.error(
            node,
            f"{_spelled(node)} is not possible in an expression over one record",
            hint=f"functions are {', '.join(FUNCTIONS)}",
        )


def _nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the names that resemble ``name`` most. Several are returned if they resemble it about equally."""
    ratios = {candidate: difflib.SequenceMatcher(None, name, candidate).ratio() for candidate in known}
    best = max(ratios.values(), default=0.0)
    return sorted(
        (value for value, ratio in ratios.items() if ratio >= max(0.6, best - 0.05)), key=lambda x: -ratios[x]
    )


def _spelled(node: exp.Expr) -> str:
    if isinstance(node, exp.Func):
        return node.sql_name().replace("_", " ")[:40]
    name = type(node).__name__
    return "".join(
        f" {character}" if character.isupper() and place else character for place, character in enumerate(name)
    ).upper()[:40]


def _cast_hint(got: FieldKind | None, expected: FieldKind) -> str:
    if expected in (NUMBER, INTEGER) and got in (TEXT, BOOLEAN, TIME):
        return "CAST(... AS DOUBLE) makes a number of it"
    if expected == TEXT and got in (NUMBER, INTEGER, BOOLEAN):
        return "CAST(... AS TEXT) makes a text of it"
    if expected == BOOLEAN and got in (NUMBER, INTEGER):
        return "compare it: ... <> 0"
    if got == NUMBERS:
        return "take one of them: field[1] is the first"
    return ""

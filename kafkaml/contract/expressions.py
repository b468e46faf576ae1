"""Expressions: SQL over the fields of a record, checked and compiled to Polars.

The text comes from strangers. sqlglot parses it; each node of the tree is compiled by a function of this module, and a
node without one is refused: there are no tables, files, aggregates or sub-queries to reach. The text itself goes
nowhere else, so no second parser can understand it differently. Expressions see one record at a time, and their results
are bounded: nothing repeats, pads or grows a text.

The dialect is PostgreSQL's, with these decisions:
- Arithmetic is in float64: ``1 / 2`` is 0.5, also of integers. Comparing, ``%`` and texts of integers are exact.
- What has no value is NULL, not an error: ``x / 0``, ``SQRT(-1)``, ``LN(0)``, ``CAST('hot' AS DOUBLE)``.
- CAST to an integer cuts the fraction off; ROUND takes halves away from zero; ``%`` has the sign of the dividend.
- Times are UTC; the difference of two is in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from operator import and_, or_

import polars as pl
from sqlglot import exp

from kafkaml.codecs.field_names import Path
from kafkaml.contract import expression_numbers as numbers
from kafkaml.contract import expression_texts as texts
from kafkaml.contract.expression_compiler import NUMBER, Build, Compiler
from kafkaml.contract.expression_parsing import ExpressionError, check_size, parsed
from kafkaml.contract.kinds import HEADERS
from kafkaml.wire.contract import FieldKind

__all__ = ["HEADERS", "CompiledExpression", "ExpressionError", "compile_expression"]


@dataclass(frozen=True)
class CompiledExpression:
    """``expr`` gives one value of ``kind`` (None: always NULL) for each row of a frame with the ``fields`` it uses."""

    text: str
    kind: FieldKind | None
    expr: pl.Expr
    fields: frozenset[Path]


def compile_expression(text: str, fields: Mapping[Path, FieldKind]) -> CompiledExpression:
    """Return ``text`` compiled; raises ExpressionError.

    ``fields`` are the names that it may use; a path that begins with ``HEADERS`` need not be among them.
    """
    compiler = Compiler(text, fields, _NODES)
    tree = parsed(text)
    check_size(text, tree)
    value = compiler.compile(tree)
    return CompiledExpression(text, value.kind, value.expr, frozenset(compiler.used))


_PAIR = frozenset({"this", "expression"})
_ONE = frozenset({"this"})

# The nodes that an expression may have, each with its compiler and the arguments that it understands.
_NODES: dict[type[exp.Expr], tuple[Build, frozenset[str]]] = {
    exp.Column: (numbers.column, frozenset({"this", "table", "db", "catalog"})),
    exp.Dot: (numbers.dot, _PAIR),
    exp.Literal: (numbers.literal, frozenset({"this", "is_string"})),
    exp.Boolean: (numbers.truth, _ONE),
    exp.Null: (numbers.nothing, frozenset()),
    exp.Paren: (numbers.inner, _ONE),
    exp.Add: (numbers.arithmetic(lambda one, other: one + other), _PAIR),
    exp.Sub: (numbers.minus, _PAIR),
    exp.Mul: (numbers.arithmetic(lambda one, other: one * other), _PAIR),
    exp.Div: (numbers.arithmetic(numbers.quotient), _PAIR | {"typed", "safe"}),
    exp.Mod: (numbers.remainder, _PAIR),
    exp.Neg: (numbers.negative, _ONE),
    exp.Pow: (numbers.arithmetic(numbers.power), _PAIR),
    exp.EQ: (numbers.comparison(lambda one, other: one == other), _PAIR),
    exp.NEQ: (numbers.comparison(lambda one, other: one != other), _PAIR),
    exp.LT: (numbers.comparison(lambda one, other: one < other), _PAIR),
    exp.LTE: (numbers.comparison(lambda one, other: one <= other), _PAIR),
    exp.GT: (numbers.comparison(lambda one, other: one > other), _PAIR),
    exp.GTE: (numbers.comparison(lambda one, other: one >= other), _PAIR),
    exp.NullSafeEQ: (numbers.comparison(lambda one, other: ~numbers.distinct(one, other)), _PAIR),
    exp.NullSafeNEQ: (numbers.comparison(lambda one, other: numbers.distinct(one, other)), _PAIR),
    exp.And: (numbers.logic(and_), _PAIR),
    exp.Or: (numbers.logic(or_), _PAIR),
    exp.Not: (numbers.negation, _ONE),
    exp.Is: (numbers.identity, _PAIR | {"negate"}),
    exp.Between: (numbers.between, frozenset({"this", "low", "high", "negate"})),
    exp.In: (numbers.member, frozenset({"this", "expressions", "negate"})),
    exp.Like: (numbers.like(any_case=False), _PAIR | {"negate"}),
    exp.ILike: (numbers.like(any_case=True), _PAIR | {"negate"}),
    exp.Case: (numbers.cases, frozenset({"this", "ifs", "default"})),
    exp.If: (numbers.condition, frozenset({"this", "true", "false"})),
    exp.Coalesce: (numbers.coalesced, frozenset({"this", "expressions"})),
    exp.Greatest: (
        numbers.several(lambda values: pl.max_horizontal(values)),
        frozenset({"this", "expressions", "ignore_nulls"}),
    ),
    exp.Least: (
        numbers.several(lambda values: pl.min_horizontal(values)),
        frozenset({"this", "expressions", "ignore_nulls"}),
    ),
    exp.Nullif: (numbers.nullif, _PAIR),
    exp.Cast: (texts.cast, frozenset({"this", "to"})),
    exp.TryCast: (texts.cast, frozenset({"this", "to", "safe"})),
    exp.Abs: (numbers.function(lambda x: x.abs()), _ONE),
    exp.Sign: (numbers.function(lambda x: x.sign()), _ONE),
    exp.Sqrt: (numbers.function(lambda x: x.sqrt(), lambda x: x >= 0), _ONE),
    exp.Cbrt: (numbers.function(lambda x: x.cbrt()), _ONE),
    exp.Exp: (numbers.function(lambda x: x.exp()), _ONE),
    exp.Ln: (numbers.function(lambda x: x.log(), lambda x: x > 0), _ONE),
    exp.Log: (numbers.logarithm, _PAIR),
    exp.Floor: (numbers.function(lambda x: x.floor()), _ONE),
    exp.Ceil: (numbers.function(lambda x: x.ceil()), _ONE),
    exp.Trunc: (numbers.function(numbers.truncated), _ONE),
    exp.Round: (numbers.rounded, frozenset({"this", "decimals"})),
    exp.Sin: (numbers.function(lambda x: x.sin()), _ONE),
    exp.Cos: (numbers.function(lambda x: x.cos()), _ONE),
    exp.Tan: (numbers.function(lambda x: x.tan()), _ONE),
    exp.Asin: (numbers.function(lambda x: x.arcsin(), lambda x: x.abs() <= 1), _ONE),
    exp.Acos: (numbers.function(lambda x: x.arccos(), lambda x: x.abs() <= 1), _ONE),
    exp.Atan: (numbers.function(lambda x: x.arctan()), _ONE),
    exp.Atan2: (numbers.arithmetic(numbers.atan2), _PAIR),
    exp.Degrees: (numbers.function(lambda x: x.degrees()), _ONE),
    exp.Radians: (numbers.function(lambda x: x.radians()), _ONE),
    exp.Pi: (numbers.pi, frozenset()),
    exp.Lower: (texts.text_function(lambda x: x.str.to_lowercase()), _ONE),
    exp.Upper: (texts.text_function(lambda x: x.str.to_uppercase()), _ONE),
    exp.Trim: (texts.text_function(lambda x: x.str.strip_chars(" ")), _ONE),
    exp.Length: (texts.text_function(lambda x: x.str.len_chars().cast(pl.Float64), NUMBER), _ONE),
    exp.DPipe: (texts.concatenated, _PAIR | {"safe"}),
    exp.Concat: (texts.concat, frozenset({"expressions", "safe", "coalesce"})),
    exp.Substring: (texts.substring, frozenset({"this", "start", "length"})),
    exp.Left: (texts.side("LEFT"), _PAIR),
    exp.Right: (texts.side("RIGHT"), _PAIR),
    exp.Replace: (texts.replaced, frozenset({"this", "expression", "replacement"})),
    exp.SplitPart: (texts.part_of, frozenset({"this", "delimiter", "part_index"})),
    exp.StartsWith: (texts.starts_with, _PAIR),
    exp.Extract: (texts.extracted, _PAIR),
    exp.UnixToTime: (texts.from_epoch, _ONE),
    exp.Bracket: (texts.element, frozenset({"this", "expressions"})),
    exp.ArraySize: (texts.length_of_list, _ONE),
    exp.Array: (texts.listing, frozenset({"expressions"})),
}

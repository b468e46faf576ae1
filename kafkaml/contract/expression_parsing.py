"""The text of an expression, parsed by sqlglot, and what makes it too long, too deep or too costly. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from kafkaml.errors import RefusedError

__all__ = ["MAX_DEPTH", "ExpressionError", "check_size", "parsed"]

_MAX_CHARACTERS = 2000
_MAX_TOKENS = 700
# Deepest nesting of brackets and operators, because the parser and Polars both recurse through them.
MAX_DEPTH = 60
# Limit of operations. Operators that evaluate an operand several times make nesting exponential.
_MAX_WORK = 10_000
# Limit of copies of a text. A record may already be large, so more copies would exhaust memory.
_MAX_PIECES = 32

# Number of times that an operator evaluates its operands, for operators that do so more than once.
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


class ExpressionError(RefusedError):
    """An expression is refused. ``start`` and ``end`` are the place in its text, ``end`` exclusive.

    ``known`` are the names that the expression may use, ``meant`` the ones among them that resemble an unknown name in
    it.
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


def parsed(text: str) -> exp.Expr:
    """Return the tree of ``text``; raises ExpressionError for text that is not SQL, or not a single expression."""
    if len(text) > _MAX_CHARACTERS:
        raise ExpressionError(
            f"the expression has {len(text)} characters: expected at most {_MAX_CHARACTERS}",
            start=_MAX_CHARACTERS,
            end=len(text),
        )
    odd = next(
        (place for place, character in enumerate(text) if not (character.isprintable() or character in "\t\r\n")), None
    )
    if odd is not None:
        raise ExpressionError(f"the character {text[odd]!r} has no place in it", start=odd, end=odd + 1)
    end = len(text)
    try:
        _check_tokens(text)
        # The text is parsed as a condition, because names of fields such as "load" would otherwise begin a statement.
        tree = sqlglot.parse_one(text, dialect="postgres", into=exp.Condition)
    except TokenError as error:
        raise ExpressionError(
            "a quotation mark is not closed",
            start=0,
            end=end,
            hint="put texts in single quotation marks, names in double ones",
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
        if depth > MAX_DEPTH or place >= _MAX_TOKENS:
            raise ExpressionError("the expression is nested too deep or too long", start=start, end=end)


def _parse_error(text: str, error: ParseError) -> ExpressionError:
    first: Mapping[str, Any] = error.errors[0] if error.errors else {}
    mark = str(first.get("highlight") or "")
    start = _offset(text, first.get("line"), first.get("col"), mark)
    what = str(first.get("description") or error).split("<class")[0].strip()
    expected = {
        "Required keyword: 'expression' missing for": "something is missing after this",
        "Invalid expression / Unexpected token": "one expression was expected, and this is left",
    }.get(what, what)
    return ExpressionError(
        f"the expression is not complete or not SQL: {expected[:120]}", start=start, end=start + max(1, len(mark))
    )


def _offset(text: str, line: Any, column: Any, mark: str) -> int:
    """Return where the marked part begins; the parser tells the line and the column of its end."""
    if not isinstance(line, int) or not isinstance(column, int):
        return 0
    before = text.splitlines(keepends=True)[: max(0, line - 1)]
    return max(0, min(len(text) - 1, sum(map(len, before)) + column - max(1, len(mark))))


def check_size(text: str, tree: exp.Expr) -> None:
    """Refuse expressions that cost too much time or memory."""
    work, pieces = _size(tree, MAX_DEPTH)
    if work > _MAX_WORK:
        raise ExpressionError(
            "the expression takes too long for one record", start=0, end=len(text), hint="nest fewer functions"
        )
    if pieces > _MAX_PIECES:
        raise ExpressionError(f"the expression joins more than {_MAX_PIECES} texts", start=0, end=len(text))


def _size(node: exp.Expr, depth: int) -> tuple[int, int]:
    """Return upper bounds for ``node``: how many operations it takes, and how many copies of fields its text consists
    of.
    """
    if depth < 0:
        # An expression this deep will be refused for its depth, so its size does not matter.
        return 1, 1
    children = [child for child in node.iter_expressions() if not isinstance(child, (exp.Identifier, exp.DataType))]
    sizes = [_size(child, depth - 1) for child in children]
    work = 1 + _TIMES.get(type(node), 1) * sum(size for size, _ in sizes)
    if isinstance(node, (exp.In, exp.Case)) and node.this is not None:
        # IN and CASE evaluate their value once per comparison.
        work += len(children) * sizes[children.index(node.this)][0]
    work = min(work, 2 * _MAX_WORK)
    if isinstance(node, exp.Column):
        return work, 1
    pieces = [size for _, size in sizes]
    return work, sum(pieces) if isinstance(node, (exp.DPipe, exp.Concat, exp.Array)) else max(pieces, default=0)

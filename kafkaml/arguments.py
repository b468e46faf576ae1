"""Parse ``epochs=5, shuffle=True`` into values: literals only, never evaluated.

Called by the backend for the texts in a deployment's form, by the CLI, and by tests. Which names and types a
framework accepts is decided elsewhere (``kafkaml.frameworks``); this module knows the syntax only.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from kafkaml.errors import ArgumentsError

__all__ = ["MAX_TEXT_LENGTH", "parse_arguments"]

# A longer text could be made to exhaust the recursive parser.
MAX_TEXT_LENGTH = 4096

_EXAMPLE = "expected name=value pairs such as epochs=5, shuffle=True"
_LITERALS = "a number, text in quotes, True, False, None, or a list, tuple or dict of these"


def parse_arguments(text: str) -> dict[str, Any]:
    """Return the keyword arguments written in ``text``; an empty text gives no arguments.

    Values are Python literals; tuples become lists, so that the result is the same after a trip through JSON, except
    that dicts may have integer keys (``class_weight={0: 1.0}``). Raises ArgumentsError naming the column.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise ArgumentsError(f"the arguments are {len(text)} characters long: expected at most {MAX_TEXT_LENGTH}")
    # Keep the text on one line, so that columns match the form's field, and without characters that would end or hide
    # the call.
    line = " ".join(text.split("\n")).replace("\r", " ").replace("\t", " ")
    if not line.strip():
        return {}
    prefix = "f("
    try:
        tree = ast.parse(f"{prefix}{line}\n)", mode="eval")
    except SyntaxError as error:
        column = max(1, (error.offset or 1) - len(prefix))
        raise ArgumentsError(f"column {column}: {error.msg}; {_EXAMPLE}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise ArgumentsError(f"the arguments cannot be read ({error}); {_EXAMPLE}") from None
    call = tree.body
    if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "f"):
        # A text such as "a=1)(b=2" closes the call too early and calls its result.
        raise ArgumentsError(f"{_shorten(text)} is more than a list of arguments; {_EXAMPLE}")
    if call.args:
        first = call.args[0]
        where = f"column {_column(first, line, prefix)}"
        raise ArgumentsError(f"{where}: {_source(first, line, prefix)} has no name; {_EXAMPLE}")
    arguments: dict[str, Any] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise ArgumentsError(f"column {_column(keyword, line, prefix)}: ** is not possible here; {_EXAMPLE}")
        if keyword.arg in arguments:
            raise ArgumentsError(
                f"column {_column(keyword, line, prefix)}: {keyword.arg} is given twice; {_EXAMPLE}",
                argument=keyword.arg,
            )
        arguments[keyword.arg] = _literal(keyword.arg, keyword.value, line, prefix)
    return arguments


def _literal(name: str, node: ast.expr, line: str, prefix: str) -> Any:
    where = f"column {_column(node, line, prefix)}: {name}={_source(node, line, prefix)}"
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        raise ArgumentsError(f"{where} is not a literal: expected {_LITERALS}", argument=name) from None
    try:
        return _plain(value)
    except ValueError as error:
        raise ArgumentsError(f"{where}: {error}: expected {_LITERALS}", argument=name) from None


def _plain(value: object) -> Any:
    """Return ``value`` made of JSON's types only; raises ValueError for what JSON cannot hold (bytes, sets,
    complex).
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("the number is not finite")
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        wrong = [key for key in value if not isinstance(key, (int, str))]
        if wrong:
            raise ValueError(f"the key {wrong[0]!r} is neither text nor an integer")
        return {key: _plain(element) for key, element in value.items()}
    raise ValueError(f"{type(value).__name__} is not possible")


def _column(node: ast.expr | ast.keyword, line: str, prefix: str) -> int:
    """Return the 1-based column in characters. The parser counts bytes of UTF-8."""
    before = (prefix + line).encode()[: node.col_offset].decode(errors="ignore")
    return max(1, len(before) - len(prefix) + 1)


def _source(node: ast.expr, line: str, prefix: str) -> str:
    return _shorten(ast.get_source_segment(prefix + line, node) or "?")


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[:limit] + "..."

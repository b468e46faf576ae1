"""Names of fields as expressions spell them."""

from __future__ import annotations

import re
from functools import lru_cache

from kafkaml.codecs.field_names import Path
from kafkaml.contract.expressions import ExpressionError, compile_expression
from kafkaml.wire.contract import FieldKind

__all__ = ["expression_of"]

_SIMPLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@lru_cache(4096)
def expression_of(path: Path) -> str | None:
    """Return the expression for the field ``path``, quoted where necessary; None where there is none."""
    quoted = ".".join('"' + part.replace('"', '""') + '"' for part in path)
    plain = ".".join(path) if all(map(_SIMPLE.fullmatch, path)) else quoted
    for text in dict.fromkeys((plain, quoted)):
        try:
            # Words of SQL are not valid names, and the parser knows best which those are.
            compiled = compile_expression(text, {path: FieldKind.TEXT})
        except ExpressionError:
            continue
        if compiled.fields == {path} and compiled.kind == FieldKind.TEXT:
            return text
    return None

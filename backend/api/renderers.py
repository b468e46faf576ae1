"""JSON in and out of the API: strict on the way in, fast on the way out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

import orjson
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

__all__ = ["OrjsonRenderer", "StrictJSONParser", "to_json_bytes"]

# More nesting than any valid request needs. Protects code that walks the document recursively.
_MAX_DEPTH = 32


def to_json_bytes(document: object) -> bytes:
    """Return ``document`` as JSON; types that JSON lacks (lazy texts, errors' details) become text."""
    return orjson.dumps(
        document, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z | orjson.OPT_SERIALIZE_NUMPY
    )


def _plain(value: object) -> object:
    # Subclasses of str and dict (ErrorDetail, ReturnDict) are not taken as such by orjson in every case.
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return str(value)


class OrjsonRenderer(BaseRenderer):
    """Writes JSON."""

    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self,
        data: Any,
        _accepted_media_type: str | None = None,
        _renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return b"" if data is None else to_json_bytes(data)


class StrictJSONParser(BaseParser):
    """Reads JSON; refuses NaN, numbers of more than 64 bits, lone surrogates, NUL characters and deep nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        _media_type: str | None = None,
        _parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            document = orjson.loads(stream.read())
        except orjson.JSONDecodeError as error:
            raise ParseError(f"the body is not JSON: {error}") from error
        _check(document, _MAX_DEPTH)
        return document


def _check(value: object, depth: int) -> None:
    if depth < 0:
        raise ParseError(f"the body is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, str):
        if "\x00" in value:
            raise ParseError("the body holds a NUL character: expected text without it")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)

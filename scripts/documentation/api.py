"""The page of the REST API, written from its own description (OpenAPI)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["page"]

_INTRODUCTION = """\
# REST API
Written from the API's own description, which the platform serves at `/api/schema/` (OpenAPI 3.1). Scripts send a token
(`kafka-ml tokens create`) as `Authorization: Bearer TOKEN`. Addresses end with a slash. An error is a problem document
(RFC 9457): `detail` says what is wrong, `hint` what to do, `errors` which fields. Lists answer `count`, `next`,
`previous` and `results`, by `limit` and `offset`. Addresses under `/api/jobs/`, `/api/announcements/` and
`/api/heartbeats/` are for the platform's own components and workers.
"""
_LEVELS = ("get", "post", "put", "patch", "delete")


def page(description: Path) -> str:
    """Return the page of the API that ``description`` (JSON) describes."""
    document: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
    schemas: dict[str, Any] = document["components"]["schemas"]
    parts = [_INTRODUCTION, f"\n{document['info']['description']}\n", _problems(document)]
    by_tag: dict[str, list[str]] = {}
    for address, methods in document["paths"].items():
        for method in _LEVELS:
            if operation := methods.get(method):
                by_tag.setdefault(operation["tags"][0], []).append(_operation(address, method, operation))
    for tag, sections in sorted(by_tag.items()):
        parts += [f"\n## {tag}\n", *sections]
    parts.append("\n## Objects\n")
    parts += [_object(name, schema) for name, schema in sorted(schemas.items())]
    return "".join(parts)


def _problems(document: Mapping[str, Any]) -> str:
    """Return what the problems mean that operations have in common."""
    responses: Mapping[str, Any] = document["components"]["responses"]
    status_of = {
        str(answer["$ref"]).rpartition("/")[2]: status
        for methods in document["paths"].values()
        for operation in methods.values()
        for status, answer in operation["responses"].items()
        if "$ref" in answer
    }
    rows = sorted((status_of[name], response["description"]) for name, response in responses.items())
    return "".join(
        ["\n| problem | meaning |\n|---|---|\n", *(f"| {status} | {_cell(text)} |\n" for status, text in rows)]
    )


def _operation(address: str, method: str, operation: Mapping[str, Any]) -> str:
    lines = [f"\n### {method.upper()} {address.replace('{', '&#123;').replace('}', '&#125;')}\n"]
    lines.append(f"{_text(operation['summary'])}.\n")
    if about := operation.get("description", "").strip():
        lines.append(f"\n{_text(about)}\n")
    parameters = operation.get("parameters", [])
    if parameters:
        lines.append("\n| parameter | in | type | meaning |\n|---|---|---|---|\n")
        lines += [
            f"| `{parameter['name']}`{' (required)' if parameter.get('required') else ''} | {parameter['in']} | "
            f"{_type(parameter.get('schema', {}))} | {_cell(parameter.get('description', ''))} |\n"
            for parameter in parameters
        ]
    for title, content in _contents(operation):
        lines.append(f"\n{title}: {content}\n")
    return "".join(lines)


def _contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if body := operation.get("requestBody"):
        yield "Sent", ", ".join(f"{_type(value.get('schema', {}))} ({kind})" for kind, value in body["content"].items())
    answers: Mapping[str, Any] = operation.get("responses", {})
    for status, answer in answers.items():
        if "description" in answer:
            shown = [f"{_type(value.get('schema', {}))} ({kind})" for kind, value in answer.get("content", {}).items()]
            yield f"Answers {status}", f"{', '.join(shown) or 'nothing'}. {_cell(answer['description'])}"
    # What these problems mean is the same for all operations, and is said once.
    yield "Other problems", ", ".join(status for status, answer in answers.items() if "$ref" in answer)


def _object(name: str, schema: Mapping[str, Any]) -> str:
    lines = [f"\n### {name}\n"]
    if about := schema.get("description", "").strip():
        lines.append(f"{_text(about)}\n")
    properties = schema.get("properties", {})
    if not properties:
        lines.append(f"\n{_type(schema)}\n")
        return "".join(lines)
    required = set(schema.get("required", []))
    lines.append("\n| field | type | meaning |\n|---|---|---|\n")
    for field, about in properties.items():
        said = [_cell(about.get("description", ""))]
        if "default" in about and about["default"] is not None:
            said.append(f"by default `{json.dumps(about['default'])}`")
        shown = f"`{field}` (required)" if field in required else f"`{field}`"
        lines.append(f"| {shown} | {_type(about)} | {'; '.join(filter(None, said))} |\n")
    return "".join(lines)


def _type(schema: Mapping[str, Any]) -> str:
    """Return a type in words, with links to objects."""
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return " or ".join(dict.fromkeys(_type(option) for option in schema[several]))
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(member)}`" for member in schema["enum"])
    if "const" in schema:
        return f"`{json.dumps(schema['const'])}`"
    kind = schema.get("type", "any")
    if isinstance(kind, list):
        return " or ".join(kind)
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), Mapping):
        return f"object of {_type(schema['additionalProperties'])}"
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _text(text: str) -> str:
    return text.replace("<", "&lt;").replace("``", "`")


def _cell(text: str) -> str:
    return _text(" ".join(text.split())).replace("|", "\\|")

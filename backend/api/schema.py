"""How the API describes itself (OpenAPI 3.1): every operation also answers with problem documents."""

from __future__ import annotations

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema

__all__ = ["ProblemSchema", "complete"]

_PROBLEM_REF = {"$ref": "#/components/schemas/Problem"}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem document",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "hint": {"type": "string"},
        "request_id": {"type": "string"},
        "users": {"type": "array", "items": {"type": "object"}, "description": "who uses what was to be deleted"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                    "hint": {"type": "string"},
                    "line": {"type": "integer"},
                    "traceback": {"type": "string"},
                },
            },
        },
    },
}
_STREAM = {
    "tags": ["events"],
    "security": [{"accessToken": []}, {"session": []}],
    "responses": {
        "200": {"description": "never ends", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
        "default": {"description": "problem", "content": {"application/problem+json": {"schema": _PROBLEM_REF}}},
    },
}
_EVENTS = _STREAM | {
    "operationId": "events_stream",
    "description": (
        "Live changes as server-sent events named by topic. ``reset``: read everything again; ``alive``: in silence, "
        "every two seconds."
    ),
    "parameters": [
        {"name": "topics", "in": "query", "schema": {"type": "string"}, "description": "comma-separated; all without"},
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "where to go on"},
    ],
}
_PREDICTIONS = _STREAM | {
    "operationId": "inferences_predictions",
    "description": (
        "What an inference answers, live, as server-sent events: ``snapshot``, then ``frame`` at most 20 times a "
        "second, each summing up all that came in between; ``waiting`` while the topic does not exist. The query "
        "overrides the saved configuration."
    ),
    "parameters": [
        {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "type", "in": "query", "schema": {"enum": ["auto", "classification", "regression"]}},
        {"name": "average_updated", "in": "query", "schema": {"type": "boolean"}},
        {"name": "average_window", "in": "query", "schema": {"type": "integer"}, "description": "milliseconds"},
        {"name": "outputs", "in": "query", "schema": {"type": "string"}, "description": "comma-separated positions"},
        {"name": "map", "in": "query", "schema": {"type": "string"}, "description": "off, output:0:1 or input:0:1"},
    ],
}


def _export(tag: str, what: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    """Describe the address at which samples are a file."""
    return {
        "tags": [tag],
        "operationId": f"{tag}_export",
        "description": (
            f"The samples of {what} as a model gets them, with labels and the part that each is in, as a file: "
            "Parquet, or arrays for ``numpy.load`` (npz). The answer begins when the file is written."
        ),
        "security": [{"accessToken": []}, {"session": []}],
        "parameters": [
            {"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}},
            *parameters,
            {"name": "format", "in": "query", "schema": {"enum": ["parquet", "npz"]}},
        ],
        "responses": {
            "200": {"description": "a file", "content": {"application/octet-stream": {"schema": {"type": "string"}}}},
            "default": {"description": "problem", "content": {"application/problem+json": {"schema": _PROBLEM_REF}}},
        },
    }


_VERSION = {"name": "version", "in": "query", "schema": {"type": "integer"}, "description": "the newest without"}


class ProblemSchema(AutoSchema):
    """Adds the problem document as the answer to everything that goes wrong."""

    def _get_response_bodies(self, direction: Literal["request", "response"] = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        bodies["default"] = {
            "description": "problem",
            "content": {"application/problem+json": {"schema": _PROBLEM_REF}},
        }
        return bodies


# Schemas whose answers may lack fields; all others are always complete.
_PARTIAL = {"Report"}


def complete(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """drf-spectacular's post-processing hook: adds the problem document, and the addresses that are not REST framework
    views.

    Also says that answers hold all their fields, because the generator knows only defaults for writing.
    """
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    for name, schema in schemas.items():
        if "properties" in schema and not name.endswith("Request") and name not in _PARTIAL:
            schema["required"] = sorted(schema["properties"])
    schemas["Problem"] = _PROBLEM
    result["paths"]["/api/events/"] = {"get": _EVENTS}
    result["paths"]["/api/datasets/{id}/export/"] = {"get": _export("datasets", "a version", _VERSION)}
    result["paths"]["/api/streams/{id}/export/"] = {"get": _export("streams", "a stream that a sink announced")}
    result["paths"]["/api/inferences/{id}/predictions/"] = {"get": _PREDICTIONS}
    return result

"""What the API's description says of problem documents: their fields, and the problems that requests of a kind have."""

from __future__ import annotations

from collections.abc import Mapping

from backend.api.errors import PROBLEM_CONTENT_TYPE

__all__ = ["ANY_PROBLEM", "PROBLEM", "PROBLEMS", "PROBLEM_CONTENT", "problem_reference"]

PROBLEM_CONTENT = {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
PROBLEM = {
    "type": "object",
    "description": "What is wrong with a request, or with the platform (RFC 9457).",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "description": "The kind of problem: ``urn:kafka-ml:problem:`` and a word."},
        "title": {"type": "string", "description": "What the status means."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What is wrong, where, and what was expected."},
        "hint": {"type": "string", "description": "What to do about it."},
        "request_id": {"type": "string", "description": "Finds the request in the platform's log."},
        "users": {
            "type": "array",
            "items": {"type": "object"},
            "description": "The objects that use the object that was to be deleted or changed: type, id and name.",
        },
        "errors": {
            "type": "array",
            "description": "All fields that are wrong.",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {
                        "type": "string",
                        "description": "Path of the field, with dots. Empty for the request as a whole.",
                    },
                    "code": {"type": "string", "description": "The kind of error, for programs."},
                    "detail": {"type": "string", "description": "What is wrong, and what was expected."},
                    "hint": {"type": "string", "description": "What to do about it."},
                    "line": {"type": "integer", "description": "Line of the user's code, from 1."},
                    "traceback": {"type": "string", "description": "Traceback of the user's code."},
                },
            },
        },
    },
}
# Problems that follow from the kind of a request, by status. Views describe the others.
PROBLEMS: Mapping[int, tuple[str, str]] = {
    400: ("InvalidRequest", "A field or a parameter is not valid. ``errors`` has an entry for each."),
    401: ("NotSignedIn", "The request has no valid token, and no session."),
    403: ("NotAllowed", "The role or the token does not allow this, or the ``X-CSRFToken`` of a session is missing."),
    404: ("NotFound", "There is no such object."),
    429: ("TooManyRequests", "There were too many such requests. ``Retry-After`` says when to try again, in seconds."),
}
ANY_PROBLEM = ("AnyProblem", "Any other problem, such as 503 while the database or Kafka does not answer.")


def problem_reference(status: int | None = None) -> dict[str, str]:
    """Return a reference to the answer with a status of ``PROBLEMS``, or to the one with any other status."""
    name, _ = ANY_PROBLEM if status is None else PROBLEMS[status]
    return {"$ref": f"#/components/responses/{name}"}

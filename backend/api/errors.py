"""Errors to HTTP, once: every error of the API is a problem document (RFC 9457) made here.

refused (the sender can fix it) is 400 or 409, failed (the user's job) 422, broken (ours) 502 or 503. Nothing of an
unexpected error's text leaves the server; its ``request_id`` finds it in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from backend.api.renderers import to_json_bytes
from kafkaml.errors import (
    ApiError,
    ArgumentsError,
    BrokenError,
    DeadlineExceeded,
    FailedError,
    KafkaMLError,
    RefusedError,
    UserCodeError,
)
from kafkaml.logs import get_logger

__all__ = [
    "Conflict",
    "FieldProblem",
    "InUse",
    "InvalidField",
    "InvalidFields",
    "NotFound",
    "NotYet",
    "RangeNotSatisfiable",
    "StaleAttempt",
    "WrongJob",
    "exception_handler",
    "problem_of",
    "problem_response",
]

logger = get_logger(__name__)

PROBLEM_CONTENT_TYPE = "application/problem+json"
_TITLES = {
    400: "The request is not valid",
    401: "Sign in first",
    403: "Not allowed",
    404: "Not found",
    405: "This method is not allowed here",
    406: "Not available in this form",
    409: "Conflicts with the current state",
    413: "Too large",
    415: "This content type is not supported",
    416: "The range cannot be served",
    422: "The content was refused",
    425: "Too early",
    429: "Too many requests",
    500: "Internal error",
    502: "A service behind the platform gave no usable response",
    503: "A service behind the platform is unavailable",
}


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field; ``field`` is a dotted path, empty for the whole. ``line`` is in user code."""

    field: str
    code: str
    detail: str
    hint: str = ""
    line: int | None = None
    traceback: str = ""


class InvalidField(RefusedError):
    """A field's value is refused for a reason beyond its type."""

    def __init__(self, field_name: str, message: str, *, code: str = "invalid", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field_name
        self.code = code


class InvalidFields(RefusedError):
    """Several fields' values are refused."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        super().__init__("; ".join(f"{problem.field}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)


class Conflict(RefusedError):
    """The request does not fit the object's present state."""


class NotFound(RefusedError):
    """There is no such object."""


class NotYet(RefusedError):
    """The requested thing is being prepared; the same request will succeed later."""


class StaleAttempt(Conflict):
    """A newer attempt of the run exists, or the run has ended; the sender must end."""


class WrongJob(RefusedError):
    """The token belongs to another job."""


class RangeNotSatisfiable(RefusedError):
    """A piece of an upload does not continue where the stored part ends."""


class InUse(Conflict):
    """Others use the object. ``users`` name them: ``{"type", "id", "name"}``."""

    def __init__(self, message: str, *, users: Sequence[Mapping[str, Any]], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.users = [dict(user) for user in users]


@dataclass(frozen=True)
class Problem:
    """A problem document before it becomes a response."""

    status: int
    detail: str
    code: str
    hint: str = ""
    errors: tuple[FieldProblem, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_json(self, request_id: str = "") -> dict[str, Any]:
        document: dict[str, Any] = {
            "type": f"urn:kafka-ml:problem:{self.code}",
            "title": _TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
        }
        if self.hint:
            document["hint"] = self.hint
        if self.errors:
            document["errors"] = [
                {name: value for name, value in asdict(error).items() if value not in ("", None) or name == "field"}
                for error in self.errors
            ]
        if request_id:
            document["request_id"] = request_id
        return document | dict(self.extra)


def problem_of(error: Exception) -> Problem | None:
    """Return the problem that ``error`` means to a client; None for what is not an error raised on purpose."""
    match error:
        case KafkaMLError():
            return _of_kafkaml(error)
        case exceptions.APIException():
            return _of_rest_framework(error)
        case Http404():
            return Problem(404, "there is nothing at this address", "not_found")
        case PermissionDenied():
            return Problem(403, "your role does not allow this", "permission_denied")
        case IntegrityError():
            return Problem(
                409,
                "another request changed the same thing at the same moment",
                "conflict",
                hint="reload and try again",
            )
        case OperationalError() if "disk is full" in str(error) or "No space left" in str(error):
            logger.error("database full", error=str(error))
            return Problem(
                503,
                "the disk of the database is full, so nothing can be written",
                "database_full",
                hint="free disk space; the platform then goes on on its own",
                headers={"Retry-After": "2"},
            )
        case OperationalError():
            # The traceback is not logged. Many requests fail at once, and formatting it would slow the others down.
            logger.error("database unavailable", error=str(error))
            return Problem(503, "the database did not answer in time", "database", headers={"Retry-After": "2"})
    return None


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's hook: turn an exception of a view into a problem response, None to let it become a 500."""
    problem = problem_of(error)
    if problem is None:
        return None
    request = context.get("request")
    if problem.status >= 500:
        logger.error("request failed", path=getattr(request, "path", ""), status=problem.status, detail=problem.detail)
    elif isinstance(error, (StaleAttempt, WrongJob)) or problem.status == 403:
        logger.warning(
            "request denied", path=getattr(request, "path", ""), status=problem.status, detail=problem.detail
        )
    response = Response(
        problem.to_json(getattr(request, "request_id", "")), status=problem.status, headers=dict(problem.headers)
    )
    response.content_type = PROBLEM_CONTENT_TYPE
    return response


def problem_response(request: HttpRequest, problem: Problem) -> HttpResponse:
    """Return a problem as a plain Django response, for places outside REST framework's views."""
    content = to_json_bytes(problem.to_json(getattr(request, "request_id", "")))
    return HttpResponse(
        content, status=problem.status, content_type=PROBLEM_CONTENT_TYPE, headers=dict(problem.headers)
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Django's handler400: unknown host names, malformed requests."""
    return problem_response(request, Problem(400, "the request cannot be understood", "bad_request"))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Django's handler404."""
    return problem_response(
        request, Problem(404, "there is nothing at this address", "not_found", hint="addresses end with a slash")
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 - Django passes it by name
    """Django's handler403."""
    return problem_response(request, Problem(403, "not allowed", "permission_denied"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500; the traceback is in the log under the same request id."""
    return problem_response(
        request, Problem(500, "something of ours broke; the log tells more under request_id", "internal")
    )


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return problem_response(
        request,
        Problem(403, f"cross-site check failed: {reason}", "csrf", hint="send the token of GET /api/session/"),
    )


def _of_kafkaml(error: KafkaMLError) -> Problem:
    name = _code(error)
    match error:
        case InUse():
            return Problem(409, error.message, "in_use", error.hint, extra={"users": error.users})
        case Conflict():
            return Problem(409, error.message, name, error.hint)
        case NotFound():
            return Problem(404, error.message, "not_found", error.hint)
        case NotYet():
            return Problem(425, error.message, name, error.hint, headers={"Retry-After": "1"})
        case WrongJob():
            return Problem(403, error.message, "wrong_job", error.hint)
        case RangeNotSatisfiable():
            return Problem(416, error.message, "range", error.hint)
        case InvalidField():
            field_problem = FieldProblem(field=error.field, code=error.code, detail=error.message, hint=error.hint)
            return Problem(400, error.message, "validation", error.hint, errors=(field_problem,))
        case InvalidFields():
            return Problem(400, error.message, "validation", errors=error.problems)
        case ArgumentsError():
            field_problem = FieldProblem(field=error.argument, code="arguments", detail=error.message, hint=error.hint)
            return Problem(400, error.message, "validation", error.hint, errors=(field_problem,))
        case RefusedError():
            return Problem(422, error.message, name, error.hint)
        case UserCodeError():
            field_problem = FieldProblem(
                field=error.source or "code",
                code=error.kind,
                detail=error.message,
                hint=error.hint,
                line=error.line,
                traceback=error.traceback_text,
            )
            # The output of the user's code, where the executor caught it.
            printed = getattr(error, "output", "")
            extra = {"output": printed} if printed else {}
            return Problem(422, error.message, "user_code", error.hint, errors=(field_problem,), extra=extra)
        case DeadlineExceeded():
            return Problem(504, error.message, name, error.hint)
        case FailedError():
            return Problem(422, error.message, name, error.hint)
        case ApiError() if error.status:
            return Problem(502, error.message, name, error.hint)
        case BrokenError():
            return Problem(503, error.message, name, error.hint, headers={"Retry-After": "2"})
    return Problem(500, "something of ours broke", "internal")


def _code(error: KafkaMLError) -> str:
    """``StreamRangeError`` is ``stream_range``, ``InUse`` is ``in_use``."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _of_rest_framework(error: exceptions.APIException) -> Problem:
    headers: dict[str, str] = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if isinstance(error, exceptions.ValidationError):
        problems = tuple(_flatten(error.detail))
        first = problems[0] if problems else None
        detail = f"{first.field}: {first.detail}" if first and first.field else (first.detail if first else "not valid")
        return Problem(400, detail, "validation", errors=problems)
    codes = error.get_codes()
    return Problem(error.status_code, str(error.detail), codes if isinstance(codes, str) else "error", headers=headers)


def _flatten(detail: object, path: str = "") -> Iterator[FieldProblem]:
    """Walk REST framework's nested errors; list positions become numbers in the path."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            part = "" if name == "non_field_errors" else str(name)
            yield from _flatten(inner, ".".join(filter(None, (path, part))))
    elif isinstance(detail, (list, tuple)):
        for position, inner in enumerate(detail):
            nested = isinstance(inner, (Mapping, list, tuple))
            yield from _flatten(inner, f"{path}.{position}" if nested and path else path)
    else:
        yield FieldProblem(field=path, code=str(getattr(detail, "code", "invalid")), detail=str(detail))

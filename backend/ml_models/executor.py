"""The executors' HTTP service as the backend calls it: check source code.

The only module of the backend that speaks to them. Verdicts are values or UserCodeError; an executor that is
unavailable, busy or late raises BrokenError.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
import orjson

from backend.config.environment import environment
from kafkaml.errors import BrokenError, UserCodeError
from kafkaml.frameworks import FRAMEWORKS
from kafkaml.wire.framework import Framework

__all__ = ["CheckReport", "InvalidModel", "cancel_check", "check_model", "health", "require_valid"]

# A check has its own time limit in the executor; this one is for the way there and back.
_CONNECT_SECONDS = 3.0
_HEALTH_SECONDS = 2.0
_MAX_ANSWER_BYTES = 8 << 20


@dataclass(frozen=True)
class CheckReport:
    """The verdict on source code: ``report`` when valid, otherwise ``error``; ``output`` is what the code printed."""

    valid: bool
    report: Mapping[str, Any]
    error: Mapping[str, Any]
    output: str


class InvalidModel(UserCodeError):
    """Source code that the executor refused; ``output`` is what it printed."""

    output: str = ""


def check_model(framework: Framework, *, code: str, imports: str, distributed: bool, ticket: str = "") -> CheckReport:
    """Let the framework's executor run the source in isolation and say what it found.

    ``ticket`` is what ``cancel_check`` knows the check by.
    """
    body = {"code": code, "imports": imports, "distributed": distributed, "ticket": ticket}
    answer = _post(framework, "/check", body)
    return CheckReport(
        valid=answer.get("valid") is True,
        report=_mapping(answer.get("report")),
        error=_mapping(answer.get("error")),
        output=str(answer.get("output") or ""),
    )


def cancel_check(framework: Framework, ticket: str) -> None:
    """End a check in the executor; one that is over or unknown changes nothing."""
    _post(framework, "/cancel", {"ticket": ticket})


def require_valid(framework: Framework, *, code: str, imports: str, distributed: bool) -> dict[str, Any]:
    """Return the report of valid source; raises InvalidModel with line and traceback otherwise."""
    verdict = check_model(framework, code=code, imports=imports, distributed=distributed)
    if verdict.valid:
        return dict(verdict.report)
    error = verdict.error
    line = error.get("line")
    invalid = InvalidModel(
        str(error.get("message") or "the code was refused"),
        traceback_text=str(error.get("traceback") or ""),
        line=line if isinstance(line, int) else None,
        source=str(error.get("source") or "code"),
        kind=str(error.get("kind") or "runtime"),
        hint=str(error.get("hint") or ""),
    )
    invalid.output = verdict.output
    raise invalid


def health(framework: Framework) -> dict[str, Any]:
    """Return what an executor says of itself (versions, isolation); raises BrokenError when it does not answer."""
    return _request(framework, "GET", "/health", None, timeout_seconds=_HEALTH_SECONDS)


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@cache
def _client() -> httpx.Client:
    # The client stays open, because a new connection per check would cost more than checking a small model's syntax.
    return httpx.Client(trust_env=False, follow_redirects=False)


def _post(framework: Framework, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    timeout = environment().executor_timeout_seconds
    return _request(framework, "POST", path, orjson.dumps(body), timeout_seconds=timeout)


def _request(
    framework: Framework, method: str, path: str, content: bytes | None, *, timeout_seconds: float
) -> dict[str, Any]:
    settings = environment()
    address = settings.executor_url(framework)
    if not address:
        raise BrokenError(
            f"there is no {framework} executor here", hint=f"set {FRAMEWORKS[framework].executor_setting} and start one"
        )
    headers = {"content-type": "application/json"}
    if token := settings.service_token():
        headers["authorization"] = f"Bearer {token}"
    try:
        response = _client().request(
            method,
            f"{address}{path}",
            content=content,
            headers=headers,
            timeout=httpx.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
        )
    except httpx.HTTPError as error:
        raise BrokenError(
            f"the {framework} executor does not answer ({type(error).__name__})",
            hint="it may still be starting: try again in a few seconds; 'kafka-ml status' shows it",
        ) from error
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        raise BrokenError(f"the {framework} executor is busy", hint="try again in a few seconds")
    answer = _parsed(response)
    if not response.is_success or not isinstance(answer, dict):
        raise BrokenError(f"the {framework} executor answered {response.status_code} to {path}: expected a verdict")
    return answer


def _parsed(response: httpx.Response) -> object:
    if len(response.content) > _MAX_ANSWER_BYTES:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return None

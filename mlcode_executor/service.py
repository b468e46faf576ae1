"""The executor's HTTP service, as an ASGI application: ``POST /check``, ``POST /cancel``, ``GET /health``.

Called by the backend with the services' shared token. Requests beyond what can be worked on wait in a bounded queue;
beyond that the answer is 429. This process holds a credential, so it never imports a framework and never runs user
code: that happens in model processes (``checks.py``).
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, Field, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kafkaml.errors import BrokenError, KafkaMLError, RefusedError
from kafkaml.logs import get_logger
from mlcode_executor.checks import Checker, Verdict
from mlcode_executor.prometheus import ExecutorMetrics

__all__ = ["MAX_BODY_BYTES", "ExecutorService"]

_logger = get_logger(__name__)

# Largest request. Both fields of the largest model seen so far fit into a tenth of this.
MAX_BODY_BYTES = 1 << 20
# Time limit for the body of a request. A client that sends it drop by drop must not hold a place in the queue.
_BODY_SECONDS = 10.0

_Model = TypeVar("_Model", bound=BaseModel)


class _CheckRequest(BaseModel):
    code: str
    imports: str = ""
    distributed: bool = False
    ticket: str = Field("", max_length=64)


class _CancelRequest(BaseModel):
    ticket: str = Field(min_length=1, max_length=64)


class ExecutorService:
    """One framework's service: ``workers`` checks at a time, ``queue`` requests waiting, the rest refused."""

    def __init__(
        self,
        checker: Checker,
        *,
        token: str,
        health: Callable[[], Mapping[str, Any]],
        metrics: ExecutorMetrics,
        workers: int = 2,
        queue: int = 16,
    ) -> None:
        self._checker = checker
        self._token = token.encode()
        self._health = health
        self._places = workers + queue
        self._taken = 0
        self._metrics = metrics
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="check")
        self._application = Starlette(
            routes=[
                Route("/health", self._answer_health, methods=["GET"]),
                Route("/check", self._check, methods=["POST"]),
                Route("/cancel", self._cancel, methods=["POST"]),
                Route("/{path:path}", self._answer_nothing, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            ],
            exception_handlers={HTTPException: _refused, RefusedError: _failed, BrokenError: _failed},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the only entry that the server calls."""
        await self._application(scope, receive, send)

    def close(self) -> None:
        """Accept no more requests; waits for running checks."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    @property
    def pending(self) -> int:
        """How many checks are running or waiting."""
        return self._taken

    async def _answer_health(self, _: Request) -> Response:
        return _json({"status": "ok", "spare_processes": self._checker.ready, **self._health()})

    async def _check(self, request: Request) -> Response:
        self._authenticate(request)
        check = _parse(_CheckRequest, await _body(request))
        verdict = await self._in_turn(partial(self._checker.check, **check.model_dump()))
        return _json(verdict.to_json())

    async def _cancel(self, request: Request) -> Response:
        self._authenticate(request)
        ticket = _parse(_CancelRequest, await _body(request)).ticket
        # Cancel outside the queue, because the check to end may occupy it.
        await asyncio.get_running_loop().run_in_executor(None, self._checker.cancel, ticket)
        return _json({})

    async def _answer_nothing(self, request: Request) -> Response:
        self._authenticate(request)
        raise HTTPException(HTTPStatus.NOT_FOUND, "expected POST /check, POST /cancel or GET /health")

    def _authenticate(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", {"www-authenticate": "Bearer"}
            )

    async def _in_turn(self, work: Callable[[], Verdict]) -> Verdict:
        if self._taken >= self._places:
            raise HTTPException(
                HTTPStatus.TOO_MANY_REQUESTS, f"{self._places} checks wait already", {"retry-after": "2"}
            )
        self._taken += 1
        began, outcome = time.perf_counter(), "broken"
        try:
            verdict = await asyncio.get_running_loop().run_in_executor(self._pool, work)
            outcome = "valid" if verdict.error is None else "invalid"
        except RefusedError:
            outcome = "refused"
            raise
        finally:
            self._taken -= 1
            self._metrics.checked(outcome, seconds=time.perf_counter() - began)
        return verdict


def _parse(kind: type[_Model], body: bytes) -> _Model:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise HTTPException(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}") from error


async def _body(request: Request) -> bytes:
    """Return the body, which is bounded in bytes and in time; Starlette bounds neither."""
    too_large = HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MAX_BODY_BYTES} bytes")
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for piece in request.stream():
                body += piece
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
    except ClientDisconnect as error:
        raise HTTPException(HTTPStatus.BAD_REQUEST, "the client left") from error
    except TimeoutError as error:
        raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, f"no whole request within {_BODY_SECONDS:g} s") from error
    return bytes(body)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _problem(HTTPStatus(error.status_code), error.detail, headers=error.headers)


async def _failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, KafkaMLError)
    if isinstance(error, RefusedError):
        return _problem(HTTPStatus.BAD_REQUEST, error.message, error.hint)
    _logger.error("check could not be tried", error=error.message)
    return _problem(HTTPStatus.SERVICE_UNAVAILABLE, error.message, error.hint, headers={"retry-after": "5"})


def _problem(status: HTTPStatus, detail: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """Return a problem document (RFC 9457)."""
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return _json({**body, "hint": hint} if hint else body, status, "application/problem+json", headers)


def _json(
    body: Mapping[str, Any],
    status: HTTPStatus = HTTPStatus.OK,
    media_type: str = "application/json",
    headers: Mapping[str, str] | None = None,
) -> Response:
    return Response(orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS), status, headers, media_type)

"""The executor's HTTP service, as an ASGI application: ``POST /check``, ``POST /cancel``, ``GET /health``.

Called by the backend with the services' shared token. Requests beyond what can be worked on wait in a bounded queue;
beyond that the answer is 429. This process holds a credential, so it never imports a framework and never runs user
code: that happens in model processes (``checks.py``).
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, Field, ValidationError

from kafkaml.errors import BrokenError, RefusedError
from kafkaml.logs import get_logger
from mlcode_executor.checks import Checker, Verdict
from mlcode_executor.prometheus import ExecutorMetrics

__all__ = ["MAX_BODY_BYTES", "ExecutorService"]

_logger = get_logger(__name__)

# Both fields of the largest model seen so far fit into a tenth of this.
MAX_BODY_BYTES = 1 << 20
# A client that sends its request drop by drop must not hold a place in the queue.
_BODY_SECONDS = 10.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


_Model = TypeVar("_Model", bound=BaseModel)


class _CheckRequest(BaseModel):
    code: str
    imports: str = ""
    distributed: bool = False
    ticket: str = Field("", max_length=64)


class _CancelRequest(BaseModel):
    ticket: str = Field(min_length=1, max_length=64)


class _Refusal(Exception):
    """Ends a request with a problem document (RFC 9457)."""

    def __init__(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}


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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; the only entry that the server calls."""
        status, body, headers = await self._answer(scope, receive)
        await _respond(send, status, body, headers)

    def close(self) -> None:
        """Accept no more requests; waits for running checks."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[HTTPStatus, Any, Mapping[str, str]]:
        try:
            route = f"{scope['method']} {scope['path'].rstrip('/')}"
            if route == "GET /health":
                return HTTPStatus.OK, {"status": "ok", "spare_processes": self._checker.ready, **self._health()}, {}
            self._authenticate(scope)
            if route == "POST /cancel":
                # Cancel outside the queue, because the check to end may occupy it.
                ticket = _parse(_CancelRequest, await _body(scope, receive)).ticket
                await asyncio.get_running_loop().run_in_executor(None, self._checker.cancel, ticket)
                return HTTPStatus.OK, {}, {}
            work = await self._work(route, scope, receive)
            verdict = await self._in_turn(work)
        except _Refusal as refusal:
            return refusal.status, _problem(refusal.status, refusal.detail), refusal.headers
        except RefusedError as error:
            return HTTPStatus.BAD_REQUEST, _problem(HTTPStatus.BAD_REQUEST, error.message, error.hint), {}
        except BrokenError as error:
            _logger.error("check could not be tried", error=error.message)
            status = HTTPStatus.SERVICE_UNAVAILABLE
            return status, _problem(status, error.message, error.hint), {"retry-after": "5"}
        return HTTPStatus.OK, verdict.to_json(), {}

    def _authenticate(self, scope: Scope) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"")
        scheme, _, token = given.partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
            raise _Refusal(
                HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", {"www-authenticate": "Bearer"}
            )

    async def _work(self, route: str, scope: Scope, receive: Receive) -> Callable[[], Verdict]:
        """Read the request; returns the action for it."""
        if route == "POST /check":
            check = _parse(_CheckRequest, await _body(scope, receive))
            return partial(self._checker.check, **check.model_dump())
        raise _Refusal(HTTPStatus.NOT_FOUND, "expected POST /check, POST /cancel or GET /health")

    async def _in_turn(self, work: Callable[[], Verdict]) -> Verdict:
        if self._taken >= self._places:
            raise _Refusal(HTTPStatus.TOO_MANY_REQUESTS, f"{self._places} checks wait already", {"retry-after": "2"})
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

    @property
    def pending(self) -> int:
        """How many checks are running or waiting."""
        return self._taken


def _parse(kind: type[_Model], body: bytes) -> _Model:
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise _Refusal(HTTPStatus.BAD_REQUEST, f"{where}: {first['msg']}") from error


async def _body(scope: Scope, receive: Receive) -> bytes:
    too_large = _Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MAX_BODY_BYTES} bytes")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_BODY_BYTES:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _Refusal(HTTPStatus.BAD_REQUEST, "the client left")
                body += message.get("body", b"")
                if len(body) > MAX_BODY_BYTES:
                    raise too_large
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError as error:
        raise _Refusal(HTTPStatus.REQUEST_TIMEOUT, f"no whole request within {_BODY_SECONDS:g} s") from error


def _problem(status: HTTPStatus, detail: str, hint: str = "") -> dict[str, Any]:
    body = {"type": "about:blank", "title": status.phrase, "status": int(status), "detail": detail}
    return {**body, "hint": hint} if hint else body


async def _respond(send: Send, status: HTTPStatus, body: Any, headers: Mapping[str, str]) -> None:
    kind = b"application/json" if status == HTTPStatus.OK else b"application/problem+json"
    fields = [(b"content-type", kind), *((name.encode(), value.encode()) for name, value in headers.items())]
    await send({"type": "http.response.start", "status": int(status), "headers": fields})
    await send({"type": "http.response.body", "body": orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS)})

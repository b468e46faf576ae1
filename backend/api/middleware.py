"""What every request goes through: its id and its line in the log, the headers that browsers obey. Static files."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

from backend.config.prometheus import REQUESTS
from kafkaml.logs import get_logger

__all__ = ["RequestMiddleware", "StaticFilesMiddleware"]

logger = get_logger("backend.requests")

# A link that signs someone in, once.
_LOGIN_LINKS = "/login/"
# Addresses of the frequent reports of components and workers.
_REPORTS = ("/api/jobs/", "/api/heartbeats/", "/api/announcements/")
_READS = ("GET", "HEAD", "OPTIONS")
_METHODS = (*_READS, "POST", "PUT", "PATCH", "DELETE")

# No script but our own files, nothing from elsewhere, no framing; style attributes are set by the page's widgets.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_Response = HttpResponseBase | Awaitable[HttpResponseBase]


class RequestMiddleware:
    """Gives each request an id, its response the policy headers and ``X-Request-ID``, and ``no-store`` where nothing is
    said of caching. Takes the body away from answers to HEAD, which the server would drop with a warning.

    Measures the duration, by the pattern of the address. Logs users' writes at INFO and reads and reports at DEBUG, but
    never the query string, which may hold anything.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], _Response]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> _Response:
        began = time.perf_counter()
        # Never take the id from the client, who could forge another's.
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self._get_response(request)
        if isinstance(response, HttpResponseBase):
            return _finish(request, response, began)
        return _awaited(request, response, began)


async def _awaited(request: HttpRequest, response: Awaitable[HttpResponseBase], began: float) -> HttpResponseBase:
    return _finish(request, await response, began)


def _finish(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
    if request.path.startswith(("/api/", _LOGIN_LINKS)):
        response.headers.setdefault("Cache-Control", "no-store")
    if request.method == "HEAD" and isinstance(response, HttpResponse):
        # The answer to HEAD keeps its Content-Length, as RFC 9110 (9.3.2) says.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
    seconds = time.perf_counter() - began
    match = request.resolver_match
    REQUESTS.labels(
        # There are thousands of addresses, and clients may send any method, so neither may create series.
        request.method if request.method in _METHODS else "other",
        "unknown" if match is None else match.route,
        str(response.status_code),
    ).observe(seconds)
    is_quiet = request.method in _READS or request.path.startswith(_REPORTS)
    (logger.debug if is_quiet and response.status_code < 500 else logger.info)(
        "request",
        method=request.method,
        path=f"{_LOGIN_LINKS}[redacted]" if request.path.startswith(_LOGIN_LINKS) else request.path,
        status=response.status_code,
        ms=round(seconds * 1000, 1),
        request_id=request.request_id,  # type: ignore[attr-defined]
    )
    return response


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the built web UI. Its files are small, so each is sent whole. An asynchronous server would read an
    iterator to its end as well, and warn about it.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer with a file of the web UI, a part of it, or that it has not changed."""
        answer = static_file.get_response(request.method, request.META)
        body = b""
        if answer.file is not None:
            with answer.file:
                body = answer.file.read()
        response = HttpResponse(body, status=int(answer.status))
        del response.headers["Content-Type"]
        for name, value in answer.headers:
            response.headers[name] = value
        return response

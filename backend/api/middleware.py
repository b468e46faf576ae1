"""What every response carries: headers that browsers obey, the id that finds a request in the log. Static files."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

__all__ = ["ResponseHeadersMiddleware", "StaticFilesMiddleware"]

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


class ResponseHeadersMiddleware:
    """Adds the policy headers and ``X-Request-ID``, and ``no-store`` where the API says nothing of caching.

    Takes the body away from answers to HEAD, which the server would drop with a warning.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], _Response]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> _Response:
        _number(request)
        response = self._get_response(request)
        if isinstance(response, HttpResponseBase):
            return _with_headers(request, response)
        return _awaited(request, response)


async def _awaited(request: HttpRequest, response: Awaitable[HttpResponseBase]) -> HttpResponseBase:
    return _with_headers(request, await response)


def _number(request: HttpRequest) -> None:
    # Never taken from the client, who could forge another's.
    request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    response.headers["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
    if request.path.startswith(("/api/", "/login/")):
        response.headers.setdefault("Cache-Control", "no-store")
    if request.method == "HEAD" and isinstance(response, HttpResponse):
        # Its length stays, as RFC 9110 (9.3.2) has it.
        response.headers.setdefault("Content-Length", str(len(response.content)))
        response.content = b""
    return response


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]
    """Serves the built web UI. Its files are small, so each is sent whole: an asynchronous server would do that to an
    iterator as well, and warn of it.
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

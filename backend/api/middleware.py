"""What every response carries: headers that browsers obey, and the id that finds a request in the log."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

__all__ = ["ResponseHeadersMiddleware"]

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
    """Adds the policy headers and ``X-Request-ID``, and ``no-store`` where the API says nothing of caching."""

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
    return response

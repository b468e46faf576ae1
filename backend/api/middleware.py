"""Response headers that browsers obey, on every response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

__all__ = ["SecurityHeadersMiddleware"]

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


class SecurityHeadersMiddleware:
    """Adds the policy headers, and ``no-store`` to answers of the API that say nothing of caching themselves."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], _Response]) -> None:
        self._get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> _Response:
        if iscoroutinefunction(self):
            return self._call_async(request)
        response = self._get_response(request)
        assert isinstance(response, HttpResponseBase)
        return _with_headers(request, response)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        assert isinstance(response, Awaitable)
        return _with_headers(request, await response)


def _with_headers(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.path.startswith(("/api/", "/login/")):
        response.headers.setdefault("Cache-Control", "no-store")
    return response

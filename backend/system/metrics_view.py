"""GET /metrics: the metrics of all processes that share the web server's state folder, for Prometheus."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from backend.api import sse
from backend.config.prometheus import WEB
from kafkaml.prometheus import CONTENT_TYPE

__all__ = ["metrics"]


async def metrics(request: HttpRequest) -> HttpResponseBase:
    """Answer viewers, and so scrapers with a viewer's token, in Prometheus' text format."""
    if (refused := await sse.refusal(request)) is not None:
        return refused
    # Run outside Django's single thread for synchronous code, where requests would wait for a slow neighbour process.
    text = await sync_to_async(WEB.everything, thread_sensitive=False)()
    return HttpResponse(text, content_type=CONTENT_TYPE, headers={"Cache-Control": "no-store"})

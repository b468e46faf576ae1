"""Sending stored files: as attachments, in constant memory, resumable."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from backend.api.errors import NotFound, Problem, problem_response

__all__ = ["DOWNLOAD_HEADERS", "attachment", "file_body", "streamed_attachment"]

_CHUNK_BYTES = 1 << 20
DOWNLOAD_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Even when opened directly, the file cannot run scripts and has no origin.
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
_RANGE = re.compile(r"bytes=(\d{1,16})-(\d{0,16})")


def attachment(request: Request, path: Path, filename: str, *, sha256: str) -> HttpResponseBase:
    """Answer with a file that a browser saves and never shows; understands one ``Range`` and ``If-None-Match``."""
    django_request: HttpRequest = request._request
    try:
        file = path.open("rb")
    except FileNotFoundError as error:
        raise NotFound("the file is gone from the store", hint="train the model again") from error
    size = path.stat().st_size
    headers = {
        "ETag": f'"{sha256}"',
        "X-Content-SHA256": sha256,
        "Accept-Ranges": "bytes",
        **DOWNLOAD_HEADERS,
        "Content-Disposition": f'attachment; filename="{filename}"',
        "Cache-Control": "private, no-cache",
    }
    if request.headers.get("If-None-Match", "").strip() == f'"{sha256}"':
        file.close()
        return HttpResponse(status=304, headers=headers)
    start, end, status = 0, size, 200
    if match := _RANGE.fullmatch(request.headers.get("Range", "").strip()):
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
        status = 206
        if start >= end:
            file.close()
            problem = Problem(416, f"the file has {size} bytes", "range", headers={"Content-Range": f"bytes */{size}"})
            return problem_response(django_request, problem)
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    file.seek(start)
    content = file_body(django_request, file, end - start)
    return StreamingHttpResponse(content, status=status, content_type="application/octet-stream", headers=headers)


def streamed_attachment(
    request: Request, chunks: Iterator[bytes], filename: str, content_type: str
) -> HttpResponseBase:
    """Answer with a file that is made while it is sent."""
    headers = {**DOWNLOAD_HEADERS, "Content-Disposition": f'attachment; filename="{filename}"'}
    body = _async(chunks) if hasattr(request._request, "scope") else chunks
    return StreamingHttpResponse(body, content_type=content_type, headers=headers)


async def _async(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    step = sync_to_async(partial(next, chunks, None), thread_sensitive=False)
    while (chunk := await step()) is not None:
        yield chunk


def file_body(request: HttpRequest, file: IO[bytes], length: int) -> Iterator[bytes] | AsyncIterator[bytes]:
    """Return ``length`` bytes of ``file`` from where it is, piece by piece, and close it."""
    # Under WSGI (tests) Django wants a plain iterator, under ASGI an asynchronous one.
    return _chunks_async(file, length) if hasattr(request, "scope") else _chunks(file, length)


def _chunks(file: IO[bytes], length: int) -> Iterator[bytes]:
    with file:
        while length and (chunk := file.read(min(_CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk


async def _chunks_async(file: IO[bytes], length: int) -> AsyncIterator[bytes]:
    read = sync_to_async(file.read, thread_sensitive=False)
    try:
        while length and (chunk := await read(min(_CHUNK_BYTES, length))):
            length -= len(chunk)
            yield chunk
    finally:
        file.close()

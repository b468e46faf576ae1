"""A data set, or an announced stream, as a file to download. A program of its own writes it
(``kafkaml.dataset_export``), which may take minutes and memory; then the file is sent piece by piece, so neither holds
up other requests.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import APIException
from rest_framework.serializers import Serializer

from backend.api.errors import Conflict, InvalidField, Problem, problem_of, problem_response
from backend.api.files import DOWNLOAD_HEADERS, file_body
from backend.api.sse import refusal
from backend.config.environment import environment
from backend.datasets import selectors
from backend.datasets.models import DatasetVersion
from backend.datasets.serializers import ExportQuerySerializer, StreamExportQuerySerializer
from backend.records.browsing import open_browser
from backend.streams.models import Announcement
from backend.streams.slices import ranges_between
from kafkaml.errors import (
    BrokenError,
    BrokerError,
    BrokerTimeout,
    DeadlineExceeded,
    DecodeError,
    DiskFull,
    FailedError,
    KafkaMLError,
    StreamUnavailable,
)
from kafkaml.input_format import InputFormat
from kafkaml.stream_range import format_ranges, parse_ranges
from kafkaml.wire.export import ExportOrder, ExportOutcome

__all__ = ["EXPORT_SECONDS", "export", "export_stream"]

# How long a file may take to be written; its sending has no limit.
EXPORT_SECONDS = 1800.0
# Limit of exports at the same time, because each reads as fast as it can.
_MAX_RUNNING = 2
_running = 0

_MODULE = "kafkaml.dataset_export"
_ERRORS: Mapping[str, type[KafkaMLError]] = {
    error.__name__: error for error in (BrokerError, BrokerTimeout, DecodeError, DiskFull, StreamUnavailable)
}


async def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the samples of a version as one file; ends as soon as the client disconnects."""
    return await _exported(request, lambda: _order(request.GET, pk))


async def export_stream(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Send the samples of an announced stream as one file; ends as soon as the client disconnects."""
    return await _exported(request, lambda: _stream_order(request.GET, pk))


async def _exported(request: HttpRequest, ordered: Callable[[], ExportOrder]) -> HttpResponseBase:
    global _running
    if (denied := await refusal(request)) is not None:
        return denied
    if _running >= _MAX_RUNNING:
        return problem_response(request, _busy())
    _running += 1
    try:
        order = await sync_to_async(ordered)()
        return await _sent(request, order)
    except (KafkaMLError, APIException, Http404) as error:
        problem = problem_of(error)
        assert problem is not None
        return problem_response(request, problem)
    finally:
        _running -= 1


def _busy() -> Problem:
    return Problem(
        503,
        f"{_MAX_RUNNING} data sets are being exported already",
        "busy",
        hint="try again when one of them is done",
        headers={"Retry-After": "30"},
    )


def _order(query: QueryDict, pk: int) -> ExportOrder:
    asked = _asked(ExportQuerySerializer(data=query))
    dataset = get_object_or_404(selectors.datasets(), pk=pk)
    version = selectors.version_of(dataset, asked.get("version"), field="version")
    return _checked(
        ExportOrder(
            name=f"{dataset.name}-v{version.number}",
            ranges=_ranges(version, asked.get("until")),
            contract=version.contract,
            validation_rate=version.validation_rate,
            test_rate=version.test_rate,
            format=asked["format"],
        )
    )


def _stream_order(query: QueryDict, pk: int) -> ExportOrder:
    asked = _asked(StreamExportQuerySerializer(data=query))
    stream = get_object_or_404(Announcement.objects.all(), pk=pk)
    message = stream.control_message()
    if message.input_format == InputFormat.COLUMNS:
        raise Conflict("the stream was announced from a data set", hint="export the data set, which its contract names")
    if any(stream_range.end is None for stream_range in message.ranges):
        raise Conflict(
            "an online stream has no end, so no file would hold it",
            hint="make a data set of what the topic holds, and export that",
        )
    return _checked(
        ExportOrder(
            name=f"stream-{stream.pk}",
            ranges=format_ranges(message.ranges),
            input_format=str(message.input_format),
            input_config=message.input_config,
            validation_rate=message.validation_rate,
            test_rate=message.test_rate,
            format=asked["format"],
        )
    )


def _asked(query: Serializer[Any]) -> dict[str, Any]:
    query.is_valid(raise_exception=True)
    asked: dict[str, Any] = query.validated_data
    return asked


def _checked(order: ExportOrder) -> ExportOrder:
    browser = open_browser()
    for topic in {stream_range.topic for stream_range in parse_ranges(order.ranges)}:
        # Refuse a missing topic immediately, because the reading program would wait for it to come back.
        browser.partitions(topic)
    return order


def _ranges(version: DatasetVersion, until: datetime | None) -> str:
    """Return the offsets that are exported; raises InvalidField, StreamUnavailable."""
    if version.since_ms is None:
        if until is not None:
            raise InvalidField(
                "until", f"{version} has an end: expected no until with it", hint="make a shorter version"
            )
        return version.ranges
    if until is None:
        raise InvalidField(
            "until",
            f"{version} has no end, and a file has one: expected the time until which records are exported",
            hint="until now: kafka-ml datasets export ID --until now",
        )
    until_ms = int(until.timestamp() * 1000)
    return format_ranges(ranges_between(open_browser(), version.ranges, version.since_ms, until_ms, field="until"))


async def _sent(request: HttpRequest, order: ExportOrder) -> HttpResponseBase:
    folder = await sync_to_async(_folder)()
    try:
        path = folder / "samples"
        outcome = await _written(order, path)
        # An open file stays readable until it is sent, so it can be deleted now.
        file = path.open("rb")
    finally:
        await sync_to_async(shutil.rmtree)(folder, ignore_errors=True)
    size = file.seek(0, 2)
    file.seek(0)
    name = "".join(character if character.isascii() and character.isalnum() else "-" for character in order.name)[-60:]
    headers = {
        **DOWNLOAD_HEADERS,
        "Content-Disposition": f'attachment; filename="{name}.{order.format.value}"',
        "Content-Length": str(size),
        "X-Samples": str(outcome.samples),
    }
    return StreamingHttpResponse(
        file_body(request, file, size), content_type="application/octet-stream", headers=headers
    )


async def _written(order: ExportOrder, path: Path) -> ExportOutcome:
    """Let a program write the file; the program ends with this call. Raises the program's error."""
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", _MODULE, str(path)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(EXPORT_SECONDS):
            said, _ = await program.communicate(order.model_dump_json().encode())
    except TimeoutError:
        raise DeadlineExceeded(
            f"the export took longer than {EXPORT_SECONDS:.0f} s", hint="make a version of a shorter slice"
        ) from None
    finally:
        if program.returncode is None:
            program.kill()
            await program.wait()
    if program.returncode:
        raise FailedError(
            f"the export died (exit code {program.returncode})",
            hint="the slice may need more memory than there is: make a version of a shorter one",
        )
    outcome = ExportOutcome.model_validate_json(said.splitlines()[-1])
    if outcome.error:
        raise _ERRORS.get(outcome.kind, BrokenError)(outcome.error, hint=outcome.hint)
    return outcome


def _folder() -> Path:
    """Make a folder for one export and return it; remove folders that a killed server left behind."""
    parent = environment().state_dir / "exports"
    parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for path in parent.iterdir():
        if path.stat().st_mtime < time.time() - 2 * EXPORT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
    return Path(tempfile.mkdtemp(dir=parent))

"""What every request goes through before and after its view, and the web UI's files."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from structlog.testing import capture_logs

from backend.api.middleware import RequestMiddleware, StaticFilesMiddleware


@pytest.fixture
def static_files(tmp_path: Path, settings) -> StaticFilesMiddleware:
    (tmp_path / "page.js").write_text("0123456789")
    settings.STATIC_ROOT = tmp_path
    return StaticFilesMiddleware(lambda _: None, settings)


def test_an_answer_to_head_has_the_length_of_a_body_and_none() -> None:
    answer = RequestMiddleware(lambda _: HttpResponse(b"no such thing", status=404))
    response = answer(RequestFactory().head("/api/nothing/"))
    assert isinstance(response, HttpResponse)
    assert (response.status_code, response.content, response.headers["Content-Length"]) == (404, b"", "13")
    assert answer(RequestFactory().get("/api/nothing/")).content == b"no such thing"


@pytest.mark.parametrize(
    ("method", "path", "status", "level"),
    [
        ("post", "/api/models/?token=secret", 201, "info"),
        ("post", "/api/jobs/training/7/events/", 200, "debug"),
        ("get", "/api/models/?q=secret", 200, "debug"),
        ("get", "/api/models/", 500, "info"),
        ("get", "/login/secret", 302, "debug"),
    ],
)
def test_a_request_is_found_in_the_log_and_no_secret_is(method: str, path: str, status: int, level: str) -> None:
    with capture_logs() as lines:
        answer = RequestMiddleware(lambda _: HttpResponse(status=status))
        response = answer(RequestFactory().generic(method.upper(), path))
    assert isinstance(response, HttpResponse)
    assert [(line["log_level"], line["status"], line["request_id"]) for line in lines] == [
        (level, status, response.headers["X-Request-ID"])
    ]
    assert "secret" not in str(lines)


def test_a_file_is_sent_whole_in_parts_and_not_again(static_files: StaticFilesMiddleware) -> None:
    def get(**headers: str):
        return static_files(RequestFactory().get("/static/page.js", headers=headers))

    whole = get()
    assert (whole.status_code, whole.content, whole.streaming) == (200, b"0123456789", False)
    assert whole.headers["Content-Type"].startswith("text/javascript")
    part = get(range="bytes=2-4")
    assert (part.status_code, part.content, part.headers["Content-Range"]) == (206, b"234", "bytes 2-4/10")
    unchanged = get(if_modified_since=whole.headers["Last-Modified"])
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = static_files(RequestFactory().head("/static/page.js"))
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "10")

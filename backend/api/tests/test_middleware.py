"""What the server around the views sends: answers to HEAD, and the web UI's files."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from backend.api.middleware import ResponseHeadersMiddleware, StaticFilesMiddleware


@pytest.fixture
def static_files(tmp_path: Path, settings) -> StaticFilesMiddleware:
    (tmp_path / "page.js").write_text("0123456789")
    settings.STATIC_ROOT = tmp_path
    return StaticFilesMiddleware(lambda _: None, settings)


def test_an_answer_to_head_has_the_length_of_a_body_and_none() -> None:
    answer = ResponseHeadersMiddleware(lambda _: HttpResponse(b"no such thing", status=404))
    response = answer(RequestFactory().head("/api/nothing/"))
    assert isinstance(response, HttpResponse)
    assert (response.status_code, response.content, response.headers["Content-Length"]) == (404, b"", "13")
    assert answer(RequestFactory().get("/api/nothing/")).content == b"no such thing"


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

"""Every error is a problem document and tells nothing of our insides."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from backend.api.actors import SYSTEM
from backend.api.errors import Conflict, InUse, Problem, problem_of
from backend.api.tests import builders
from backend.configurations.models import Configuration
from backend.ml_models import views
from kafkaml.errors import (
    ApiError,
    ArgumentsError,
    BrokerTimeout,
    ControlMessageError,
    DeadlineExceeded,
    ModelProcessDied,
    SandboxUnavailable,
    StreamRangeError,
    UserCodeError,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ArgumentsError("x", argument="epochs"), 400, "validation"),
        (StreamRangeError("x"), 422, "stream_range"),
        (ControlMessageError("x"), 422, "control_message"),
        (UserCodeError("x", line=3), 422, "user_code"),
        (ModelProcessDied("x", reason="memory"), 422, "model_process_died"),
        (DeadlineExceeded("x"), 504, "deadline_exceeded"),
        (Conflict("x"), 409, "conflict"),
        (InUse("x", users=[]), 409, "in_use"),
        (BrokerTimeout("x"), 503, "broker_timeout"),
        (SandboxUnavailable("x"), 503, "sandbox_unavailable"),
        (ApiError("x", status=500), 502, "api"),
    ],
)
def test_our_errors_have_their_status(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.code) == (status, code)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite can be given a limit that acts as a full disk")
def test_a_full_database_is_said_and_goes_on_when_there_is_room(editor: APIClient) -> None:
    model = builders.make_model()

    def create() -> Any:
        return editor.post("/api/configurations/", {"name": "c", "models": [model.pk], "description": "x" * 9_000})

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA max_page_count = 1")
        answer = create()
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:kafka-ml:problem:database_full")
        assert "disk of the database is full" in answer.json()["detail"]
        assert editor.get("/api/configurations/").json()["results"] == []
        cursor.execute("PRAGMA max_page_count = 1000000")
    assert create().status_code == 201


def test_unknown_addresses_are_problems(viewer: APIClient) -> None:
    for path in (
        "/api/nowhere",
        "/api/nowhere/",
        "/api/models/0/",
        "/api/models/123456",
        "/api/models/99999999999999999999/",
    ):
        answer = viewer.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_a_wrong_host_is_refused() -> None:
    answer = Client(headers={"host": "evil.example"}).get("/api/models/")
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_an_error_of_ours_shows_nothing(editor: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_arguments: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr(views.selectors, "listed_models", broken)
    editor.raise_request_exception = False
    answer = editor.get("/api/models/")
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert "secret" not in answer.content.decode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": NaN}',
        b'{"name": "\\ud800"}',
        b'{"name": "a\\u0000b"}',
        b"[" * 5000 + b"]" * 5000,
        b'{"models": [1e400]}',
        b'{"models": [' + b"9" * 40 + b"]}",
        b"[]",
        b'"text"',
        b"null",
        "{'name': 'ß'}".encode("latin-1"),
    ],
)
def test_bodies_that_make_no_sense_are_refused(body: bytes, editor: APIClient) -> None:
    answer = editor.generic("POST", "/api/configurations/", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json()["title"]


def test_other_content_types_are_refused(editor: APIClient) -> None:
    answer = editor.generic("POST", "/api/configurations/", b"name=x", content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 415


def test_headers_that_browsers_obey_are_on_every_answer(viewer: APIClient) -> None:
    for path in ("/", "/api/models/", "/nowhere"):
        headers = viewer.get(path).headers
        assert "script-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"


def test_a_race_for_a_name_is_a_conflict(editor: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.api.tests import builders
    from backend.configurations import services

    model = builders.make_model()
    original = services.create_configuration

    def second(**values: object) -> Configuration:
        original(**{**values, "actor": SYSTEM})
        return original(**values)

    monkeypatch.setattr(services, "create_configuration", second)
    answer = editor.post("/api/configurations/", {"name": "x", "models": [model.pk]})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:kafka-ml:problem:conflict")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"batch_size": 5_000_000}, "expected at most 1048576"),
        ({"batch_size": "many"}, "expected a whole number"),
        ({"seed": None, "batch_size": None}, "expected a value, got null"),
        ({"configuration": 10**6}, "there is no 1000000"),
    ],
)
def test_a_field_says_what_it_expects(editor: APIClient, fields: dict[str, object], expected: str) -> None:
    configuration = Configuration.objects.create(name="c")
    answer = editor.post("/api/deployments/", {"configuration": configuration.pk, **fields}, format="json")
    assert answer.status_code == 400
    assert expected in {error["detail"] for error in answer.json()["errors"]}

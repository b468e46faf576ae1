"""Examples by a click: who may, one at a time, bounded in time and output, and what is left when it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from rest_framework.test import APIClient

from backend.accounts.models import AccessToken
from backend.system import examples as module
from backend.system.example_keeper import MAX_OUTPUT_BYTES
from kafkaml.wire.example import OfferedExample
from tests.support import eventually

pytestmark = pytest.mark.django_db

OFFERED = tuple(
    OfferedExample(name=name, about=about, minutes=1, data="generated")
    for name, about in (("digits", "handwritten digits"), ("machines", "windows"))
)


@pytest.fixture
def offered(configure: Callable[..., None], viewer: APIClient) -> Iterator[None]:
    """A platform with two examples; whatever runs at the end is ended."""
    configure(examples=OFFERED, backend_url="http://127.0.0.1:1")
    yield
    run = viewer.get("/api/examples/").json()["run"]
    if run and run["state"] == "running":
        module.stop_example()
        ended(viewer)


@pytest.fixture
def runs(offered: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let any example be the Python program that is given; its name is the argument."""

    def be(program: str) -> None:
        monkeypatch.setattr(module, "_COMMAND", (sys.executable, "-c", program))

    return be


def last(client: APIClient) -> dict[str, Any]:
    run: dict[str, Any] = client.get("/api/examples/").json()["run"]
    return run


def ended(client: APIClient) -> dict[str, Any]:
    return eventually(lambda: (run := last(client))["state"] != "running" and run)


def test_without_the_programs_nothing_is_offered(editor: APIClient) -> None:
    assert editor.get("/api/examples/").json() == {"available": [], "run": None}
    answer = editor.post("/api/examples/", {"name": "digits"})
    assert answer.status_code == 404
    assert "runs no example 'digits'" in answer.json()["detail"]
    assert editor.delete("/api/examples/").status_code == 409


def test_an_example_runs_with_a_token_of_its_own_and_says_what_it_did(
    runs: Callable[[str], None], admin: APIClient
) -> None:
    runs(
        "import os, sys; print(sys.argv[1], os.environ['KML_URL'], len(os.environ['KML_TOKEN']) > 20,"
        " sorted(name for name in os.environ if 'SECRET' in name or 'DATABASE' in name), '<b>\\x1b[1m\\0')"
    )
    offered = admin.get("/api/examples/").json()["available"]
    assert offered[1] == {"name": "machines", "about": "windows", "minutes": 1.0, "data": "generated"}
    answer = admin.post("/api/examples/", {"name": "machines"})
    assert answer.status_code == 202
    token = AccessToken.objects.get(name="example machines")
    # An admin's example is an editor's all the same.
    assert token.role == "editor"
    run = ended(admin)
    assert (run["name"], run["state"], run["reason"], run["output_cut"]) == ("machines", "finished", "", False)
    assert run["output"] == "machines http://127.0.0.1:1 True [] <b>\x1b[1m\ufffd\n"
    assert run["ended_at"] >= run["started_at"]


def test_one_at_a_time_until_it_is_stopped(runs: Callable[[str], None], editor: APIClient) -> None:
    runs("import signal; print('sent'); signal.pause()")
    assert editor.post("/api/examples/", {"name": "nothing"}).status_code == 404
    assert editor.post("/api/examples/", {"name": "digits"}).json()["run"]["state"] == "running"
    answer = editor.post("/api/examples/", {"name": "machines"})
    assert answer.status_code == 409
    assert "example digits of" in answer.json()["detail"]
    # Of the one that was refused no token is left.
    assert [token.name for token in AccessToken.objects.filter(name__startswith="example ")] == ["example digits"]
    assert editor.delete("/api/examples/").status_code == 204
    assert ended(editor)["state"] == "stopped"
    assert editor.delete("/api/examples/").status_code == 409
    runs("pass")
    assert editor.post("/api/examples/", {"name": "machines"}).status_code == 202
    assert ended(editor)["state"] == "finished"


def test_what_it_prints_and_takes_is_bounded(
    runs: Callable[[str], None], editor: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs("import sys; print('x' * 10**6); sys.exit(3)")
    editor.post("/api/examples/", {"name": "digits"})
    run = ended(editor)
    assert (run["state"], len(run["output"]), run["output_cut"]) == ("failed", MAX_OUTPUT_BYTES, True)
    assert "status 3" in run["reason"]
    monkeypatch.setattr(module, "MAX_SECONDS", 0.1)
    runs("import signal; signal.pause()")
    began = time.monotonic()
    editor.post("/api/examples/", {"name": "digits"})
    run = ended(editor)
    assert (run["state"], run["reason"]) == ("failed", "it took longer than 0 minutes")
    assert time.monotonic() - began < 60

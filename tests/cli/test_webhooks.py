"""``kafka-ml webhooks`` against an API over real HTTP: a secret is printed once, and a ping says how it went."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from kafka_ml_cli.main import app
from kafkaml.errors import FailedError
from tests.local_server import Answer, LocalServer, json_answer

HOOK: dict[str, Any] = {
    "id": 4,
    "url": "https://ci.example.org/hook",
    "events": ["version.promoted"],
    "enabled": True,
    "waiting": 0,
    "delivered_at": None,
    "error": "",
    "error_at": None,
}


class Platform(LocalServer):
    """An API with one webhook; ``sent`` holds the bodies of all writes. A ping changes the webhook to ``after``."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[str, str, Any]] = []
        self.after: dict[str, Any] = {}

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = path.partition("?")[0]
        if method != "GET":
            self.sent.append((method, path, orjson.loads(body or b"null")))
        pinged = any(path.endswith("/ping/") for _, path, _ in self.sent)
        answers = {
            ("GET", "/api/webhooks/"): {"count": 1, "next": None, "results": [HOOK]},
            ("GET", "/api/webhooks/4/"): {**HOOK, **(self.after if pinged else {})},
            ("POST", "/api/webhooks/"): {**HOOK, "secret": "whsec_made"},
            ("PATCH", "/api/webhooks/4/"): HOOK,
            ("POST", "/api/webhooks/4/ping/"): HOOK,
            ("POST", "/api/webhooks/4/new_secret/"): {**HOOK, "secret": "whsec_other"},
        }
        return json_answer(200, answers[method, path])


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with Platform() as server:
        monkeypatch.setenv("KML_URL", server.url)
        monkeypatch.setenv("KML_TOKEN", "t")
        yield server


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["webhooks", *arguments])


def test_a_secret_is_printed_where_it_is_made_and_sent_where_it_is_given(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "whsec_made" in run("add", HOOK["url"]).output.splitlines()
    assert "whsec_other" in run("new-secret", "4").output.splitlines()
    monkeypatch.setenv("KML_WEBHOOK_SECRET", "whsec_ours")
    run("update", "4", "--off")
    assert [body for _, _, body in platform.sent] == [
        {"url": HOOK["url"], "events": ["version.promoted"]},
        {},
        {"enabled": False, "secret": "whsec_ours"},
    ]


def test_how_telling_goes_is_listed(platform: Platform) -> None:
    listed = run("list").output
    assert "ci.example.org" in listed
    assert "never" in listed


def test_a_ping_that_is_taken(platform: Platform) -> None:
    platform.after = {"delivered_at": "2026-11-29T10:00:00Z"}
    assert "accepted the event" in run("ping", "4").output


def test_a_ping_that_is_not(platform: Platform) -> None:
    platform.after = {"error": "it answered 503: expected 2xx", "error_at": "2026-11-29T10:00:00Z"}
    failed = run("ping", "4").exception
    assert isinstance(failed, FailedError)
    assert failed.message == "https://ci.example.org/hook could not be notified: it answered 503: expected 2xx"

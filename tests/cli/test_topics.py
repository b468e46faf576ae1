"""``kafka-ml topics`` against an API over real HTTP: a record is written as given, and Kafka's answer is shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from kafka_ml_cli.main import app
from tests.local_server import Answer, LocalServer, json_answer

SETTINGS = {"cleanup_policy": "delete", "retention_ms": 604_800_000, "retention_bytes": None}
GROUPS = {"complete": False, "groups": [{"group": "billing", "state": "stable", "lag": 1200, "inference": None}]}


class Platform(LocalServer):
    """An API whose ``sent`` holds the bodies of all records."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Any] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method == "POST":
            self.sent.append(orjson.loads(body))
        return json_answer(
            201 if method == "POST" else 200,
            {
                ("POST", "/api/topics/a%20b/records/"): {"topic": "a b", "partition": 1, "offset": 7},
                ("POST", "/api/topics/"): {"name": "t", "partitions": []},
                ("GET", "/api/topics/t/settings/"): SETTINGS,
                ("GET", "/api/topics/t/groups/"): GROUPS,
            }[method, path.partition("?")[0]],
        )


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    with Platform() as server:
        monkeypatch.setenv("KML_URL", server.url)
        monkeypatch.setenv("KML_TOKEN", "t")
        yield server


def run(*arguments: str, **more: Any) -> Result:
    return CliRunner().invoke(app, ["topics", *arguments], **more)


def test_a_record_is_written_as_it_was_given(platform: Platform) -> None:
    written = run("produce", "a b", '{"t": 1}', "--key", "m7", "-H", "h=x=y", "--partition", "1")
    assert (written.exit_code, written.stdout) == (0, "written: a b[1]@7\n"), written.output
    assert run("produce", "a b", "-", input="\u00e9").exit_code == 0
    assert run("produce", "a b", "--tombstone", "--key", "m7").exit_code == 0
    headers = [{"name": "h", "value": "x=y"}]
    assert platform.sent == [
        {"key": "m7", "value": '{"t": 1}', "headers": headers, "partition": 1},
        {"key": None, "value": "w6k=", "value_encoding": "base64", "headers": [], "partition": None},
        {"key": "m7", "value": None, "headers": [], "partition": None},
    ]
    for wrong in (("produce", "a b"), ("produce", "a b", "x", "--tombstone"), ("produce", "a b", "x", "-H", "h")):
        assert run(*wrong).exit_code == 2
    assert len(platform.sent) == 3


def test_what_kafka_says_of_a_topic_is_shown(platform: Platform) -> None:
    settings = run("settings", "t").stdout
    assert "604800000" in settings
    assert "no limit" in settings
    groups = run("groups", "t")
    assert "billing" in groups.stdout
    assert "1,200" in groups.stdout
    assert "more groups than were looked at" in groups.output


def test_a_topic_is_created_as_it_was_asked_for(platform: Platform) -> None:
    assert run("create", "t", "-p", "3", "--retention-ms", "-1").stdout == "created: t\n"
    assert platform.sent == [{"name": "t", "partitions": 3, "replication_factor": None, "retention_ms": -1}]

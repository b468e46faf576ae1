"""``kafka-ml worker`` against an API over real HTTP: tokens and the commands with them, who serves, and refusals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from kafka_ml_cli.exits import ExitCode
from tests.cli.test_cli import run_cli
from tests.local_server import Answer, LocalServer, json_answer

TOKEN = {
    "id": 5,
    "name": "gate 3",
    "created_by": "admin",
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": "2027-01-01T00:00:00Z",
    "expired": False,
    "workers": 2,
}
COMMANDS = {
    "runtime": "onnx",
    "install": 'pip install ".[worker]"',
    "python": "kafka-ml worker run --inference 7 --token secret-text",
    "build": "docker build --target worker .",
    "docker": "docker run kafka-ml/worker:0.1.0",
    "notes": ["Kafka is at 127.0.0.1:9092"],
}
SAID = {"replica": 1000, "state": "silent", "worker": "gate", "host": "pi", "predicted": 1200}


class Platform(LocalServer):
    """An API with one inference, which has one token that one worker uses."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str, Any]] = []

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        if method != "GET":
            self.asked.append((method, path, orjson.loads(body or b"null")))
        if path.startswith("/api/jobs/workers/"):
            return json_answer(403, {"detail": "this token is for inference 8, not for inference 7", "hint": "use 8"})
        if path.startswith("/api/inferences/7/worker_tokens/5/"):
            return Answer(204, b"")
        if path.startswith("/api/inferences/7/worker_tokens/"):
            made = {**TOKEN, "token": "secret-text", "commands": COMMANDS}
            return json_answer(201, made) if method == "POST" else json_answer(200, {"count": 1, "results": [TOKEN]})
        here = {"replica": 0, "state": "running", "updated_at": "2026-01-01T00:00:00Z"}
        known = {"id": 7, "result": 1, "input_topic": "in", "output_topic": "out", "state": "running"}
        return json_answer(200, {**known, "replica_stats": [here, {**here, **SAID}]})


@pytest.fixture
def platform() -> Iterator[Platform]:
    with Platform() as server:
        yield server


def test_a_token_is_printed_once_with_what_to_type_and_revoked_by_its_id(platform: Platform) -> None:
    env = {"KML_URL": platform.url, "KML_TOKEN": "t"}
    printed = run_cli("worker", "token", "7", "--name", "gate 3", **env).stdout
    assert printed.startswith("secret-text\n")
    for command in (
        COMMANDS["install"],
        COMMANDS["python"],
        COMMANDS["build"],
        COMMANDS["docker"],
        COMMANDS["notes"][0],
    ):
        assert command in printed
    listed = run_cli("worker", "tokens", "7", **env).stdout
    assert ("gate 3" in listed, "2027-01-01" in listed, "secret" in listed) == (True, True, False)
    assert run_cli("worker", "revoke", "7", "5", **env).stdout == "token 5 of inference 7 revoked\n"
    assert platform.asked == [
        ("POST", "/api/inferences/7/worker_tokens/", {"name": "gate 3", "days": 365}),
        ("DELETE", "/api/inferences/7/worker_tokens/5/", None),
    ]
    (_, row) = run_cli("worker", "list", "7", **env).stdout.splitlines()
    assert row.split()[:5] == ["gate", "pi", "1000", "silent", "1,200"]


def test_what_is_missing_is_said_before_anything_is_asked(platform: Platform, tmp_path: Path) -> None:
    done = run_cli("worker", "run", "-i", "7", "--token", "t" * 20)
    assert (done.returncode, "--url http://host:8000" in done.stderr) == (ExitCode.REFUSED, True)
    done = run_cli("worker", "run", "-i", "7", "--url", platform.url)
    assert (done.returncode, "KML_WORKER_TOKEN" in done.stderr) == (ExitCode.REFUSED, True)
    done = run_cli("worker", "run", "-i", "7", "--url", platform.url, "--token-file", str(tmp_path / "none"))
    assert (done.returncode, "No such file" in done.stderr) == (ExitCode.REFUSED, True)
    assert platform.asked == []


def test_a_token_for_another_inference_ends_it_with_what_to_do(platform: Platform, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("t" * 20 + "\n")
    done = run_cli("worker", "run", "-i", "7", "--url", platform.url, "--name", "gate", "--token-file", str(file))
    assert done.returncode == ExitCode.NOT_ALLOWED
    assert done.stderr == "error: this token is for inference 8, not for inference 7\n  use 8\n"
    (said,) = platform.asked
    assert said[2] | {"session": "", "host": ""} == {
        "inference": 7,
        "name": "gate",
        "session": "",
        "again": False,
        "host": "",
    }
